//! The first five minutes: a project from nothing but the binary, built, run, replayed.

use super::cmd::{Cmd, binary};
use super::desk::{Desk, component};
use serde_json::json;
use std::path::Path;

/// The binary, copied to where no checkout is around it, called in a folder.
fn manes(desk: &Desk, folder: &Path) -> Cmd {
    let copied = desk.folder().join("bin-manes");
    if !copied.exists() {
        std::fs::copy(binary("manes"), &copied).expect("a copy");
    }
    let cmd = Cmd::program(copied).inside(folder).env("MANES_HOME", desk.home());
    // What the guests were built from is there already; a test asks no registry.
    cmd.env("CARGO_NET_OFFLINE", "true")
}

#[test]
fn a_new_project_runs_is_built_when_it_changed_and_replays() {
    let desk = Desk::new("");
    let made = manes(&desk, desk.folder()).args(["new", "hello-you"]).ok();
    assert_eq!(made.stdout, "hello-you made\n");
    assert!(made.stderr.contains("cd hello-you && manes run hello-you.greet"), "{}", made.stderr);
    let project = desk.folder().join("hello-you");
    let here = |args: &[&str]| manes(&desk, &project).args(args);
    let greet = &["run", "hello-you.greet", "{\"name\":\"Ada\"}"][..];
    let first = here(greet).ok();
    assert_eq!(first.stdout, "{\"text\":\"Hello, Ada\"}\n");
    assert!(first.stderr.contains("building hello-you: cargo build"), "{}", first.stderr);
    let again = here(greet).ok();
    assert!(!again.stderr.contains("building"), "{}", again.stderr);
    let flow = here(&[&["--json"], greet].concat()).ok().json()["flow"].as_str().expect("a flow").to_owned();
    let replayed = here(&["replay", &flow[..8]]).ok().stdout;
    assert_eq!(replayed, "identical: 1 activation, 1 call, equal fuel\n");
    assert_eq!(here(&["test"]).ok().stdout, "passed   cases/ada.toml  greets by name\n1 passed, 0 failed\n");
    // Whatever a folder of sources is called.
    std::fs::create_dir(project.join("src/ledger")).expect("a folder");
    std::fs::write(project.join("src/ledger/notes.rs"), "").expect("written");
    assert!(here(greet).ok().stderr.contains("building"));
    std::fs::create_dir(project.join("src/cases")).expect("a folder");
    std::fs::write(project.join("src/cases/mod.rs"), "").expect("written");
    assert!(here(greet).ok().stderr.contains("building"));
    // A change is built, a slip is shown, and nothing runs then.
    let source = project.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).expect("the source");
    std::fs::write(&source, text.replace("Hello, {}", "Bonjour, {}")).expect("written");
    assert_eq!(here(greet).ok().stdout, "{\"text\":\"Bonjour, Ada\"}\n");
    std::fs::write(&source, "no rust").expect("written");
    here(greet).refuses(1, &["hello-you could not be built", "manes doctor"]);
    std::fs::write(&source, text).expect("written");
    let built = here(&["build", "--json"]).ok().json();
    assert_eq!(built[0]["name"], "hello-you");
    here(&["build", "nobody"]).refuses(2, &["nobody has no `build`", "hello-you"]);
    let wasm = "target/wasm32-wasip2/release/hello_you.wasm";
    let seen = here(&["inspect", wasm]).ok().stdout;
    for line in ["Greets whoever asks", "subscribe = [\"hello-you.greet\"]", "publish = [\"hello-you.greeted\"]"] {
        assert!(seen.contains(line), "{line} is not in:\n{seen}");
    }
    let doctor = here(&["doctor", "--json"]).ok().json();
    assert!(doctor.as_array().expect("findings").iter().all(|finding| finding["good"] != false), "{doctor}");
    here(&["new", "."]).refuses(2, &["cannot be a name"]);
    manes(&desk, desk.folder()).args(["new", "hello-you"]).refuses(2, &["is not empty"]);
    manes(&desk, desk.folder()).args(["new", "Hello"]).refuses(2, &["small letters"]);
    manes(&desk, desk.folder()).args(["new", "agent"]).refuses(2, &["word of Rust or of the SDK", "my-agent"]);
}

#[test]
fn a_manifest_that_builds_nothing_says_how_it_would() {
    let desk = Desk::csv();
    Cmd::manes(&desk).arg("build").refuses(2, &["build = \"cargo build"]);
    desk.write_manifest("[agent.a]\ncomponent = \"a.wasm\"\nsubscribe = [\"a.do\"]\nbuild = \"true\"\n");
    Cmd::manes(&desk).arg("build").refuses(1, &["`true` did not make", "a.wasm"]);
    Cmd::manes(&desk).args(["run", "a.do"]).refuses(1, &["`true` did not make"]);
    assert!(!desk.ledger().exists());
}

#[test]
fn inspect_says_what_a_component_would_have_to_be_granted() {
    let desk = Desk::csv();
    let inspect = |name: &str| Cmd::bare(&desk).args(["inspect", "--json"]).arg(component(name)).ok().json();
    let (proposer, table) = (inspect("proposer"), inspect("table"));
    assert_eq!((&proposer["role"], &table["role"]), (&json!("agent"), &json!("capability")));
    let manifest = proposer["manifest"].as_str().expect("lines");
    assert!(manifest.starts_with("[agent.proposer]\ncomponent = "), "{manifest}");
    assert!(manifest.contains("capabilities = [\"manes:table/table\"]"), "{manifest}");
    assert!(table["manifest"].as_str().expect("lines").contains("[capability.table]"), "{table}");
    let of = |interface: &str| {
        let imports = proposer["imports"].as_array().expect("imports").iter();
        imports.filter(|i| i["interface"] == interface).map(|i| i["from"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("manes:table/table@0.1"), [json!("capability")]);
    assert_eq!(of("manes:agent/log@0.1"), [json!("host")]);
    let text = Cmd::bare(&desk).args(["inspect", "--functions"]).arg(component("table")).ok().stdout;
    assert!(
        text.contains("exports\n") && text.contains("\n  manes:table/table@0.1\n    ") && text.contains("sha256 "),
        "{text}"
    );
    std::fs::write(desk.folder().join("core.wasm"), b"\0asm\x01\0\0\0").expect("a module");
    Cmd::bare(&desk).args(["inspect", "core.wasm"]).refuses(2, &["core.wasm", "core WebAssembly module"]);
    Cmd::bare(&desk).args(["inspect", "absent.wasm"]).refuses(2, &["absent.wasm"]);
}
