//! `manes up`, `load`, `swap` and `unload`: a host that runs, is asked, is stopped or killed, and what it leaves.

use super::cmd::{Cmd, until};
use super::desk::{Desk, asked};
use serde_json::{Value, json};

fn run(desk: &Desk, question: &str) -> Cmd {
    Cmd::manes(desk).args(["run", "csv.question", &asked(question, "penguins.csv")])
}

/// What `verify --json` says; it must be verified.
#[track_caller]
fn verified(desk: &Desk) -> Value {
    Cmd::reading(desk).arg("verify").json()
}

#[test]
fn up_says_when_it_is_ready_with_its_agents_and_where_it_listens() {
    let desk = Desk::csv();
    let up = desk.up();
    assert_eq!(up.ready["control"], up.address().0.as_str());
    assert!(up.address().0.starts_with("127.0.0.1:"), "loopback alone");
    let agents = up.ready["agents"].as_array().expect("agents");
    let names: Vec<_> = agents.iter().map(|agent| agent["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["critic", "decomposer", "executor", "perceptor", "prober", "proposer", "safety"]);
    assert!(agents.iter().all(|agent| agent["state"] == "ready"), "{agents:?}");
    assert_eq!(agents[5]["subscribe"], json!(["csv.decomposed", "csv.revise"]));
    let ledger = up.ready["ledger"].clone();
    up.terminate();
    assert_eq!(verified(&desk)["ledger"], ledger);
}

#[test]
fn a_run_on_a_ledger_that_a_host_holds_goes_through_that_host() {
    let desk = Desk::csv();
    let up = desk.up();
    let before = verified(&desk)["hosts"].clone();
    let ran = run(&desk, "how many rows?").ok();
    assert_eq!(ran.json()["answer"], 344);
    // The running host's manifest counts, not the caller's.
    let elsewhere = Cmd::reading(&desk).args(["--manifest", "/nowhere.toml", "run", "csv.question"]);
    assert_eq!(elsewhere.arg(asked("how many rows?", "penguins.csv")).ok().json()["answer"], 344);
    // Codes come through it unchanged.
    Cmd::manes(&desk).args(["run", "csv.question", "no json"]).exits(3);
    Cmd::manes(&desk).args(["run", "csv.nothing", "{}"]).refuses(2, &["csv.nothing", "csv.question"]);
    Cmd::manes(&desk).args(["run", "csv.question", "a", "--id", "one"]).exits(3);
    Cmd::manes(&desk).args(["run", "csv.question", "b", "--id", "one"]).refuses(3, &["other content"]);
    let stopped = up.terminate();
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    let after = verified(&desk);
    assert_eq!(after["hosts"], before, "one host wrote it all");
    let starts = Cmd::reading(&desk).args(["log", "--kind", "deployment", "--json"]).ok().json_lines();
    assert_eq!(starts.len(), 8, "nobody else deployed anything");
}

#[test]
fn reading_commands_work_beside_a_running_host() {
    let desk = Desk::csv();
    let _up = desk.up();
    let flow = run(&desk, "how many rows?").json()["flow"].as_str().expect("a flow").to_owned();
    assert_eq!(Cmd::reading(&desk).args(["flow", &flow]).json()["status"], "done");
    assert_eq!(Cmd::reading(&desk).arg("flows").json()[0]["flow"], flow.as_str());
    Cmd::reading(&desk).args(["replay", &flow]).ok();
    verified(&desk);
}

#[test]
fn a_second_host_on_the_same_ledger_is_refused_and_harms_nothing() {
    let desk = Desk::csv();
    let up = desk.up();
    Cmd::manes(&desk).arg("up").refuses(1, &["in use by another process", &desk.ledger().to_string_lossy()]);
    assert_eq!(run(&desk, "how many rows?").ok().json()["answer"], 344, "the first one still answers");
    assert!(up.control.exists(), "and can still be found");
    assert_eq!(up.terminate().code, Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let desk = Desk::csv();
    Cmd::manes(&desk).args(["up", "--port", &port]).refuses(1, &[&port, "127.0.0.1"]);
    run(&desk, "how many rows?").ok();
    verified(&desk);
}

#[test]
fn a_host_ends_cleanly_on_either_signal_and_the_ledger_is_whole_and_free() {
    for signal in ["TERM", "INT"] {
        let desk = Desk::csv();
        let up = desk.up();
        run(&desk, "how many rows?").ok();
        let control = up.control.clone();
        let stopped = if signal == "TERM" { up.terminate() } else { up.interrupt() };
        assert_eq!(stopped.code, Some(0), "{signal}: {}", stopped.stderr);
        assert!(!control.exists(), "{signal}: the control file is gone");
        let report = verified(&desk);
        assert_eq!((&report["tail"], &report["open_attempts"]), (&json!(0), &json!(0)), "{signal}: all is signed");
        // LOCK is free: a host in another process opens the ledger, and one that stays does too.
        assert_eq!(run(&desk, "how many rows?").ok().json()["answer"], 344);
        assert_eq!(desk.up().terminate().code, Some(0));
        verified(&desk);
    }
}

#[test]
fn sigterm_while_a_flow_waits_ends_the_host_and_loses_nothing() {
    let desk = Desk::csv_without_table();
    let up = desk.up();
    let waits = run(&desk, "how many rows?").args(["--timeout", "0", "--json"]).exits(6).json();
    let stopped = up.terminate();
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    verified(&desk);
    desk.write_manifest(&super::desk::csv_manifest());
    let _up = desk.up();
    let flow = waits["flow"].as_str().expect("a flow");
    let activations = until("the flow's end", || {
        let view = Cmd::reading(&desk).args(["flow", flow]).json();
        let events = view["events"].as_array().expect("events").clone();
        events.iter().any(|event| event["topic"] == "csv.answered").then(|| view["activations"].clone())
    });
    assert_eq!(activations.as_array().expect("activations").len(), 6);
}

#[test]
fn sigterm_while_a_caller_waits_ends_the_host_and_answers_the_caller() {
    let desk = Desk::csv_without_table();
    let up = desk.up();
    let caller = run(&desk, "how many rows?").args(["--timeout", "60"]).start();
    until("the event in the ledger", || {
        let log = Cmd::reading(&desk).args(["log", "--topic", "csv.decomposed", "--json"]).ok().stdout;
        (!log.is_empty()).then_some(())
    });
    let stopped = up.terminate();
    assert!(matches!(stopped.code, Some(0 | 1)), "{:?}: {}", stopped.code, stopped.stderr);
    let caller = caller.end("run, whose host stopped");
    assert!(matches!(caller.code, Some(1..=6)), "no result may be claimed: {:?} {}", caller.code, caller.stdout);
    assert_eq!(caller.stdout, "");
    verified(&desk);
}

#[test]
fn after_a_kill_the_next_command_finds_no_host_and_opens_the_ledger_itself() {
    let desk = Desk::csv();
    let up = desk.up();
    run(&desk, "how many rows?").ok();
    let control = up.control.clone();
    up.kill();
    assert!(control.exists(), "nobody was there to remove it");
    assert_eq!(run(&desk, "how many rows?").ok().json()["answer"], 344);
    let report = verified(&desk);
    assert_eq!(report["tail"], 0);
    Cmd::manes(&desk).args(["load", "table"]).refuses(2, &["no host is running"]);
}

#[test]
fn load_needs_a_running_host() {
    let desk = Desk::csv();
    let folder = desk.ledger();
    Cmd::manes(&desk)
        .args(["load", "table"])
        .refuses(2, &["no host is running", &folder.to_string_lossy(), "manes up"]);
    assert!(!folder.exists(), "nothing is begun");
}

#[test]
fn load_sets_going_the_agents_that_waited_and_the_flow_that_waited() {
    let desk = Desk::csv_without_table();
    let up = desk.up();
    let agents = up.ready["agents"].as_array().expect("agents");
    let waiting: Vec<_> = agents.iter().filter(|a| a["state"] == "waiting").map(|a| a["name"].clone()).collect();
    assert_eq!(waiting, ["critic", "executor", "proposer"]);
    let caller = run(&desk, "how many rows?").start();
    until("the event in the ledger", || {
        let log = Cmd::reading(&desk).args(["log", "--topic", "csv.decomposed", "--json"]).ok().stdout;
        (!log.is_empty()).then_some(())
    });
    let loaded = Cmd::manes(&desk).args(["load", "table"]).json();
    assert_eq!(loaded["loaded"], "table");
    let mut started: Vec<_> = loaded["started"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    started.sort_unstable();
    assert_eq!(started, ["critic", "executor", "proposer"]);
    let answered = caller.end("the run that waited");
    assert_eq!((answered.code, answered.json()["answer"].clone()), (Some(0), json!(344)), "{}", answered.stderr);
    let again = Cmd::manes(&desk).args(["load", "table"]).ok().stdout;
    assert_eq!(again, "table was like this already\n", "nobody waits any more");
}

#[test]
fn load_refuses_what_the_manifest_does_not_name_and_what_does_not_fit_its_section() {
    let desk = Desk::csv();
    let _up = desk.up();
    let load = |name: &str, words: &[&str]| Cmd::manes(&desk).args(["load", name]).refuses(2, words);
    load("nothing", &["has no agent and no capability nothing; it has: critic, ", "[capability.nothing]"]);
    load("tabel", &["no capability tabel", "did you mean table?"]);
    let load = |file: &str| Cmd::manes(&desk).args(["load", "table", "--component", file]);
    load("absent.wasm").refuses(2, &["absent.wasm"]);
    let perceptor = super::desk::component("perceptor");
    let ran = load(&perceptor.to_string_lossy()).run();
    assert!(matches!(ran.code, Some(1 | 2)) && ran.stdout.is_empty(), "an agent is no capability: {}", ran.stderr);
    assert!(ran.stderr.contains("does not export"), "{}", ran.stderr);
    assert_eq!(run(&desk, "how many rows?").ok().json()["answer"], 344, "the one in force stays in force");
}

#[test]
fn a_capability_may_come_from_another_file_named_relative_to_the_caller() {
    let desk = Desk::csv_without_table();
    std::fs::copy(super::desk::component("table"), desk.folder().join("other.wasm")).expect("a copy");
    let _up = desk.up();
    Cmd::manes(&desk).args(["load", "table", "--component", "other.wasm"]).ok();
    assert_eq!(run(&desk, "how many rows?").ok().json()["answer"], 344);
}

#[test]
fn many_callers_at_once_each_get_their_own_answer() {
    let desk = Desk::csv();
    let _up = desk.up();
    let question = |year: u64| format!("how many rows where year > {year}");
    let callers: Vec<_> = (2000..2012).map(|year| (year, run(&desk, &question(year)).start())).collect();
    for (year, caller) in callers {
        let ran = caller.end("one of many callers");
        assert_eq!(ran.code, Some(0), "{year}: {}", ran.stderr);
        // The penguins were observed in 2007 (110), 2008 (114) and 2009 (120).
        let expected = match year {
            ..2007 => 344,
            2007 => 234,
            2008 => 120,
            _ => 0,
        };
        let json = ran.json();
        assert_eq!((&json["question"], &json["answer"]), (&json!(question(year)), &json!(expected)));
    }
}

#[test]
fn what_was_added_to_the_manifest_is_loaded_swapped_and_unloaded_while_the_host_runs() {
    let desk = Desk::csv();
    let up = desk.up();
    let script = manes_tests::components::path("script");
    let manes = |args: &[&str]| Cmd::manes(&desk).args(args);
    manes(&["run", "a.do", "[]"]).refuses(2, &["no agent takes a.do"]);
    let more = format!("[agent.late]\ncomponent = {:?}\nsubscribe = [\"a.do\"]\n", script.display().to_string());
    desk.write_manifest(&format!("{}{more}", super::desk::csv_manifest()));
    assert_eq!(manes(&["load", "late"]).ok().stdout, "late loaded\n");
    manes(&["run", "a.do", "[[\"now\"]]"]).ok();
    manes(&["swap", "table", "--json"]).ok();
    manes(&["swap", "nothing"]).refuses(2, &["nothing is not loaded, so nothing can take its place"]);
    let mut other = std::fs::read(&script).expect("a component");
    other.extend([0, 2, 1, b'x']);
    std::fs::write(desk.folder().join("other.wasm"), other).expect("a file");
    let swapped = manes(&["swap", "late", "other.wasm"]).ok();
    assert_eq!(swapped.stdout, "late swapped\n");
    assert!(swapped.stderr.contains("the next start uses the component that it names"), "{}", swapped.stderr);
    manes(&["run", "a.do", "[[\"now\"]]"]).ok();
    manes(&["unload", "table"]).refuses(2, &["still needed by critic, executor, proposer", "--force"]);
    manes(&["unload", "tabel"]).refuses(2, &["did you mean table?"]);
    let unloaded = manes(&["unload", "table", "--force", "--json"]).ok().json();
    assert_eq!(unloaded["waiting"], json!(["critic", "executor", "proposer"]));
    assert_eq!(manes(&["load", "table"]).ok().stdout, "table loaded · started: critic, executor, proposer\n");
    assert_eq!(manes(&["unload", "late"]).ok().stdout, "late unloaded\n");
    manes(&["run", "a.do", "[]"]).refuses(2, &["no agent takes a.do"]);
    assert_eq!(run(&desk, "how many rows?").ok().json()["answer"], 344);
    // A slip in the manifest changes nothing.
    desk.write_manifest("[agent");
    manes(&["load", "late"]).refuses(2, &["manes.toml"]);
    up.terminate();
    verified(&desk);
}

#[test]
fn a_command_says_that_the_running_host_has_another_manifest() {
    let desk = Desk::csv();
    let _up = desk.up();
    let other = desk.folder().join("other.toml");
    std::fs::write(&other, "").expect("a file");
    let ran = Cmd::reading(&desk).args(["run", "csv.question", &asked("how many rows?", "penguins.csv")]);
    let ran = ran.arg("--manifest").arg(&other).ok();
    assert!(ran.stderr.contains("other.toml is not looked at"), "{}", ran.stderr);
}

#[test]
fn a_command_says_where_the_files_are_ahead_of_the_running_host() {
    let desk = Desk::new("");
    let script = std::fs::read(manes_tests::components::path("script")).expect("a component");
    let file = |name: &str| desk.folder().join(name);
    // The year 2100 and some: newer than anything that a host writes beside it.
    let hours = |count: u64| std::time::UNIX_EPOCH + std::time::Duration::from_secs(4_102_444_800 + 3_600 * count);
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(file(name), bytes).expect("a file");
        let written = std::fs::File::options().write(true).open(file(name)).expect("the file");
        written.set_modified(hours(1)).expect("a time");
    };
    write("a.wasm", &script);
    write("b.wasm", &script);
    let section = |name: &str| {
        format!(
            "[agent.{name}]\ncomponent = \"{name}.wasm\"\nsubscribe = [\"{name}.do\"]\nbuild = \"touch {name}.wasm\"\n"
        )
    };
    desk.write_manifest(&(section("a") + &section("b")));
    let up = desk.up();
    let said = || Cmd::manes(&desk).args(["run", "a.do", "[[\"now\"]]"]).ok().stderr;
    let quiet = |said: &str| said.lines().count() == 1 && said.starts_with("flow ");
    assert!(quiet(&said()), "{}", said());
    // Another component, another section, a new one, another list of results; how it is built is nobody's concern.
    write("a.wasm", &[&script[..], &[0, 2, 1, b'x']].concat());
    write("c.wasm", &script);
    let built = section("a").replace("touch", "touch -m");
    let now = built + &section("b") + "publish = [\"b.out\"]\n" + &section("c");
    desk.write_manifest(&format!("results = [\"x\"]\n{now}"));
    let told = said();
    for words in [
        "a, b were changed since, and not in the running host; manes swap NAME\n",
        "c is in manes.toml and not in the running host; manes load c\n",
        "`results` of manes.toml was changed",
    ] {
        assert!(told.contains(words), "{words} is not in:\n{told}");
    }
    assert_eq!(told.lines().count(), 4, "{told}");
    // Each advice is enough, and who follows it is not told of it again.
    desk.write_manifest(&now);
    for advice in [["swap", "a"], ["swap", "b"], ["load", "c"]] {
        let followed = Cmd::manes(&desk).args(advice).ok().stderr;
        assert!(!followed.contains(&format!("{} ", advice[1])), "{followed}");
    }
    assert!(quiet(&said()), "{}", said());
    desk.write_manifest(&now.replace(&section("c"), ""));
    assert!(said().starts_with("c is in the running host and not in manes.toml; manes unload c\n"), "{}", said());
    desk.write_manifest(&now);
    // A source that is newer; a manifest that is none.
    std::fs::File::create(file("lib.rs")).and_then(|source| source.set_modified(hours(2))).expect("a source");
    assert!(
        said().contains("a, b, c are older than the sources; manes build && manes swap NAME, or manes up --watch\n")
    );
    std::fs::remove_file(file("lib.rs")).expect("removed");
    desk.write_manifest("[agent");
    let told = said();
    assert!(told.starts_with("the running host goes on with the manifest that it has:\n  "), "{told}");
    // What was unloaded or swapped by command is as somebody wanted it.
    desk.write_manifest(&now);
    Cmd::manes(&desk).args(["unload", "c"]).ok();
    assert!(quiet(&said()), "{}", said());
    Cmd::manes(&desk).args(["run", "c.do", "[]"]).refuses(2, &["c is not loaded; `manes load c` loads it"]);
    desk.write_manifest(&now.replace(&section("c"), ""));
    assert!(quiet(&said()), "{}", said());
    Cmd::manes(&desk).args(["swap", "b", "c.wasm"]).ok();
    Cmd::manes(&desk).args(["swap", "a", "c.wasm"]).ok();
    assert!(quiet(&said()), "{}", said());
    // What an agent may write is no source, nor is what a host said.
    std::fs::create_dir_all(file("out")).expect("a folder");
    for name in ["out/written.txt", "up.log"] {
        std::fs::File::create(file(name)).and_then(|file| file.set_modified(hours(3))).expect("a file");
    }
    let grant = "directories = [{ host = \"./out\", guest = \"/out\", access = \"read-write\" }]\n";
    desk.write_manifest(&(section("a") + grant + &section("b") + "publish = [\"b.out\"]\n"));
    Cmd::manes(&desk).args(["swap", "a"]).ok();
    assert!(quiet(&said()), "{}", said());
    // A folder that is not there can match nothing.
    desk.write_manifest(&(section("a") + &grant.replace("./out", "nowhere") + &section("b")));
    Cmd::manes(&desk).args(["swap", "a"]).refuses(2, &["a is granted /out, and there is no folder"]);
    up.terminate();
    let up = Cmd::manes(&desk).arg("up").exits(1);
    assert!(up.stderr.contains("line 5, column 1") && up.stderr.contains("there is no folder"), "{}", up.stderr);
}

#[test]
fn what_is_under_way_is_seen_and_said() {
    let component =
        |name: &str| format!("component = {:?}\n", manes_tests::components::path(name).display().to_string());
    let agent = format!("[agent.a]\n{}subscribe = [\"a.do\"]\n", component("script"));
    let echo = format!("capabilities = [\"fixture:echo/echo\"]\n[capability.echo]\n{}", component("echo"));
    let section = agent + &echo;
    let desk = Desk::new(&section);
    let up = desk.up();
    let work = "[[\"sleep\", 20000]]";
    Cmd::manes(&desk).args(["emit", "a.do", work]).ok();
    let running = || Cmd::manes(&desk).args(["agents", "--json"]).ok().json()["agents"][0]["running"].as_u64();
    until("the attempt", || running().filter(|count| *count == 1));
    let late = Cmd::manes(&desk).args(["run", "a.do", work, "--timeout", "1"]).exits(6);
    assert!(late.stderr.contains("a has ") && late.stderr.contains(" under way"), "{}", late.stderr);
    let again = Cmd::manes(&desk).args(["run", "a.do", "[[\"echo-panic\", \"gone\"]]", "--timeout", "1"]).exits(6);
    assert!(
        again.stderr.contains("a is tried again") && again.stderr.contains("capability echo failed"),
        "{}",
        again.stderr
    );
    up.kill();
}

#[test]
fn what_is_saved_comes_into_force_where_it_is_watched() {
    let desk = Desk::new("");
    let script = std::fs::read(manes_tests::components::path("script")).expect("a component");
    let file = desk.folder().join("a.wasm");
    std::fs::write(&file, &script).expect("a file");
    let section = |name: &str| format!("[agent.{name}]\ncomponent = \"a.wasm\"\nsubscribe = [\"{name}.do\"]\n");
    desk.write_manifest(&section("a"));
    let up = desk.up_with(&["--watch"]);
    let agents = || {
        let deployed = Cmd::reading(&desk).args(["agents", "--json"]).ok().json();
        let agents = deployed["agents"].as_array().expect("agents").iter();
        agents.map(|agent| (agent["name"].clone(), agent["component"].clone())).collect::<Vec<_>>()
    };
    let first = agents();
    assert_eq!(first.len(), 1);
    std::fs::write(&file, [&script[..], &[0, 2, 1, b'x']].concat()).expect("written");
    let second = until("the new component", || Some(agents()).filter(|agents| *agents != first));
    Cmd::manes(&desk).args(["run", "a.do", "[[\"now\"]]"]).ok();
    desk.write_manifest("[agent");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(agents(), second, "a slip changes nothing");
    desk.write_manifest(&(section("a") + &section("b")));
    until("the new agent", || Some(agents()).filter(|agents| agents.len() == 2));
    Cmd::manes(&desk).args(["run", "b.do", "[[\"now\"]]"]).ok();
    desk.write_manifest(&section("b"));
    until("the end of the old one", || Some(agents()).filter(|agents| agents.len() == 1 && agents[0].0 == "b"));
    Cmd::manes(&desk).args(["run", "a.do", "[]"]).refuses(2, &["no agent takes a.do"]);
    let ran = up.terminate();
    for words in ["in force: a", "nothing changed: ", "in force: b", "removed: a"] {
        assert!(ran.stderr.contains(words), "{words} is not in:\n{}", ran.stderr);
    }
    verified(&desk);
}
