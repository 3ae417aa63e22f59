//! The signed heads of the tree: when one is due, where it is kept, and what a folder is held against when it is opened.
//!
//! Invariant: a head that is stored covers durable blocks alone. Otherwise the next crash would leave a ledger that is
//! "behind" its own head, and an honest host would be refused as if it had been rolled back.

use super::chain::Chain;
use super::disk::Access;
use super::embedded::Accept;
use super::error::{LedgerError, OpenError};
use super::files::{Files, read_if_there, replace};
use super::health::is_full;
use super::store::Store;
use crate::keystore::{Keystore, KeystoreError};
use crate::seams::Clock;
use manes_core::checkpoint::{self, TreeHead};
use manes_core::ids::{LedgerId, PublicKey};
use manes_core::keys;
use manes_core::verify::{ChainVerifier, ExtendsError};
use std::sync::Arc;
use std::time::Duration;

/// Signs heads and remembers the last.
#[derive(Debug)]
pub(super) struct Heads {
    keystore: Keystore,
    clock: Arc<dyn Clock>,
    every: Duration,
    /// The last note that was stored. What an earlier host stored may not be durable, and is stored once more.
    note: String,
    /// Blocks that it covers.
    size: u64,
    /// When it was last tried, on the monotonic clock.
    tried_ns: u64,
}

impl Heads {
    /// Signs at most once in `every`.
    pub(super) fn new(keystore: Keystore, clock: Arc<dyn Clock>, every: Duration) -> Self {
        let tried_ns = clock.monotonic_ns();
        Self { keystore, clock, every, note: String::new(), size: 0, tried_ns }
    }

    /// Holds a ledger that was found against the head that was seen here last, and against the folder's own. Returns
    /// the heads that it does not extend, if it is to be taken all the same.
    pub(super) fn check(
        &self,
        id: &LedgerId,
        files: &Files,
        verifier: &ChainVerifier,
        accept: Accept,
    ) -> Result<Vec<String>, OpenError> {
        let seen = self.keystore.head(id)?;
        let own: Vec<PublicKey> =
            [self.keystore.host(id)?, self.keystore.staged(id)?].iter().flatten().map(keys::public).collect();
        let mut lost = Vec::new();
        let mut judge = |note: &String, path| match extends_with(verifier, note, id, &own) {
            Ok(_) => Ok(()),
            Err(ExtendsError::Shorter { .. }) if accept != Accept::Nothing => {
                lost.push(note.clone());
                Ok(())
            }
            Err(ExtendsError::Rewritten { .. }) if accept == Accept::Rewritten => {
                lost.push(note.clone());
                Ok(())
            }
            Err(error) => Err(OpenError::extends(path, error)),
        };
        match &seen {
            Some(note) => judge(note, self.keystore.head_path(id))?,
            None => {
                tracing::warn!(ledger = %id, "no head of this ledger is kept here: an earlier rollback goes unseen")
            }
        }
        let path = files.checkpoint();
        if let Some(bytes) = read_if_there(files.disk.as_ref(), &path).map_err(OpenError::io(&path))? {
            judge(&String::from_utf8_lossy(&bytes).into_owned(), path)?;
        }
        lost.dedup();
        Ok(lost)
    }

    /// Where keys and the last head lie.
    pub(super) const fn keystore(&self) -> &Keystore {
        &self.keystore
    }

    /// How long the head may still wait to be signed; `None` if it is.
    pub(super) fn due_in(&self, chain: &Chain) -> Option<Duration> {
        let waited = Duration::from_nanos(self.clock.monotonic_ns().saturating_sub(self.tried_ns));
        (chain.blocks() != self.size).then(|| self.every.saturating_sub(waited))
    }

    /// Signs the head, unless the last one covers all blocks; stores it in the folder, then outside.
    pub(super) fn sign(&mut self, chain: &Chain, store: &Store) -> Result<String, LedgerError> {
        store.health.check()?;
        self.tried_ns = self.clock.monotonic_ns();
        if chain.blocks() == self.size {
            return Ok(self.note.clone());
        }
        let (size, note) = chain.checkpoint();
        let path = store.files.checkpoint();
        replace(store.files.disk.as_ref(), &path, note.as_bytes(), Access::Shared)
            .map_err(|failure| store.health.write_failed(&path, &failure))?;
        self.keystore.store_head(&store.id, &note).map_err(|error| match &error {
            KeystoreError::Io { source, .. } if !is_full(source) => store.health.poison(&error.to_string()),
            KeystoreError::Io { .. } | KeystoreError::Open { .. } | KeystoreError::Format { .. } => error.into(),
        })?;
        (self.size, self.note) = (size, note.clone());
        Ok(note)
    }
}

/// As [`extends`], for a note that this host may have signed with a key that the ledger does not know: an older copy has
/// not enrolled it yet.
fn extends_with(
    verifier: &ChainVerifier,
    note: &str,
    id: &LedgerId,
    own: &[PublicKey],
) -> Result<TreeHead, ExtendsError> {
    match extends(verifier, note) {
        Err(ExtendsError::Note(error)) => {
            let Ok(head) = checkpoint::verify(note, id, own) else { return Err(error.into()) };
            let found = verifier.head().size;
            Err(if found < head.size {
                ExtendsError::Shorter { held: head.size, found }
            } else {
                ExtendsError::Rewritten { size: head.size }
            })
        }
        extends => extends,
    }
}

/// The head of a note that lies in a folder or key store, if the ledger extends it. Such a note is exactly what a host
/// wrote there: one signature and nothing else.
pub(super) fn extends(verifier: &ChainVerifier, note: &str) -> Result<TreeHead, ExtendsError> {
    checkpoint::sole(note)?;
    verifier.extends(note)
}
