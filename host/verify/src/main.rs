//! `manes-verify`: prints what a ledger folder or a receipt proves. All work is in the library.

use manes_core::checkpoint;
use manes_core::receipt::{Proven, ReceiptError};
use manes_verify::args::{self, Check, Command, HELP};
use manes_verify::limits::{CHECKPOINT_BYTES_MAX, RECEIPT_BYTES_MAX};
use manes_verify::report::shown;
use manes_verify::{AuditOptions, Finding, Report, audit, receipt};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

const USAGE: u8 = 2;
const NOT_VERIFIED: u8 = 5;

/// What is printed, and how the program ends.
enum Verdict {
    /// Verified, with its text and JSON.
    Yes(String, Value),
    /// Not verified, with its text and JSON.
    No(String, Value),
    /// The command cannot be carried out.
    Usage(String),
}

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let check = match args::parse(arguments) {
        Ok(Command::Help) => return print(HELP, ExitCode::SUCCESS),
        Ok(Command::Version) => {
            return print(concat!("manes-verify ", env!("CARGO_PKG_VERSION"), "\n"), ExitCode::SUCCESS);
        }
        Ok(Command::Check(check)) => check,
        Err(error) => return complain(&format!("manes-verify: {error}"), USAGE),
    };
    match (run(&check), check.json) {
        (Verdict::Yes(text, _), false) => print(&text, ExitCode::SUCCESS),
        (Verdict::Yes(_, json), true) => print(&format!("{json:#}\n"), ExitCode::SUCCESS),
        (Verdict::No(text, _), false) => complain(&format!("not verified: {text}"), NOT_VERIFIED),
        (Verdict::No(_, json), true) => print(&format!("{json:#}\n"), ExitCode::from(NOT_VERIFIED)),
        (Verdict::Usage(text), _) => complain(&format!("manes-verify: {text}"), USAGE),
    }
}

fn run(check: &Check) -> Verdict {
    let held: Result<Vec<_>, String> = check.checkpoints.iter().map(|path| read(path, CHECKPOINT_BYTES_MAX)).collect();
    match held {
        Err(why) => Verdict::Usage(why),
        Ok(held) if check.receipt => match read(&check.path, RECEIPT_BYTES_MAX) {
            Err(why) => Verdict::Usage(why),
            Ok(bytes) => run_receipt(check, bytes, held),
        },
        Ok(held) => run_audit(check, held),
    }
}

/// Reads a file, and of one that is too large a byte more than is allowed: enough to see that it is.
fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Everything about a receipt, from the bytes of the files.
fn judge(check: &Check, bytes: Vec<u8>, held: Vec<Vec<u8>>) -> Result<Proven, ReceiptError> {
    let notes = held.into_iter().map(checkpoint::text).collect::<Result<Vec<_>, _>>()?;
    receipt::check(&receipt::text(bytes)?, check.ledger.as_ref(), &notes)
}

fn run_receipt(check: &Check, bytes: Vec<u8>, held: Vec<Vec<u8>>) -> Verdict {
    let tier = if held.is_empty() { "consistent" } else { "extends" };
    match judge(check, bytes, held) {
        Ok(proven) => Verdict::Yes(receipt::to_text(&proven, tier), receipt::to_json(&proven, tier)),
        Err(error) => {
            Verdict::No(error.to_string(), json!({ "verified": false, "finding": { "message": error.to_string() } }))
        }
    }
}

/// Everything about a folder, from the bytes of the checkpoints held.
fn judge_folder(check: &Check, held: Vec<Vec<u8>>) -> Result<Report, Finding> {
    let text = |(place, bytes)| checkpoint::text(bytes).map_err(|error| Finding::held(place + 1, error.into()));
    let checkpoints = held.into_iter().enumerate().map(text).collect::<Result<_, _>>()?;
    audit(&AuditOptions { folder: check.path.clone(), checkpoints, ledger: check.ledger })
}

fn run_audit(check: &Check, held: Vec<Vec<u8>>) -> Verdict {
    if !check.path.is_dir() {
        return Verdict::Usage(format!("{} is no folder: name the one of a ledger", check.path.display()));
    }
    match judge_folder(check, held) {
        Ok(report) => Verdict::Yes(report.to_string(), report.to_json()),
        Err(finding) => Verdict::No(finding.to_string(), finding.to_json()),
    }
}

/// Prints to standard output. A reader that went away is no reason to change the verdict.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    code
}

fn complain(text: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{}", shown(text));
    ExitCode::from(code)
}
