//! What a capability component says of its own functions.
//!
//! A claim is `interface.function` or `interface.*`, where the interface is its id without version or only its last
//! word. It is the provider's word about itself: recorded, never trusted further than the operator does. What is not
//! named, and every claim that cannot be read, is a write.

use crate::function::FunctionId;
use crate::lens::Effect;
use crate::value::Value;

/// Most claims that are kept: more functions than any interface set here has.
const CLAIMS_MAX: usize = 1024;

/// The claims of one component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectClaims {
    claims: Vec<Claim>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    interface: String,
    /// `*` for all.
    function: String,
    effect: Effect,
}

impl EffectClaims {
    /// Reads claims. Those that name no function are left out, and so claim nothing.
    #[must_use]
    pub fn new<'a>(claims: impl IntoIterator<Item = (&'a str, Effect)>) -> Self {
        let read = |(text, effect): (&str, Effect)| {
            let (interface, function) = text.split_once('.')?;
            let plain = !interface.is_empty() && !function.is_empty() && !interface.contains('@');
            plain.then(|| Claim { interface: interface.to_owned(), function: function.to_owned(), effect })
        };
        Self { claims: claims.into_iter().filter_map(read).take(CLAIMS_MAX).collect() }
    }

    /// Reads the outcome of `manes:agent/capability#effects`: `list<tuple<string, effect>>`.
    #[must_use]
    pub fn from_value(outcome: &Value) -> Self {
        let Value::List(entries) = outcome else { return Self::default() };
        Self::new(entries.iter().filter_map(|entry| match entry {
            Value::Tuple(pair) => match pair.as_slice() {
                [Value::String(name), Value::Enum(effect)] => Some((name.as_str(), named(effect))),
                _ => None,
            },
            _ => None,
        }))
    }

    /// What the component claims of a function. A claim for the function counts before one for all of its
    /// interface; among equals the greater.
    #[must_use]
    pub fn effect(&self, function: &FunctionId) -> Effect {
        let id = function.unversioned();
        let last = id.rsplit('/').next().unwrap_or(id);
        let of = |claim: &&Claim| claim.interface == id || claim.interface == last;
        let own = self.claims.iter().filter(of).filter(|c| names_function(&c.function, &function.name));
        let all = self.claims.iter().filter(of).filter(|c| c.function == "*");
        let nearest = own.map(|c| c.effect).max().or_else(|| all.map(|c| c.effect).max());
        nearest.unwrap_or(Effect::Write)
    }
}

fn named(effect: &str) -> Effect {
    match effect {
        "local" => Effect::Local,
        "read" => Effect::Read,
        // Also what no version of the interface knows yet.
        _ => Effect::Write,
    }
}

/// Whether a written name means a function: its component-model name, or the same without `[method]` and the like.
pub(super) fn names_function(written: &str, function: &str) -> bool {
    written == function || function.strip_prefix('[').and_then(|f| f.split_once(']')).is_some_and(|(_, f)| f == written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(claims: &[(&str, Effect)], name: &str) -> Effect {
        EffectClaims::new(claims.iter().copied()).effect(&FunctionId::new("manes:table/table@0.1.0", name))
    }

    #[test]
    fn what_is_not_named_is_a_write() {
        assert_eq!(effect(&[], "query"), Effect::Write);
        assert_eq!(effect(&[("table.other", Effect::Read)], "query"), Effect::Write);
        assert_eq!(effect(&[("tables.*", Effect::Read)], "query"), Effect::Write);
        for odd in ["query", ".query", "table.", "*.*", "manes:table/table@0.1.query", "*"] {
            assert_eq!(effect(&[(odd, Effect::Local)], "query"), Effect::Write, "{odd}");
        }
    }

    #[test]
    fn the_nearer_claim_counts_and_among_equals_the_greater() {
        let claims = [("table.*", Effect::Local), ("manes:table/table.query", Effect::Read)];
        assert_eq!(effect(&claims, "query"), Effect::Read);
        assert_eq!(effect(&claims, "size"), Effect::Local);
        assert_eq!(effect(&[("table.query", Effect::Read), ("table.query", Effect::Write)], "query"), Effect::Write);
    }

    #[test]
    fn methods_go_by_either_name() {
        assert_eq!(effect(&[("table.[method]rows.next", Effect::Read)], "[method]rows.next"), Effect::Read);
        assert_eq!(effect(&[("table.rows.next", Effect::Read)], "[method]rows.next"), Effect::Read);
        assert_eq!(effect(&[("table.rows", Effect::Local)], "[constructor]rows"), Effect::Local);
    }

    #[test]
    fn claims_are_read_from_the_components_answer() {
        let pair =
            |name: &str, effect: &str| Value::Tuple(vec![Value::String(name.into()), Value::Enum(effect.into())]);
        let answer = Value::List(vec![pair("table.query", "read"), pair("table.odd", "maybe"), Value::Bool(true)]);
        let claims = EffectClaims::from_value(&answer);
        assert_eq!(claims.effect(&FunctionId::new("manes:table/table@0.1.0", "query")), Effect::Read);
        assert_eq!(claims.effect(&FunctionId::new("manes:table/table@0.1.0", "odd")), Effect::Write);
        assert_eq!(EffectClaims::from_value(&Value::Bool(true)), EffectClaims::default());
    }
}
