//! Exit codes: few, documented, stable.

use std::process::ExitCode;

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Something outside failed: a file, a port, a disk.
    Failed = 1,
    /// The command line, manifest or id is wrong.
    Usage = 2,
    /// An event was rejected or nobody took it, or an activation died.
    Rejected = 3,
    /// A replay is not identical.
    Diverged = 4,
    /// The ledger, receipt or checkpoint does not verify.
    Unverified = 5,
    /// Not finished in time.
    Unfinished = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that has an exit code of its own.
#[derive(Debug)]
pub(crate) struct Coded {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

/// An error of usage.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Coded { exit: Exit::Usage, message: message.into() }.into()
}

/// An error with a code.
pub(crate) fn coded(exit: Exit, message: impl Into<String>) -> anyhow::Error {
    Coded { exit, message: message.into() }.into()
}

/// The code of an error.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Coded>().map_or(Exit::Failed, |coded| coded.exit)
}
