//! `emit`, `tail` and `agents`: events that nobody waits for, and who has what to do.

use super::cmd::Cmd;
use super::desk::{Desk, asked};
use serde_json::Value;

fn queued(desk: &Desk, name: &str) -> Value {
    let deployed = Cmd::reading(desk).args(["agents", "--json"]).ok().json();
    let agent = deployed["agents"].as_array().expect("agents").iter().find(|agent| agent["name"] == name);
    agent.expect("the agent").clone()
}

#[test]
fn what_is_emitted_without_a_host_is_handled_by_the_next() {
    let desk = Desk::csv();
    let question = asked("how many rows?", "penguins.csv");
    Cmd::manes(&desk).args(["emit", "csv.qestion", &question]).refuses(2, &["no agent takes csv.qestion"]);
    let emitted = Cmd::manes(&desk).args(["emit", "csv.question", &question, "--id", "one"]).ok();
    let flow = emitted.stdout.trim().to_owned();
    assert!(flow.len() == 32 && emitted.stderr.contains("no host is running"), "{}", emitted.stderr);
    let again = Cmd::manes(&desk).args(["emit", "csv.question", &question, "--id", "one", "--json"]).ok().json();
    assert_eq!((again["flow"].as_str(), &again["new"]), (Some(flow.as_str()), &Value::Bool(false)));
    assert_eq!(queued(&desk, "perceptor")["queued"], 1);
    let text = Cmd::reading(&desk).arg("agents").ok().stdout;
    let line = text.lines().find(|line| line.starts_with("perceptor")).expect("a line");
    assert!(line.contains("ready") && line.contains("csv.question") && line.contains("1 queued"), "{text}");
    assert!(text.contains("uses manes:table/table@0.1 by table") && text.contains("provides manes:table/table@0.1"));
    let up = desk.up();
    let ran = Cmd::manes(&desk).args(["run", "csv.question", &question, "--id", "one"]).ok();
    assert!(ran.stderr.contains("submitted before") && ran.json()["answer"] == 344, "{}", ran.stderr);
    up.terminate();
    assert_eq!(queued(&desk, "perceptor")["queued"], 0);
}

#[test]
fn tail_shows_what_comes_until_it_is_interrupted() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let up = desk.up();
    let mut tail = Cmd::reading(&desk).args(["tail", "--topic", "csv.answered", "--json", "--last", "1"]).start();
    let first: Value = serde_json::from_str(&tail.line()).expect("a record");
    assert_eq!((&first["kind"], &first["topic"]), (&"event".into(), &"csv.answered".into()));
    let question = asked("how many rows?", "penguins.csv");
    let flow = Cmd::manes(&desk).args(["run", "csv.question", &question, "--json"]).ok().json();
    let next: Value = serde_json::from_str(&tail.line()).expect("a record");
    assert_eq!((&next["flow"], &next["topic"]), (&flow["flow"], &"csv.answered".into()));
    tail.signal("INT");
    assert_eq!(tail.end("tail").code, Some(0));
    up.terminate();
}

#[test]
fn the_log_is_cut_by_time() {
    let desk = Desk::csv();
    desk.flow("how many rows?");
    let count = |args: &[&str]| Cmd::reading(&desk).args(["log", "--json"]).args(args).ok().json_lines().len();
    let all = count(&[]);
    assert!(all > 50);
    assert_eq!((count(&["--since", "1h"]), count(&["--until", "1h"])), (all, 0));
    assert_eq!((count(&["--until", "2026-01-02T00:00:00Z"]), count(&["--since", "2100-01-01 00:00:00"])), (0, 0));
    let middle = Cmd::reading(&desk).args(["log", "--json"]).ok().json_lines()[all / 2]["time_ns"].clone();
    let middle = middle.as_u64().expect("a time");
    let middle = manes_runtime::time::rfc3339(middle);
    let (before, after) = (count(&["--until", &middle]), count(&["--since", &middle]));
    assert!(before + after == all && before > 0 && after > 0, "{before} and {after} of {all}");
    Cmd::reading(&desk).args(["log", "--since", "soon"]).refuses(2, &["--since", "is no time", "10m"]);
}
