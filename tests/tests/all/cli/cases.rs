//! `manes test`: built components in the real host, against cases that are files.
//!
//! Method: cases are written, made of recorded flows, and edited; each edit must be found, and nothing outside is touched.

use super::cmd::{Cmd, Ran};
use super::desk::{Desk, component, repository};
use serde_json::json;
use std::path::{Path, PathBuf};

fn case(desk: &Desk, name: &str, text: &str) -> PathBuf {
    let path = desk.folder().join("cases").join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of cases");
    std::fs::write(&path, text).expect("a case");
    path
}

/// `manes test`, where the desk is.
fn test(desk: &Desk) -> Cmd {
    Cmd::manes(desk).arg("test")
}

fn hello() -> Desk {
    let greeter = component("greeter");
    let section = "subscribe = [\"hello.asked\"]\npublish = [\"hello.greeted\"]\n";
    Desk::new(&format!("results = [\"hello.greeted\"]\n[agent.greeter]\ncomponent = {greeter:?}\n{section}"))
}

/// The `script` fixture, which does what its event says.
fn scripted(more: &str) -> Desk {
    let script = component("script");
    let section = "subscribe = [\"do\"]\npublish = [\"did\", \"do\"]\nlimits = { deadline_ms = 1000 }";
    Desk::new(&format!("results = [\"did\"]\n[agent.s]\ncomponent = {script:?}\n{section}\n{more}\n"))
}

const GREETS: &str =
    "about = \"by name\"\n\n# Who asks.\n[[event]]\ntopic = \"hello.asked\"\ndata = { name = \"Ada\" }\n";

#[test]
fn a_case_passes_or_shows_the_lines_that_differ_and_is_updated() {
    let desk = hello();
    let expected = "[[expect]]\ntopic = \"hello.greeted\"\ndata = { text = \"Ciao, Ada\" }\n";
    let path = case(&desk, "greets.toml", &format!("{GREETS}\n{expected}"));
    let failed = test(&desk).exits(1);
    let diff =
        "  hello.greeted from greeter\n    {\n-     \"text\": \"Ciao, Ada\"\n+     \"text\": \"Hello, Ada\"\n    }\n";
    let indented: String = diff.lines().map(|line| format!("  {line}\n")).collect();
    assert_eq!(failed.stdout, format!("failed   cases/greets.toml  by name\n{indented}0 passed, 1 failed\n"));
    assert!(failed.stderr.contains("manes test --update"), "{}", failed.stderr);
    let json = test(&desk).arg("--json").exits(1).json();
    assert_eq!(json["cases"][0]["diff"], diff);
    let updated = test(&desk).arg("--update").ok();
    assert_eq!(updated.stdout, format!("updated  cases/greets.toml  by name\n{indented}1 passed, 0 failed\n"));
    let text = std::fs::read_to_string(&path).expect("the case");
    assert!(text.starts_with(GREETS) && text.contains("data = { text = \"Hello, Ada\" }"), "{text}");
    let passed = test(&desk).ok();
    assert_eq!(
        (passed.stdout.as_str(), passed.stderr.as_str()),
        ("passed   cases/greets.toml  by name\n1 passed, 0 failed\n", "")
    );
    let json = test(&desk).arg("--json").ok().json();
    let verdict = json!({
        "case": "cases/greets.toml", "about": "by name", "status": "passed", "events": 1, "attempts": 1, "diff": "",
        "unanswered": false,
    });
    assert_eq!(json, json!({ "passed": 1, "failed": 0, "cases": [verdict] }));
    // What is not said may be anything.
    case(&desk, "greets.toml", &format!("{GREETS}\n[[expect]]\ntopic = \"hello.greeted\"\n"));
    test(&desk).ok();
    // An event that does not come, and one too many.
    case(&desk, "greets.toml", GREETS);
    assert!(test(&desk).exits(1).stdout.contains("+ hello.greeted from greeter"));
    case(&desk, "greets.toml", &format!("{GREETS}{expected}{expected}"));
    assert!(test(&desk).exits(1).stdout.contains("- hello.greeted from any agent"));
    assert!(!desk.ledger().exists(), "a test leaves no ledger");
}

#[test]
fn a_failure_is_expected_by_agent_status_and_words() {
    let desk = hello();
    let event = "[[event]]\ntopic = \"hello.asked\"\ndata = { nam = 1 }\n";
    for (fail, passes) in [
        ("[[fail]]\nagent = \"greeter\"\nstatus = \"rejected\"\n", true),
        ("[[fail]]\nagent = \"greeter\"\nstatus = \"rejected\"\nmessage = \"missing field `name`\"\n", true),
        ("[[fail]]\nagent = \"greeter\"\nstatus = \"rejected\"\nmessage = \"something else\"\n", false),
        ("[[fail]]\nagent = \"greeter\"\nstatus = \"trapped\"\n", false),
        ("", false),
    ] {
        case(&desk, "rejects.toml", &format!("{event}{fail}"));
        let ran = test(&desk).exits(i32::from(!passes));
        assert_eq!(ran.stdout.starts_with("passed"), passes, "{fail}: {}", ran.stdout);
    }
    test(&desk).arg("--update").ok();
    test(&desk).ok();
}

/// A case of the question that the example answers, made of a flow of it.
fn recorded(desk: &Desk) -> (PathBuf, Ran) {
    let flow = desk.flow("mean body_mass_g by species?");
    let path = desk.folder().join("recorded.toml");
    let ran = test(desk).args(["--from", &flow[..8], "--to"]).arg(&path).ok();
    (path, ran)
}

#[test]
fn a_recorded_flow_becomes_a_case_that_needs_nobody() {
    let desk = Desk::csv();
    let (path, ran) = recorded(&desk);
    assert!(ran.stdout.starts_with("passed "), "{}", ran.stdout);
    std::fs::remove_file(desk.data("penguins.csv")).expect("it was there");
    let again = test(&desk).arg(&path).ok();
    assert!(again.stdout.ends_with("1 passed, 0 failed\n"), "{}", again.stdout);
    let text = std::fs::read_to_string(&path).expect("the case");
    // What the table answered is what the agents compute with: the critic finds out, and nothing is made up for it.
    let (from, to) = ("number(3700.662251655629)", "number(9.5)");
    assert!(text.contains(from), "{text}");
    std::fs::write(&path, text.replace(from, to)).expect("written");
    let changed = test(&desk).arg(&path).exits(1);
    assert!(
        changed.stdout.lines().any(|line| line.starts_with("  + ") && line.ends_with(" 9.5")),
        "{}",
        changed.stdout
    );
    // A call that the case does not have is named, and one that does not come, too.
    let call = text.find("[[call]]\nagent = \"critic\"").expect("a call of the critic's");
    let end = text[call + 1..].find("[[").expect("more") + call + 1;
    std::fs::write(&path, format!("{}{}", &text[..call], &text[end..])).expect("written");
    let missing = test(&desk).arg(&path).exits(1);
    assert!(
        missing.stdout.contains("+ critic calls manes:table/table@0.1#[static]table.open(\"penguins.csv\")"),
        "{}",
        missing.stdout
    );
    assert!(missing.stderr.contains("[[call]]") && missing.stderr.contains("live = "), "{}", missing.stderr);
    // That cannot be written down, for nobody said what it returns.
    test(&desk).arg(&path).arg("--update").exits(1);
    let unused = "[[call]]\nagent = \"executor\"\nfunction = \"manes:table/table#[static]table.open\"\nargs = '\"other.csv\"'\nresult = 'err(not-found(\"no\"))'\n";
    std::fs::write(&path, format!("{text}\n{unused}")).expect("written");
    let left = test(&desk).arg(&path).exits(1);
    assert!(
        left.stdout.contains("- executor calls manes:table/table@0.1#[static]table.open(\"other.csv\")"),
        "{}",
        left.stdout
    );
    test(&desk).arg(&path).arg("--update").ok();
    assert!(!std::fs::read_to_string(&path).expect("the case").contains("other.csv"));
    // A capability that is there needs no script.
    let live = "live = [\"table\"]\ndirectories = { \"/data\" = \"folder\" }\n[[event]]\ntopic = \"csv.question\"\n";
    let live = format!("{live}data = {{ question = \"mean body_mass_g by species?\", file = \"penguins.csv\" }}\n");
    let path = case(&desk, "live.toml", &live);
    let folder = desk.folder().join("cases/folder");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(repository().join("examples/csv-analysis/data/penguins.csv"), folder.join("penguins.csv"))
        .expect("a copy");
    test(&desk).arg("--update").ok();
    assert!(std::fs::read_to_string(&path).expect("the case").contains("Gentoo = 5076.016260162602"));
    test(&desk).ok();
}

#[test]
fn requests_are_answered_by_the_case_and_go_nowhere() {
    let prober = component("prober");
    let http = "http = [\"GET api.example.com/v1/\"]";
    let section = "subscribe = [\"probe.requested\"]\npublish = [\"probe.done\"]";
    let desk =
        Desk::new(&format!("results = [\"probe.done\"]\n[agent.prober]\ncomponent = {prober:?}\n{section}\n{http}\n"));
    let write = |url: &str, request: &str| {
        let event = format!("[[event]]\ntopic = \"probe.requested\"\ndata = {{ url = \"{url}\" }}\n");
        let answer = format!("[[http]]\nrequest = \"{request}\"\nstatus = 418\nanswer = {{ short = true }}\n");
        let out = format!("[[expect]]\ntopic = \"probe.done\"\ndata = {{ url = \"{url}\", status = 418 }}\n");
        case(&desk, "probes.toml", &format!("{event}{answer}{out}"));
    };
    let url = "https://api.example.com/v1/tea?milk=no";
    write(url, &format!("GET {url}"));
    test(&desk).ok();
    write(url, "GET https://api.example.com/v1/coffee");
    let other = test(&desk).exits(1);
    for line in ["- request GET https://api.example.com/v1/coffee\n".to_owned(), format!("+ request GET {url}\n")] {
        assert!(other.stdout.contains(&line), "{line} is not in: {}", other.stdout);
    }
    // Policy judges as it always does.
    write("https://example.org/", "GET https://example.org/");
    let denied = test(&desk).exits(1);
    assert!(denied.stdout.contains("HTTP-request-denied"), "{}", denied.stdout);
    let line = "prober was denied: GET example.org/ is not granted; allow with: http = [\"GET https://example.org/\"]";
    assert!(denied.stdout.contains(line), "{}", denied.stdout);
    write(url, "api.example.com");
    assert!(test(&desk).exits(2).stdout.contains("probes.toml line 5: write METHOD URL"));
}

#[test]
fn time_passes_at_once_and_directories_are_copies() {
    let grant = "directories = [{ host = \"data\", guest = \"/d\", access = \"read-write\" }]\nenv = [\"KEY\"]";
    let desk = scripted(grant);
    // A year of delays, and a wait that is longer than anybody's patience.
    let month = 30 * 24 * 3600 * 1000_u64;
    let event = |script: serde_json::Value| {
        format!("[[event]]\ntopic = \"do\"\ncontent-type = \"application/json\"\ndata = '{script}'\n")
    };
    let later = json!([["emit", "did", "later", { "delay": month }], ["report", "did"]]);
    case(&desk, "a.toml", &event(later));
    // Each attempt waits longer than the one before; all five are made.
    case(&desk, "b.toml", &event(json!([["retry", "not yet"]])));
    case(&desk, "c.toml", &format!("env = {{ KEY = \"open\" }}\n{}", event(json!([["env"], ["report", "did"]]))));
    let written = json!([["write", "/d/out.txt", "x"], ["read", "/d/in.txt"], ["report", "did"]]);
    case(&desk, "d.toml", &format!("directories = {{ \"/d\" = \"fixture\" }}\n{}", event(written)));
    std::fs::create_dir_all(desk.folder().join("cases/fixture")).expect("a folder");
    std::fs::write(desk.folder().join("cases/fixture/in.txt"), "from the fixture").expect("written");
    std::fs::write(desk.data("in.txt"), "the real one").expect("written");
    let ran = test(&desk).args(["--update", "--json"]).ok().json();
    assert_eq!(ran["passed"], 4, "{ran}");
    assert_eq!(ran["cases"][1]["attempts"], 5, "{ran}");
    let text = |name: &str| std::fs::read_to_string(desk.folder().join("cases").join(name)).expect("a case");
    assert!(text("c.toml").contains("[\"KEY\", \"open\"]"), "{}", text("c.toml"));
    assert!(text("d.toml").contains("from the fixture"), "{}", text("d.toml"));
    assert!(!desk.data("out.txt").exists(), "a test wrote into a real folder");
    assert!(!desk.folder().join("cases/fixture/out.txt").exists(), "a test wrote into its fixture");
    // The same in every run: clocks and random numbers, too.
    let ambient = json!([["wall"], ["now"], ["random-u64"], ["seed"], ["report", "did"]]);
    case(&desk, "e.toml", &event(ambient));
    test(&desk).arg("--update").ok();
    test(&desk).ok();
}

#[test]
fn what_the_environment_held_is_not_written_into_a_case() {
    let desk = scripted("env = [\"API_KEY\"]");
    let script = json!([["env"], ["wall"], ["random-u64"], ["report", "did"]]).to_string();
    let run = Cmd::manes(&desk).env("API_KEY", "very-secret").args(["run", "do", &script]).json();
    let flow = run["flow"].as_str().expect("a flow").to_owned();
    test(&desk).args(["--from", &flow]).ok();
    let cases: Vec<PathBuf> = std::fs::read_dir(desk.folder().join("cases"))
        .expect("cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    let text = std::fs::read_to_string(&cases[0]).expect("the case");
    assert!(!text.contains("very-secret") && text.contains("test-API_KEY"), "{text}");
    test(&desk).ok();
    test(&desk).args(["--from", &flow]).refuses(2, &["is there already", "--to"]);
}

#[test]
fn a_case_that_is_wrong_is_pointed_at_and_the_others_are_played() {
    let desk = Desk::csv();
    let event = "[[event]]\ntopic = \"csv.question\"\n";
    let call = |line: &str| format!("{event}[[call]]\nagent = \"proposer\"\n{line}\n");
    let open = "function = \"manes:table/table#[static]table.open\"";
    for (text, words) in [
        (String::new(), vec!["missing field `event`"]),
        ("event = []\n".to_owned(), vec!["nothing goes in"]),
        (format!("{event}topc = 1\n"), vec!["line 3", "topc"]),
        (
            "[[event]]\ntopic = \"nobody.takes\"\n".to_owned(),
            vec!["line 2", "no agent takes nobody.takes", "csv.question"],
        ),
        (format!("live = [\"tables\"]\n{event}"), vec!["no such capability", "table"]),
        (format!("time = \"noon\"\n{event}"), vec!["\"noon\" is no time"]),
        (format!("{event}[[call]]\nagent = \"nobody\"\n{open}\n"), vec!["line 4", "no agent \"nobody\"", "proposer"]),
        (
            call("function = \"manes:table/table#[static]table.opn\"\nresult = 'ok'"),
            vec!["line 5", "did you mean", "table.open"],
        ),
        (call(open), vec!["line 5", "returns result<", "say which"]),
        (call(&format!("{open}\nargs = '7'\nresult = 'ok(\"@1\")'")), vec!["line 6", "string"]),
        (call(&format!("{open}\nresult = 'maybe'")), vec!["line 6", "maybe"]),
        (call(&format!("{open}\nresult = 'ok(\"@1\")'\nfails = \"x\"")), vec!["line 5", "not both"]),
        (
            format!("directories = {{ \"/data\" = \"absent\" }}\nlive = [\"table\"]\n{event}"),
            vec!["failed to copy", "absent"],
        ),
    ] {
        let path = case(&desk, "wrong.toml", &text);
        let ran = test(&desk).arg(&path).exits(2);
        assert!(ran.stdout.starts_with("wrong ") && ran.stdout.ends_with("0 passed, 1 failed\n"), "{}", ran.stdout);
        for word in words {
            assert!(ran.stdout.contains(word), "{word:?} is not in: {}", ran.stdout);
        }
    }
    let (good, _) = recorded(&desk);
    let both = test(&desk).arg(desk.folder().join("cases")).arg(&good).exits(2);
    assert!(both.stdout.contains("passed ") && both.stdout.ends_with("1 passed, 1 failed\n"), "{}", both.stdout);
    test(&desk).arg("absent.toml").refuses(2, &["there is no case absent.toml"]);
    test(&desk).args(["--from", "0000"]).refuses(2, &["manes flows"]);
    test(&hello()).refuses(2, &["there are no cases in cases", "manes test --from"]);
}

#[test]
fn a_capability_that_fails_in_a_case_fails_as_a_real_one() {
    let (script, echo) = (component("script"), component("echo"));
    let desk = Desk::new(&format!(
        "results = [\"did\"]\n[agent.s]\ncomponent = {script:?}\nsubscribe = [\"do\"]\npublish = [\"did\"]\ncapabilities = [\"fixture:echo/echo\"]\n\
         attempts = 1\n[capability.echo]\ncomponent = {echo:?}\n"
    ));
    let event = "[[event]]\ntopic = \"do\"\ndata = '[[\"echo\", \"hi\"], [\"report\", \"did\"]]'\n";
    let call = "[[call]]\nagent = \"s\"\nfunction = \"fixture:echo/echo#text\"\n";
    let fail = "[[fail]]\nagent = \"s\"\nstatus = \"fault\"\nmessage = \"out of tea\"\n";
    case(&desk, "fails.toml", &format!("{event}{call}fails = \"out of tea\"\n{fail}"));
    let out = "[[expect]]\ntopic = \"did\"\ndata = '[\"scripted\"]'\n";
    case(&desk, "answers.toml", &format!("{event}{call}args = '\"hi\"'\nresult = '\"scripted\"'\n{out}"));
    let ran = test(&desk).ok();
    assert!(ran.stdout.ends_with("2 passed, 0 failed\n"), "{}", ran.stdout);
}

#[test]
fn the_examples_cases_pass() {
    for example in ["hello", "csv-analysis"] {
        let desk = Desk::new("");
        let folder = repository().join("examples").join(example);
        let ran = Cmd::bare(&desk).inside(&folder).arg("test").ok();
        assert!(!ran.stdout.starts_with('0') && Path::new(&folder).join("cases").is_dir(), "{}", ran.stdout);
    }
}
