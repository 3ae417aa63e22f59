//! The two who judge.

use crate::cli::cmd::Cmd;
use crate::cli::desk::repository;
use manes_verify::{AuditOptions, audit};
use serde_json::Value;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What is said of a folder.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Verified, with the report of FORMAT.md.
    Accepted(Value),
    /// Not verified, and why.
    Refused(String),
}

/// Rust's.
pub(crate) fn rust(folder: &Path, held: &[String]) -> Verdict {
    match audit(&AuditOptions { folder: folder.to_owned(), checkpoints: held.to_vec(), ledger: None }) {
        Ok(report) => Verdict::Accepted(report.to_json()),
        Err(finding) => Verdict::Refused(finding.to_string()),
    }
}

/// Python's, in one process for all folders; `None`, said loudly, where there is no Python.
pub(crate) fn python(folders: &[PathBuf], held: &[String], home: &Path) -> Option<Vec<Verdict>> {
    let script = repository().join("tests/verifier/manes_verify.py");
    let there = std::process::Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success());
    if !there || !script.is_file() {
        eprintln!("SKIPPED: no second opinion on {} folders: no python3, or no {}", folders.len(), script.display());
        return None;
    }
    let mut command = Cmd::program("python3").args(["-B".as_ref(), script.as_os_str()]).args(["--batch", "--json"]);
    for (number, note) in held.iter().enumerate() {
        let file = home.join(format!("held-{number}"));
        std::fs::write(&file, note).expect("written");
        command = command.arg("--checkpoint").arg(file);
    }
    let lines: Vec<_> = folders.iter().flat_map(|folder| [folder.as_os_str().as_bytes(), b"\n"]).collect();
    let ran = command.stdin(lines.concat()).ok();
    assert_eq!(ran.stderr, "", "the second verifier has a fault of its own");
    let verdicts: Vec<_> = ran.json_lines().into_iter().map(verdict).collect();
    assert_eq!(verdicts.len(), folders.len(), "an answer for each folder");
    Some(verdicts)
}

fn verdict(mut line: Value) -> Verdict {
    match line["ok"].as_bool().expect("a verdict") {
        true => Verdict::Accepted(line["report"].take()),
        false => Verdict::Refused(line["finding"].to_string()),
    }
}
