//! Ledgers of every released format stay verifiable, and both say the same of them.

use super::judge::{Verdict, python, rust};
use crate::cli::desk::{Desk, repository};
use serde_json::Value;

#[test]
fn both_accept_every_golden_ledger_with_the_report_that_is_kept() {
    let desk = Desk::new("");
    let golden = repository().join("tests/golden");
    let entries = std::fs::read_dir(&golden).expect("golden ledgers").map(|entry| entry.expect("an entry").path());
    let folders: Vec<_> = entries.filter(|path| path.join("segments").is_dir()).collect();
    assert!(folders.iter().any(|folder| folder.ends_with("v1")), "{folders:?}");
    let theirs = python(&folders, &[], desk.folder());
    for (place, folder) in folders.iter().enumerate() {
        let Verdict::Accepted(ours) = rust(folder, &[]) else { panic!("Rust refuses {}", folder.display()) };
        let kept = std::fs::read_to_string(folder.with_extension("expected.json")).expect("what is expected");
        let kept: Value = serde_json::from_str(&kept).expect("JSON");
        assert_eq!(ours, kept, "{}", folder.display());
        match theirs.as_ref().map(|all| &all[place]) {
            Some(Verdict::Accepted(theirs)) => assert_eq!(*theirs, kept, "{}", folder.display()),
            Some(Verdict::Refused(why)) => panic!("Python refuses {}: {why}", folder.display()),
            None => {}
        }
    }
}
