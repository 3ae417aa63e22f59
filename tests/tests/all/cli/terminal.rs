//! What a person sees on a terminal: colours where they help, and no text of a stranger that steers it.
//!
//! Method: commands run in a pseudo-terminal, which Python's standard library makes; everywhere else in these tests output
//! goes to a pipe, where no colour and no control sequence may be.

use super::cmd::{Cmd, binary};
use super::desk::{Desk, component};

/// Runs the command line that follows it in a pseudo-terminal, and exits as it does.
const PTY: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

fn desk() -> Desk {
    let script = component("script");
    Desk::new(&format!(
        "results = [\"did\"]\n[agent.s]\ncomponent = {script:?}\nsubscribe = [\"do\"]\npublish = [\"did\"]\n"
    ))
}

/// What `manes` prints on a terminal.
fn shown(desk: &Desk, code: i32, plain: bool, args: &[&str]) -> String {
    let cmd = Cmd::program("python3").args(["-c", PTY]).arg(binary("manes")).args(args);
    let cmd = cmd.env("MANES_HOME", desk.home()).env("TERM", "xterm").inside(desk.folder());
    let cmd = if plain { cmd.env("NO_COLOR", "1") } else { cmd };
    let ran = cmd.start().end("in a terminal");
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    ran.stdout
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let desk = desk();
    let run = ["run", "do", "[[\"emit\", \"did\", \"done\"]]"];
    assert!(shown(&desk, 0, false, &run).contains("done"));
    let green = "\u{1b}[32mconsistent\u{1b}[0m";
    assert!(shown(&desk, 0, false, &["verify"]).contains(green));
    let plain = shown(&desk, 0, true, &["verify"]);
    assert!(plain.contains("consistent") && !plain.contains("\u{1b}["), "{plain:?}");
    // Neither has a value for programs any.
    let json = shown(&desk, 0, false, &["flows", "--json"]);
    assert!(!json.contains('\u{1b}'), "{json:?}");
    let cases = desk.folder().join("cases");
    std::fs::create_dir_all(&cases).expect("a folder");
    std::fs::write(cases.join("a.toml"), "[[event]]\ntopic = \"do\"\ndata = '[[\"emit\", \"did\", \"x\"]]'\n")
        .expect("a case");
    assert!(shown(&desk, 1, false, &["test"]).contains("\u{1b}[32m+ did from s"));
    assert!(!shown(&desk, 1, false, &["test", "--json"]).contains('\u{1b}'));
}

#[test]
fn a_strangers_text_does_not_steer_the_terminal() {
    let desk = desk();
    let evil = "\u{1b}[31m\u{7}\u{202e}";
    let script = serde_json::json!([["emit", "did", evil], ["log", "info", evil], ["reject", evil]]).to_string();
    let results = serde_json::json!([["emit", "did", evil], ["log", "info", evil]]).to_string();
    let cases = desk.folder().join("cases");
    std::fs::create_dir_all(&cases).expect("a folder");
    std::fs::write(cases.join("a.toml"), format!("[[event]]\ntopic = \"do\"\ndata = '{results}'\n")).expect("a case");
    for (code, args) in [
        (3, vec!["run", "do", &script]),
        (0, vec!["run", "do", &results]),
        (0, vec!["dead"]),
        (0, vec!["flows"]),
        (0, vec!["log", "--bodies"]),
        (1, vec!["test"]),
    ] {
        let text = shown(&desk, code, true, &args);
        for bad in ['\u{1b}', '\u{7}', '\u{202e}'] {
            assert!(!text.contains(bad), "{args:?} prints {bad:?}: {text:?}");
        }
    }
}
