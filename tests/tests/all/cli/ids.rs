//! Ids may be shortened as far as they stay unambiguous.

use super::cmd::Cmd;
use super::desk::Desk;
use manes_core::ids::{EventKey, LedgerId};
use std::collections::HashMap;

/// Two ids of events whose flows begin with the same four digits: found before they are submitted, since an event's
/// key is a hash of what its submitter chooses.
fn colliding(ledger: &LedgerId) -> [(String, String); 2] {
    let mut seen: HashMap<String, (String, String)> = HashMap::new();
    for number in 0.. {
        let id = format!("id-{number}");
        let flow = EventKey::external(ledger, "client/cli", "client/cli", &id).flow().to_string();
        if let Some(other) = seen.insert(flow[..4].to_owned(), (id.clone(), flow.clone())) {
            return [other, (id, flow)];
        }
    }
    unreachable!("numbers do not end")
}

#[test]
fn every_command_takes_the_beginning_of_an_id_and_names_what_is_ambiguous() {
    let desk = Desk::csv();
    let only = desk.flow("how many rows?");
    let ledger = Cmd::reading(&desk).arg("verify").json()["ledger"].as_str().expect("an id").parse().expect("an id");
    let pair = colliding(&ledger);
    for (id, flow) in &pair {
        let ran = Cmd::manes(&desk).args(["run", "csv.question", "no json", "--id", id, "--json"]).exits(3).json();
        assert_eq!(ran["flow"], flow.as_str(), "the test computes flow ids as FORMAT.md says");
    }
    let shared = &pair[0].1[..4];
    for command in [vec!["flow"], vec!["replay"], vec!["log", "--flow"]] {
        Cmd::reading(&desk).args(&command).arg(shared).refuses(2, &[shared, "2 ids", "more digits"]);
        Cmd::reading(&desk).args(&command).arg(&pair[0].1).ok();
    }
    for length in [8, 16, 32] {
        let flow = Cmd::reading(&desk).args(["flow", &only[..length]]).json();
        assert_eq!(flow["flow"], only.as_str());
    }
    let upper = only.to_uppercase();
    assert_eq!(Cmd::reading(&desk).args(["flow", &upper]).json()["flow"], only.as_str());
    // As `run` prints it, with its ellipsis.
    assert_eq!(Cmd::reading(&desk).args(["flow", &format!("{}…", &only[..8])]).json()["flow"], only.as_str());
}

#[test]
fn an_activation_has_an_id_of_its_own_that_flow_and_replay_take() {
    let desk = Desk::csv();
    let flow = desk.flow("how many rows?");
    let view = Cmd::reading(&desk).args(["flow", &flow]).json();
    let activation = view["activations"][2]["activation"].as_str().expect("an id");
    let verdicts = Cmd::reading(&desk).args(["replay", &activation[..12]]).json();
    assert_eq!(verdicts.as_array().expect("verdicts").len(), 1);
    assert_eq!(verdicts[0]["activation"], activation);
    assert_eq!(Cmd::reading(&desk).args(["flow", activation]).json()["flow"], flow.as_str());
}

#[test]
fn an_id_that_names_nothing_or_is_none_is_usage() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    for command in [vec!["flow"], vec!["replay"], vec!["log", "--flow"]] {
        for id in ["", "abc", "zzzz", "not an id"] {
            Cmd::reading(&desk).args(&command).arg(id).refuses(2, &["no id", "four hex digits"]);
        }
        Cmd::reading(&desk).args(&command).arg("0".repeat(32)).refuses(2, &["begins with 0000"]);
    }
}
