//! `manes run`: data in from every place, results out, and an exit code that scripts can trust.

use super::cmd::{Cmd, Ran};
use super::desk::{Desk, asked};
use serde_json::{Value, json};

const COUNT: &str = "how many rows?";

fn run(desk: &Desk, data: &str) -> Cmd {
    Cmd::manes(desk).args(["run", "csv.question", data])
}

/// The answer in the one line that a run prints.
#[track_caller]
fn answer(ran: &Ran) -> Value {
    assert_eq!(ran.stdout.lines().count(), 1, "one result, one line: {}", ran.stdout);
    ran.json()["answer"].clone()
}

#[test]
fn a_run_prints_its_results_alone_on_standard_output_and_the_flow_on_standard_error() {
    let desk = Desk::csv();
    let ran = run(&desk, &asked(COUNT, "penguins.csv")).ok();
    assert_eq!(answer(&ran), 344);
    let words: Vec<_> = ran.stderr.split_whitespace().collect();
    let id = words.windows(2).find(|pair| pair[0] == "flow").expect("the flow's id").get(1).expect("the flow's id");
    assert!(ran.stderr.contains("done"), "{}", ran.stderr);
    // The shortened id is one that the other commands take.
    let flow = Cmd::reading(&desk).args(["flow", id]).json();
    assert_eq!(flow["status"], "done");
}

#[test]
fn data_comes_from_the_argument_a_file_or_standard_input_alike() {
    let desk = Desk::csv();
    let data = asked(COUNT, "penguins.csv");
    std::fs::write(desk.folder().join("question.json"), &data).expect("a file");
    assert_eq!(answer(&run(&desk, &data).ok()), 344);
    assert_eq!(answer(&run(&desk, "@question.json").ok()), 344);
    assert_eq!(answer(&run(&desk, "-").stdin(data).ok()), 344);
}

#[test]
fn data_that_cannot_be_read_is_usage_and_reaches_no_ledger() {
    let desk = Desk::csv();
    std::fs::write(desk.folder().join("bytes"), [0xff, 0xfe]).expect("a file");
    std::fs::write(desk.folder().join("big"), "x".repeat((1 << 20) + 1)).expect("a file");
    run(&desk, "@absent").refuses(2, &["absent", "No such file"]);
    run(&desk, "@bytes").refuses(2, &["bytes", "UTF-8"]);
    run(&desk, "-").stdin([0xff]).refuses(2, &["standard input", "UTF-8"]);
    assert!(!desk.ledger().exists(), "nothing may be begun");
    run(&desk, "@big").refuses(2, &["1048577", "1048576"]);
    assert_eq!(Cmd::reading(&desk).args(["log", "--kind", "event", "--json"]).ok().stdout, "");
}

#[test]
fn json_of_a_run_has_its_stable_fields() {
    let desk = Desk::csv();
    let ran = desk.ask(COUNT, "penguins.csv");
    let flow = ran["flow"].as_str().expect("a flow");
    assert!(flow.len() == 32 && flow.chars().all(|c| c.is_ascii_hexdigit()), "{flow}");
    assert_eq!((&ran["status"], &ran["new"], &ran["activations"]), (&json!("done"), &json!(true), &json!(6)));
    assert!(ran["elapsed_ns"].as_u64().expect("a time") > 0);
    let results = ran["results"].as_array().expect("results");
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["topic"], "csv.answered");
    let data: Value = serde_json::from_str(results[0]["data"].as_str().expect("text")).expect("JSON");
    assert_eq!(data["answer"], 344);
    // The record that a result names is that event.
    let record = results[0]["record"].as_u64().expect("a record");
    let log = Cmd::reading(&desk).args(["log", "--topic", "csv.answered", "--json"]).ok().json_lines();
    assert_eq!(log[0]["record"], record);
}

#[test]
fn an_unknown_topic_is_refused_with_those_that_exist() {
    let desk = Desk::csv();
    let topics = ["csv.nothing", "csv.question", "csv.parsed", "csv.revise", "probe.requested"];
    Cmd::manes(&desk).args(["run", "csv.nothing", "{}"]).refuses(2, &topics);
    for topic in ["", "two words", "csv.*", "csv.>", "csv..question", ".csv", "größe"] {
        Cmd::manes(&desk).args(["run", topic, "{}"]).refuses(2, &["topic"]);
    }
    assert_eq!(Cmd::reading(&desk).args(["log", "--kind", "event", "--json"]).ok().stdout, "");
}

#[test]
fn a_rejected_event_is_exit_3_and_says_who_rejected_it_and_why() {
    let desk = Desk::csv();
    let ran = run(&desk, "no json").exits(3);
    assert_eq!(ran.stdout, "", "there is no result");
    assert!(ran.stderr.contains("perceptor: rejected") && ran.stderr.contains("not a JSON"), "{}", ran.stderr);
    let json = run(&desk, "no json either").arg("--json").exits(3).json();
    assert_eq!((&json["status"], &json["results"]), (&json!("failed"), &json!([])));
}

#[test]
fn without_data_an_event_carries_an_empty_object() {
    let desk = Desk::csv();
    Cmd::manes(&desk).args(["run", "csv.question"]).exits(3);
    let log = Cmd::reading(&desk).args(["log", "--kind", "event", "--bodies", "--json"]).ok().json_lines();
    assert_eq!(log[0]["body"]["data"], "{}");
}

#[test]
fn the_same_id_twice_is_one_event_with_the_same_answer() {
    let desk = Desk::csv();
    let data = asked(COUNT, "penguins.csv");
    let first = run(&desk, &data).args(["--id", "monday-1"]).json();
    let events = || Cmd::reading(&desk).args(["log", "--kind", "event", "--json"]).ok().json_lines().len();
    let before = events();
    let second = run(&desk, &data).args(["--id", "monday-1"]).json();
    assert_eq!((&first["new"], &second["new"]), (&json!(true), &json!(false)));
    assert_eq!((&first["flow"], &first["results"]), (&second["flow"], &second["results"]));
    assert_eq!(events(), before, "nothing ran again");
    let text = run(&desk, &data).args(["--id", "monday-1"]).ok();
    assert!(text.stderr.contains("submitted before"), "{}", text.stderr);
}

#[test]
fn the_same_id_with_other_content_is_a_recorded_conflict_and_exit_3() {
    let desk = Desk::csv();
    run(&desk, &asked(COUNT, "penguins.csv")).args(["--id", "x"]).ok();
    run(&desk, &asked("mean year", "penguins.csv")).args(["--id", "x"]).refuses(3, &["x", "other content"]);
    let log = Cmd::reading(&desk).args(["log", "--kind", "conflict", "--json"]).ok().json_lines();
    assert_eq!(log.len(), 1, "the conflict is recorded");
}

#[test]
fn what_is_not_finished_in_time_is_exit_6_and_nothing_is_lost() {
    let desk = Desk::csv_without_table();
    let waits =
        run(&desk, &asked(COUNT, "penguins.csv")).args(["--id", "w", "--timeout", "0", "--json"]).exits(6).json();
    assert_eq!((&waits["status"], &waits["results"]), (&json!("not finished in time"), &json!([])));
    assert_eq!(Cmd::reading(&desk).arg("flows").json()[0]["status"], "open", "what waits has not ended");
    // With the capability in place the next host takes up what waited.
    desk.write_manifest(&super::desk::csv_manifest());
    let done = run(&desk, &asked(COUNT, "penguins.csv")).args(["--id", "w"]).json();
    assert_eq!((&done["flow"], &done["new"], &done["status"]), (&waits["flow"], &json!(false), &json!("done")));
    assert_eq!(done["activations"], 6);
}

#[test]
fn the_ledger_is_where_the_option_the_environment_or_the_manifest_says() {
    let desk = Desk::csv();
    let data = asked(COUNT, "penguins.csv");
    let manifest = desk.manifest();
    Cmd::bare(&desk).args(["run", "csv.question", &data]).ok();
    assert!(desk.folder().join(".manes/ledger/segments").is_dir(), "beside the manifest");
    let by_environment = desk.folder().join("by-environment");
    let run = || Cmd::bare(&desk).arg("--manifest").arg(&manifest).args(["run", "csv.question", &data]);
    run().env("MANES_LEDGER", &by_environment).ok();
    assert!(by_environment.join("segments").is_dir());
    let by_option = desk.folder().join("by-option");
    run().env("MANES_LEDGER", &by_environment).arg("--ledger").arg(&by_option).ok();
    assert!(by_option.join("segments").is_dir());
}

#[test]
fn keys_lie_in_the_home_alone_and_only_their_owner_reads_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::csv();
    run(&desk, &asked(COUNT, "penguins.csv")).ok();
    let keys = desk.home().join("keys");
    assert_eq!(keys.metadata().expect("keys").permissions().mode() & 0o777, 0o700);
    let mut seeds = Vec::new();
    for key in std::fs::read_dir(&keys).expect("keys").map(|entry| entry.expect("a key").path()) {
        assert_eq!(key.metadata().expect("a key").permissions().mode() & 0o777, 0o600, "{}", key.display());
        let text = std::fs::read_to_string(&key).expect("a key");
        seeds.extend(text.trim().parse::<manes_core::ids::Digest>().ok());
    }
    assert_eq!(seeds.len(), 2, "the root's and the host's");
    for file in crate::verifiers::tamper::files(&desk.ledger()) {
        let bytes = std::fs::read(desk.ledger().join(&file)).expect("a file");
        for seed in &seeds {
            let hex = seed.to_string();
            assert!(!contains(&bytes, &seed.0) && !contains(&bytes, hex.as_bytes()), "a key lies in {file}");
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
