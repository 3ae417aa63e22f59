//! `dead`, `requeue`, `cancel`, `pause`, `resume`: on a ledger's folder and through a running host alike.

use super::cmd::Cmd;
use super::desk::{Desk, asked};
use serde_json::{Value, json};

/// A desk with one dead letter; its activation's id.
fn dead() -> (Desk, String) {
    let desk = Desk::csv();
    Cmd::manes(&desk).args(["run", "csv.question", "no json"]).exits(3);
    let letters = Cmd::reading(&desk).args(["dead", "--json"]).ok().json();
    assert_eq!(letters.as_array().map(Vec::len), Some(1), "{letters}");
    let id = letters[0]["activation"].as_str().expect("an id").to_owned();
    (desk, id)
}

#[test]
fn dead_letters_are_listed_and_shown_with_their_reason() {
    let (desk, id) = dead();
    let list = Cmd::reading(&desk).arg("dead").ok().stdout;
    assert!(list.starts_with(&id[..8]) && list.contains("perceptor") && list.contains("rejected"), "{list}");
    let shown = Cmd::reading(&desk).args(["dead", &id[..6]]).ok().stdout;
    for part in [id.as_str(), "csv.question", "after 1 attempt", "rejected: "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    Cmd::reading(&desk).args(["dead", "ffffffff"]).refuses(2, &["no dead letter", "manes dead"]);
    let quiet = Desk::csv();
    quiet.flow("how many rows?");
    assert_eq!(Cmd::reading(&quiet).args(["dead", "--json"]).ok().json(), json!([]));
    assert!(Cmd::reading(&quiet).arg("dead").ok().stderr.contains("no dead letters"));
}

#[test]
fn a_requeued_dead_letter_is_handled_once_more_with_and_without_a_host() {
    let (desk, id) = dead();
    let flow = Cmd::manes(&desk).args(["requeue", &id[..6], "--json"]).exits(3).json();
    let attempts = |run: &Value| {
        let flow = Cmd::reading(&desk).args(["flow", run["flow"].as_str().expect("a flow"), "--json"]).ok().json();
        let all = flow["activations"].as_array().expect("activations").iter();
        all.map(|a| a["generation"].as_u64().expect("a generation")).collect::<Vec<_>>()
    };
    assert_eq!(attempts(&flow), [0, 1]);
    // It is no dead letter any more; its successor is.
    Cmd::manes(&desk).args(["requeue", &id]).refuses(2, &["no dead letter"]);
    let next = Cmd::reading(&desk).args(["dead", "--json"]).ok().json();
    let next = next[0]["activation"].as_str().expect("an id").to_owned();
    let up = desk.up();
    let flow = Cmd::manes(&desk).args(["requeue", &next, "--json"]).exits(3).json();
    assert_eq!(attempts(&flow), [0, 1, 2]);
    up.terminate();
    Cmd::reading(&desk).arg("verify").ok();
}

#[test]
fn a_paused_agent_holds_its_flow_until_it_is_resumed_or_the_flow_is_cancelled() {
    for running in [false, true] {
        let desk = Desk::csv();
        desk.flow("how many rows?");
        let up = running.then(|| desk.up());
        Cmd::manes(&desk).args(["pause", "critic"]).ok();
        Cmd::manes(&desk).args(["pause", "critic"]).refuses(2, &["paused already"]);
        Cmd::manes(&desk).args(["pause", "nobody"]).refuses(2, &["no agent nobody", "critic"]);
        let question = asked("how many rows?", "penguins.csv");
        let ask = ["run", "csv.question", &question, "--timeout", "3"];
        let late = Cmd::manes(&desk).args(ask).exits(6);
        assert!(late.stderr.contains("critic is paused; `manes resume critic`"), "{}", late.stderr);
        let held = Cmd::manes(&desk).args(ask).arg("--json").exits(6).json();
        let flow = held["flow"].as_str().expect("a flow").to_owned();
        assert_eq!(held["waiting"].as_array().map(Vec::len), Some(1), "{held}");
        Cmd::manes(&desk).args(["cancel", &flow[..8]]).ok();
        Cmd::manes(&desk).args(["resume", "critic"]).ok();
        Cmd::manes(&desk).args(["resume", "critic"]).refuses(2, &["not paused"]);
        // What was not cancelled goes on, what was does not.
        let answered = Cmd::manes(&desk).args(["run", "csv.question", &question]).ok();
        assert_eq!(answered.json()["answer"], 344);
        drop(up.map(super::desk::Up::terminate));
        let flows = Cmd::reading(&desk).args(["flows", "--json"]).ok().json();
        // The first one began the ledger.
        let status = |place: usize| flows[place + 1]["status"].as_str().expect("a status").to_owned();
        assert_eq!([status(0), status(1), status(2)], ["done", "failed", "done"], "{flows}");
        Cmd::manes(&desk).args(["cancel", &flow]).refuses(2, &["has ended"]);
        Cmd::manes(&desk).args(["cancel", "ffffffff"]).refuses(2, &["no flow or activation"]);
        Cmd::reading(&desk).arg("verify").ok();
    }
}
