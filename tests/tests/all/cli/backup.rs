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
