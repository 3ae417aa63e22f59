//! A page of each command, from the definition that reads the command line.

use crate::args::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// The pages, and the list of them.
pub(super) fn pages() -> BTreeMap<PathBuf, String> {
    let mut cli = Cli::command();
    cli.build();
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    let mut pages = BTreeMap::new();
    let mut list = String::from(
        "# Commands\n\nMade by `just docs` of the code that reads the command line.\n\n| command | what it does |\n|---|---|\n",
    );
    for command in cli.get_subcommands().filter(shown) {
        let name = command.get_name();
        let about = text(command.get_about());
        // Writing into a String cannot fail.
        let _ = writeln!(list, "| [`manes {name}`]({name}.md) | {} |", cell(&about));
        pages.insert(PathBuf::from(format!("commands/{name}.md")), page(command, &format!("manes {name}")));
    }
    list.push_str(&common(&cli));
    pages.insert(PathBuf::from("commands/README.md"), list);
    pages
}

/// What every command has.
fn common(cli: &Command) -> String {
    let globals: Vec<&Arg> = cli.get_arguments().filter(|arg| arg.is_global_set()).collect();
    let mut out = format!("\n## Options that every command takes\n\n{}", table(&globals));
    out.push_str(
        "\nOnly results go to standard output; progress, hints and errors go to standard error. With `--json` a command \
         prints one value, `log` and `tail` one a line: [their shapes](../json.md). Ids may be shortened to four digits \
         or more.\n\n## Exit codes\n\n| code | means |\n|---|---|\n",
    );
    let codes = text(cli.get_after_help());
    for code in codes.trim_start_matches("Exit codes: ").split(", ") {
        if let Some((number, meaning)) = code.split_once(' ') {
            let _ = writeln!(out, "| {number} | {meaning} |");
        }
    }
    out
}

fn page(command: &Command, path: &str) -> String {
    let mut out = format!("# {path}\n\n");
    section(&mut out, command, path, 2);
    out
}

fn section(out: &mut String, command: &Command, path: &str, depth: usize) {
    let about = text(command.get_about());
    let _ = writeln!(out, "{about}.\n");
    let usage = command.clone().render_usage().to_string();
    let _ = writeln!(out, "```text\n{}\n```", usage.trim_start_matches("Usage: ").trim());
    let (notes, examples) = notes(command);
    if !notes.is_empty() {
        let _ = writeln!(out, "\n{notes}");
    }
    let own = |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help";
    let (places, options): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(own).partition(|a| a.is_positional());
    for (title, args) in [("Arguments", places), ("Options", options)] {
        if !args.is_empty() {
            let _ = writeln!(out, "\n{} {title}\n\n{}", "#".repeat(depth), table(&args).trim_end());
        }
    }
    if !examples.is_empty() {
        let lines: String = examples.iter().map(|line| format!("$ {line}\n")).collect();
        let _ = write!(out, "\n{} Examples\n\n```console\n{lines}```\n", "#".repeat(depth));
    }
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        let path = format!("{path} {}", inner.get_name());
        let _ = write!(out, "\n{} {path}\n\n", "#".repeat(depth));
        section(out, inner, &path, depth + 1);
    }
}

/// What stands below a command's help: sentences, and examples.
fn notes(command: &Command) -> (String, Vec<String>) {
    let below = text(command.get_after_help());
    let (notes, examples) = below.split_once("Example: ").unwrap_or((&below, ""));
    let examples = examples.lines().map(str::trim).filter(|line| !line.is_empty());
    (notes.trim().replace('\n', " "), examples.map(str::to_owned).collect())
}

fn table(args: &[&Arg]) -> String {
    let mut out = String::from("| | means |\n|---|---|\n");
    for arg in args {
        let mut means = cell(&text(arg.get_help()));
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        if takes && !defaults.is_empty() {
            let _ = write!(means, " (default: `{}`)", defaults.join(" "));
        }
        let values: Vec<String> = arg.get_possible_values().iter().map(|v| format!("`{}`", v.get_name())).collect();
        if takes && !values.is_empty() {
            let _ = write!(means, " ({})", values.join(", "));
        }
        let _ = writeln!(out, "| `{}` | {means} |", spelled(arg, takes));
    }
    out
}

/// As it is written on a command line.
fn spelled(arg: &Arg, takes: bool) -> String {
    let names = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>();
    let name = names.first().cloned().unwrap_or_else(|| arg.get_id().to_string().to_uppercase());
    match (arg.get_long(), arg.get_short()) {
        (Some(long), short) => {
            let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
            let value = if takes { format!(" {name}") } else { String::new() };
            format!("{short}--{long}{value}")
        }
        _ => name,
    }
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
