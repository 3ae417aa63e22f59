//! `manes completion`: a script for a shell.

use crate::args::{Cli, CompletionArgs};
use crate::exit::Exit;
use clap::CommandFactory as _;

/// Prints the script.
pub(crate) fn completion(args: &CompletionArgs) -> Exit {
    clap_complete::generate(args.shell, &mut Cli::command(), "manes", &mut std::io::stdout());
    Exit::Done
}
