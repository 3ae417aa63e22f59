//! A manifest or component that cannot be used is refused before anything happens, in words that help.

use super::cmd::Cmd;
use super::desk::{Desk, component};

/// A manifest with one agent of this component, and more lines of its section.
fn agent(component: &str, more: &str) -> String {
    format!("[agent.one]\ncomponent = \"{component}\"\nsubscribe = [\"one.asked\"]\n{more}")
}

/// Runs an event on a manifest that must be refused with `code`.
#[track_caller]
fn refused(desk: &Desk, code: i32, words: &[&str]) {
    for command in [vec!["run", "one.asked"], vec!["up"]] {
        Cmd::manes(desk).args(command).refuses(code, words);
    }
}

/// There is no ledger, and the home has no keys: at most compiled code, which is no trace of any ledger.
#[track_caller]
fn nothing_begun(desk: &Desk) {
    assert!(!desk.ledger().exists(), "a ledger was begun");
    let home = std::fs::read_dir(desk.home()).expect("a home").filter_map(|entry| Some(entry.ok()?.file_name()));
    assert!(home.into_iter().all(|name| name == "cache"), "something was left in the home");
}

#[test]
fn a_missing_manifest_is_named_with_the_option_that_names_another() {
    let desk = Desk::new("");
    std::fs::remove_file(desk.manifest()).expect("it was there");
    refused(&desk, 2, &["manes.toml", "--manifest"]);
    assert!(!desk.ledger().exists(), "nothing may be begun");
}

#[test]
fn an_unknown_key_is_shown_with_its_line_and_column() {
    let component = component("perceptor");
    let desk = Desk::new(&agent(&component.to_string_lossy(), "publsh = [\"a.b\"]\n"));
    refused(&desk, 2, &["manes.toml", "line 4, column 1", "publsh", "did you mean publish?"]);
    desk.write_manifest(&agent(&component.to_string_lossy(), "[agent.one.limits]\nmemory = 1\n"));
    refused(&desk, 2, &["line 5, column 1", "memory", "memory_mib"]);
    desk.write_manifest("[agents.one]\n");
    refused(&desk, 2, &["line 1, column 2", "agents"]);
    assert!(!desk.ledger().exists(), "nothing may be begun");
}

#[test]
fn text_that_is_no_toml_is_shown_with_its_line_and_column() {
    let desk = Desk::new("results = [\n");
    refused(&desk, 2, &["TOML parse error at line"]);
    desk.write_manifest("\n\nresults = 7\n");
    refused(&desk, 2, &["line 3, column 11"]);
}

#[test]
fn what_a_manifest_says_wrongly_is_refused_by_name() {
    let perceptor = component("perceptor");
    let path = perceptor.to_string_lossy();
    for (manifest, words) in [
        (agent(&path, "concurrency = 0\n"), vec!["line 4, column 1", "4 | concurrency = 0", "one"]),
        (agent(&path, "limits = { fuel = 0 }\n"), vec!["line 4, column 1", "fuel"]),
        (agent(&path, "concurrency = 65\n"), vec!["one", "64"]),
        (agent(&path, "publish = [\"a b\"]\n"), vec!["line 4", "a b"]),
        (
            agent(&path, "directories = [{ host = \"data\", guest = \"/data\", access = \"rw\" }]\n"),
            vec!["line 4", "rw"],
        ),
        (agent(&path, "env = [\"A=B\"]\n"), vec!["line 4", "no name of a variable"]),
        (
            agent(
                &path,
                "directories = [{ host = \"a\", guest = \"/d\", access = \"read\" }, { host = \"b\", guest = \"/d\", access = \"read\" }]\n",
            ),
            vec!["line 4", "granted twice"],
        ),
        (agent(&path, "http = [\"GET\"]\n"), vec!["line 4", "METHOD host/path"]),
        (format!("[agent.one]\ncomponent = \"{path}\"\nsubscribe = []\n"), vec!["one", "subscribe"]),
        ("[agent.one]\nsubscribe = [\"a\"]\n".to_owned(), vec!["component"]),
        (agent(&path, "[capability.one]\ncomponent = \"x.wasm\"\n"), vec!["line 4, column 13", "rename"]),
        (agent(&path, "").replace("agent.one", "agent.\"one two\""), vec!["one two"]),
        (agent(&path, "").replace("agent.one", "agent.host"), vec!["host"]),
    ] {
        let desk = Desk::new(&manifest);
        refused(&desk, 2, &words);
        assert!(!desk.ledger().exists(), "nothing may be begun:\n{manifest}");
    }
}

#[test]
fn a_missing_component_file_is_named() {
    let desk = Desk::new(&agent("parts/nowhere.wasm", ""));
    refused(&desk, 1, &["line 2, column 1", "agent one", "parts/nowhere.wasm", "No such file", "build it first"]);
    nothing_begun(&desk);
    let capability = "[capability.two]\ncomponent = \"parts/two.wasm\"\n";
    desk.write_manifest(&(agent(&component("perceptor").to_string_lossy(), "") + capability));
    refused(&desk, 1, &["capability two", "parts/two.wasm", "build it first"]);
    nothing_begun(&desk);
    // What is loaded later may be built later.
    desk.write_manifest(&(agent(&component("perceptor").to_string_lossy(), "") + capability + "load = false\n"));
    Cmd::manes(&desk).args(["run", "two.asked"]).refuses(2, &["no agent takes two.asked"]);
    assert!(desk.ledger().exists(), "this host did start");
}

#[test]
fn a_core_module_is_refused_with_what_to_build_instead() {
    let desk = Desk::new(&agent("core.wasm", ""));
    std::fs::write(desk.folder().join("core.wasm"), b"\0asm\x01\0\0\0").expect("a module");
    refused(&desk, 1, &["agent one", "core.wasm", "core WebAssembly module", "wasm32-wasip2"]);
    nothing_begun(&desk);
}

#[test]
fn a_file_that_is_no_wasm_is_refused_by_name() {
    let desk = Desk::new(&agent("text.wasm", ""));
    for bytes in [&b""[..], b"hello", b"\0asm", &[0; 4096]] {
        std::fs::write(desk.folder().join("text.wasm"), bytes).expect("a file");
        refused(&desk, 1, &["agent one", "text.wasm", "not a usable component"]);
        nothing_begun(&desk);
    }
}

#[test]
fn a_component_of_another_role_is_refused_with_what_it_lacks() {
    let desk = Desk::new(&agent(&component("table").to_string_lossy(), ""));
    refused(&desk, 1, &["agent one", "table.wasm", "does not export manes:agent/handler"]);
    nothing_begun(&desk);
    let perceptor = component("perceptor");
    let capability = format!("[capability.two]\ncomponent = \"{}\"\n", perceptor.display());
    desk.write_manifest(&(agent(&perceptor.to_string_lossy(), "") + &capability));
    refused(&desk, 1, &["capability two", "perceptor.wasm", "does not export"]);
    nothing_begun(&desk);
}

#[test]
fn a_truncated_component_never_runs() {
    let whole = std::fs::read(component("perceptor")).expect("a component");
    let desk = Desk::new(&agent("cut.wasm", ""));
    for length in [8, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(desk.folder().join("cut.wasm"), &whole[..length]).expect("a file");
        refused(&desk, 1, &["agent one", "cut.wasm"]);
        nothing_begun(&desk);
    }
}

#[test]
fn a_grant_that_can_match_nothing_is_refused_with_the_name_that_was_meant() {
    let text = super::desk::csv_manifest();
    let desk = Desk::csv();
    desk.write_manifest(&text.replacen("[\"manes:table/table\"]", "[\"manes:tabel/table\"]", 1));
    refused(
        &desk,
        1,
        &[
            "capabilities = [\"manes:tabel/table\"]",
            "proposer is granted manes:tabel/table",
            "did you mean manes:table/table@0.1?",
        ],
    );
    let raised = "[{ interface = \"manes:table/table\", effects = { \"table.opne\" = \"write\" } }]";
    desk.write_manifest(&text.replacen("[\"manes:table/table\"]", raised, 1));
    refused(&desk, 1, &["proposer's grant of manes:table/table@0.1", "table.opne", "did you mean table.open?"]);
}

#[test]
fn a_limit_that_a_capability_cannot_have_is_refused_with_whose_it_is() {
    let desk = Desk::csv();
    let table = "[capability.table]\nlimits = { deadline_ms = 5 }";
    desk.write_manifest(&super::desk::csv_manifest().replace("[capability.table]", table));
    refused(&desk, 2, &["deadline_ms means nothing for a capability", "[agent.NAME]"]);
    nothing_begun(&desk);
}

#[test]
fn paths_in_a_manifest_begin_at_the_manifest_wherever_it_is_called_from() {
    let desk = Desk::csv();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let ran = Cmd::manes(&desk).args(["run", "csv.question", &super::desk::asked("count", "penguins.csv")]);
    let result = ran.inside(elsewhere.path()).ok().json();
    assert_eq!(result["answer"], 344);
}

#[test]
fn a_manifest_says_where_its_ledger_lies_unless_a_command_does() {
    let greeter = component("greeter");
    let section = "subscribe = [\"hello.asked\"]\npublish = [\"hello.greeted\"]\n";
    let desk = Desk::new(&format!("ledger = \"state/here\"\n[agent.greeter]\ncomponent = {greeter:?}\n{section}"));
    let elsewhere = desk.folder().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    // From any folder: the path begins in the manifest's own.
    let named = |args: &[&str]| {
        Cmd::bare(&desk).inside(&elsewhere).args(["--manifest".as_ref(), desk.manifest().as_os_str()]).args(args)
    };
    named(&["run", "hello.asked", "{\"name\":\"Ada\"}"]).exits(3);
    assert!(desk.folder().join("state/here/segments").is_dir() && !desk.folder().join(".manes").exists());
    assert_eq!(named(&["flows", "--json"]).ok().json().as_array().map(Vec::len), Some(1));
    Cmd::manes(&desk).arg("flows").refuses(2, &["there is no ledger"]);
    desk.write_manifest("ledger = \"\"\n");
    named(&["run", "a.b"]).refuses(2, &["line 1, column 1", "has no name"]);
}
