//! What a call turns out to be: an effect, and facts about what it touches.
//!
//! Facts are normal forms (lower-case host, canonical address, path without dot segments), so that policy compares
//! strings and parses nothing. Text in them may come from a guest: [`Facts`]' `Display` escapes and clips it.

use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest excerpt of a guest's text in a message, in characters: enough to recognise a path, too short to flood.
const EXCERPT_CHARS_MAX: usize = 200;

/// What a call does to the world outside the attempt. Ordered: the greater of two claims counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing outside the attempt: clock, random, log, own memory.
    Local,
    /// Looks at something outside and leaves it as it is.
    Read,
    /// Changes something outside. Needs a durable intent first.
    Write,
}

impl Effect {
    /// The number that records carry.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        match self {
            Self::Local => 0,
            Self::Read => 1,
            Self::Write => 2,
        }
    }

    /// The effect of a number in a record.
    #[must_use]
    pub const fn from_u64(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Local),
            1 => Some(Self::Read),
            2 => Some(Self::Write),
            _ => None,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// The right that a call on a file needs. Not its effect: opening for writing needs the right to write and, unless
/// it creates or truncates, changes nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Looking at content or metadata.
    Read,
    /// Changing content, metadata or names, or getting a handle that can.
    Write,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// What a call touches, in the terms in which grants are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// The base world, granted to all.
    Base,
    /// An outgoing request, or the answer to it.
    Http {
        /// Upper case.
        method: String,
        /// `http` or `https`.
        scheme: String,
        /// Lower-case name, IPv4 address, or IPv6 address in brackets.
        host: String,
        /// The scheme's default where the request names none.
        port: u16,
        /// Normalised path, with the query as it was.
        path: String,
    },
    /// A file or directory.
    File {
        /// Guest-visible name of the preopened directory.
        directory: String,
        /// Normalised path under it, as the guest names it (a symbolic link may lead elsewhere in the same
        /// directory). Empty for the directory itself.
        path: String,
        /// The right that the call needs.
        access: Access,
    },
    /// The list of preopened directories.
    Preopens,
    /// A timer.
    Timer,
    /// A socket or a name lookup. Sockets are off.
    Socket {
        /// Interface and function, as in `tcp-create-socket.create-tcp-socket`.
        operation: String,
    },
    /// An interface that a capability component provides.
    Capability {
        /// With its compatible version.
        interface: String,
    },
    /// Several of the above at once; all of them must be granted.
    Many(Vec<Self>),
    /// Something that cannot be read plainly. No grant matches it.
    Refused {
        /// Why, without any of the guest's text.
        why: &'static str,
    },
}

impl Facts {
    /// Both at once. What is granted to all adds nothing to the rest.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Base, facts) | (facts, Self::Base) => facts,
            (Self::Many(mut all), Self::Many(more)) => {
                all.extend(more);
                Self::Many(all)
            }
            (Self::Many(mut all), facts) => {
                all.push(facts);
                Self::Many(all)
            }
            (facts, Self::Many(mut all)) => {
                all.insert(0, facts);
                Self::Many(all)
            }
            (one, other) if one == other => one,
            (one, other) => Self::Many(vec![one, other]),
        }
    }

    /// These facts as a value: what stands for a handle where arguments of two attempts are compared. Different
    /// facts have different values.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let text = |s: &str| Value::String(s.to_owned());
        let (case, payload) = match self {
            Self::Base => ("base", vec![]),
            Self::Http { method, scheme, host, port, path } => {
                ("http", vec![text(method), text(scheme), text(host), Value::U16(*port), text(path)])
            }
            Self::File { directory, path, access } => {
                ("file", vec![text(directory), text(path), text(&access.to_string())])
            }
            Self::Preopens => ("preopens", vec![]),
            Self::Timer => ("timer", vec![]),
            Self::Socket { operation } => ("socket", vec![text(operation)]),
            Self::Capability { interface } => ("capability", vec![text(interface)]),
            Self::Many(all) => ("many", all.iter().map(Self::to_value).collect()),
            Self::Refused { why } => ("refused", vec![text(why)]),
        };
        Value::Variant(case.to_owned(), Some(Box::new(Value::List(payload))))
    }
}

impl fmt::Display for Facts {
    /// For people: `GET example.com/v1`, `write /data/out.csv`. Without the query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("the base world"),
            Self::Http { method, scheme, host, port, path } => {
                let path = path.split('?').next().unwrap_or_default();
                write!(f, "{} {}{}", excerpt(method), origin(scheme, host, *port), excerpt(path))
            }
            Self::File { directory, path, access } if path.is_empty() => write!(f, "{access} {}", excerpt(directory)),
            Self::File { directory, path, access } => {
                write!(f, "{access} {}/{}", excerpt(directory.trim_end_matches('/')), excerpt(path))
            }
            Self::Preopens => f.write_str("the list of directories"),
            Self::Timer => f.write_str("a timer"),
            Self::Socket { operation } => write!(f, "socket call {}", excerpt(operation)),
            Self::Capability { interface } => f.write_str(&excerpt(interface)),
            Self::Many(all) => {
                for (i, facts) in all.iter().enumerate() {
                    write!(f, "{}{facts}", if i == 0 { "" } else { " and " })?;
                }
                Ok(())
            }
            Self::Refused { why } => f.write_str(why),
        }
    }
}

/// `example.com`, `http://example.com`, `https://example.com:8443`: no more than is needed to say which.
pub(crate) fn origin(scheme: &str, host: &str, port: u16) -> String {
    match (scheme, port) {
        ("https", 443) => host.to_owned(),
        ("http", 80) => format!("http://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

/// A guest's text, safe to print and of bounded length.
pub(crate) fn excerpt(text: &str) -> String {
    let mut out: String = text.chars().take(EXCERPT_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}

/// What the lens saw of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it does.
    pub effect: Effect,
    /// What it touches.
    pub facts: Facts,
}

impl Seen {
    /// A call inside the base world, without any effect outside.
    #[must_use]
    pub const fn local() -> Self {
        Self { effect: Effect::Local, facts: Facts::Base }
    }

    /// A call that cannot be read plainly: a write that no grant allows.
    #[must_use]
    pub const fn refused(why: &'static str) -> Self {
        Self { effect: Effect::Write, facts: Facts::Refused { why } }
    }

    /// Both at once: the greater effect, all facts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { effect: self.effect.max(other.effect), facts: self.facts.and(other.facts) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Facts {
        Facts::File { directory: "/data".into(), path: path.into(), access: Access::Read }
    }

    #[test]
    fn effects_are_ordered_and_their_numbers_fixed() {
        assert!(Effect::Local < Effect::Read && Effect::Read < Effect::Write);
        for (number, effect) in [(0, Effect::Local), (1, Effect::Read), (2, Effect::Write)] {
            assert_eq!((effect.as_u64(), Effect::from_u64(number)), (number, Some(effect)));
            assert_eq!(serde_json::to_string(&effect).unwrap(), format!("\"{effect}\""));
        }
        assert_eq!(Effect::from_u64(3), None);
    }

    #[test]
    fn facts_add_up_without_losing_any() {
        assert_eq!(Facts::Base.and(file("a")), file("a"));
        assert_eq!(file("a").and(file("a")), file("a"));
        let all = file("a").and(file("b")).and(file("c"));
        assert_eq!(all, Facts::Many(vec![file("a"), file("b"), file("c")]));
        assert_eq!(file("x").and(all), Facts::Many(vec![file("x"), file("a"), file("b"), file("c")]));
    }

    #[test]
    fn a_message_hides_the_query_and_escapes_what_a_guest_wrote() {
        let http = |scheme: &str, port| Facts::Http {
            method: "GET".into(),
            scheme: scheme.into(),
            host: "example.com".into(),
            port,
            path: "/a?key=secret".into(),
        };
        assert_eq!(http("https", 443).to_string(), "GET example.com/a");
        assert_eq!(http("http", 80).to_string(), "GET http://example.com/a");
        assert_eq!(http("https", 80).to_string(), "GET https://example.com:80/a");
        assert_eq!(file("a\u{1b}[2J\n").to_string(), "read /data/a\\u{1b}[2J\\n");
        assert!(file(&"x".repeat(10_000)).to_string().chars().count() < 250);
    }

    #[test]
    fn different_facts_have_different_values() {
        let all = [
            file("a"),
            file("b"),
            Facts::Base,
            Facts::Preopens,
            Facts::Timer,
            Facts::Capability { interface: "a:b/c".into() },
            Facts::Socket { operation: "a:b/c".into() },
            Facts::Many(vec![file("a"), file("b")]),
            Facts::Many(vec![file("b"), file("a")]),
            Facts::Refused { why: "a" },
        ];
        for (i, one) in all.iter().enumerate() {
            for (j, other) in all.iter().enumerate() {
                assert_eq!(one.to_value().to_bytes() == other.to_value().to_bytes(), i == j);
            }
        }
    }
}
