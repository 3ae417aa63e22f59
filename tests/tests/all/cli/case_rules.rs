//! What a case must find, and what `--update` and `--from` must not break.
//!
//! Method: a slip, a change or a secret in a case or in a flow, small enough to be read; each was once overlooked.

use super::cmd::Cmd;
use super::desk::{Desk, component};
use manes_tests::server::Server;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The `script` fixture with the `echo` capability, and more lines of the agent's section.
fn desk(more: &str) -> Desk {
    let (script, echo) = (component("script"), component("echo"));
    let agent =
        format!("[agent.s]\ncomponent = {script:?}\nsubscribe = [\"do\"]\npublish = [\"did\", \"do\"]\n{more}\n");
    Desk::new(&format!(
        "results = [\"did\"]\n{agent}capabilities = [\"fixture:echo/echo\"]\n[capability.echo]\ncomponent = {echo:?}\n"
    ))
}

fn event(script: &Value) -> String {
    format!("[[event]]\ntopic = \"do\"\ndata = '{script}'\n")
}

fn call(function: &str, args: &str, result: &str) -> String {
    let result = if result.is_empty() { String::new() } else { format!("result = '{result}'\n") };
    format!("[[call]]\nagent = \"s\"\nfunction = \"fixture:echo/echo#{function}\"\nargs = '{args}'\n{result}")
}

const DONE: &str = "[[expect]]\ntopic = \"did\"\n";

/// Writes a case and plays it: its verdict.
#[track_caller]
fn plays(desk: &Desk, text: &str) -> Value {
    let path = written(desk, text);
    let ran = Cmd::manes(desk).arg("test").arg(path).arg("--json").run();
    ran.json()["cases"][0].clone()
}

fn written(desk: &Desk, text: &str) -> PathBuf {
    let path = desk.folder().join("cases/case.toml");
    std::fs::create_dir_all(desk.folder().join("cases")).expect("a folder");
    std::fs::write(&path, text).expect("a case");
    path
}

#[track_caller]
fn verdict(desk: &Desk, text: &str, status: &str) -> String {
    let verdict = plays(desk, text);
    assert_eq!(verdict["status"], status, "{text}\n{}", verdict["diff"].as_str().unwrap_or_default());
    verdict["diff"].as_str().unwrap_or_default().to_owned()
}

/// A flow of a script, with this environment, as a case that passes.
#[track_caller]
fn recorded(desk: &Desk, script: &Value, env: &[(&str, &str)]) -> String {
    let with = |cmd: Cmd| env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
    let run = with(Cmd::manes(desk)).args(["run", "do", &script.to_string(), "--json"]).run().json();
    let path = desk.folder().join(format!("{}.toml", run["flow"].as_str().expect("a flow")));
    let made =
        Cmd::manes(desk).args(["test", "--from", run["flow"].as_str().expect("a flow"), "--to"]).arg(&path).run();
    assert_eq!(
        made.code,
        Some(0),
        "{}{}\n{}",
        made.stdout,
        made.stderr,
        std::fs::read_to_string(&path).unwrap_or_default()
    );
    std::fs::read_to_string(path).expect("a case")
}

#[test]
fn a_scripted_read_is_made_in_every_attempt_as_a_real_one_is() {
    let desk = desk("");
    let script = event(&json!([["echo", "hi"], ["while-attempt", 1, ["retry", "not yet"]], ["report", "did"]]));
    let line = call("text", "\"hi\"", "\"ho\"");
    verdict(&desk, &format!("{script}{line}{DONE}"), "failed");
    verdict(&desk, &format!("{script}{line}{line}{DONE}"), "passed");
    // A read that failed may be tried again without asking anybody.
    let fails = "[[call]]\nagent = \"s\"\nfunction = \"fixture:echo/echo#text\"\nargs = '\"hi\"'\nfails = \"busy\"\n";
    verdict(&desk, &format!("{script}{fails}{line}{DONE}"), "passed");
    // What it wrote is used again.
    let script = event(&json!([["store", "a", "b"], ["while-attempt", 1, ["retry", "not yet"]], ["report", "did"]]));
    verdict(&desk, &format!("{script}{}{DONE}", call("store", "\"a\", \"b\"", "ok")), "passed");
}

#[test]
fn live_and_scripted_functions_of_one_capability_stand_side_by_side() {
    let desk = desk("");
    let script = event(&json!([["echo", "hi"], ["idle"], ["report", "did"]]));
    let out = "[[expect]]\ntopic = \"did\"\ndata = [\"hi\", 7]\n";
    verdict(&desk, &format!("live = [\"echo\"]\n{script}{}{out}", call("idle", "", "7")), "passed");
    let said = verdict(&desk, &format!("{script}{}{out}", call("idle", "", "7")), "failed");
    assert!(said.contains("+ s calls fixture:echo/echo@0.1#text(\"hi\")"), "{said}");
    let config = "[[call]]\nagent = \"s\"\nfunction = \"manes:agent/context#config\"\nresult = 'none'\n";
    let said = verdict(&desk, &format!("{script}{config}"), "unplayed");
    assert!(said.contains("line 6") && said.contains("answered by the host"), "{said}");
    // A line for any arguments does not take the call of one that names them.
    let any = "[[call]]\nagent = \"s\"\nfunction = \"fixture:echo/echo#text\"\nresult = '\"any\"'\n";
    let script = event(&json!([["echo", "a"], ["echo", "b"], ["report", "did"]]));
    let out = "[[expect]]\ntopic = \"did\"\ndata = [\"x\", \"any\"]\n";
    verdict(&desk, &format!("{script}{any}{}{out}", call("text", "\"a\"", "\"x\"")), "passed");
}

#[test]
fn what_is_ambient_is_scripted_with_its_arguments_or_without() {
    let desk = desk("");
    let script = event(&json!([["random", 4], ["report", "did"]]));
    let line = |args: &str| {
        let function = "wasi:random/random#get-random-bytes";
        format!("[[call]]\nagent = \"s\"\nfunction = \"{function}\"\n{args}result = 'text(\"1234\")'\n")
    };
    let out = "[[expect]]\ntopic = \"did\"\ndata = [4]\n";
    for args in ["", "args = '4'\n", "args = '99'\n"] {
        verdict(&desk, &format!("{script}{}{out}", line(args)), "passed");
    }
    let odd = line("args = '99'\n").replace("1234", "1");
    verdict(&desk, &format!("{script}{odd}{out}"), "passed");
}

#[test]
fn content_type_delay_attributes_and_who_takes_an_event_are_compared_where_they_are_said() {
    let desk = desk("");
    let script = json!([["emit", "did", "x", { "delay": 500, "type": "text/x", "extensions": { "mood": "good" } }]]);
    for (more, status) in [
        ("", "passed"),
        ("content-type = \"text/x\"\ndelay-ms = 500\nextensions = { mood = \"good\" }\n", "passed"),
        ("content-type = \"text/plain\"\n", "failed"),
        ("delay-ms = 5\n", "failed"),
        ("extensions = { mood = \"bad\" }\n", "failed"),
    ] {
        verdict(&desk, &format!("{}{DONE}data = \"x\"\n{more}", event(&script)), status);
    }
    desk.write_manifest(&std::fs::read_to_string(desk.manifest()).expect("it").replace("results = [\"did\"]\n", ""));
    verdict(&desk, &format!("{}{DONE}", event(&script)), "failed");
    verdict(&desk, &format!("{}{DONE}unrouted = true\n", event(&script)), "passed");
}

#[test]
fn an_update_keeps_what_it_does_not_know_and_passes_afterwards() {
    let desk = desk("");
    let script = event(&json!([["counter", 5, [1, 2]], ["report", "did"]]));
    let first = call("[constructor]counter", "5", "\"@2\"");
    let handles = format!("{first}{}", call("[method]counter.add", "\"@2\", 1", "6"));
    let seen = plays(&desk, &format!("{script}{}{handles}", call("idle", "", "1")));
    // What the fixture asks of a counter is its own business: it is taken from what came.
    let live = plays(&desk, &format!("live = [\"echo\"]\n{script}"));
    assert_eq!((seen["status"].as_str(), live["status"].as_str()), (Some("failed"), Some("failed")));
    let unused = "[[http]]\nrequest = \"GET https://example.com/\"\n";
    let text = format!("# Why.\nlive = [\"echo\"]\n{script}{unused}\n# What must come.\n{DONE}data = 7\n");
    let path = written(&desk, &text);
    Cmd::manes(&desk).arg("test").arg(&path).arg("--update").ok();
    let text = std::fs::read_to_string(&path).expect("the case");
    assert!(text.starts_with("# Why.\n") && text.contains("# What must come.\n[[expect]]"), "{text}");
    assert!(!text.contains("example.com"), "{text}");
    Cmd::manes(&desk).arg("test").arg(&path).ok();
}

#[test]
fn lines_that_go_take_the_numbers_of_handles_with_them() {
    let desk = desk("");
    let text = recorded(&desk, &json!([["counter", 5, [1, 2]], ["report", "did"]]), &[]);
    let (before, after) = text.split_once("[[call]]").expect("calls");
    let unused = call("idle", "", "1");
    let later = after.replace("\"@1\"", "\"@2\"");
    let path = written(&desk, &format!("{before}{unused}\n[[call]]{later}"));
    let updated = Cmd::manes(&desk).arg("test").arg(&path).arg("--update").run();
    assert_eq!(updated.code, Some(0), "{}\n{}", updated.stdout, std::fs::read_to_string(&path).expect("it"));
    assert!(std::fs::read_to_string(&path).expect("it").contains("\"@1\""));
    Cmd::manes(&desk).arg("test").arg(&path).ok();
}

#[test]
fn a_secret_of_the_environment_gets_into_no_case() {
    for secret in ["-----BEGIN KEY-----\nMIIsecretsecret\n", "p\"w\\d-secret", "plain-secret", "2026-abcdefgh"] {
        let desk = desk("env = [\"A_KEY\", \"B_KEY\", \"FLAG\"]");
        let env = [("A_KEY", &secret[..9]), ("B_KEY", secret), ("FLAG", "true")];
        let script = json!([["env"], ["wall"], ["random", 8], ["config", "none"], ["report", "did"]]);
        let text = recorded(&desk, &script, &env);
        let escaped = json!(secret).to_string();
        for part in [secret, escaped.trim_matches('"'), &secret[3..], "MIIsecret"] {
            assert!(!text.contains(part), "{part:?} is in:\n{text}");
        }
        assert!(text.contains("test-B_KEY") && text.contains("FLAG = \"true\""), "{text}");
    }
}

#[test]
fn a_recorded_flow_is_played_as_it_ran() {
    let desk = desk("");
    // Several activations of one agent, each with random numbers of its own; a retry; a write that is used again.
    for script in [
        json!([[
            "emit-scripts",
            "do",
            [
                [["emit-scripts", "do", [[["random-u64"], ["report", "did"]]]], ["random-u64"], ["report", "did"]],
                [["random-u64"], ["report", "did"]]
            ]
        ]]),
        json!([
            ["store", "a", "b"],
            ["random-u64"],
            ["while-attempt", 1, ["retry", "x"]],
            ["store", "a", "b"],
            ["report", "did"]
        ]),
    ] {
        recorded(&desk, &script, &[]);
    }
    let panicked = recorded(&desk, &json!([["echo-panic", "gone"]]), &[]);
    assert!(panicked.contains("it said: ") && panicked.contains("panicked at"), "{panicked}");
    // The second of two ends before the first, and is played after it all the same.
    let of = |step: Value| json!([step, ["random-u64"], ["report", "did"]]);
    recorded(&desk, &json!([["emit-scripts", "do", [of(json!(["burn", 100_000_000])), of(json!(["now"]))]]]), &[]);
    // The very bytes that went in.
    let run = Cmd::manes(&desk).args(["run", "do", "[ [\"nam\"  ] ]", "--json"]).exits(3).json();
    Cmd::manes(&desk).args(["test", "--from", run["flow"].as_str().expect("a flow")]).ok();
    // What nobody can play again is said.
    let dead = Cmd::manes(&desk).args(["dead", "--json"]).ok().json();
    let dead = dead.as_array().and_then(|all| all.last()).expect("a letter")["activation"].clone();
    let again = Cmd::manes(&desk).args(["requeue", dead.as_str().expect("an id"), "--json"]).exits(3).json();
    let flow = again["flow"].as_str().expect("a flow").to_owned();
    Cmd::manes(&desk).args(["test", "--to", "x.toml", "--from", &flow]).refuses(2, &["was requeued by hand"]);
}

#[test]
fn a_recorded_request_is_told_as_one_where_it_can_be() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::start()).expect("a server");
    let http = format!("http = [\"* http://{}/\"]\nenv = [\"KEY\"]", server.authority());
    let desk = desk(&http);
    let origin = server.url("");
    // Another text with each answer, so that nothing of the answer is in what comes out.
    let then = |step: Value| json!([step, ["emit", "did", "[7]"]]);
    let body = "{ \"apples\": 3 }";
    let case = recorded(&desk, &then(json!(["http", "POST", server.url("/echo?to=shop"), body])), &[]);
    let words = format!(
        "[[http]]\nrequest = \"POST {origin}/echo?to=shop\"\nbody = {{ apples = 3 }}\nstatus = 200\nanswer = {{ "
    );
    assert!(case.contains(&words) && !case.contains("wasi:http"), "{words} is not in:\n{case}");
    // What is expected is what counts: another body is another request.
    let slip = case.replace("apples = 3", "apples = 4");
    let said = verdict(&desk, &slip, "failed");
    assert!(said.contains("-   \"apples\": 4\n+   \"apples\": 3"), "{said}");
    // Chunks are one answer; two requests are two.
    let case = recorded(&desk, &then(json!(["http", "POST", server.url("/large/1")])), &[]);
    assert!(case.contains("/large/1\"\nbody = \"\"\nstatus = 200\n"), "{case}");
    let case = recorded(&desk, &then(json!(["http", "GET", server.url("/redirect")])), &[]);
    assert!(case.contains("status = 302\nheaders = { location = \"/echo\" }\n"), "{case}");
    let two = json!([
        ["http", "GET", server.url("/chunked/2")],
        ["http", "GET", server.url("/large/3")],
        ["emit", "did", "[7]"]
    ]);
    let case = recorded(&desk, &two, &[]);
    assert_eq!(case.matches("[[http]]\n").count(), 2, "{case}");
    assert!(case.contains(&format!("answer = \"{:0100}{:0100}\"", 0, 1)) && !case.contains("wasi:http"), "{case}");
    // What was denied did not go out, and is denied again.
    let case = recorded(&desk, &then(json!(["http", "GET", "http://127.0.0.1:1/"])), &[]);
    assert!(!case.contains("[[http]]") && !case.contains("wasi:http"), "{case}");
    // How many bytes of headers came, an exchange does not tell; nor an error instead of an answer.
    for script in [
        json!([["http", "GET", server.url("/echo")], ["report", "did"]]),
        then(json!(["http", "GET", server.url("/drop")])),
        then(json!(["http", "GET", server.url("/half")])),
    ] {
        let case = recorded(&desk, &script, &[]);
        assert!(case.contains("wasi:http/outgoing-handler@0.2#handle") && !case.contains("[[http]]"), "{case}");
    }
    // No secret gets into it.
    let script = json!([
        ["env"],
        ["http", "POST", server.url("/echo?key=a-long-secret"), "a-long-secret"],
        ["emit", "did", "[7]"]
    ]);
    let case = recorded(&desk, &script, &[("KEY", "a-long-secret")]);
    // Nor in a form that cannot be taken out, and no half of a case is left.
    let url = server.url("/echo?key=abc%2Fdef%2B9");
    let script_of_url = json!([["env"], ["http", "GET", url], ["emit", "did", "[7]"]]).to_string();
    let ran = Cmd::manes(&desk).env("KEY", "abc/def+9").args(["run", "do", &script_of_url, "--json"]).run().json();
    let files = || std::fs::read_dir(desk.folder()).expect("a folder").count();
    let before = files();
    let to = desk.folder().join("secret.toml");
    let flow = ran["flow"].as_str().expect("a flow");
    Cmd::manes(&desk).args(["test", "--from", flow, "--to"]).arg(&to).refuses(2, &["what KEY held", "by hand"]);
    assert_eq!(files(), before);
    assert!(case.contains("key=test-KEY\"\nbody = \"test-KEY\"") && !case.contains("a-long-secret"), "{case}");
}

#[test]
fn one_folder_granted_twice_is_one_and_slips_are_found() {
    let script = component("script");
    let agent = |name: &str, topic: &str, guest: &str| {
        let grant = format!("directories = [{{ host = \"data\", guest = \"{guest}\", access = \"read-write\" }}]");
        format!(
            "[agent.{name}]\ncomponent = {script:?}\nsubscribe = [\"{topic}\"]\npublish = [\"did\", \"then\"]\n{grant}\n"
        )
    };
    let desk = Desk::new(&format!("results = [\"did\"]\n{}{}", agent("w", "do", "/d"), agent("r", "then", "/e")));
    let then = json!([["read", "/e/x.txt"], ["report", "did"]]);
    let text = event(&json!([["write", "/d/x.txt", "hello"], ["emit-scripts", "then", [then]]]));
    let seen = plays(&desk, &text);
    assert!(seen["diff"].as_str().expect("a diff").contains("\"hello\""), "{seen}");
    for (line, words) in [
        ("directories = { \"/dd\" = \".\" }\n", "which nobody was granted; granted is: /d, /e"),
        ("env = { NOT_GRANTED = \"x\" }\n", "which nobody was granted"),
    ] {
        let said = verdict(&desk, &format!("{line}{text}"), "unplayed");
        assert!(said.contains(words), "{said}");
    }
    let there =
        Cmd::bare(&desk).inside(desk.folder().join("cases")).args(["--manifest", "../manes.toml", "test"]).run();
    assert!(there.stdout.contains("case.toml"), "{}{}", there.stdout, there.stderr);
}

#[test]
fn a_request_without_tls_is_another_request() {
    let prober = component("prober");
    let grant = "http = [\"* api.example.com:8443/\"]";
    let section = format!("subscribe = [\"probe.requested\"]\npublish = [\"probe.done\"]\n{grant}\n");
    let desk = Desk::new(&format!("results = [\"probe.done\"]\n[agent.prober]\ncomponent = {prober:?}\n{section}"));
    for (scheme, status) in [("https", "passed"), ("http", "failed")] {
        let url = format!("{scheme}://api.example.com:8443/x");
        let event = format!("[[event]]\ntopic = \"probe.requested\"\ndata = {{ url = \"{url}\" }}\n");
        let http = "[[http]]\nrequest = \"GET https://api.example.com:8443/x\"\n";
        verdict(&desk, &format!("{event}{http}[[expect]]\ntopic = \"probe.done\"\n"), status);
    }
}

#[test]
fn imports_that_were_edited_by_hand_are_left_alone() {
    let desk = desk("");
    let add = |name: &str| Cmd::bare(&desk).args(["wit", "add"]).arg(component(name));
    add("table").ok();
    add("echo").ok();
    let file = desk.folder().join("wit/imports.wit");
    let text = std::fs::read_to_string(&file).expect("the imports");
    assert!(text.contains("manes:table/table") && text.contains("fixture:echo/echo"), "{text}");
    let edited = text.replace("import manes:table/table@0.1.0;", "import manes:table/table@0.1.0; // the table");
    std::fs::write(&file, &edited).expect("written");
    add("echo").refuses(2, &["was edited by hand", "import fixture:echo/echo@0.1.0;"]);
    assert_eq!(std::fs::read_to_string(&file).expect("the imports"), edited);
}

#[test]
fn a_panic_is_shown_where_it_was_and_a_status_that_is_none_is_refused() {
    let desk = desk("");
    let script = event(&json!([["echo", "hi"], ["panic", "index out of range"]]));
    let said = verdict(&desk, &format!("{script}{}{DONE}", call("text", "\"hi\"", "\"ho\"")), "failed");
    assert!(said.contains("s, attempt 1: trapped") && said.contains("index out of range"), "{said}");
    let said = verdict(&desk, &format!("{script}[[fail]]\nagent = \"s\"\nstatus = \"falt\"\n"), "unplayed");
    assert!(said.contains("line 6") && said.contains("fault") && said.contains("rejected"), "{said}");
}
