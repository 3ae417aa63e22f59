//! `backup` and `checkpoint`: copies that stand on their own, taken while a host writes.

use super::cmd::{Cmd, binary};
use super::desk::{Desk, asked};
use super::proofs::python;
use serde_json::json;

#[test]
fn a_backup_taken_beside_a_busy_host_verifies_and_replays_elsewhere() {
    let desk = Desk::csv();
    let up = desk.up();
    let question = asked("mean body_mass_g by species?", "penguins.csv");
    let flow = Cmd::manes(&desk).args(["run", "csv.question", &question, "--json"]).ok().json();
    let flow = flow["flow"].as_str().expect("a flow").to_owned();
    let copies: Vec<_> = (0..3).map(|number| desk.folder().join(format!("copy-{number}"))).collect();
    for copy in &copies {
        // Records keep coming while it is copied.
        let writing = Cmd::manes(&desk).args(["run", "csv.question", &question]).start();
        let made = Cmd::reading(&desk).args(["backup", "--json"]).arg(copy).ok().json();
        writing.end("a run beside a backup");
        assert!(made["records"].as_u64() > Some(50) && made["bytes"].as_u64() > Some(10_000), "{made}");
        let read = |command: &str| Cmd::bare(&desk).args(["--ledger".as_ref(), copy.as_os_str()]).arg(command);
        read("verify").ok();
        Cmd::program(binary("manes-verify")).arg(copy).ok();
        if let Some(python) = python() {
            python.arg(copy).ok();
        }
        let replayed = read("replay").arg(&flow).arg("--json").ok().json();
        assert_eq!(replayed.as_array().map(Vec::len), Some(6), "{replayed}");
    }
    up.terminate();
    Cmd::reading(&desk).arg("backup").arg(&copies[0]).refuses(2, &["is not empty", "new folder"]);
    let nowhere = Cmd::bare(&desk).args(["--ledger", "nowhere", "backup"]).arg(desk.folder().join("copy-4"));
    nowhere.refuses(2, &["there is no ledger in nowhere"]);
}

#[test]
fn a_checkpoint_binds_the_ledger_from_then_on() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let copy = desk.folder().join("before");
    Cmd::reading(&desk).arg("backup").arg(&copy).ok();
    desk.flow("how many rows?");
    let note = Cmd::reading(&desk).arg("checkpoint").ok().stdout;
    let file = desk.folder().join("held.checkpoint");
    std::fs::write(&file, &note).expect("a file");
    let held = |ledger: &std::path::Path| {
        let verify = Cmd::bare(&desk).args(["--ledger".as_ref(), ledger.as_os_str()]).args(["verify", "--checkpoint"]);
        verify.arg(&file)
    };
    held(&desk.ledger()).ok();
    held(&copy).refuses(5, &["cut or rolled back"]);
    let both = Cmd::reading(&desk).args(["checkpoint", "--json"]).ok().json();
    assert_eq!(both["checkpoint"], json!(note));
}

#[test]
fn a_backup_of_what_is_damaged_is_refused_and_so_is_one_inside_the_ledger() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let backup = |to: &str| Cmd::reading(&desk).arg("backup").arg(desk.folder().join(to));
    let inside = desk.ledger().join("sub");
    Cmd::reading(&desk).arg("backup").arg(&inside).refuses(2, &["lies in the ledger itself"]);
    assert!(!inside.exists());
    let artifact = std::fs::read_dir(desk.ledger().join("artifacts")).expect("artifacts").next();
    let artifact = artifact.expect("one").expect("one").path();
    let whole = std::fs::read(&artifact).expect("its bytes");
    let mut altered = whole.clone();
    altered[1000] ^= 1;
    std::fs::write(&artifact, altered).expect("written");
    backup("altered").refuses(5, &["altered is no backup", "its content was altered", "manes verify"]);
    std::fs::remove_file(&artifact).expect("removed");
    backup("missing").refuses(5, &["missing is no backup"]);
    std::fs::write(&artifact, whole).expect("written");
    // Rolled back, it is no backup of what this machine has seen.
    let old = desk.copy_of_ledger("old");
    desk.flow("how many rows?");
    let ledger = |folder: &std::path::Path| Cmd::bare(&desk).args(["--ledger".as_ref(), folder.as_os_str()]);
    ledger(&old).arg("backup").arg(desk.folder().join("rolled")).refuses(5, &["rolled is no backup", "rolled back"]);
    backup("good").ok();
    // An older copy is whole, and `verify` says why it is refused here.
    ledger(&old).arg("verify").refuses(5, &["this machine has seen", "manes-verify"]);
    Cmd::program(binary("manes-verify")).arg(&old).ok();
}

#[test]
fn a_copy_is_not_written_while_the_ledger_is_there() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let copy = desk.folder().join("copy");
    Cmd::reading(&desk).arg("backup").arg(&copy).ok();
    let on_copy = || {
        let question = asked("how many rows?", "penguins.csv");
        let bare = Cmd::bare(&desk).args(["--manifest".as_ref(), desk.manifest().as_os_str()]);
        bare.args(["--ledger".as_ref(), copy.as_os_str()]).args(["run", "csv.question", &question])
    };
    let up = desk.up();
    let shown = desk.ledger().canonicalize().expect("a path").display().to_string();
    on_copy().refuses(1, &["another copy of this ledger is being written", "cannot be"]);
    up.terminate();
    on_copy().refuses(1, &["is a copy: this machine writes this ledger in", &shown, "move that one away"]);
    std::fs::rename(desk.ledger(), desk.folder().join("away")).expect("moved");
    on_copy().ok();
    Cmd::bare(&desk).args(["--ledger".as_ref(), copy.as_os_str()]).arg("verify").ok();
}

#[test]
fn nothing_that_steers_begins_a_ledger_and_an_empty_id_names_nothing() {
    let desk = Desk::csv();
    for command in [&["pause", "critic"][..], &["resume", "critic"], &["cancel", "ffff"], &["requeue", "ffff"]] {
        Cmd::manes(&desk).args(command).refuses(2, &["there is no ledger in"]);
        assert!(!desk.ledger().exists(), "{command:?} began one");
    }
    desk.flow("how many rows?");
    for command in [&["dead", ""][..], &["requeue", "1"], &["answer", "", "repeat"], &["key", "revoke", ""]] {
        Cmd::manes(&desk).args(command).refuses(2, &["give at least four hex digits"]);
    }
}
