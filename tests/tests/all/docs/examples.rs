//! Every example of a command's page is run, in a folder that has what the examples speak of; so is every command line of
//! the other pages that is not done in its turn by [`super::tutorial`].
//!
//! An example that is not in the table below fails the test: whoever writes one says what it needs and how it ends.

use super::terminal::Terminal;
use crate::cli::cmd::{Cmd, binary};
use crate::cli::desk::{Desk, asked, component, copy, csv_manifest, repository};
use manes_tests::docs::blocks;
use std::collections::BTreeSet;
use std::path::Path;

/// What an example needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// What is there.
    Nothing,
    /// A running host.
    Host,
    /// It goes on until it is stopped.
    Stop,
    /// A build of its own: the tutorial does it.
    Build,
}

/// How each example begins, what it needs, and the code with which it ends where these things are so.
const EXAMPLES: [(&str, Needs, i32); 38] = [
    ("manes agents", Needs::Host, 0),
    ("manes answer 7c1e repeat", Needs::Host, 2), // it asks nothing
    ("manes answer", Needs::Nothing, 0),
    ("manes backup", Needs::Nothing, 0),
    ("manes build", Needs::Build, 0),
    ("manes cancel", Needs::Host, 2), // it has ended
    ("manes checkpoint", Needs::Nothing, 0),
    ("manes completion", Needs::Nothing, 0),
    ("manes dead 7c1e", Needs::Nothing, 0),
    ("manes dead", Needs::Nothing, 0),
    ("manes doctor", Needs::Nothing, 0),
    ("manes emit", Needs::Host, 0),
    ("manes flow ", Needs::Nothing, 0),
    ("manes flows", Needs::Nothing, 0),
    ("manes grants suggest", Needs::Nothing, 0),
    ("manes grants explain", Needs::Nothing, 3), // it is denied
    ("manes inspect", Needs::Nothing, 0),
    ("manes key rotate", Needs::Nothing, 0),
    ("manes key", Needs::Nothing, 0),
    ("manes load", Needs::Host, 0),
    ("manes log", Needs::Nothing, 0),
    ("manes new hello", Needs::Build, 0),
    ("manes new words", Needs::Nothing, 0),
    ("manes pause", Needs::Host, 0),
    ("manes receipt", Needs::Nothing, 0),
    ("manes replay", Needs::Nothing, 0),
    ("manes requeue", Needs::Host, 3),    // it is rejected once more
    ("manes restore", Needs::Nothing, 2), // there is nothing to accept
    ("manes resume", Needs::Host, 0),
    ("manes run", Needs::Host, 0),
    ("manes schema", Needs::Nothing, 0),
    ("manes swap", Needs::Host, 0),
    ("manes tail", Needs::Stop, 0),
    ("manes test", Needs::Nothing, 0),
    ("manes unload", Needs::Host, 2), // others need it
    ("manes up", Needs::Stop, 0),
    ("manes verify", Needs::Nothing, 0),
    ("manes wit add", Needs::Nothing, 0),
];

/// A folder with what the examples speak of; the ids of a flow and of a dead letter.
fn furnished(desk: &Desk, work: &Path) -> (String, String) {
    let release = work.join("target/wasm32-wasip2/release");
    let words = desk.folder().join("words/target/wasm32-wasip2/release");
    let example = work.join("examples/csv-analysis");
    [&release, &words, &example].into_iter().for_each(|folder| std::fs::create_dir_all(folder).expect("a folder"));
    for (name, to) in [
        ("greeter", release.join("hello.wasm")),
        ("table", release.join("table.wasm")),
        ("echo", words.join("words.wasm")),
        ("proposer", work.join("new.wasm")),
        ("prober", work.join("prober.wasm")),
    ] {
        std::fs::copy(component(name), to).expect("a copy");
    }
    for folder in [work, &example] {
        std::fs::write(folder.join("manes.toml"), csv_manifest()).expect("a manifest");
        copy(&repository().join("examples/csv-analysis/data"), &folder.join("data"));
    }
    copy(&repository().join("examples/csv-analysis/cases"), &work.join("cases"));
    std::fs::write(work.join("data/sales.csv"), "city,price\nRome,3\nBonn,4\nRome,5\n").expect("a file");
    std::fs::write(work.join("question.json"), asked("mean price by city?", "sales.csv")).expect("a file");
    let run = |file: &str, code: i32| {
        let question = asked("mean price by city?", file);
        let ran = Cmd::bare(desk).inside(work).args(["run", "--json", "csv.question", &question]).exits(code).json();
        ran["flow"].as_str().expect("a flow").to_owned()
    };
    let flow = run("sales.csv", 0);
    let mut rejected = Cmd::bare(desk).inside(work).args(["run", "csv.parsed", "no JSON"]).exits(3);
    rejected.stdout.clear();
    let dead = Cmd::bare(desk).inside(work).args(["dead", "--json"]).ok().json();
    let dead = dead[0]["activation"].as_str().unwrap_or_else(|| panic!("no dead letter: {dead}")).to_owned();
    let checkpoint = Cmd::bare(desk).inside(work).arg("checkpoint").ok().stdout;
    std::fs::write(work.join("yesterday.checkpoint"), checkpoint).expect("a checkpoint");
    (flow, dead)
}

/// Pages whose commands are done one after the other.
const DONE: [&str; 5] =
    ["README.md", "docs/tutorial.md", "examples/hello/README.md", "tests/pages/local.md", "tests/pages/host.md"];

/// The command lines of all other pages.
fn examples() -> BTreeSet<String> {
    let root = repository();
    let done = |page: &std::path::PathBuf| DONE.iter().any(|done| *page == root.join(done));
    let pages = manes_tests::docs::pages(&root).into_iter().filter(|page| !done(page));
    let lines = pages.flat_map(|page| {
        let blocks = blocks(&std::fs::read_to_string(page).expect("a page"));
        let commands = |block: manes_tests::docs::Block| {
            let lines = block.text.lines().filter_map(|line| line.strip_prefix("$ "));
            // What stands behind two spaces is said to the reader.
            lines.map(|line| line.split("  #").next().unwrap_or(line).trim_end().to_owned()).collect::<Vec<_>>()
        };
        blocks.into_iter().flat_map(commands).collect::<Vec<_>>()
    });
    lines.collect()
}

#[test]
fn every_example_of_a_command_runs() {
    let desk = Desk::new("");
    let work = desk.folder().join("work");
    let (flow, dead) = furnished(&desk, &work);
    let bin = binary("manes").parent().expect("a folder").display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let env = [("PATH", path), ("MANES_HOME", desk.home().display().to_string())];
    let here = |line: &str| {
        let line = ["4bf9", "38a7", "4de2"].iter().fold(line.to_owned(), |line, id| line.replace(id, &flow[..8]));
        let line = line.replace("7c1e", &dead[..8]);
        let line = line.replace("/mnt/backup", &desk.folder().join("backup").to_string_lossy());
        line.replace("/etc/bash_completion.d/manes", "completion.bash")
    };
    let mut left: Vec<(String, Needs, i32)> = Vec::new();
    for line in examples() {
        let known = EXAMPLES.iter().find(|(begins, ..)| line.starts_with(begins));
        let (_, needs, code) = known.unwrap_or_else(|| panic!("nobody says what this example needs: {line}"));
        left.push((line, *needs, *code));
    }
    let shown = |left: &super::terminal::Left| left.lines.join("\n");
    let mut terminal = Terminal::open(&work, &env);
    for (line, _, code) in left.iter().filter(|(_, needs, _)| *needs == Needs::Nothing) {
        let ran = terminal.run(&here(line));
        assert_eq!(ran.code, *code, "$ {line}\n{}", shown(&ran));
    }
    let mut host = Terminal::program("manes up", &work, &env);
    while !host.line().starts_with("ready") {}
    for (line, _, code) in left.iter().filter(|(_, needs, _)| *needs == Needs::Host) {
        let ran = terminal.run(&here(line));
        assert_eq!(ran.code, *code, "$ {line}\n{}", shown(&ran));
    }
    let rest = host.interrupt();
    assert!(rest.iter().all(|line| !line.contains("panicked")), "{rest:?}");
    for (line, ..) in left.iter().filter(|(_, needs, _)| *needs == Needs::Stop) {
        let mut program = Terminal::program(&here(line), &work, &env);
        if line.starts_with("manes tail") {
            terminal.run("manes emit csv.question @question.json");
        }
        let first = program.line();
        assert!(!first.contains("manes:"), "$ {line}\n{first}");
    }
}
