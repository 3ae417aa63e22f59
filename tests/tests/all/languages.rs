//! Goal: components as stock toolchains emit them run with an empty grant list, and replay to the same fuel.
//!
//! Method: the built binary on a manifest that grants nothing but a topic. Each program does what makes two runs differ
//! (clock, randomness, hash seeds, environment) and what std does unasked. Python's component comes from
//! `just setup-languages`, which needs pip and a network; where it is absent its tests say so loudly and pass.

use crate::cli::cmd::Cmd;
use crate::cli::desk::{Desk, component, repository};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Once;

/// Python's component, if it was built here.
fn python() -> Option<PathBuf> {
    let path = repository().join("target/languages/python.wasm");
    if path.is_file() {
        // Compiling its interpreter takes most of a minute: once, not once for each test.
        static COMPILED: Once = Once::new();
        COMPILED.call_once(|| drop(run(&desk(&path, "python.asked", "python.answered", ""), "python.asked", "{}")));
        return Some(path);
    }
    eprintln!("SKIPPED: {} is absent: run `just setup-languages`, which needs pip and PyPI", path.display());
    None
}

/// A desk with one agent: no directory, no network, no variable, no capability.
fn desk(component: &std::path::Path, asked: &str, answered: &str, more: &str) -> Desk {
    let path = component.display();
    Desk::new(&format!(
        "results = [\"{answered}\"]\n[agent.guest]\ncomponent = \"{path}\"\nsubscribe = [\"{asked}\"]\npublish = [\"{answered}\"]\n{more}"
    ))
}

/// Runs an event and returns the only result's data and the flow's id.
#[track_caller]
fn run(desk: &Desk, topic: &str, data: &str) -> (String, String) {
    let secret = Cmd::manes(desk).env("MANES_TEST_SECRET", "must not be seen").env("GREETING", "from the host");
    let ran = secret.args(["run", topic, data]).json();
    assert_eq!((&ran["status"], &ran["activations"]), (&json!("done"), &json!(1)), "{ran}");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (text(&ran["results"][0]["data"]), text(&ran["flow"]))
}

/// Replays a flow elsewhere, from a copy of the ledger alone.
#[track_caller]
fn replays_with_equal_fuel(desk: &Desk, flow: &str) {
    let elsewhere = Desk::new("");
    crate::cli::desk::copy(&desk.ledger(), &elsewhere.ledger());
    let verdicts = Cmd::reading(&elsewhere).args(["replay", flow]).json();
    let verdict = &verdicts[0];
    assert_eq!((&verdict["identical"], &verdict["fuel"]), (&json!(true), &json!("equal")), "{verdict}");
    assert!(verdict["calls"].as_u64().expect("a count") > 5, "these programs call the base world: {verdict}");
}

#[test]
fn a_stock_python_component_runs_without_grants_and_replays_with_equal_fuel() {
    let Some(component) = python() else { return };
    let desk = desk(&component, "python.asked", "python.answered", "");
    let (first, flow) = run(&desk, "python.asked", "{\"numbers\": [1, 2, 4]}");
    let answer: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!((&answer["sum"], &answer["monotonic_positive"]), (&json!(7), &json!(true)));
    assert_eq!(answer["environment"], json!({}), "no variable of the host is seen");
    assert!(answer["denied"].as_str().is_some_and(|error| error.ends_with("Error")), "a file is refused: {answer}");
    #[expect(clippy::disallowed_methods, reason = "the component's clock is compared with the machine's")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    let read = u128::from(answer["time_ns"].as_u64().expect("a time"));
    assert!(now.abs_diff(read) < 3_600_000_000_000, "its clock is the host's: {read} and {now}");
    let view = Cmd::reading(&desk).args(["flow", &flow]).json();
    assert_eq!(view["activations"][0]["stderr"], "to standard error\n");
    assert!(
        view["activations"][0]["calls"]
            .as_array()
            .expect("calls")
            .iter()
            .all(|call| call["provider"] == "base" && call["denied"] == false)
    );
    let (second, other) = run(&desk, "python.asked", "{\"numbers\": [1, 2, 4]}");
    let again: Value = serde_json::from_str(&second).expect("JSON");
    assert_ne!(answer["random"], again["random"], "two runs differ, or replay would prove nothing");
    replays_with_equal_fuel(&desk, &flow);
    replays_with_equal_fuel(&desk, &other);
}

#[test]
fn a_stock_python_component_sees_exactly_the_variables_and_config_it_was_given() {
    let Some(component) = python() else { return };
    let more = "env = [\"GREETING\"]\n[agent.guest.config]\ngreeting = \"from the manifest\"\n";
    let desk = desk(&component, "python.asked", "python.answered", more);
    let (answer, flow) = run(&desk, "python.asked", "{}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(
        (&answer["environment"], &answer["greeting"]),
        (&json!({ "GREETING": "from the host" }), &json!("from the manifest"))
    );
    replays_with_equal_fuel(&desk, &flow);
}

#[test]
fn a_failure_of_a_stock_python_component_is_its_own_and_replays() {
    let Some(component) = python() else { return };
    let desk = desk(&component, "python.asked", "python.answered", "");
    let rejected = Cmd::manes(&desk).args(["run", "python.asked", "no json", "--json"]).exits(3).json();
    let view = Cmd::reading(&desk).args(["flow", rejected["flow"].as_str().expect("a flow")]).json();
    let activation = &view["activations"][0];
    assert_eq!(activation["status"], "rejected");
    assert!(activation["message"].as_str().is_some_and(|text| text.starts_with("not JSON")), "{activation}");
    // An exception that nobody catches: a traceback on standard error, and the guest's fault.
    let broken = Cmd::manes(&desk).args(["run", "python.asked", "[]", "--json"]).exits(3).json();
    let flow = broken["flow"].as_str().expect("a flow");
    let view = Cmd::reading(&desk).args(["flow", flow]).json();
    let last = view["activations"].as_array().expect("activations").last().expect("one").clone();
    assert!(last["stderr"].as_str().is_some_and(|text| text.contains("AttributeError")), "{last}");
    for flow in [rejected["flow"].as_str().expect("a flow"), flow] {
        let verdicts = Cmd::reading(&desk).args(["replay", flow]).json();
        assert!(
            verdicts.as_array().expect("verdicts").iter().all(|verdict| verdict["identical"] == true),
            "{verdicts}"
        );
    }
}

#[test]
fn a_stock_rust_component_runs_without_grants_and_replays_with_equal_fuel() {
    let desk = desk(&component("stock"), "stock.asked", "stock.counted", "");
    let (line, flow) = run(&desk, "stock.asked", "to be or not to be");
    for word in ["to=2", "be=2", "or=1", "not=1", "0 variables"] {
        assert!(line.contains(word), "{word} is not in: {line}");
    }
    replays_with_equal_fuel(&desk, &flow);
}

#[test]
fn a_panic_of_a_stock_rust_component_is_told_in_its_own_words_and_replays() {
    let desk = desk(&component("stock"), "stock.asked", "stock.counted", "");
    let ran = Cmd::manes(&desk).args(["run", "stock.asked", "please panic", "--json"]).exits(3).json();
    let flow = ran["flow"].as_str().expect("a flow");
    let view = Cmd::reading(&desk).args(["flow", flow]).json();
    for activation in view["activations"].as_array().expect("activations") {
        assert_eq!(activation["status"], "trapped");
        assert!(activation["stderr"].as_str().is_some_and(|text| text.contains("hooked: ")), "{activation}");
    }
    let verdicts = Cmd::reading(&desk).args(["replay", flow]).json();
    assert!(verdicts.as_array().expect("verdicts").iter().all(|verdict| verdict["identical"] == true), "{verdicts}");
}
