//! `manes verify` and `manes receipt`: what they prove, and that three programs agree on it.

use super::cmd::{Cmd, binary};
use super::desk::{Desk, repository};
use serde_json::{Value, json};
use std::path::Path;

/// The auditor's binary.
fn auditor() -> Cmd {
    Cmd::program(binary("manes-verify"))
}

/// The second verifier, if there is a Python.
pub(crate) fn python() -> Option<Cmd> {
    let script = repository().join("tests/verifier/manes_verify.py");
    if std::process::Command::new("python3").arg("--version").output().is_err() || !script.is_file() {
        eprintln!("SKIPPED: the second verifier did not judge: no python3, or no {}", script.display());
        return None;
    }
    Some(Cmd::program("python3").args(["-B".as_ref(), script.as_os_str()]))
}

fn busy() -> Desk {
    let desk = Desk::csv();
    desk.flow("mean body_mass_g by species?");
    desk
}

#[test]
fn a_whole_ledger_verifies_and_the_auditor_and_the_command_say_the_same() {
    let desk = busy();
    let text = Cmd::reading(&desk).arg("verify").ok().stdout;
    assert!(text.contains("consistent; extends the head kept here"), "{text}");
    let mut ours = Cmd::reading(&desk).arg("verify").json();
    assert_eq!((&ours["verified"], &ours["tier"], &ours["tail"]), (&json!(true), &json!("extends"), &json!(0)));
    let mut theirs = auditor().arg(desk.ledger()).arg("--json").ok().json();
    assert_eq!(theirs["tier"], "consistent", "the auditor holds no head");
    for report in [&mut ours, &mut theirs] {
        let fields = report.as_object_mut().expect("an object");
        fields.remove("tier");
        fields.remove("held");
    }
    assert_eq!(ours, theirs);
}

#[test]
fn a_copy_elsewhere_verifies_and_says_that_no_head_was_held() {
    let desk = busy();
    let copy = desk.copy_of_ledger("copy");
    let stranger = Desk::new("");
    let text = Cmd::bare(&stranger).args(["verify", "--ledger"]).arg(&copy).ok().stdout;
    assert!(text.contains("consistent; no checkpoint was held against it"), "{text}");
}

#[test]
fn the_ledger_must_be_the_one_expected() {
    let desk = busy();
    let id = Cmd::reading(&desk).arg("verify").json()["ledger"].as_str().expect("an id").to_owned();
    Cmd::reading(&desk).args(["verify", "--ledger-id", &id]).ok();
    let other = "0".repeat(64);
    Cmd::reading(&desk).args(["verify", "--ledger-id", &other]).refuses(5, &[&id, &other]);
    Cmd::reading(&desk).args(["verify", "--ledger-id", "abc"]).refuses(2, &["--ledger-id", "64 hex"]);
}

#[test]
fn a_ledger_extends_every_checkpoint_of_its_past_and_none_of_another_ledger() {
    let desk = busy();
    let held = desk.folder().join("yesterday.checkpoint");
    std::fs::copy(desk.ledger().join("checkpoint"), &held).expect("a copy");
    desk.flow("how many rows?");
    for command in [Cmd::reading(&desk).arg("verify"), auditor().arg(desk.ledger())] {
        let report = command.arg("--checkpoint").arg(&held).arg("--json").ok().json();
        assert_eq!(report["tier"], "extends");
        let sizes = [&report["held"][0]["size"], &report["head"]["size"]].map(|n| n.as_u64().expect("a size"));
        assert!(sizes[0] < sizes[1], "the checkpoint is of its past: {report}");
    }
    let other = busy();
    let foreign = other.ledger().join("checkpoint");
    Cmd::reading(&desk).arg("verify").arg("--checkpoint").arg(foreign).refuses(5, &["not verified", "checkpoint"]);
    Cmd::reading(&desk).args(["verify", "--checkpoint", "absent"]).refuses(2, &["absent", "No such file"]);
    std::fs::write(desk.folder().join("noise"), "noise\n").expect("a file");
    Cmd::reading(&desk).args(["verify", "--checkpoint", "noise"]).refuses(5, &["not a checkpoint"]);
}

#[test]
fn every_record_has_a_receipt_that_three_programs_accept() {
    let desk = busy();
    let log = Cmd::reading(&desk).args(["log", "--json"]).ok().json_lines();
    let file = desk.folder().join("receipt.json");
    for record in [0, 1, 2, log.len() / 2, log.len() - 1] {
        let receipt = Cmd::reading(&desk).args(["receipt", &record.to_string()]).ok().stdout;
        std::fs::write(&file, &receipt).expect("a file");
        let proven = auditor().args(["receipt", "--json"]).arg(&file).ok().json();
        assert_eq!((&proven["verified"], &proven["index"]), (&json!(true), &json!(record)));
        for field in ["leaf", "kind", "time_ns"] {
            assert_eq!(proven[field], log[record][field], "{field} of record {record}");
        }
        if let Some(python) = python() {
            let theirs = python.args(["--json", "receipt"]).arg(&file).ok().json();
            for field in
                ["ledger", "index", "leaf", "kind", "time_ns", "block", "host", "checkpoint", "body", "content"]
            {
                assert_eq!(theirs[field], proven[field], "{field} of record {record}");
            }
        }
    }
}

#[test]
fn a_receipt_can_be_had_without_showing_the_body() {
    let desk = busy();
    let log = Cmd::reading(&desk).args(["log", "--topic", "csv.question", "--json"]).ok().json_lines();
    let record = log[0]["record"].to_string();
    let receipt = |more: &[&str]| Cmd::reading(&desk).args(["receipt", &record]).args(more).ok().stdout;
    let file = desk.folder().join("receipt.json");
    let judged = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        auditor().args(["receipt", "--json"]).arg(&file).ok().json()
    };
    let shown = judged(&receipt(&[]));
    assert_eq!(shown["body"], "verified");
    assert!(shown["content"].to_string().contains("mean body_mass_g"), "{shown}");
    let text = receipt(&["--without-body"]);
    let withheld = judged(&text);
    assert_eq!((&withheld["body"], &withheld["content"]), (&json!("withheld"), &Value::Null));
    assert_eq!(withheld["leaf"], shown["leaf"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert!(json.get("body").is_none_or(Value::is_null), "neither bytes nor salt: {text}");
}

#[test]
fn a_receipt_altered_anywhere_is_refused_by_both_verifiers() {
    let desk = busy();
    let log = Cmd::reading(&desk).args(["log", "--topic", "csv.answered", "--json"]).ok().json_lines();
    let text = Cmd::reading(&desk).args(["receipt", &log[0]["record"].to_string()]).ok().stdout;
    let receipt: Value = serde_json::from_str(&text).expect("JSON");
    let mut leaves = Vec::new();
    pointers(&receipt, String::new(), &mut leaves);
    assert!(leaves.len() >= 10, "too few places to alter: {leaves:?}");
    for pointer in leaves {
        let mut altered = receipt.clone();
        alter(altered.pointer_mut(&pointer).expect("it is there"));
        refused(&desk.folder().join("altered.json"), &altered.to_string(), &pointer);
    }
    let half = &text[..text.len() / 2];
    for broken in ["", "{}", "[]", "null", half] {
        refused(&desk.folder().join("altered.json"), broken, "what is no receipt");
    }
}

/// Pointers to all that is no list or object.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| pointers(value, format!("{at}/{name}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, value)| pointers(value, format!("{at}/{place}"), found));
        }
        _ => found.push(at),
    }
}

/// Changes as little as can be.
fn alter(value: &mut Value) {
    *value = match &*value {
        Value::String(text) => {
            let first = if text.starts_with('0') { '1' } else { '0' };
            Value::String(text.chars().next().map_or(first.to_string(), |_| format!("{first}{}", &text[1..])))
        }
        Value::Number(number) => json!(number.as_u64().expect("unsigned") + 1),
        other => panic!("a receipt has no {other}"),
    };
}

#[track_caller]
fn refused(file: &Path, text: &str, what: &str) {
    std::fs::write(file, text).expect("a file");
    let verdict = auditor().args(["receipt", "--json"]).arg(file).run();
    assert_eq!(verdict.code, Some(5), "manes-verify accepts {what}: {}", verdict.stdout);
    assert_eq!(verdict.json()["verified"], false);
    if let Some(python) = python() {
        let verdict = python.args(["--json", "receipt"]).arg(file).run();
        assert_eq!(verdict.code, Some(5), "the second verifier accepts {what}: {} {}", verdict.stdout, verdict.stderr);
    }
}

#[test]
fn a_receipt_of_no_record_is_usage() {
    let desk = busy();
    let records = Cmd::reading(&desk).arg("verify").json()["records"].as_u64().expect("a number");
    Cmd::reading(&desk).args(["receipt", &records.to_string()]).refuses(2, &[&records.to_string(), "the last is"]);
    Cmd::reading(&desk).args(["receipt", &u64::MAX.to_string()]).refuses(2, &["no record"]);
}
