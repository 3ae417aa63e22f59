//! `manes replay`: the record alone is enough, and what differs is named.

use super::cmd::Cmd;
use super::desk::{Desk, component, copy};
use serde_json::{Value, json};
use std::path::Path;

const QUESTION: &str = "mean body_mass_g by species?";

/// A copy of a ledger with one flow in an otherwise empty place: no manifest, no keys, no compiled code, no data.
fn elsewhere() -> (Desk, String) {
    let desk = Desk::csv();
    let flow = desk.flow(QUESTION);
    let other = Desk::new("");
    copy(&desk.ledger(), &other.ledger());
    std::fs::remove_file(other.manifest()).expect("removed");
    std::fs::remove_file(other.home().join("cache")).expect("removed");
    drop(desk);
    (other, flow)
}

#[test]
fn a_copy_of_the_ledger_replays_where_nothing_else_is() {
    let (desk, flow) = elsewhere();
    assert!(std::fs::read_dir(desk.home()).expect("a home").next().is_none(), "an empty home");
    let text = Cmd::reading(&desk).args(["replay", &flow]).ok().stdout;
    assert!(text.contains("identical: 6 activations") && text.contains("equal fuel"), "{text}");
}

#[test]
fn replay_opens_no_connection_and_no_file_of_the_agents() {
    if std::process::Command::new("unshare").args(["-rn", "true"]).output().map_or(true, |out| !out.status.success()) {
        eprintln!("SKIPPED: no network namespace can be made here; replay ran with the network in reach");
        return;
    }
    let desk = Desk::csv();
    let probe = json!({ "url": "http://127.0.0.1:9/" }).to_string();
    let flow =
        Cmd::manes(&desk).args(["run", "probe.requested", &probe]).json()["flow"].as_str().expect("a flow").to_owned();
    let asked = desk.flow(QUESTION);
    std::fs::remove_dir_all(desk.data("")).expect("removed");
    for flow in [flow, asked] {
        let manes = super::cmd::binary("manes");
        let ran = Cmd::program("unshare").args([
            "-rn".as_ref(),
            manes.as_os_str(),
            "--ledger".as_ref(),
            desk.ledger().as_os_str(),
        ]);
        let verdicts = ran.env("MANES_HOME", desk.home()).args(["replay", &flow]).json();
        assert!(verdicts.as_array().expect("verdicts").iter().all(|v| v["identical"] == true), "{verdicts}");
    }
}

#[test]
fn json_of_a_replay_has_its_stable_fields() {
    let desk = Desk::csv();
    let flow = desk.flow(QUESTION);
    let verdicts = Cmd::reading(&desk).args(["replay", &flow]).json();
    let view = Cmd::reading(&desk).args(["flow", &flow]).json();
    let (verdicts, activations) =
        (verdicts.as_array().expect("a list"), view["activations"].as_array().expect("a list"));
    assert_eq!(verdicts.len(), activations.len());
    for (verdict, activation) in verdicts.iter().zip(activations) {
        for field in ["activation", "agent", "attempt"] {
            assert_eq!(verdict[field], activation[field]);
        }
        let own = activation["calls"].as_array().expect("calls").iter().filter(|call| call["parent"].is_null()).count();
        assert_eq!(verdict["calls"], own, "every call of the agent's own was compared");
        assert_eq!((&verdict["identical"], &verdict["fuel"]), (&json!(true), &json!("equal")));
        assert_eq!(verdict["divergence"], Value::Null);
    }
}

#[test]
fn one_agent_of_a_flow_can_be_replayed_alone() {
    let desk = Desk::csv();
    let flow = desk.flow(QUESTION);
    let verdicts = Cmd::reading(&desk).args(["replay", &flow, "--agent", "safety"]).json();
    assert_eq!(verdicts.as_array().expect("a list").len(), 1);
    assert_eq!(verdicts[0]["agent"], "safety");
    Cmd::reading(&desk).args(["replay", &flow, "--agent", "nobody"]).refuses(2, &["perceptor", "critic"]);
}

#[test]
fn another_component_diverges_and_the_first_call_that_differs_is_named() {
    let desk = Desk::csv();
    let flow = desk.flow(QUESTION);
    let safety = component("safety");
    let what_if = |agent: &str, file: &Path| {
        Cmd::reading(&desk).args(["replay", &flow, "--agent", agent, "--component"]).arg(file)
    };
    let text = what_if("proposer", &safety).exits(4).stdout;
    assert!(text.contains("diverged") && text.contains("proposer") && text.contains("call 1"), "{text}");
    assert!(text.contains("manes:table/table@0.1#[static]table.open"), "the recorded call is named:\n{text}");
    let verdicts = what_if("proposer", &safety).arg("--json").exits(4).json();
    assert_eq!(verdicts[0]["identical"], false);
    assert!(verdicts[0]["divergence"]["kind"].is_string(), "{verdicts}");
    // The same component by another way is no difference.
    what_if("proposer", &component("proposer")).ok();
}

#[test]
fn a_component_instead_needs_to_know_whose_place_it_takes() {
    let desk = Desk::csv();
    let flow = desk.flow(QUESTION);
    let replay = |file: &Path| Cmd::reading(&desk).args(["replay", &flow, "--component"]).arg(file);
    replay(&component("safety")).refuses(2, &["--agent"]);
    replay(Path::new("absent.wasm")).args(["--agent", "safety"]).refuses(2, &["No such file"]);
    std::fs::write(desk.folder().join("core.wasm"), b"\0asm\x01\0\0\0").expect("a module");
    let ran = replay(Path::new("core.wasm")).args(["--agent", "safety"]).run();
    assert!(matches!(ran.code, Some(1 | 2)) && ran.stderr.contains("core WebAssembly module"), "{}", ran.stderr);
}

#[test]
fn a_rejected_event_replays_to_the_same_rejection() {
    let desk = Desk::csv();
    let ran = Cmd::manes(&desk).args(["run", "csv.question", "no json", "--json"]).exits(3).json();
    let verdicts = Cmd::reading(&desk).args(["replay", ran["flow"].as_str().expect("a flow")]).json();
    assert_eq!((&verdicts[0]["identical"], &verdicts[0]["fuel"]), (&json!(true), &json!("equal")));
}
