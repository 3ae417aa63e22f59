//! `docs/json.md` shows what commands print with `--json`: no key is missing there, and none is made up.
//!
//! Method: each command is run, and each path to a key of what it prints must be in the example or the table of its section;
//! each key at the top of the example must be printed.

use crate::cli::cmd::{Cmd, binary};
use crate::cli::desk::{Desk, asked, component, csv_manifest, repository};
use manes_tests::docs::blocks;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A section: the example, and the paths of the table.
struct Section {
    example: Value,
    paths: BTreeSet<String>,
}

fn sections() -> BTreeMap<String, Section> {
    let text = std::fs::read_to_string(repository().join("docs/json.md")).expect("the page");
    let parts = text.split("\n## ").skip(1);
    let section = |part: &str| {
        let (title, rest) = part.split_once('\n')?;
        let example = blocks(rest).into_iter().find(|block| block.language() == "json")?;
        let example: Value = serde_json::from_str(&example.text).unwrap_or_else(|error| panic!("{title}: {error}"));
        let rows = rest.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut paths: BTreeSet<String> = rows.map(|(path, _)| path.to_owned()).collect();
        collect(&example, "", &mut paths);
        Some((title.to_owned(), Section { example, paths }))
    };
    parts.filter_map(section).collect()
}

/// Paths to all keys of a value.
fn collect(value: &Value, at: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                collect(field, &path, paths);
                paths.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, &format!("{at}[]"), paths)),
        _ => {}
    }
}

/// Paths below which keys are names, or what somebody recorded.
const FREE: [&str; 8] = [
    "agents[].uses",
    "imports[].functions",
    "exports[].functions",
    ".args",
    ".outcome",
    "[].body",
    "content",
    "finding",
];

impl Section {
    #[track_caller]
    fn holds(&self, title: &str, printed: &Value) {
        let mut found = BTreeSet::new();
        collect(printed, "", &mut found);
        let free = |path: &str| {
            FREE.iter().any(|free| path.split_once(free).is_some_and(|(_, rest)| rest.starts_with(['.', '['])))
        };
        let unknown: Vec<&String> = found.iter().filter(|path| !free(path) && !self.paths.contains(*path)).collect();
        assert!(unknown.is_empty(), "{title}: docs/json.md does not have {unknown:?}");
        let keys = |value: &Value| match value {
            Value::Array(items) => items.first().and_then(Value::as_object).map(|o| o.keys().cloned().collect()),
            other => other.as_object().map(|o| o.keys().cloned().collect::<BTreeSet<String>>()),
        };
        if let (Some(shown), Some(printed)) = (keys(&self.example), keys(printed)) {
            assert_eq!(shown, printed, "{title}: the keys at the top");
        }
    }
}

#[test]
fn every_shape_is_as_it_is_documented() {
    let sections = sections();
    assert!(sections.len() > 30, "{:?}", sections.keys());
    let mut manifest = csv_manifest();
    let greeter = component("greeter");
    manifest += &format!(
        "\n[agent.greeter]\ncomponent = {greeter:?}\nsubscribe = [\"hello.asked\"]\npublish = [\"hello.greeted\"]\n"
    );
    let desk = Desk::csv();
    desk.write_manifest(&manifest);
    let shown = |title: &str, code: i32, cmd: Cmd| {
        let printed = cmd.arg("--json").exits(code).json();
        let section = sections.get(title).unwrap_or_else(|| panic!("docs/json.md has no section {title}"));
        section.holds(title, &printed);
        printed
    };
    let manes = |args: &[&str]| Cmd::manes(&desk).args(args);
    let question = asked("mean body_mass_g by species?", "penguins.csv");
    let flow = shown("manes run", 0, manes(&["run", "csv.question", &question]))["flow"].clone();
    let flow = flow.as_str().expect("a flow").to_owned();
    shown("manes run", 3, manes(&["run", "hello.asked", "{\"name\": \"Ada\"}"]));
    shown("manes run", 3, manes(&["run", "csv.parsed", "no JSON"]));
    let dead = shown("manes dead", 0, manes(&["dead"]))[0]["activation"].as_str().expect("a letter").to_owned();
    shown("manes emit", 0, manes(&["emit", "hello.asked", "{\"name\": \"Eve\"}"]));
    shown("manes flow", 0, manes(&["flow", &flow, "--calls"]));
    shown("manes flows", 0, manes(&["flows"]));
    shown("manes agents", 0, manes(&["agents"]));
    shown("manes replay", 0, manes(&["replay", &flow]));
    let other = component("greeter").to_string_lossy().into_owned();
    shown("manes replay", 4, manes(&["replay", &flow, "--agent", "proposer", "--component", &other]));
    std::fs::write(desk.folder().join("none.toml"), "").expect("a manifest");
    shown("manes replay --policy", 3, manes(&["replay", &flow, "--policy", "none.toml"]));
    shown("manes grants explain", 3, manes(&["grants", "explain", "greeter", "publish", "x"]));
    shown("manes inspect", 0, manes(&["inspect", &other]));
    shown("manes verify", 0, manes(&["verify"]));
    shown("manes checkpoint", 0, manes(&["checkpoint"]));
    shown("manes key list", 0, manes(&["key"]));
    shown("manes key rotate", 0, manes(&["key", "rotate"]));
    shown("manes backup", 0, manes(&["backup", "copy"]));
    shown("manes receipt", 0, manes(&["receipt", "5"]));
    shown("manes doctor", 0, manes(&["doctor"]));
    shown("manes wit add", 0, manes(&["wit", "add", &component("table").to_string_lossy()]));
    shown("manes new", 0, manes(&["new", "made"]));
    shown("manes test", 0, manes(&["test", "--from", &flow]));
    let log = manes(&["log", "--json", "--last", "3"]).ok().json_lines();
    sections["manes log"].holds("manes log", &Value::Array(log));
    shown("manes-verify", 0, Cmd::program(binary("manes-verify")).arg(desk.folder().join("copy")));
    let host = desk.up();
    shown("manes pause", 0, manes(&["pause", "greeter"]));
    shown("manes resume", 0, manes(&["resume", "greeter"]));
    shown("manes swap", 0, manes(&["swap", "greeter"]));
    shown("manes load", 0, manes(&["load", "table"]));
    shown("manes unload", 0, manes(&["unload", "greeter"]));
    let requeued = manes(&["requeue", &dead, "--json"]).exits(3).json();
    sections["manes run"].holds("manes requeue", &requeued);
    host.terminate();
}
