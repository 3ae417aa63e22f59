//! What can go wrong with a ledger, and what state it is left in.

use crate::keystore::KeystoreError;
use manes_core::ids::{LedgerId, PublicKey};
use manes_core::verify::{ExtendsError, Violation};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why a ledger that is open could not do something.
#[derive(Debug, Clone, Error)]
pub enum LedgerError {
    /// A batch without records. Nothing was written.
    #[error("a batch of no records cannot be appended")]
    Empty,
    /// The batch is larger than a block may be. Nothing was written.
    #[error("a batch of {bytes} bytes is over the limit of {bytes_max}")]
    TooLarge {
        /// Envelopes and bodies of the batch, and 64 bytes for each record.
        bytes: u64,
        /// [`super::BATCH_BYTES_MAX`].
        bytes_max: u64,
    },
    /// The disk has no room. Nothing of the batch was written, nothing is acknowledged; the ledger stays readable and
    /// takes appends again once there is room.
    #[error("no room on the disk for {}: free some, then try again", path.display())]
    NoSpace {
        /// What was to be written.
        path: PathBuf,
    },
    /// A write or sync failed earlier, or the host tried to write what its own verifier refuses. What the disk holds
    /// after the last durable record is unknown; reads go on, every append fails. The host must stop: opening the
    /// ledger again finds out what survived.
    #[error("the ledger stopped taking appends: {why}")]
    Poisoned {
        /// The first failure.
        why: Arc<str>,
    },
    /// The keys cannot be changed in this way. Nothing was changed.
    #[error("the keys stay as they are: {why}")]
    Keys {
        /// Why not.
        why: String,
    },
    /// The ledger was closed. What was acknowledged before is durable.
    #[error("the ledger is closed")]
    Closed,
    /// What is stored is not what was written. Nothing was changed.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: Arc<str>,
    },
    /// Reading failed. Nothing was changed.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The checkpoint is signed but could not be stored outside the folder.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
}

impl LedgerError {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn damaged(path: PathBuf, offset: u64, what: &str) -> Self {
        Self::Damaged { path, offset, what: what.into() }
    }
}

fn at(folder: &Option<PathBuf>) -> String {
    folder.as_ref().map_or_else(String::new, |folder| format!(" ({})", folder.display()))
}

/// Why a ledger could not be opened. Unless a variant says otherwise nothing was changed.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The disk failed.
    #[error("failed to open the ledger: {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process writes this ledger.
    #[error("the ledger in {} is in use by another process; commands that read work beside it, others go through it if it is `manes up`", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process of this machine writes another copy of this ledger.
    #[error("another copy of this ledger is being written on this machine{}: {} cannot be", at(other), folder.display())]
    LockedElsewhere {
        /// The folder.
        folder: PathBuf,
        /// The other one, if that is known.
        other: Option<PathBuf>,
    },
    /// This machine writes the same ledger in another folder.
    #[error(
        "{} is a copy: this machine writes this ledger in {}, and two that grow apart prove nothing. Work there, or, if \
         this one is to take its place, move that one away first",
        folder.display(),
        other.display()
    )]
    Copy {
        /// The folder.
        folder: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// The folder holds other things than a ledger.
    #[error("{} is no ledger and not empty; name an empty or new folder to create one", folder.display())]
    NotALedger {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no ledger to read.
    #[error("there is no ledger in {}", folder.display())]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// A block is damaged although valid ones follow: no crash leaves this.
    #[error("{} is damaged at byte {offset}: {what}; restore the folder from a copy", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A block is whole but cannot be true.
    #[error("{} was altered, block at byte {offset}: {violation}", path.display())]
    Violation {
        /// The segment.
        path: PathBuf,
        /// Where the block begins.
        offset: u64,
        /// What the verifier found.
        violation: Violation,
    },
    /// The folder does not hold what a checkpoint promises: it was cut, rolled back or rewritten, or an older copy was
    /// put in its place.
    #[error(
        "the ledger does not extend the checkpoint in {}: {source}; put the newer copy of the folder back, or take this \
         one as it is with `manes restore --accept-head{}`, which is recorded",
        path.display(),
        if matches!(source, ExtendsError::Rewritten { .. }) { " --rewritten" } else { "" }
    )]
    Behind {
        /// The checkpoint: the one kept outside the folder, or the folder's own.
        path: PathBuf,
        /// What differs.
        source: ExtendsError,
    },
    /// A checkpoint itself is malformed or not signed by this ledger's keys.
    #[error("{} is no checkpoint of this ledger: {source}", path.display())]
    Checkpoint {
        /// The checkpoint's file.
        path: PathBuf,
        /// What is wrong with it.
        source: ExtendsError,
    },
    /// The host's private key is not on this machine.
    #[error(
        "this machine has no key to write ledger {ledger}: put {} back from a copy of MANES_HOME. Without it the ledger \
         can be read, verified and replayed",
        path.display()
    )]
    NoKey {
        /// The ledger.
        ledger: LedgerId,
        /// Where the key was looked for.
        path: PathBuf,
    },
    /// The key here may not sign blocks of this ledger.
    #[error("the host key {key} is not enrolled in ledger {ledger}, or was revoked")]
    NotEnrolled {
        /// The ledger.
        ledger: LedgerId,
        /// The public half.
        key: PublicKey,
    },
    /// Keys or the stored head could not be read or stored.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The ledger was opened or created, and its first write failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// The error for a `note` in `path` that the ledger does not extend.
    pub(super) fn extends(path: PathBuf, source: ExtendsError) -> Self {
        match source {
            ExtendsError::Note(_) => Self::Checkpoint { path, source },
            ExtendsError::Empty | ExtendsError::Shorter { .. } | ExtendsError::Rewritten { .. } => {
                Self::Behind { path, source }
            }
        }
    }
}
