//! Pages whose commands are done as they stand there.

use super::compare::{Ids, fits};
use super::terminal::Terminal;
use crate::cli::cmd::{Cmd, binary};
use crate::cli::desk::{Desk, component, copy, repository};
use manes_tests::docs::{Block, blocks};
use std::path::{Path, PathBuf};

/// A command of a block, and the lines that are shown below it.
struct Step<'a> {
    command: &'a str,
    shown: Vec<&'a str>,
}

fn steps(block: &Block) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command, shown: Vec::new() }),
            (None, Some(step)) => step.shown.push(line),
            (None, None) => panic!("line {}: a block of commands begins with one", block.line),
        }
    }
    steps
}

/// A reader at work: two terminals, and a folder.
struct Reader {
    page: &'static str,
    /// The page as it came, to be written.
    came: String,
    env: Vec<(&'static str, String)>,
    terminal: Terminal,
    other: Option<Terminal>,
    folder: PathBuf,
    ids: Ids,
}

impl Reader {
    fn new(page: &'static str, desk: &Desk) -> Self {
        // The binary, copied to where no checkout is around it.
        let bin = desk.folder().join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        for name in ["manes", "manes-verify"] {
            std::fs::copy(binary(name), bin.join(name)).expect("a copy");
        }
        let folder = desk.folder().join("work");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let home = desk.home().display().to_string();
        // What the guests were built from is there already; a test asks no registry.
        let env = vec![("PATH", path), ("MANES_HOME", home), ("CARGO_NET_OFFLINE", "true".to_owned())];
        let terminal = Terminal::open(&folder, &env);
        Self { page, came: String::new(), env, terminal, other: None, folder, ids: Ids::default() }
    }

    fn does(&mut self, block: &Block) {
        match (block.language(), block.says("file"), block.says("terminal")) {
            (_, Some(file), _) => {
                // Sources are as old as the component at least; a clock of seconds must not hide a change.
                std::fs::write(self.folder.join(file), here(&block.text)).expect("a file is written");
            }
            ("console", None, None) => steps(block).iter().for_each(|step| self.step(block, step)),
            ("console", None, Some(_)) => steps(block).iter().for_each(|step| self.elsewhere(block, step)),
            _ => {}
        }
    }

    fn step(&mut self, block: &Block, step: &Step<'_>) {
        let command = here(&self.ids.filled(step.command));
        let left = self.terminal.run(&command);
        let came: Vec<&str> = left.lines.iter().map(String::as_str).collect();
        self.check(block, step, &came);
        assert!(updating() || left.code == 0, "{} line {}: {command}: {}", self.page, block.line, came.join("\n"));
        self.folder = left.folder;
    }

    fn check(&mut self, block: &Block, step: &Step<'_>, came: &[&str]) {
        let guests = guests();
        let came: Vec<String> = came.iter().map(|line| line.replace(&guests, "{{guests}}")).collect();
        let came: Vec<&str> = came.iter().map(String::as_str).collect();
        let before = self.ids.clone();
        let (page, line, command) = (self.page, block.line, step.command);
        let fits = fits(&step.shown, &came, &mut self.ids);
        if updating() {
            let lines = if fits { step.shown.clone() } else { came };
            self.came += &format!("$ {}\n{}\n", step.command, lines.join("\n"));
            self.ids = if fits { self.ids.clone() } else { before };
            return;
        }
        assert!(fits, "{page} line {line}: $ {command}\nshown:\n{}\ncame:\n{}", step.shown.join("\n"), came.join("\n"));
    }

    /// In the second terminal: a program that goes on until `^C`.
    fn elsewhere(&mut self, block: &Block, step: &Step<'_>) {
        if step.command == "^C" {
            let came = self.other.take().expect("something runs in the second terminal").interrupt();
            self.check(block, step, &came.iter().map(String::as_str).collect::<Vec<_>>());
            return;
        }
        let mut terminal = Terminal::program(&self.ids.filled(step.command), &self.folder, &self.env);
        let mut came = vec![terminal.line()];
        // What it prints while it starts ends with this word.
        while !came.last().is_some_and(|line| line.starts_with("ready")) {
            came.push(terminal.line());
        }
        self.check(block, step, &came.iter().map(String::as_str).collect::<Vec<_>>());
        self.other = Some(terminal);
    }
}

/// Where the guests' components lie.
fn guests() -> String {
    component("greeter").parent().expect("a folder").display().to_string()
}

/// Text of a page with the places of this machine.
fn here(text: &str) -> String {
    text.replace("{{guests}}", &guests())
}

/// True if pages are to be written as it came: `MANES_UPDATE=1`; what may differ is for a person to mark with `…`.
fn updating() -> bool {
    std::env::var_os("MANES_UPDATE").is_some()
}

/// Does what a page says.
fn done(page: &'static str) {
    done_on(page, &Desk::new(""));
}

/// Does what a page says, in a folder of a desk that may have something in it.
fn done_on(page: &'static str, desk: &Desk) {
    let text = std::fs::read_to_string(repository().join(page)).expect("a page");
    let mut reader = Reader::new(page, desk);
    let blocks = blocks(&text);
    assert!(blocks.iter().any(|block| block.language() == "console"), "{page} has no commands");
    for block in &blocks {
        reader.came.clear();
        reader.does(block);
        if updating() && block.language() == "console" {
            let text = std::fs::read_to_string(repository().join(page)).expect("a page");
            let text = text.replacen(&block.text, &reader.came.replace("\n\n$", "\n$").replace("\n\n", "\n"), 1);
            std::fs::write(repository().join(page), text).expect("the page is written");
        }
    }
    assert!(Path::new(&reader.folder).is_dir());
}

#[test]
fn the_tutorial_does_what_it_says() {
    done("docs/tutorial.md");
}

#[test]
fn every_command_prints_what_it_should_on_a_folder() {
    done("tests/pages/local.md");
}

#[test]
fn every_command_prints_what_it_should_through_a_running_host() {
    done("tests/pages/host.md");
}

#[test]
fn the_smallest_example_does_what_its_page_says() {
    let desk = Desk::new("");
    let (example, work) = (repository().join("examples/hello"), desk.folder().join("work"));
    copy(&example.join("cases"), &work.join("cases"));
    let manifest = std::fs::read_to_string(example.join("manes.toml")).expect("the example's manifest");
    let guests = repository().join("guests").display().to_string();
    std::fs::write(work.join("manes.toml"), manifest.replace("../../guests", &guests)).expect("a manifest");
    done_on("examples/hello/README.md", &desk);
}

#[test]
fn the_demo_of_the_readme_answers_its_question() {
    let desk = Desk::new("");
    let demo = repository().join("examples/csv-analysis/demo.py");
    let cmd = Cmd::program("python3").arg(demo).env("MANES_HOME", desk.home());
    let ran = cmd.env("MANES_DEMO", desk.folder().join("demo")).ok();
    for words in
        ["\"Gentoo\": 5076.016260162602", "6/6 identical, no network, equal fuel", "GET example.com/ · allow with"]
    {
        assert!(ran.stdout.contains(words), "{words} is not in:\n{}", ran.stdout);
    }
}

#[test]
fn the_first_five_minutes_are_as_the_readme_says() {
    done("README.md");
}
