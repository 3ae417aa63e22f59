//! What earlier attempts of an activation wrote: by its idempotency key, each write is made once or not knowingly
//! repeated.

use crate::ledger::{Entry, Ledger, LedgerError};
use crate::query::Body;
use manes_core::ids::Digest;
use manes_core::record::{CallStatus, EndStatus, Kind};
use std::collections::{HashMap, HashSet};

/// A write of an earlier attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// It returned this encoded outcome.
    Returned {
        /// Leaf hash of the outcome's record.
        leaf: Digest,
        /// The outcome; `None` where it was not kept.
        outcome: Option<Vec<u8>>,
    },
    /// It may have taken place, or not, or in part.
    Unknown {
        /// Leaf hash of the intent's record.
        leaf: Digest,
    },
    /// An operator looked, and said that it is to be made again.
    Answered {
        /// Leaf hash of the record that was asked about.
        leaf: Digest,
    },
}

/// The writes of earlier attempts, by idempotency key.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    by_key: HashMap<Digest, Write>,
    /// What was known of a write before its last intent, in case that was not carried out.
    before: HashMap<Digest, Option<Write>>,
    /// Writes whose key was not kept, by who made them and what they called.
    keyless: HashMap<(Option<String>, Option<String>), Digest>,
    /// Records of writes that an operator wants to be made again.
    answered: HashSet<Digest>,
}

impl Earlier {
    /// Reads the records at `positions`, in order: intents, outcomes, answers.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn read(ledger: &dyn Ledger, positions: &[u64]) -> Result<Self, LedgerError> {
        let (mut earlier, mut announced) = (Self::default(), HashMap::new());
        for position in positions {
            for entry in ledger.read(*position, 1)? {
                earlier.learn(&entry, &mut announced);
            }
        }
        Ok(earlier)
    }

    fn learn(&mut self, entry: &Entry, announced: &mut HashMap<Digest, Digest>) {
        if entry.envelope.kind() == Kind::Answer {
            self.answered.extend(entry.envelope.cause);
            return;
        }
        let body = entry.body.as_deref().and_then(|body| Body::read(body).ok()).unwrap_or_default();
        let leaf = entry.leaf;
        if entry.envelope.kind() == Kind::Intent {
            let Some(key) = body.key else {
                // Any like it may be this one.
                let envelope = &entry.envelope;
                self.keyless.insert((envelope.principal.clone(), envelope.function.clone()), leaf);
                return;
            };
            announced.insert(leaf, key);
            let before = self.by_key.insert(key, Write::Unknown { leaf });
            self.before.insert(key, before);
            return;
        }
        let Some(key) = entry.envelope.cause.and_then(|intent| announced.get(&intent)).copied() else { return };
        match entry.envelope.status.and_then(CallStatus::from_number) {
            Some(CallStatus::Returned) => {
                self.by_key.insert(key, Write::Returned { leaf, outcome: body.outcome });
            }
            // Refused before it was made.
            Some(CallStatus::Denied) => self.was_not_made(key),
            Some(CallStatus::Ended) if was_not_made(body.ended.as_deref()) => self.was_not_made(key),
            Some(CallStatus::Ended | CallStatus::Reused | CallStatus::Unknown) | None => {}
        }
    }

    /// The last intent came to nothing: what was known before it counts.
    fn was_not_made(&mut self, key: Digest) {
        match self.before.remove(&key).flatten() {
            Some(write) => drop(self.by_key.insert(key, write)),
            None => drop(self.by_key.remove(&key)),
        }
    }

    /// What is known of the write with this key, made by `principal` through `function`.
    #[must_use]
    pub fn get(&self, key: &Digest, principal: Option<&str>, function: &str) -> Option<Write> {
        let like = || (principal.map(str::to_owned), Some(function.to_owned()));
        let keyless = || self.keyless.get(&like()).map(|leaf| Write::Unknown { leaf: *leaf });
        let write = self.by_key.get(key).cloned().or_else(keyless)?;
        let (Write::Returned { leaf, .. } | Write::Unknown { leaf } | Write::Answered { leaf }) = write;
        Some(if self.answered.contains(&leaf) { Write::Answered { leaf } } else { write })
    }
}

/// Refused, or cut off before it was made.
fn was_not_made(ended: Option<&str>) -> bool {
    let not_made = [EndStatus::Denied.name(), EndStatus::Interrupted.name()];
    ended.and_then(|text| text.split_once(": ")).is_some_and(|(status, _)| not_made.contains(&status))
}
