//! `manes completion`: a script for a shell.

use crate::args::{Cli, CompletionArgs};
use crate::exit::Exit;
use crate::output;
use clap::CommandFactory as _;

/// Prints the script.
pub(crate) fn completion(args: &CompletionArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "manes", &mut script);
    output::bytes(&script);
    Exit::Done
}

/// Prints the schema of the manifest.
pub(crate) fn schema() -> Exit {
    output::bytes(manes_runtime::manifest::SCHEMA.as_bytes());
    Exit::Done
}
