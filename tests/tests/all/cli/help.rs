//! What a user reads before anything runs.

use super::cmd::Cmd;
use super::desk::Desk;

const COMMANDS: [&str; 33] = [
    "new",
    "build",
    "doctor",
    "run",
    "emit",
    "up",
    "inspect",
    "load",
    "swap",
    "unload",
    "flow",
    "flows",
    "log",
    "tail",
    "agents",
    "dead",
    "requeue",
    "answer",
    "cancel",
    "pause",
    "resume",
    "verify",
    "checkpoint",
    "backup",
    "key",
    "restore",
    "receipt",
    "replay",
    "wit",
    "test",
    "schema",
    "grants",
    "completion",
];

fn empty() -> Desk {
    Desk::new("")
}

#[test]
fn help_lists_every_command_and_every_exit_code() {
    let help = Cmd::bare(&empty()).arg("--help").ok().stdout;
    for command in COMMANDS {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command} is not in:\n{help}");
    }
    let codes = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for code in [
        "0 done",
        "1 failed",
        "2 usage",
        "3 rejected or dead",
        "4 replay diverged",
        "5 not verified",
        "6 not finished in time",
    ] {
        assert!(codes.contains(code), "{code} is not in:\n{help}");
    }
}

#[test]
fn help_of_each_command_shows_an_example_of_it_and_the_common_options() {
    let desk = empty();
    for command in COMMANDS {
        let help = Cmd::bare(&desk).args([command, "--help"]).ok().stdout;
        let example = help.split("Example: ").nth(1).unwrap_or_else(|| panic!("{command} has no example:\n{help}"));
        assert!(example.starts_with(&format!("manes {command}")), "{command}: {example}");
        for option in ["--ledger", "--manifest", "--json"] {
            assert!(help.contains(option), "{command}: no {option} in:\n{help}");
        }
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_is_usage_and_prints_no_result() {
    let desk = empty();
    for (arguments, word) in [
        (vec![], "Usage: manes"),
        (vec!["frobnicate"], "frobnicate"),
        (vec!["run"], "<TOPIC>"),
        (vec!["run", "a.topic", "{}", "extra"], "extra"),
        (vec!["run", "a.topic", "--timeout", "soon"], "soon"),
        (vec!["flows", "--last", "-1"], "-1"),
        (vec!["flow"], "<ID>"),
        (vec!["receipt", "first"], "first"),
        (vec!["verify", "--colour"], "--colour"),
        (vec!["up", "--port", "70000"], "70000"),
        (vec!["completion", "tcsh"], "tcsh"),
    ] {
        Cmd::bare(&desk).args(&arguments).refuses(2, &[word]);
    }
}

#[test]
fn completion_scripts_know_every_command() {
    let desk = empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Cmd::bare(&desk).args(["completion", shell]).ok().stdout;
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: no {command}");
        }
    }
    let bash = Cmd::bare(&desk).args(["completion", "bash"]).ok().stdout;
    let syntax = Cmd::program("bash").arg("-n").stdin(bash).ok();
    assert_eq!(syntax.stderr, "", "bash refuses the script");
}

#[test]
fn the_version_is_the_packages() {
    let version = Cmd::bare(&empty()).arg("--version").ok().stdout;
    assert_eq!(version.trim_end(), format!("manes {}", env!("CARGO_PKG_VERSION")));
}
