//! `manes-verify`: prints what a ledger folder or a receipt proves. All work is in the library.

use manes_verify::args::{self, Check, Command, HELP};
use manes_verify::{AuditOptions, audit, receipt};
use serde_json::{Value, json};
use std::io::Write as _;
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
    let read =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
    let checkpoints: Result<Vec<String>, String> = check.checkpoints.iter().map(|path| read(path)).collect();
    match checkpoints {
        Err(why) => Verdict::Usage(why),
        Ok(checkpoints) if check.receipt => match read(&check.path) {
            Err(why) => Verdict::Usage(why),
            Ok(text) => run_receipt(check, &text, &checkpoints),
        },
        Ok(checkpoints) => run_audit(check, checkpoints),
    }
}

fn run_receipt(check: &Check, text: &str, checkpoints: &[String]) -> Verdict {
    let tier = if checkpoints.is_empty() { "consistent" } else { "extends" };
    match receipt::check(text, check.ledger.as_ref(), checkpoints) {
        Ok(proven) => Verdict::Yes(receipt::to_text(&proven, tier), receipt::to_json(&proven, tier)),
        Err(error) => {
            Verdict::No(error.to_string(), json!({ "verified": false, "finding": { "message": error.to_string() } }))
        }
    }
}

fn run_audit(check: &Check, checkpoints: Vec<String>) -> Verdict {
    let options = AuditOptions { folder: check.path.clone(), checkpoints, ledger: check.ledger };
    match audit(&options) {
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
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(code)
}
