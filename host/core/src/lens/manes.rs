//! `manes:agent`: the log and the context, part of the base world.

use super::call::Call;
use super::facts::Seen;

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    match (call.interface, call.name) {
        ("log", "write") | ("context", "config" | "attempt") => Some(Seen::local()),
        // Exports of agents and capabilities, which nobody imports.
        ("handler", "describe" | "handle") | ("capability", "effects") => {
            Some(Seen::refused("an agent's entry point is not an import"))
        }
        _ => None,
    }
}
