//! `wasi:clocks`: readings are part of the base world, timers only make a handle to wait on.
//!
//! Both are local. Their outcomes are recorded, so a replay sees the same time and waits for nothing.

use super::call::Call;
use super::facts::{Effect, Facts, Seen};

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    Some(match (call.interface, call.name) {
        ("monotonic-clock" | "wall-clock", "now" | "resolution") | ("timezone", "display" | "utc-offset") => {
            Seen::local()
        }
        ("monotonic-clock", "subscribe-instant" | "subscribe-duration") => {
            Seen { effect: Effect::Local, facts: Facts::Timer }
        }
        _ => return None,
    })
}
