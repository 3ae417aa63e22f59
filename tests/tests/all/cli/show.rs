//! `flow`, `flows`, `log`: what happened, for people and for programs.

use super::cmd::Cmd;
use super::desk::Desk;
use serde_json::{Value, json};

/// A desk with three flows: answered, rejected, denied.
fn busy() -> (Desk, [String; 3]) {
    let desk = Desk::csv();
    let answered = desk.flow("mean body_mass_g by species?");
    let id = |value: Value| value["flow"].as_str().expect("a flow").to_owned();
    let rejected = Cmd::manes(&desk).args(["run", "csv.question", "a\u{1b}[31mb", "--json"]).exits(3).json();
    let probe = json!({ "url": "http://example.com/" }).to_string();
    let denied = Cmd::manes(&desk).args(["run", "probe.requested", &probe]).json();
    let flows = [answered, id(rejected), id(denied)];
    (desk, flows)
}

#[test]
fn flows_lists_all_in_order_or_the_newest() {
    let (desk, ids) = busy();
    let flows = Cmd::reading(&desk).arg("flows").json();
    let field = |name: &str| flows.as_array().expect("flows").iter().map(|f| f[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("flow"), ids.map(Value::from));
    assert_eq!(field("status"), ["done", "failed", "done"]);
    assert_eq!(field("topic"), ["csv.question", "csv.question", "probe.requested"]);
    assert_eq!(field("events"), [7, 1, 2]);
    assert_eq!(field("activations"), [6, 1, 1]);
    assert!(field("time").iter().all(|time| time.as_str().is_some_and(|t| t.starts_with("20") && t.ends_with('Z'))));
    let last = Cmd::reading(&desk).args(["flows", "--last", "2"]).json();
    assert_eq!(last, json!(flows.as_array().expect("flows")[1..]));
    assert_eq!(Cmd::reading(&desk).args(["flows", "--last", "0"]).json(), json!([]));
    let text = Cmd::reading(&desk).arg("flows").ok().stdout;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    for (line, id) in lines.iter().zip(flows.as_array().expect("flows")) {
        assert!(line.starts_with(&id["flow"].as_str().expect("an id")[..8]), "{line}");
    }
}

#[test]
fn a_flow_is_a_tree_of_events_and_who_handled_them() {
    let (desk, [answered, rejected, _]) = busy();
    let text = Cmd::reading(&desk).args(["flow", &answered]).ok().stdout;
    let agents = ["perceptor", "decomposer", "proposer", "safety", "executor", "critic"];
    let places: Vec<_> =
        agents.iter().map(|agent| text.find(agent).unwrap_or_else(|| panic!("no {agent}:\n{text}"))).collect();
    assert!(places.is_sorted(), "in the order of the flow:\n{text}");
    assert!(text.contains("csv.answered") && text.contains("6 activations"), "{text}");
    assert!(!text.contains("wasi:"), "calls only where asked for:\n{text}");
    let calls = Cmd::reading(&desk).args(["flow", &answered, "--calls"]).ok().stdout;
    assert!(calls.contains("manes:table/table@0.1#[method]table.query"), "{calls}");
    assert!(calls.contains("wasi:filesystem/types@0.2#[method]descriptor.open-at"), "its provider's calls:\n{calls}");
    let text = Cmd::reading(&desk).args(["flow", &rejected]).ok().stdout;
    assert!(text.contains("failed") && text.contains("rejected"), "{text}");
}

#[test]
fn text_of_a_stranger_cannot_steer_the_terminal() {
    // `Cmd` refuses any control sequence; here the text must be shown nevertheless.
    let (desk, [_, rejected, _]) = busy();
    let text = Cmd::reading(&desk).args(["flow", &rejected]).ok().stdout;
    assert!(text.contains("a\\u{1b}[31mb"), "{text}");
    let log = Cmd::reading(&desk).args(["log", "--flow", &rejected, "--bodies"]).ok().stdout;
    assert!(log.contains("[31mb"), "{log}");
}

#[test]
fn json_of_a_flow_has_its_stable_fields() {
    let (desk, [answered, rejected, denied]) = busy();
    let flow = Cmd::reading(&desk).args(["flow", &answered]).json();
    assert_eq!((&flow["flow"], &flow["status"]), (&json!(answered), &json!("done")));
    let (events, activations) = (&flow["events"], &flow["activations"]);
    assert_eq!(events[0]["topic"], "csv.question");
    assert_eq!(events[0]["source"], "client/cli");
    assert_eq!(events[0]["emitted_by"], Value::Null);
    assert_eq!(events[1]["source"], "agent/perceptor");
    assert_eq!(events[1]["emitted_by"], activations[0]["activation"]);
    let first = &activations[0];
    assert_eq!(
        (&first["agent"], &first["attempt"], &first["status"]),
        (&json!("perceptor"), &json!(1), &json!("done"))
    );
    assert_eq!((&first["event"], &first["emitted"]), (&events[0]["id"], &json!(["csv.parsed"])));
    assert!(first["fuel"].as_u64().expect("fuel") > 0);
    let call = &first["calls"][0];
    assert_eq!((&call["call"], &call["function"]), (&json!(1), &json!("manes:agent/log@0.1#write")));
    assert_eq!((&call["provider"], &call["effect"], &call["denied"]), (&json!("base"), &json!("local"), &json!(false)));
    let flow = Cmd::reading(&desk).args(["flow", &rejected]).json();
    assert!(flow["activations"][0]["message"].as_str().expect("a message").contains("not a JSON"));
    let flow = Cmd::reading(&desk).args(["flow", &denied]).json();
    let calls = flow["activations"][0]["calls"].as_array().expect("calls").clone();
    let refused: Vec<_> = calls.iter().filter(|call| call["denied"] == true).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["function"], "wasi:http/outgoing-handler@0.2#handle");
}

#[test]
fn a_denial_is_shown_with_the_manifest_line_that_would_allow_it() {
    let (desk, [_, _, denied]) = busy();
    let text = Cmd::reading(&desk).args(["flow", &denied]).ok().stdout;
    assert!(text.contains("denied") && text.contains("allow with: http = [\"GET http://example.com/\"]"), "{text}");
}

#[test]
fn the_log_lists_every_record_and_filters_narrow_it() {
    let (desk, [answered, ..]) = busy();
    let log = |more: &[&str]| Cmd::reading(&desk).args(["log", "--json"]).args(more).ok().json_lines();
    let all = log(&[]);
    let total = Cmd::reading(&desk).arg("verify").json()["records"].as_u64().expect("a number");
    assert_eq!(all.len() as u64, total);
    assert!(all.iter().enumerate().all(|(place, record)| record["record"] == place), "in order, none left out");
    assert_eq!(all[0]["kind"], "genesis");
    for kind in ["genesis", "key", "deployment", "event", "start", "intent", "outcome", "end", "unrouted", "conflict"] {
        let expected: Vec<_> = all.iter().filter(|record| record["kind"] == kind).cloned().collect();
        assert_eq!(log(&["--kind", kind]), expected, "{kind}");
    }
    let safety = log(&["--agent", "safety", "--kind", "end"]);
    assert_eq!((safety.len(), &safety[0]["status"]), (1, &json!(0)));
    let topics = log(&["--topic", "csv.*", "--flow", &answered]);
    assert_eq!(topics.iter().filter(|record| record["kind"] == "event").count(), 7);
    assert_eq!(log(&["--last", "3"]), all[all.len() - 3..]);
    assert_eq!(log(&["--last", "0"]), Vec::<Value>::new());
    assert!(
        log(&["--kind", "event"]).iter().all(|record| record["body"] == Value::Null),
        "bodies only where asked for"
    );
    let bodies = log(&["--kind", "event", "--bodies"]);
    assert!(bodies[0]["body"]["data"].as_str().expect("data").contains("mean body_mass_g"));
    let text = Cmd::reading(&desk).arg("log").ok().stdout;
    assert_eq!(text.lines().count(), all.len(), "a line each");
}

#[test]
fn a_filter_that_cannot_match_is_usage() {
    let (desk, _) = busy();
    Cmd::reading(&desk).args(["log", "--kind", "events"]).refuses(2, &["events", "event", "outcome"]);
    Cmd::reading(&desk).args(["log", "--topic", "a..b"]).refuses(2, &["--topic"]);
}

#[test]
fn without_a_ledger_each_reading_command_says_where_it_looked_and_what_to_do() {
    let desk = Desk::csv();
    let folder = desk.ledger();
    for command in
        [vec!["flow", "abcd"], vec!["flows"], vec!["log"], vec!["receipt", "0"], vec!["replay", "abcd"], vec!["verify"]]
    {
        Cmd::reading(&desk).args(command).refuses(2, &[&folder.to_string_lossy(), "--ledger"]);
    }
    assert!(!folder.exists(), "reading begins nothing");
}

#[test]
fn reading_changes_nothing_in_the_ledger_or_the_home() {
    let (desk, [answered, ..]) = busy();
    let snapshot = || {
        let mut files: Vec<_> = crate::verifiers::tamper::files(desk.folder());
        files.retain(|file| !file.starts_with("home/cache"));
        files
            .into_iter()
            .map(|file| (file.clone(), std::fs::read(desk.folder().join(file)).expect("a file")))
            .collect::<Vec<_>>()
    };
    let before = snapshot();
    for command in [
        vec!["flow", &answered],
        vec!["flows"],
        vec!["log"],
        vec!["receipt", "5"],
        vec!["verify"],
        vec!["replay", &answered],
    ] {
        Cmd::reading(&desk).args(command).ok();
    }
    assert!(snapshot() == before, "a reading command wrote");
}

#[test]
fn a_reader_that_goes_away_ends_the_command_without_a_panic() {
    let (desk, [answered, ..]) = busy();
    for command in
        [vec!["flow", &answered], vec!["flows"], vec!["log"], vec!["receipt", "5"], vec!["verify"], vec!["--help"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let manes = std::process::Command::new(super::cmd::binary("manes"))
            .env("MANES_HOME", desk.home())
            .arg("--ledger")
            .arg(desk.ledger())
            .args(&command)
            .stdout(writer)
            .output()
            .expect("it runs");
        let stderr = String::from_utf8_lossy(&manes.stderr);
        assert!(!stderr.contains("panicked"), "{command:?}: {stderr}");
    }
}

#[test]
fn nobody_at_standard_error_changes_no_exit_code() {
    let desk = Desk::csv();
    let manes = |args: &[&str]| {
        let mut command = std::process::Command::new(super::cmd::binary("manes"));
        command.env("MANES_HOME", desk.home()).arg("--ledger").arg(desk.ledger());
        command.arg("--manifest").arg(desk.manifest()).args(args);
        command
    };
    let mut verify = std::process::Command::new(super::cmd::binary("manes-verify"));
    verify.arg("--nonsense");
    for (mut command, exit) in
        [(manes(&["flow", "absent"]), 2), (manes(&["run", "csv.question", "no json"]), 3), (verify, 2)]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = command.stdout(std::process::Stdio::null()).stderr(writer).status().expect("it runs");
        assert_eq!(status.code(), Some(exit), "{command:?}");
    }
}
