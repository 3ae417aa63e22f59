//! `grants` and `replay --policy`: recorded calls under other grants than their own.

use super::cmd::Cmd;
use super::desk::{Desk, asked, csv_manifest};

#[test]
fn a_recorded_flow_is_judged_by_another_manifest() {
    let desk = Desk::csv();
    let flow = desk.flow("how many rows?");
    let policy = |text: &str| {
        let file = desk.folder().join("other.toml");
        std::fs::write(&file, text).expect("a file");
        Cmd::reading(&desk).args(["replay", &flow, "--policy"]).arg(file)
    };
    let same = policy(&csv_manifest()).arg("--json").ok().json();
    assert!(same["judged"].as_u64() > Some(10), "{same}");
    assert_eq!(same["denied"].as_array().map(Vec::len), Some(0), "{same}");
    let narrow = csv_manifest().replacen("capabilities = [\"manes:table/table\"]", "capabilities = []", 1);
    let narrow = narrow.replacen("\"csv.answered\", \"csv.revise\"", "\"csv.revise\"", 1);
    assert_ne!(narrow, csv_manifest());
    let denied = policy(&narrow).exits(3).stdout;
    for words in
        ["denied proposer call", "allow with: capabilities = [\"manes:table/table\"]", "would have been denied"]
    {
        assert!(denied.contains(words), "{words} is not in:\n{denied}");
    }
    assert!(denied.contains("denied critic: publishing on csv.answered (default)"), "{denied}");
    let gone = csv_manifest().replace("[agent.critic]", "[agent.critique]");
    assert!(policy(&gone).exits(3).stderr.contains("has no agent critic"));
    let judged = policy(&gone).arg("--json").exits(3).json()["judged"].clone();
    assert_eq!(judged, same["judged"].as_u64().expect("a count") + 1, "handling the event is one more");
    let deaf = csv_manifest().replace("subscribe = [\"csv.executed\"]", "subscribe = [\"csv.other\"]");
    let said = policy(&deaf).exits(3).stdout;
    assert!(said.contains("denied critic: taking csv.executed (default) · allow with: subscribe"), "{said}");
    policy(&csv_manifest()).args(["--agent", "nobody"]).refuses(2, &["nothing that nobody did", "critic, decomposer"]);
    policy("[agent").refuses(2, &["other.toml"]);
    Cmd::reading(&desk)
        .args(["replay", &flow, "--policy", "x", "--component", "y"])
        .refuses(2, &["cannot be used with"]);
}

#[test]
fn what_is_suggested_is_enough_for_the_flow_and_for_no_more() {
    let desk = Desk::csv();
    let flow = desk.flow("how many rows?");
    let suggested = Cmd::reading(&desk).args(["grants", "suggest", &flow, "--json"]).ok().json();
    assert_eq!(suggested["agents"]["perceptor"], serde_json::json!(["publish = [\"csv.parsed\"]"]));
    let proposer = suggested["agents"]["proposer"].as_array().expect("lines");
    assert!(proposer.iter().any(|line| line == "capabilities = [\"manes:table/table\"]"), "{suggested}");
    assert_eq!(suggested["complete"], true);
    // It is a manifest of its own: nothing of the flow is denied, and the same event is answered alike.
    let shown = Cmd::reading(&desk).args(["grants", "suggest", &flow]).ok().stdout;
    assert_eq!(suggested["manifest"], shown.as_str());
    let file = desk.folder().join("least.toml");
    std::fs::write(&file, &shown).expect("a file");
    Cmd::reading(&desk).args(["replay", &flow, "--policy"]).arg(&file).ok();
    let event = asked("how many rows?", "penguins.csv");
    let run = |manifest: &std::path::Path, ledger: &str| {
        let ledger = desk.folder().join(ledger);
        Cmd::reading(&desk)
            .args(["run", "csv.question", &event])
            .arg("--manifest")
            .arg(manifest)
            .arg("--ledger")
            .arg(ledger)
    };
    let full = run(&desk.folder().join("manes.toml"), "full").ok().stdout;
    assert_eq!(run(&file, "least").ok().stdout, full);
    // What was not asked for is not in it, and what was cannot be left out.
    assert!(!shown.contains("prober") && !shown.contains("csv.revise\"]\ncap"), "{shown}");
    for line in shown.lines().filter(|line| line.starts_with("publish") || line.starts_with("capabilities")) {
        std::fs::write(&file, shown.replacen(&format!("{line}\n"), "", 1)).expect("a file");
        Cmd::reading(&desk).args(["replay", &flow, "--policy"]).arg(&file).exits(3);
    }
    // Without the manifest the ledger knows which component it was, and no file.
    let nowhere = desk.folder().join("none.toml");
    let bare = Cmd::reading(&desk).args(["grants", "suggest", &flow]).arg("--manifest").arg(nowhere).ok().stdout;
    assert!(bare.contains("; name the file that holds it.\n[agent.critic]\ncomponent = \"critic.wasm\""), "{bare}");
    Cmd::reading(&desk).args(["grants", "suggest", "ffffffff"]).refuses(2, &["no flow or activation"]);
}

#[test]
fn a_call_is_explained_by_the_rule_that_decides_it() {
    let desk = Desk::new(
        "[agent.a]\ncomponent = \"a.wasm\"\nsubscribe = [\"a.do\"]\npublish = [\"a.>\"]\n\
         http = [\"GET example.com/v1/\"]\ndirectories = [{ host = \"d\", guest = \"/data\", access = \"read\" }]\n",
    );
    let explain = |words: &[&str]| Cmd::manes(&desk).args(["grants", "explain", "a"]).args(words);
    for (words, rule) in [
        (&["GET", "https://example.com/v1/x"][..], "http[0] GET example.com/v1/"),
        (&["publish", "a.done"], "publish[0] a.>"),
        (&["read /data/table.csv"], "directories[0] /data"),
    ] {
        let said = explain(words).ok().stdout;
        assert!(said.starts_with("allowed: ") && said.contains(rule), "{words:?}: {said}");
    }
    for (words, line) in [
        (&["POST", "https://example.com/v1/x"][..], "http = [\"POST https://example.com/v1/x\"]"),
        (&["publish", "b.done"], "publish = [\"b.done\"]"),
        (&["write", "/data"], "guest = \"/data\", access = \"read-write\""),
        (&["manes:table/table"], "capabilities = [\"manes:table/table\"]"),
    ] {
        let said = explain(words).exits(3).stdout;
        assert!(said.starts_with("denied: ") && said.contains(line), "{words:?}: {said}");
    }
    explain(&["GET", "https://user:word@example.com/"]).refuses(2, &["carries a user"]);
    explain(&["whatever"]).refuses(2, &["a call is one of"]);
    explain(&["read", "/data/../etc"]).refuses(2, &["is not plain"]);
    explain(&["wasi:filesystem/types"]).refuses(2, &["grant directories"]);
    assert!(explain(&["wasi:sockets/tcp"]).exits(3).stdout.contains("no grant could allow it"));
    // The deepest directory counts, and the root is one.
    let folder = |guest: &str, access: &str| format!("{{ host = \"d\", guest = \"{guest}\", access = \"{access}\" }}");
    let nested = [folder("/", "read"), folder("/data", "read"), folder("/data/sub", "read-write")].join(", ");
    desk.write_manifest(&format!(
        "[agent.a]\ncomponent = \"a.wasm\"\nsubscribe = [\"a.do\"]\ndirectories = [{nested}]\n"
    ));
    for (words, code) in [("read /x.txt", 0), ("write /x.txt", 3), ("write /data/sub/x", 0), ("write /data/subs", 3)] {
        explain(&[words]).exits(code);
    }
    Cmd::manes(&desk).args(["grants", "explain", "b", "publish", "x"]).refuses(2, &["has no b; it has: a"]);
}
