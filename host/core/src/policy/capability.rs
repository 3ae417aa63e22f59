//! Grants of interfaces that capability components provide.
//!
//! Written as the interface alone (`"manes:table/table"`, any version; `"manes:table/table@0.1"`, that one), or as a
//! table that also raises effects and says what to do about a write whose outcome is unknown.

use crate::function::{FunctionId, compatible, unversioned};
use crate::lens::Effect;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

use super::effects::names_function;

/// What to do about a write of which the record has an intent and no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Make it again with the same key: for what is idempotent.
    Repeat,
    /// Close the activation as failed. Safe whatever the write does, hence the default.
    #[default]
    Fail,
    /// Wait for a person.
    Ask,
}

impl OnUnknown {
    /// Of two choices the one with more caution counts.
    #[must_use]
    pub const fn caution(self) -> u8 {
        match self {
            Self::Repeat => 0,
            Self::Ask => 1,
            Self::Fail => 2,
        }
    }
}

/// The right to call one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityGrant {
    /// With its compatible version, or without to mean any.
    interface: String,
    effects: BTreeMap<String, Effect>,
    on_unknown: OnUnknown,
}

/// Why a text is no interface that can be granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CapabilityGrantError {
    /// It is not `namespace:package/interface`.
    #[error(
        "{text:?} is no interface; write namespace:package/interface, as in manes:table/table or manes:table/table@0.1"
    )]
    Form {
        /// What stands there.
        text: String,
    },
    /// It is one that the host provides by other grants.
    #[error("{text:?} is never a capability: {instead}")]
    Native {
        /// What stands there.
        text: String,
        /// How it is granted.
        instead: &'static str,
    },
}

impl CapabilityGrant {
    /// The interface that is granted.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// What to do about a write whose outcome is unknown.
    #[must_use]
    pub const fn on_unknown(&self) -> OnUnknown {
        self.on_unknown
    }

    /// Whether `interface` is the one that is granted, in a compatible version.
    #[must_use]
    pub fn matches(&self, interface: &str) -> bool {
        if self.interface.contains('@') {
            self.interface == compatible(interface)
        } else {
            self.interface == unversioned(interface)
        }
    }

    /// The least effect that the operator gives a function; [`Effect::Local`] where nothing is said.
    #[must_use]
    pub fn raised(&self, function: &FunctionId) -> Effect {
        let of = |(name, effect): (&String, &Effect)| {
            (name == "*" || names_function(name, &function.name)).then_some(*effect)
        };
        self.effects.iter().filter_map(of).max().unwrap_or(Effect::Local)
    }

    /// The names in `effects` that mean none of the interface's functions: a slip of the pen that would raise nothing.
    #[must_use]
    pub fn misnamed<'a>(&'a self, functions: &[&str]) -> Vec<&'a str> {
        let means = |name: &str| name == "*" || functions.iter().any(|function| names_function(name, function));
        self.effects.keys().map(String::as_str).filter(|name| !means(name)).collect()
    }
}

impl FromStr for CapabilityGrant {
    type Err = CapabilityGrantError;

    fn from_str(text: &str) -> Result<Self, CapabilityGrantError> {
        if !is_interface(text) {
            return Err(CapabilityGrantError::Form { text: text.to_owned() });
        }
        if let Some(instead) = granted_otherwise(text) {
            return Err(CapabilityGrantError::Native { text: text.to_owned(), instead });
        }
        Ok(Self { interface: compatible(text), effects: BTreeMap::new(), on_unknown: OnUnknown::default() })
    }
}

/// `namespace:package/interface`, with or without `@version`.
fn is_interface(text: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let version = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_digit())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
    };
    let (id, number) = text.split_once('@').map_or((text, None), |(id, number)| (id, Some(number)));
    let Some((package, interface)) = id.split_once('/') else { return false };
    let Some((space, package)) = package.split_once(':') else { return false };
    name(space) && name(package) && name(interface) && number.is_none_or(version)
}

/// How the interfaces that the host itself provides are granted; `None` for all others.
fn granted_otherwise(text: &str) -> Option<&'static str> {
    match text.split_once('/')?.0 {
        "wasi:io" | "wasi:clocks" | "wasi:random" | "wasi:cli" | "manes:agent" => Some("every agent has it"),
        "wasi:http" => Some("grant hosts, as in http = [\"GET example.com/\"]"),
        "wasi:filesystem" => Some("grant directories = [{ host = \"…\", guest = \"/data\", access = \"read\" }]"),
        "wasi:sockets" => Some("sockets are off"),
        _ => None,
    }
}

/// A grant as a table.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    interface: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    effects: BTreeMap<String, Effect>,
    #[serde(default)]
    on_unknown: OnUnknown,
}

impl Serialize for CapabilityGrant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.effects.is_empty() && self.on_unknown == OnUnknown::default() {
            return serializer.serialize_str(&self.interface);
        }
        let (interface, effects) = (self.interface.clone(), self.effects.clone());
        Table { interface, effects, on_unknown: self.on_unknown }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CapabilityGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

/// Reads a string or a table. Unlike an untagged enum it says what is wrong inside of them.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = CapabilityGrant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an interface, or a table with interface, effects and on-unknown")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<CapabilityGrant, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CapabilityGrant, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        let grant: CapabilityGrant = table.interface.parse().map_err(A::Error::custom)?;
        Ok(CapabilityGrant { effects: table.effects, on_unknown: table.on_unknown, ..grant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> CapabilityGrant {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_narrows_and_its_absence_does_not() {
        let any = grant("manes:table/table");
        assert!(
            any.matches("manes:table/table")
                && any.matches("manes:table/table@0.1")
                && any.matches("manes:table/table@3")
        );
        let one = grant("manes:table/table@0.1.3");
        assert_eq!(one.interface(), "manes:table/table@0.1");
        assert!(one.matches("manes:table/table@0.1") && one.matches("manes:table/table@0.1.9"));
        assert!(!one.matches("manes:table/table@0.2") && !one.matches("manes:table/table"));
        assert!(!any.matches("manes:table/tables@0.1"));
    }

    #[test]
    fn what_is_no_capability_says_how_it_is_granted() {
        for text in ["", "table", "manes:table", "manes/table", ":a/b", "a:b/c@", "a:b/*", "a:b/c@0.1@2", "a b:c/d"] {
            assert!(matches!(text.parse::<CapabilityGrant>(), Err(CapabilityGrantError::Form { .. })), "{text:?}");
        }
        let error = "wasi:http/outgoing-handler".parse::<CapabilityGrant>().unwrap_err().to_string();
        assert!(error.contains("http = [\"GET example.com/\"]"), "{error}");
        assert!("wasi:keyvalue/store".parse::<CapabilityGrant>().is_ok());
    }

    #[test]
    fn effects_are_raised_by_name_and_slips_are_found() {
        let text = r#"{"interface":"a:b/c","effects":{"query":"write","rows.next":"read","qury":"write"}}"#;
        let grant: CapabilityGrant = serde_json::from_str(text).unwrap();
        let raised = |name| grant.raised(&FunctionId::new("a:b/c", name));
        assert_eq!(
            [raised("query"), raised("[method]rows.next"), raised("x")],
            [Effect::Write, Effect::Read, Effect::Local]
        );
        assert_eq!(grant.misnamed(&["query", "[method]rows.next"]), ["qury"]);
        let all: CapabilityGrant = serde_json::from_str(r#"{"interface":"a:b/c","effects":{"*":"write"}}"#).unwrap();
        assert_eq!(all.raised(&FunctionId::new("a:b/c", "x")), Effect::Write);
        assert!(all.misnamed(&[]).is_empty());
    }

    #[test]
    fn a_string_or_a_table_with_errors_that_say_which_part() {
        let read = |text: &str| serde_json::from_str::<CapabilityGrant>(text);
        assert_eq!(serde_json::to_string(&read("\"a:b/c\"").unwrap()).unwrap(), "\"a:b/c\"");
        let text = r#"{"interface":"a:b/c@1","effects":{"query":"write"},"on-unknown":"repeat"}"#;
        assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert!(error(r#"{"interface":"a:b/c","on-unknown":"retry"}"#).contains("unknown variant `retry`"));
        assert!(error(r#"{"interface":"a:b/c","effect":{}}"#).contains("unknown field `effect`"));
        assert!(error(r#"{"interface":"c"}"#).contains("namespace:package/interface"));
        assert!(error("7").contains("an interface, or a table"));
    }
}
