//! `wasi:cli`: environment, exit, standard streams and terminals, all part of the base world.
//!
//! What they show is already narrowed by grants (environment names) or is nobody's (there are no terminals), and
//! what they write goes into the record itself.

use super::call::{Call, Lesson, each_handle};
use super::facts::{Facts, Seen};
use super::handle::HandleFacts;
use crate::value::Value;

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    match (call.interface, call.name) {
        ("environment", "get-environment" | "get-arguments" | "initial-cwd")
        | ("exit", "exit" | "exit-with-code")
        | ("stdin", "get-stdin")
        | ("stdout", "get-stdout")
        | ("stderr", "get-stderr")
        | ("terminal-stdin", "get-terminal-stdin")
        | ("terminal-stdout", "get-terminal-stdout")
        | ("terminal-stderr", "get-terminal-stderr") => Some(Seen::local()),
        // An export of commands, which nobody imports.
        ("run", "run") => Some(Seen::refused("a command's entry point is not an import")),
        _ => None,
    }
}

/// The standard streams lead nowhere but into the record.
pub(super) fn learn(call: &Call<'_>, outcome: &Value) -> Vec<Lesson> {
    match (call.interface, call.name) {
        ("stdin", "get-stdin") => each_handle(outcome, &HandleFacts::Input { from: Facts::Base }),
        ("stdout", "get-stdout") | ("stderr", "get-stderr") => {
            each_handle(outcome, &HandleFacts::Output { to: Facts::Base })
        }
        _ => Vec::new(),
    }
}
