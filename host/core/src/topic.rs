//! Topics that events lie on, and the NATS patterns that subscriptions and publish grants are written in.
//!
//! Invariant: a [`Topic`] is literal and a [`Pattern`] is whole, so nothing behind this module has to ask what an
//! empty token, a stray wildcard or a space would mean. The rules are those of NATS, so that a ledger kept in
//! JetStream can use topics as subjects unchanged.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Longest topic or pattern in bytes: what every NATS server takes as a subject, and short in a record.
pub const TOPIC_BYTES_MAX: usize = 256;
/// Most tokens in a topic or pattern: deeper hierarchies are a mistake, and matching stays bounded.
pub const TOPIC_TOKENS_MAX: usize = 16;

/// Why a text is no topic or no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopicError {
    /// It has no tokens at all.
    #[error("a topic is not empty")]
    Empty,
    /// It is longer than [`TOPIC_BYTES_MAX`].
    #[error("a topic has at most {TOPIC_BYTES_MAX} bytes, this one has {bytes}")]
    Long {
        /// How long it is.
        bytes: usize,
    },
    /// It has more than [`TOPIC_TOKENS_MAX`] tokens.
    #[error("a topic has at most {TOPIC_TOKENS_MAX} tokens, this one has {tokens}")]
    Deep {
        /// How many it has.
        tokens: usize,
    },
    /// A dot at the beginning, at the end, or next to another.
    #[error("a topic has no empty token: no dot at its ends, no two in a row")]
    EmptyToken,
    /// A space, a control character or anything outside ASCII.
    #[error("a topic is printable ASCII without spaces, not {found:?}")]
    Character {
        /// The first such character.
        found: char,
    },
    /// A wildcard where only a literal topic can stand.
    #[error("a topic to publish on is literal: no * and no >")]
    Wildcard,
    /// `*` or `>` inside a token.
    #[error("a wildcard is a token of its own: csv.* or csv.>, not csv.a*")]
    PartialWildcard,
    /// `>` before the end.
    #[error("> stands for the rest of a topic and can only come last")]
    EarlyRest,
}

/// A literal topic: tokens of printable ASCII, separated by dots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(String);

/// A topic in which a token may be `*` (exactly one token) and the last may be `>` (one or more).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Topic {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pattern {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `topic` is one that this pattern describes.
    #[must_use]
    pub fn matches(&self, topic: &Topic) -> bool {
        within(&topic.0, &self.0)
    }

    /// Whether every topic that `other` describes is also described by this pattern.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        within(&other.0, &self.0)
    }
}

/// Whether all topics of `inner` lie in `outer`. A literal token lies in itself and in `*`; `*` lies in `*`; any rest
/// lies in `>`, and a `>` in nothing narrower.
fn within(inner: &str, outer: &str) -> bool {
    let (mut inner, mut outer) = (inner.split('.'), outer.split('.'));
    loop {
        match (inner.next(), outer.next()) {
            (None, None) => return true,
            (Some(_), Some(">")) => return true,
            (Some(">"), Some(_)) => return false,
            (Some(_), Some("*")) => {}
            (Some(token), Some(other)) if token == other => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

fn check(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > TOPIC_BYTES_MAX {
        return Err(TopicError::Long { bytes: text.len() });
    }
    if let Some(found) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(TopicError::Character { found });
    }
    let tokens = text.split('.').count();
    if tokens > TOPIC_TOKENS_MAX {
        return Err(TopicError::Deep { tokens });
    }
    if text.split('.').any(str::is_empty) {
        return Err(TopicError::EmptyToken);
    }
    Ok(())
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        if text.contains(['*', '>']) {
            return Err(TopicError::Wildcard);
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Pattern {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        check(text)?;
        let mut tokens = text.split('.').peekable();
        while let Some(token) = tokens.next() {
            if token == ">" && tokens.peek().is_some() {
                return Err(TopicError::EarlyRest);
            }
            if token.len() > 1 && token.contains(['*', '>']) {
                return Err(TopicError::PartialWildcard);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl From<&Topic> for Pattern {
    /// The pattern of this one topic.
    fn from(topic: &Topic) -> Self {
        Self(topic.0.clone())
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|error| serde::de::Error::custom(format_args!("{text:?}: {error}")))
            }
        }
    };
}

as_text!(Topic);
as_text!(Pattern);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topic(text: &str) -> Topic {
        text.parse().unwrap()
    }

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_topic_is_literal_and_a_pattern_whole() {
        assert_eq!("a.*".parse::<Topic>(), Err(TopicError::Wildcard));
        assert_eq!("".parse::<Topic>(), Err(TopicError::Empty));
        assert_eq!("a..b".parse::<Topic>(), Err(TopicError::EmptyToken));
        assert_eq!(".a".parse::<Pattern>(), Err(TopicError::EmptyToken));
        assert_eq!("a b".parse::<Topic>(), Err(TopicError::Character { found: ' ' }));
        assert_eq!("ä".parse::<Topic>(), Err(TopicError::Character { found: 'ä' }));
        assert_eq!(">.a".parse::<Pattern>(), Err(TopicError::EarlyRest));
        assert_eq!("a.b*".parse::<Pattern>(), Err(TopicError::PartialWildcard));
        assert_eq!("a.>>".parse::<Pattern>(), Err(TopicError::PartialWildcard));
        assert_eq!("x".repeat(257).parse::<Topic>(), Err(TopicError::Long { bytes: 257 }));
        assert!("x".repeat(256).parse::<Topic>().is_ok());
        assert_eq!(["t"; 17].join(".").parse::<Topic>(), Err(TopicError::Deep { tokens: 17 }));
        assert!(["t"; 16].join(".").parse::<Topic>().is_ok());
    }

    #[test]
    fn wildcards_are_those_of_nats() {
        assert!(pattern("csv.*").matches(&topic("csv.parsed")));
        assert!(!pattern("csv.*").matches(&topic("csv")));
        assert!(!pattern("csv.*").matches(&topic("csv.parsed.twice")));
        assert!(pattern("csv.>").matches(&topic("csv.parsed.twice")));
        assert!(!pattern("csv.>").matches(&topic("csv")));
        assert!(pattern(">").matches(&topic("anything.at.all")));
        assert!(pattern("*.b").matches(&topic("a.b")));
        assert!(!pattern("a").matches(&topic("A")));
    }

    #[test]
    fn covering_is_containment() {
        assert!(pattern("csv.>").covers(&pattern("csv.*.x")));
        assert!(pattern("csv.*").covers(&pattern("csv.a")));
        assert!(!pattern("csv.a").covers(&pattern("csv.*")));
        assert!(!pattern("csv.*").covers(&pattern("csv.>")));
        assert!(pattern(">").covers(&pattern(">")));
    }

    #[test]
    fn serialisation_is_the_text_and_errors_quote_it() {
        let read: Pattern = serde_json::from_str("\"csv.*\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"csv.*\"");
        let error = serde_json::from_str::<Topic>("\"csv.*\"").unwrap_err().to_string();
        assert!(error.contains("\"csv.*\": a topic to publish on is literal"), "{error}");
    }

    /// Every topic of at most `depth` tokens out of an alphabet of two.
    fn every_topic(depth: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut last = vec![String::new()];
        for _ in 0..depth {
            last = last
                .iter()
                .flat_map(|t| ["a", "b"].map(|x| if t.is_empty() { x.to_owned() } else { format!("{t}.{x}") }))
                .collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    /// The oracle: the pattern's own definition, by recursion over token lists.
    fn oracle(pattern: &[&str], topic: &[&str]) -> bool {
        match pattern {
            [] => topic.is_empty(),
            [">"] => !topic.is_empty(),
            ["*", rest @ ..] => !topic.is_empty() && oracle(rest, &topic[1..]),
            [token, rest @ ..] => topic.first() == Some(token) && oracle(rest, &topic[1..]),
        }
    }

    fn patterns() -> impl Strategy<Value = String> {
        (prop::collection::vec(prop::sample::select(vec!["a", "b", "*"]), 1..4), any::<bool>()).prop_map(
            |(tokens, rest)| {
                let joined = tokens.join(".");
                if rest { format!("{joined}.>") } else { joined }
            },
        )
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_definition(text in patterns()) {
            let tokens: Vec<&str> = text.split('.').collect();
            for t in every_topic(5) {
                let expected = oracle(&tokens, &t.split('.').collect::<Vec<_>>());
                prop_assert_eq!(pattern(&text).matches(&topic(&t)), expected, "{} {}", text, t);
            }
        }

        #[test]
        fn covering_agrees_with_enumeration(outer in patterns(), inner in patterns()) {
            let (outer, inner) = (pattern(&outer), pattern(&inner));
            // One token beyond the longest pattern tells `>` from all that is finite, a third letter `*` from a list.
            let all = every_topic(5).into_iter().flat_map(|t| [t.replace('b', "c"), t]);
            let expected = all.map(|t| topic(&t)).filter(|t| inner.matches(t)).all(|t| outer.matches(&t));
            prop_assert_eq!(outer.covers(&inner), expected, "{} {}", outer, inner);
        }

        #[test]
        fn nothing_that_parses_is_ambiguous(text in "\\PC{0,40}") {
            if let Ok(topic) = text.parse::<Topic>() {
                let plain = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic());
                prop_assert!(topic.as_str().split('.').all(plain));
                prop_assert!(Pattern::from(&topic).matches(&topic));
            }
        }
    }
}
