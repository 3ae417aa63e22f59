//! `key` and `restore`: on a ledger's folder and through a running host alike.

use super::cmd::{Cmd, binary};
use super::desk::{Desk, asked, copy};
use super::proofs::python;
use serde_json::Value;

fn listed(desk: &Desk) -> Value {
    Cmd::reading(desk).args(["key", "--json"]).ok().json()
}

fn verified(desk: &Desk) {
    Cmd::reading(desk).arg("verify").ok();
    Cmd::program(binary("manes-verify")).arg(desk.ledger()).ok();
    if let Some(python) = python() {
        python.arg(desk.ledger()).ok();
    }
}

#[test]
fn a_rotated_key_signs_what_follows_and_old_receipts_stay_valid() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let receipt = Cmd::reading(&desk).args(["receipt", "3"]).ok().stdout;
    let before = listed(&desk);
    assert_eq!(before["keys"].as_array().map(Vec::len), Some(1), "{before}");
    assert_eq!((&before["root_here"], &before["keys"][0]["here"]), (&Value::Bool(true), &Value::Bool(true)));
    Cmd::manes(&desk).args(["key", "rotate"]).ok();
    desk.flow("how many rows?");
    let up = desk.up();
    let rotated = Cmd::manes(&desk).args(["key", "rotate", "--keep-old", "--json"]).ok().json();
    let question = asked("how many rows?", "penguins.csv");
    Cmd::manes(&desk).args(["run", "csv.question", &question]).ok();
    up.terminate();
    let after = listed(&desk);
    let states = |keys: &Value| {
        let keys = keys["keys"].as_array().expect("keys").iter();
        keys.map(|key| (key["state"].as_str().expect("a state").to_owned(), key["here"] == true)).collect::<Vec<_>>()
    };
    let state = |state: &str, here: bool| (state.to_owned(), here);
    assert_eq!(states(&after), [state("revoked", false), state("enrolled", false), state("enrolled", true)]);
    assert_eq!(after["keys"][2]["key"], rotated["key"]);
    let kept = after["keys"][1]["key"].as_str().expect("a key").to_owned();
    Cmd::manes(&desk).args(["key", "revoke", &kept[..12]]).ok();
    Cmd::manes(&desk).args(["key", "revoke", &kept]).refuses(2, &["revoked already"]);
    Cmd::manes(&desk)
        .args(["key", "revoke", "ffffffff"])
        .refuses(2, &["no host key begins with ffffffff", "manes key"]);
    let own = rotated["key"].as_str().expect("a key").to_owned();
    Cmd::manes(&desk).args(["key", "revoke", &own]).refuses(2, &["this host's own key", "manes key rotate"]);
    let list = Cmd::reading(&desk).arg("key").ok().stdout;
    assert_eq!((list.matches("revoked in record").count(), list.matches("on this machine").count()), (2, 2), "{list}");
    desk.flow("how many rows?");
    verified(&desk);
    let proof = desk.folder().join("receipt.json");
    std::fs::write(&proof, receipt).expect("a file");
    Cmd::program(binary("manes-verify")).arg("receipt").arg(proof).ok();
    let nowhere = desk.folder().join("nowhere");
    let elsewhere = Cmd::bare(&desk).args(["--ledger".as_ref(), nowhere.as_os_str()]).args(["key", "rotate"]);
    elsewhere.refuses(2, &["there is no ledger in"]);
    assert!(!nowhere.exists());
}

#[test]
fn a_ledger_that_was_put_back_is_refused_until_its_head_is_accepted() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let old = desk.copy_of_ledger("old");
    desk.flow("how many rows?");
    let held = desk.folder().join("held.checkpoint");
    std::fs::write(&held, Cmd::reading(&desk).arg("checkpoint").ok().stdout).expect("a file");
    Cmd::manes(&desk).args(["restore", "--accept-head"]).refuses(2, &["nothing to accept"]);
    std::fs::remove_dir_all(desk.ledger()).expect("a ledger");
    copy(&old, &desk.ledger());
    let question = asked("how many rows?", "penguins.csv");
    Cmd::manes(&desk)
        .args(["run", "csv.question", &question])
        .refuses(5, &["does not extend", "restore --accept-head"]);
    Cmd::manes(&desk).arg("restore").refuses(2, &["--accept-head"]);
    let restored = Cmd::manes(&desk).args(["restore", "--accept-head", "--json"]).ok().json();
    desk.flow("how many rows?");
    verified(&desk);
    let records = Cmd::reading(&desk).args(["log", "--kind", "restore", "--bodies", "--json"]).ok().json_lines();
    assert_eq!((records.len(), &records[0]["record"]), (1, &restored["record"]));
    let note = std::fs::read_to_string(&held).expect("a file");
    assert_eq!(records[0]["body"]["head"].as_str().map(str::trim_end), Some(note.trim_end()));
    // Whoever holds what was given up still sees it.
    Cmd::reading(&desk).args(["verify", "--checkpoint"]).arg(&held).refuses(5, &["not verified"]);
}
