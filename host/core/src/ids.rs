//! Identifiers: all of them hashes that whoever holds the inputs can compute again.
//!
//! A guest cannot choose an id and a submitter cannot pre-empt one, because each is bound to the ledger, to a
//! domain word and to every input with its length. Nothing here is random.

use sha2::{Digest as _, Sha256};
use std::fmt;
use thiserror::Error;

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 over a domain word and length-prefixed parts: `"manes/" domain "/1" 0x00`, then for each part its
/// length as 8 little-endian bytes and the part itself.
#[must_use]
pub fn hash(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"manes/");
    hasher.update(domain.as_bytes());
    hasher.update(b"/1\0");
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Bytes from lower- or upper-case hex; `None` if it is not hex of whole bytes.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Text that is not an id of the expected length.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {digits} hex digits")]
pub struct IdError {
    /// How many digits the id has.
    pub digits: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The first eight hex digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                hex(self.0.get(..4).unwrap_or_default())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                unhex(text).and_then(|b| b.try_into().ok()).map(Self).ok_or(IdError { digits: $len * 2 })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(/** A ledger: the leaf hash of its genesis record. */ LedgerId, 32);
id!(/** Any SHA-256: leaf, block, root, component, body. */ Digest, 32);
id!(/** An event, from its submitter or the activation that emitted it. */ EventKey, 32);
id!(/** One agent handling one event. */ ActivationId, 32);
id!(/** All that descends from one root event; the W3C trace id. */ FlowId, 16);
id!(/** An ed25519 public key. */ PublicKey, 32);

impl Digest {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }
}

impl EventKey {
    /// Key of an event from outside: `H("ext", ledger, submitter, source, id)`.
    #[must_use]
    pub fn external(ledger: &LedgerId, submitter: &str, source: &str, id: &str) -> Self {
        Self(hash("ext", &[&ledger.0, submitter.as_bytes(), source.as_bytes(), id.as_bytes()]))
    }

    /// Key of the `index`th event that an activation emits: `H("int", activation, index)`.
    #[must_use]
    pub fn internal(activation: &ActivationId, index: u64) -> Self {
        Self(hash("int", &[&activation.0, &index.to_le_bytes()]))
    }

    /// Id of the flow that this event begins: the first 16 bytes of its key.
    #[must_use]
    pub fn flow(&self) -> FlowId {
        let mut id = [0; 16];
        id.copy_from_slice(self.0.first_chunk::<16>().unwrap_or(&[0; 16]));
        FlowId(id)
    }
}

impl ActivationId {
    /// `H("act", ledger, agent name, event key, generation)`; requeueing raises the generation.
    #[must_use]
    pub fn new(ledger: &LedgerId, agent: &str, event: &EventKey, generation: u64) -> Self {
        Self(hash("act", &[&ledger.0, agent.as_bytes(), &event.0, &generation.to_le_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_refuses_what_is_not_hex() {
        assert_eq!(unhex(&hex(&[0, 1, 0xfe])), Some(vec![0, 1, 0xfe]));
        assert_eq!(unhex("abc"), None);
        assert_eq!(unhex("zz"), None);
    }

    #[test]
    fn parts_cannot_slide_into_each_other() {
        assert_ne!(hash("ext", &[b"ab", b"c"]), hash("ext", &[b"a", b"bc"]));
        assert_ne!(hash("ext", &[b"ab"]), hash("int", &[b"ab"]));
    }
}
