//! A ledger that was tampered with: `verify` finds it, and no command takes it for whole.

use super::cmd::Cmd;
use super::desk::{Desk, asked};
use crate::verifiers::tamper;
use serde_json::json;

#[test]
fn a_flipped_bit_in_any_file_is_found() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let before = Cmd::reading(&desk).arg("verify").ok();
    let ledger = desk.ledger();
    let files: Vec<_> = tamper::files(&ledger).into_iter().filter(|file| file != "LOCK").collect();
    assert!(files.iter().any(|file| file.starts_with("artifacts/")), "{files:?}");
    for file in files {
        let path = ledger.join(&file);
        let whole = std::fs::read(&path).expect("a file");
        let used = tamper::used(&whole);
        for place in [0, used / 2, used - 1] {
            let mut altered = whole.clone();
            altered[place] ^= 1;
            std::fs::write(&path, &altered).expect("written");
            let ran = Cmd::reading(&desk).arg("verify").refuses(5, &["not verified"]);
            assert!(ran.stderr.contains(file.split('/').next_back().expect("a name")), "{file}: {}", ran.stderr);
            let json = Cmd::reading(&desk).args(["verify", "--json"]).exits(5).json();
            assert_eq!(json["verified"], false);
            assert!(json["finding"]["code"].is_string() && json["finding"]["message"].is_string(), "{json}");
        }
        std::fs::write(&path, &whole).expect("written");
    }
    assert_eq!(Cmd::reading(&desk).arg("verify").ok().stdout, before.stdout, "and as it was, it verifies");
}

/// A desk whose ledger was cut back to where it stood before its last flow, checkpoint and all.
fn cut() -> Desk {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let earlier = desk.copy_of_ledger("earlier");
    desk.flow("mean year");
    std::fs::remove_dir_all(desk.ledger()).expect("removed");
    std::fs::rename(earlier, desk.ledger()).expect("put back");
    desk
}

#[test]
fn a_ledger_that_was_rolled_back_is_found_by_the_head_kept_at_home() {
    let desk = cut();
    // In itself it is consistent: nobody without the head can tell.
    let stranger = Desk::new("");
    Cmd::bare(&stranger).args(["verify", "--ledger"]).arg(desk.ledger()).ok();
    let ran = Cmd::reading(&desk).arg("verify").refuses(5, &["not verified", "checkpoint"]);
    assert!(ran.stderr.contains("cut") || ran.stderr.contains("rolled back"), "{}", ran.stderr);
    let finding = Cmd::reading(&desk).args(["verify", "--json"]).exits(5).json();
    assert_eq!(finding["finding"]["code"], "held-checkpoint");
}

#[test]
fn a_head_that_cannot_be_read_does_not_pass_for_none() {
    let desk = cut();
    let home = desk.folder().join("no-folder");
    std::fs::write(&home, "").expect("a file");
    Cmd::reading(&desk).arg("verify").env("MANES_HOME", &home).refuses(2, &["the head that this machine has seen"]);
}

#[test]
fn a_host_does_not_continue_a_ledger_that_was_rolled_back() {
    let desk = cut();
    let before = tamper::read(&desk.ledger());
    for command in
        [vec!["up".to_owned()], vec!["run".to_owned(), "csv.question".to_owned(), asked("count", "penguins.csv")]]
    {
        let ran = Cmd::manes(&desk).args(command).run();
        assert!(matches!(ran.code, Some(1 | 5)) && ran.stdout.is_empty(), "{:?} {}", ran.code, ran.stdout);
        assert!(ran.stderr.contains("head") || ran.stderr.contains("checkpoint"), "{}", ran.stderr);
    }
    assert!(tamper::read(&desk.ledger()) == before, "nothing may be written to it");
}

#[test]
fn a_host_does_not_continue_a_ledger_with_damage_in_its_middle() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let path = desk.ledger().join("segments/00000000.seg");
    let mut bytes = std::fs::read(&path).expect("a segment");
    bytes[60] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    let ran = Cmd::manes(&desk).args(["run", "csv.question", &asked("count", "penguins.csv")]).run();
    assert!(matches!(ran.code, Some(1 | 5)) && ran.stdout.is_empty(), "{:?} {}", ran.code, ran.stdout);
    assert_eq!(std::fs::read(&path).expect("a segment"), bytes, "nothing may be mended by guesswork");
    for command in [vec!["flows"], vec!["log"], vec!["receipt", "0"]] {
        Cmd::reading(&desk).args(command).exits(5);
    }
}

#[test]
fn a_torn_write_at_the_end_is_refused_by_verify_and_mended_by_the_host() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let path = desk.ledger().join("segments/00000000.seg");
    let mut bytes = std::fs::read(&path).expect("a segment");
    let used = tamper::used(&bytes);
    bytes.truncate(used);
    // The beginning of a frame, as a crash leaves it.
    bytes.extend_from_slice(b"MNSB\x00\x10\x00\x00half a frame");
    std::fs::write(&path, &bytes).expect("written");
    Cmd::reading(&desk).arg("verify").refuses(5, &["00000000.seg", "torn"]);
    let ran = Cmd::manes(&desk).args(["run", "csv.question", &asked("how many rows?", "penguins.csv")]).ok();
    assert_eq!(ran.json()["answer"], 344);
    assert_eq!(Cmd::reading(&desk).arg("verify").json()["verified"], json!(true));
}
