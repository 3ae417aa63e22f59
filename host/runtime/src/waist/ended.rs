//! Why an attempt ends before its handler returns, and who is to blame.

use manes_core::cursor::Divergence;
use manes_core::ids::Digest;
use manes_core::record::EndStatus;
use thiserror::Error;

/// What stops a guest in the middle. It travels through wasmtime as an error and is taken out again by the attempt.
#[derive(Debug, Clone, Error)]
pub enum Ended {
    /// A denied call whose type has no way to say so.
    #[error("{0}")]
    Denied(String),
    /// The guest called exit.
    #[error("exit code {0}")]
    Exited(u8),
    /// A limit of the manifest; the message names the line that would raise it, and its section.
    #[error("{what} is over its limit; {advice}")]
    Limit {
        /// What was too much.
        what: String,
        /// What to do: [`manes_core::limits::Limit::advice`].
        advice: String,
    },
    /// The guest broke a rule of the component model or of WASI.
    #[error("{0}")]
    Guest(String),
    /// A capability failed: not the guest's fault.
    #[error("capability {provider} failed: {message}")]
    Provider {
        /// Its name.
        provider: String,
        /// What it said.
        message: String,
    },
    /// A write of an earlier attempt whose outcome nobody knows, and which may not be repeated.
    #[error("an earlier attempt made this call, {function} {what}")]
    Unknown {
        /// What was called.
        function: String,
        /// What about, what is known of it, and what to do.
        what: String,
        /// The write's record, if an operator is to say whether it is made again.
        asks: Option<Digest>,
    },
    /// The attempt cannot go on after its host died.
    #[error("{0}")]
    Interrupted(String),
    /// Replay: the run does something else than the record.
    #[error("{0}")]
    Diverged(Box<Divergence>),
    /// Replay: the record ended the attempt here.
    #[error("{message}")]
    Recorded {
        /// How.
        status: EndStatus,
        /// Why.
        message: String,
    },
    /// The ledger took no more; the host stops, and the attempt stays open.
    #[error("the ledger failed: {0}")]
    Ledger(String),
}

impl Ended {
    /// How the end is recorded.
    #[must_use]
    pub const fn status(&self) -> EndStatus {
        match self {
            Self::Denied(_) => EndStatus::Denied,
            Self::Exited(_) => EndStatus::Exited,
            Self::Limit { .. } => EndStatus::Limit,
            Self::Guest(_) | Self::Diverged(_) => EndStatus::Trapped,
            Self::Provider { .. } => EndStatus::Fault,
            Self::Recorded { status, .. } => *status,
            Self::Unknown { .. } => EndStatus::Unknown,
            Self::Ledger(_) | Self::Interrupted(_) => EndStatus::Interrupted,
        }
    }

    /// As a call's outcome keeps it: the status's word and the message.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}: {self}", self.status().name())
    }

    /// The end that a recorded call imposed.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let (word, message) = text.split_once(": ").unwrap_or((text, ""));
        let status = (0..).map_while(EndStatus::from_number).find(|status| status.name() == word);
        Self::Recorded { status: status.unwrap_or(EndStatus::Fault), message: message.to_owned() }
    }
}
