//! What an audit found wrong, and where.

use crate::report::shown;
use manes_core::cbor::CborError;
use manes_core::ids::{Digest, LedgerId};
use manes_core::segment::FrameError;
use manes_core::verify::{ExtendsError, Violation, Wrong};
use serde_json::{Value, json};
use std::fmt;
use thiserror::Error;

/// The first thing in a ledger folder that cannot be so. Nothing was changed in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Finding {
    /// The file or folder, relative to the ledger folder, with `/`; empty for the ledger folder itself, and for a
    /// checkpoint that lies elsewhere.
    pub file: String,
    /// Byte in the file, where one can be named.
    pub offset: Option<u64>,
    /// Place of the block in the ledger, where one is concerned.
    pub block: Option<u64>,
    /// Index of the record in the ledger, where one is concerned.
    pub record: Option<u64>,
    /// What is wrong.
    #[source]
    pub problem: Box<Problem>,
}

/// The ways in which a folder can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The operating system refused.
    #[error("it cannot be read: {why}")]
    Unreadable {
        /// Its message.
        why: String,
    },
    /// Something that no ledger folder holds.
    #[error("it is no part of a ledger folder: find out who put it there, and move it away")]
    Unexpected,
    /// A link, a folder in the place of a file, or the reverse.
    #[error("it is not a plain {expected}")]
    NotPlain {
        /// `file` or `folder`.
        expected: &'static str,
    },
    /// Something that a ledger folder must hold.
    #[error("it is missing: restore it from a copy of this ledger")]
    Missing,
    /// A file that must be empty and is not.
    #[error("it must be empty and holds {bytes} bytes")]
    NotEmpty {
        /// How many.
        bytes: u64,
    },
    /// A file over the format's limit.
    #[error("it holds {bytes} bytes, more than the {bytes_max} that the format allows")]
    TooLarge {
        /// How many.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// A segment's head, or bytes that are neither a frame nor zeros.
    #[error(
        "{0}; if it is the last and its host crashed, open the ledger once with `manes`, which repairs a torn write; else restore the folder from a copy"
    )]
    Frame(FrameError),
    /// A segment without blocks that is not the last.
    #[error("it holds no block, and other segments follow")]
    NoBlocks,
    /// A frame's payload is no block.
    #[error("the frame holds no block: {0}")]
    Block(CborError),
    /// A block that cannot be the next one.
    #[error(transparent)]
    Chain(Wrong),
    /// A blob or artifact whose content is not what its name says.
    #[error("its content was altered: it has the SHA-256 {found}")]
    Digest {
        /// The digest of its content.
        found: Digest,
    },
    /// No block at all.
    #[error("the ledger holds no block")]
    Empty,
    /// The folder's own checkpoint.
    #[error("the folder's own checkpoint does not fit: {0}")]
    Checkpoint(ExtendsError),
    /// A checkpoint that the auditor brought.
    #[error("checkpoint {number} of those given does not fit: {why}")]
    Held {
        /// Its place among those given, from 1.
        number: usize,
        /// Why.
        why: ExtendsError,
    },
    /// Another ledger than the one expected.
    #[error("this is ledger {found}, not {expected}")]
    OtherLedger {
        /// The one expected.
        expected: LedgerId,
        /// The one found.
        found: LedgerId,
    },
}

impl Problem {
    /// A word for programs; it never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Unexpected | Self::NotPlain { .. } => "unexpected",
            Self::Missing => "missing",
            Self::NotEmpty { .. } | Self::TooLarge { .. } => "size",
            // A header or envelope that does not decode is no block either.
            Self::Frame(_) | Self::NoBlocks | Self::Block(_) | Self::Chain(Wrong::Header(_) | Wrong::Record { .. }) => {
                "damaged"
            }
            Self::Chain(_) | Self::Empty => "chain",
            Self::Digest { .. } => "digest",
            Self::Checkpoint(_) => "checkpoint",
            Self::Held { .. } => "held-checkpoint",
            Self::OtherLedger { .. } => "other-ledger",
        }
    }
}

impl Finding {
    /// A finding about a whole file.
    #[must_use]
    pub fn of(file: impl Into<String>, problem: Problem) -> Self {
        Self { file: file.into(), offset: None, block: None, record: None, problem: Box::new(problem) }
    }

    /// A finding about a file that the operating system refused.
    #[must_use]
    pub fn io(file: impl Into<String>, error: &std::io::Error) -> Self {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        Self::of(file, if missing { Problem::Missing } else { Problem::Unreadable { why: error.to_string() } })
    }

    /// A finding about the checkpoint that is `number` among those given, from 1.
    #[must_use]
    pub fn held(number: usize, why: ExtendsError) -> Self {
        Self::of("", Problem::Held { number, why })
    }

    /// A block of `file` that the chain refuses.
    #[must_use]
    pub fn chain(file: &str, offset: u64, violation: Violation) -> Self {
        let Violation { block, what } = violation;
        let record = record(&what);
        Self { record, ..Self::of(file, Problem::Chain(what)).at(offset, block) }
    }

    /// The same, at a byte of the file and in a block.
    #[must_use]
    pub fn at(self, offset: u64, block: u64) -> Self {
        Self { offset: Some(offset), block: Some(block), ..self }
    }

    /// The file or folder, if it is one of the ledger's.
    fn place(&self) -> Option<&str> {
        (!matches!(*self.problem, Problem::Held { .. })).then_some(&self.file)
    }

    /// The stable JSON form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "verified": false,
            "finding": {
                "code": self.problem.code(),
                "file": self.place(),
                "offset": self.offset,
                "block": self.block,
                "record": self.record,
                "message": self.to_string(),
            },
        })
    }
}

/// The record that a violation is about.
const fn record(wrong: &Wrong) -> Option<u64> {
    match wrong {
        Wrong::Record { record, .. }
        | Wrong::Body { record }
        | Wrong::Uncommitted { record }
        | Wrong::Misplaced { record, .. } => Some(*record),
        Wrong::Header(_)
        | Wrong::NoGenesis
        | Wrong::OtherLedger(_)
        | Wrong::UnknownKey(_)
        | Wrong::RevokedKey(_)
        | Wrong::Signature
        | Wrong::Link
        | Wrong::Incarnation { .. }
        | Wrong::Index { .. }
        | Wrong::Count { .. }
        | Wrong::Root
        | Wrong::Head => None,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            // Its number says which.
            None => return write!(f, "{}", self.problem),
            Some("") => f.write_str("the ledger folder")?,
            Some(file) => f.write_str(&shown(file))?,
        }
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        if let Some(block) = self.block {
            write!(f, ", block {block}")?;
        }
        write!(f, ": {}", self.problem)
    }
}
