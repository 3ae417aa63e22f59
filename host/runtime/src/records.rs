//! Reading a ledger, whoever holds it: an open ledger, or a folder that another process may be writing.

use crate::ledger::{Entry, Ledger, LedgerError, Reader};
use bytes::Bytes;
use manes_core::ids::{Digest, LedgerId};
use std::sync::Arc;

/// Entries read at a time.
const WINDOW: usize = 1024;

/// What reading commands and replay need of a ledger.
pub trait Records {
    /// The ledger.
    fn id(&self) -> LedgerId;
    /// Entries from `from`, at most `max`.
    ///
    /// # Errors
    /// Damage, or a disk that cannot be read.
    fn window(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError>;
    /// What was stored under `digest`.
    ///
    /// # Errors
    /// Damage, or a disk that cannot be read.
    fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError>;

    /// Calls `visit` on every entry in order, until it says false.
    ///
    /// # Errors
    /// Damage, or a disk that cannot be read.
    fn each(&self, visit: impl FnMut(Entry) -> bool) -> Result<(), LedgerError>
    where
        Self: Sized,
    {
        self.each_from(0, visit)
    }

    /// Calls `visit` on every entry from `from` on, until it says false.
    ///
    /// # Errors
    /// Damage, or a disk that cannot be read.
    fn each_from(&self, from: u64, mut visit: impl FnMut(Entry) -> bool) -> Result<(), LedgerError>
    where
        Self: Sized,
    {
        let mut next = from;
        loop {
            let entries = self.window(next, WINDOW)?;
            let Some(last) = entries.last() else { return Ok(()) };
            next = last.index + 1;
            for entry in entries {
                if !visit(entry) {
                    return Ok(());
                }
            }
        }
    }
}

impl Records for Reader {
    fn id(&self) -> LedgerId {
        Self::id(self)
    }
    fn window(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.read(from, max)
    }
    fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError> {
        Self::artifact(self, digest)
    }
}

impl Records for Arc<dyn Ledger> {
    fn id(&self) -> LedgerId {
        (**self).id()
    }
    fn window(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.read(from, max)
    }
    fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError> {
        (**self).artifact(digest)
    }
}
