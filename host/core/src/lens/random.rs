//! `wasi:random`: part of the base world. Outcomes are recorded, so a replay draws the same numbers.

use super::call::Call;
use super::facts::Seen;

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    match (call.interface, call.name) {
        ("random", "get-random-bytes" | "get-random-u64")
        | ("insecure", "get-insecure-random-bytes" | "get-insecure-random-u64")
        | ("insecure-seed", "insecure-seed") => Some(Seen::local()),
        _ => None,
    }
}
