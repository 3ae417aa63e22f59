//! Whether a ledger still takes appends.
//!
//! Invariant: it never recovers. After a failed sync the kernel may have dropped the pages and reports the error only
//! once, so a second sync that succeeds proves nothing; only opening the ledger again does.

use super::error::LedgerError;
use super::files::Failure;
use manes_core::verify::Violation;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Healthy until the first failure, whose words are kept.
#[derive(Debug, Default)]
pub(super) struct Health(OnceLock<Arc<str>>);

impl Health {
    /// Fails if something failed before.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        match self.0.get() {
            None => Ok(()),
            Some(why) => Err(LedgerError::Poisoned { why: why.clone() }),
        }
    }

    /// Takes no appends from now on; returns the error to answer with.
    pub(super) fn poison(&self, why: &str) -> LedgerError {
        let why = self.0.get_or_init(|| {
            tracing::error!(why, "the ledger stops taking appends");
            why.into()
        });
        LedgerError::Poisoned { why: why.clone() }
    }

    /// The error for a block that the host's own verifier does not take. Nothing of it was written.
    pub(super) fn refused(&self, wrong: &Violation) -> LedgerError {
        self.poison(&format!("the host tried to write what cannot be true: {wrong}"))
    }

    /// The error for a file beside the chain that could not be written: a disk that is full before any sync has
    /// changed nothing, all else poisons.
    pub(super) fn write_failed(&self, path: &Path, failure: &Failure) -> LedgerError {
        if !failure.at_sync && is_full(&failure.source) {
            return LedgerError::NoSpace { path: path.to_owned() };
        }
        let step = if failure.at_sync { "syncing" } else { "writing" };
        self.poison(&format!("{step} {} failed: {}", path.display(), failure.source))
    }
}

/// True if the disk or the quota is used up.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
