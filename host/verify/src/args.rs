//! The command line of `manes-verify`, read without a library: whoever audits reads less code.

use manes_core::ids::LedgerId;
use std::collections::VecDeque;
use std::path::PathBuf;
use thiserror::Error;

/// What `--help` prints.
pub const HELP: &str = "\
manes-verify: checks what a Manes host recorded, without trusting that host

usage
  manes-verify FOLDER [options]          audit a ledger folder, every byte of it
  manes-verify receipt FILE [options]    check the receipt of one record

options
  --checkpoint FILE    a checkpoint that you hold: the ledger must extend it (repeatable);
                       a receipt must be proved under exactly its tree
  --ledger-id HEX      the ledger that it must be
  --json               one JSON object on standard output
  --help, --version

examples
  manes-verify target/demo/ledger
  manes-verify target/demo/ledger --checkpoint monday.txt --ledger-id 29ed005b…4527764
  manes-verify receipt call-7.json --json

exit codes
  0  verified    2  wrong usage    5  not verified: the first thing that is wrong is named

What is checked, and what the tiers prove, is written in FORMAT.md.
";

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Check something.
    Check(Check),
}

/// What to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A ledger folder, or a receipt if `receipt` is true.
    pub path: PathBuf,
    /// True for a receipt.
    pub receipt: bool,
    /// Files with checkpoints.
    pub checkpoints: Vec<PathBuf>,
    /// The ledger expected.
    pub ledger: Option<LedgerId>,
    /// JSON instead of text.
    pub json: bool,
}

/// A command line that says nothing, or too much.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageError {
    /// Nothing to check.
    #[error("name a ledger folder, or `receipt` and a file; see --help")]
    Nothing,
    /// More than one thing to check.
    #[error("unexpected {argument:?}: one folder or receipt at a time")]
    Extra {
        /// The argument.
        argument: String,
    },
    /// An unknown option.
    #[error("unknown option {option:?}: there are --checkpoint FILE, --ledger-id HEX, --json, --help and --version")]
    Option {
        /// The option.
        option: String,
    },
    /// An option without its value.
    #[error("{option} needs a value: {option} {value}")]
    Value {
        /// The option.
        option: &'static str,
        /// What the value is.
        value: &'static str,
    },
    /// A flag with a value.
    #[error("{option} takes no value")]
    NoValue {
        /// The flag.
        option: String,
    },
    /// An id that is none.
    #[error("{found:?} is no ledger id: 64 hex digits, as `manes verify` and the first line of a checkpoint show them")]
    Ledger {
        /// The text.
        found: String,
    },
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// The first argument that cannot be understood.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, UsageError> {
    let mut rest: VecDeque<String> = arguments.into_iter().collect();
    let mut check = Check { path: PathBuf::new(), receipt: false, checkpoints: vec![], ledger: None, json: false };
    let (mut words, mut literal) = (Vec::new(), false);
    while let Some(argument) = rest.pop_front() {
        if literal || !argument.starts_with('-') || argument == "-" {
            words.push((argument, literal));
            continue;
        }
        let (option, value) =
            argument.split_once('=').map_or((argument.as_str(), None), |(o, v)| (o, Some(v.to_owned())));
        let flag = matches!(option, "--" | "--json" | "--help" | "-h" | "--version" | "-V");
        if flag && value.is_some() {
            return Err(UsageError::NoValue { option: option.to_owned() });
        }
        match option {
            "--" => literal = true,
            "--json" => check.json = true,
            "--help" | "-h" => return Ok(Command::Help),
            "--version" | "-V" => return Ok(Command::Version),
            "--checkpoint" => {
                let file = value.or_else(|| rest.pop_front());
                check.checkpoints.push(file.ok_or(UsageError::Value { option: "--checkpoint", value: "FILE" })?.into());
            }
            "--ledger-id" => {
                let hex = value.or_else(|| rest.pop_front());
                let found = hex.ok_or(UsageError::Value { option: "--ledger-id", value: "HEX" })?;
                check.ledger = Some(found.parse().map_err(|_| UsageError::Ledger { found })?);
            }
            _ => return Err(UsageError::Option { option: option.to_owned() }),
        }
    }
    subject(check, words)
}

/// What the words outside the options name. A folder called `receipt` is `./receipt`.
fn subject(check: Check, words: Vec<(String, bool)>) -> Result<Command, UsageError> {
    let mut words = words.into_iter().peekable();
    let receipt = words.next_if(|(word, literal)| word == "receipt" && !literal).is_some();
    let (path, _) = words.next().ok_or(UsageError::Nothing)?;
    match words.next() {
        Some((argument, _)) => Err(UsageError::Extra { argument }),
        None => Ok(Command::Check(Check { path: path.into(), receipt, ..check })),
    }
}
