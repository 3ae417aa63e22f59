//! Goal: the command says what the library found, with the exit codes it documents. Method: it is run.

use crate::folder::{Folder, golden_blocks, golden_files, golden_path, note};
use manes_core::receipt::Receipt;
use manes_verify::args::{self, Check, Command as Line, UsageError};
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_manes-verify")).args(arguments).output().expect("the command starts");
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("path is text")
}

#[test]
fn the_report_of_the_golden_ledger_is_the_one_kept() {
    let expected = golden_path().join("v1.expected.json");
    let (code, json, _) = run(&[path(&golden_path().join("v1")), "--json"]);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&expected, &json).expect("file can be written");
    }
    assert_eq!((code, json), (0, std::fs::read_to_string(expected).expect("it is kept")));
}

#[test]
fn text_names_the_tier_the_tail_and_what_is_wrong() {
    let folder = Folder::golden();
    let elsewhere = tempfile::tempdir().expect("temporary folder");
    let held = elsewhere.path().join("held");
    std::fs::write(&held, note(&golden_blocks()[..3])).expect("file can be written");
    let (code, text, _) = run(&[path(folder.path())]);
    assert!(code == 0 && text.contains("consistent in itself") && text.contains("1 block after"), "{text}");
    let (code, text, _) = run(&[path(folder.path()), "--checkpoint", path(&held)]);
    assert!(code == 0 && text.contains("extends the checkpoint of 3 blocks"), "{text}");

    folder.remove("checkpoint");
    let (code, text, errors) = run(&[path(folder.path())]);
    assert_eq!((code, text.as_str()), (5, ""));
    assert!(errors.starts_with("not verified: checkpoint: it is missing"), "{errors}");
    let (code, json, _) = run(&[path(folder.path()), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((code, json["finding"]["code"].as_str()), (5, Some("missing")));
}

#[test]
fn another_ledger_than_the_one_expected_is_not_verified() {
    let (ledger, other) = (golden_blocks()[0].envelopes[0].clone(), "00".repeat(32));
    let right = manes_core::tree::leaf_hash(&ledger).to_string();
    let golden = golden_path().join("v1");
    assert_eq!(run(&[path(&golden), "--ledger-id", &right]).0, 0);
    let (code, _, errors) = run(&[path(&golden), &format!("--ledger-id={other}")]);
    assert!(code == 5 && errors.contains("this is ledger"), "{errors}");
}

#[test]
fn a_receipt_is_checked_against_ledger_and_checkpoint() {
    let folder = Folder::golden();
    let (blocks, files) = (golden_blocks(), golden_files());
    let own = String::from_utf8(files["checkpoint"].clone()).expect("a checkpoint is text");
    let receipt = Receipt::from_blocks(&blocks, 3, &own, true, |_| None).expect("record 3 is covered");
    let file = folder.path().join("receipt.json");
    let (same, later) = (folder.path().join("same"), folder.path().join("later"));
    std::fs::write(&file, receipt.to_json()).expect("file can be written");
    std::fs::write(&same, own).expect("file can be written");
    std::fs::write(&later, note(&blocks)).expect("file can be written");

    let (code, text, _) = run(&["receipt", path(&file)]);
    assert!(code == 0 && text.contains("3, event, in block 2 of 10") && text.contains("sum.asked"), "{text}");
    let (code, json, _) = run(&["receipt", path(&file), "--json", "--checkpoint", path(&same)]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(
        (code, json["tier"].as_str(), json["content"]["data"].as_str()),
        (0, Some("extends"), Some("{\"sum\":[1,2]}"))
    );
    let (code, _, errors) = run(&["receipt", path(&file), "--checkpoint", path(&later)]);
    assert!(code == 5 && errors.contains("covers 11 blocks"), "{errors}");
    let (code, _, errors) = run(&["receipt", path(&file), "--ledger-id", &"00".repeat(32)]);
    assert!(code == 5 && errors.contains("the receipt is of ledger"), "{errors}");
    std::fs::write(&file, receipt.to_json().replace("\"index\": 3", "\"index\": 4")).expect("file can be written");
    assert_eq!(run(&["receipt", path(&file)]).0, 5);
}

#[test]
fn files_that_are_not_text_are_not_verified() {
    let (folder, elsewhere) = (Folder::golden(), tempfile::tempdir().expect("temporary folder"));
    let file = elsewhere.path().join("file");
    std::fs::write(&file, b"\xff").expect("file can be written");
    let finding = |arguments: &[&str]| {
        let (code, json, _) = run(&[arguments, &["--json"]].concat());
        let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        assert_eq!((code, &json["verified"]), (5, &false.into()), "{arguments:?}");
        json["finding"].clone()
    };
    assert!(finding(&["receipt", path(&file)])["message"].as_str().expect("text").contains("UTF-8"));
    let held = finding(&[path(folder.path()), "--checkpoint", path(&file)]);
    assert_eq!((held["code"].as_str(), held["file"].is_null()), (Some("held-checkpoint"), true), "{held}");
    // A line of a stranger is ignored, but it is text.
    let note = [golden_files()["checkpoint"].as_slice(), "— w \u{e9}\n".as_bytes()].concat();
    std::fs::write(&file, &note).expect("file can be written");
    assert_eq!(run(&[path(folder.path()), "--checkpoint", path(&file)]).0, 0);
    std::fs::write(&file, note.strip_suffix(b"\xa9\n").expect("its end")).expect("file can be written");
    assert_eq!(finding(&[path(folder.path()), "--checkpoint", path(&file)])["code"], "held-checkpoint");
    std::fs::write(&file, [note, vec![b'x'; 64 << 10]].concat()).expect("file can be written");
    assert_eq!(finding(&[path(folder.path()), "--checkpoint", path(&file)])["code"], "held-checkpoint");
    folder.write("checkpoint", b"\xff");
    assert_eq!(folder.code(), "checkpoint");
}

#[cfg(unix)]
#[test]
fn a_folder_is_reached_through_a_link_and_its_names_do_nothing_to_a_terminal() {
    let (folder, elsewhere) = (Folder::golden(), tempfile::tempdir().expect("temporary folder"));
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).expect("link can be made");
    assert_eq!(run(&[path(&link)]).0, 0);
    folder.write("\u{1b}[31m", b"");
    let (code, _, errors) = run(&[path(&link)]);
    assert!(code == 5 && errors.contains("\\u{1b}[31m") && !errors.contains('\u{1b}'), "{errors:?}");
}

#[test]
fn wrong_usage_is_told_what_is_right() {
    for (arguments, said) in [
        (vec![], "name a ledger folder"),
        (vec!["receipt"], "name a ledger folder"),
        (vec!["a", "b"], "one folder or receipt at a time"),
        (vec!["a", "--chekpoint", "b"], "--checkpoint FILE"),
        (vec!["a", "--checkpoint"], "--checkpoint needs a value"),
        (vec!["a", "--checkpoint", "/no/such/file"], "cannot read /no/such/file"),
        (vec!["a", "--ledger-id", "xyz"], "64 hex digits"),
        (vec!["a", "--json=yes"], "takes no value"),
    ] {
        let (code, text, errors) = run(&arguments);
        assert!(code == 2 && text.is_empty() && errors.contains(said), "{arguments:?}: {errors}");
    }
    let (code, help, _) = run(&["--help"]);
    assert!(code == 0 && help.contains("examples") && help.contains("exit codes"));
    assert_eq!(run(&["--version"]).0, 0);
}

#[test]
fn a_folder_may_be_called_receipt() {
    let parse = |arguments: &[&str]| args::parse(arguments.iter().map(|text| (*text).to_owned()));
    let check = |receipt| Check { path: "receipt".into(), receipt, checkpoints: vec![], ledger: None, json: false };
    assert_eq!(parse(&["--", "receipt"]), Ok(Line::Check(check(false))));
    assert_eq!(parse(&["receipt", "receipt"]), Ok(Line::Check(check(true))));
    assert_eq!(parse(&["receipt"]), Err(UsageError::Nothing));
}
