//! Clock readings. Waiting for a time is a timer's business, and timers live behind the mirror.

use super::{Answer, Base, unknown};
use manes_core::function::FunctionId;
use manes_core::value::Value;

/// The clocks' resolution: what the operating system promises here.
const RESOLUTION_NS: u64 = 1;
const NS_PER_SECOND: u64 = 1_000_000_000;

impl Base {
    pub(super) fn clock(&self, function: &FunctionId) -> Answer {
        let clock = &self.seams.clock;
        Ok(Some(match (function.unversioned(), function.name.as_str()) {
            ("wasi:clocks/monotonic-clock", "now") => Value::U64(clock.monotonic_ns()),
            ("wasi:clocks/monotonic-clock", "resolution") => Value::U64(RESOLUTION_NS),
            ("wasi:clocks/wall-clock", "now") => datetime(clock.now_ns()),
            ("wasi:clocks/wall-clock", "resolution") => datetime(RESOLUTION_NS),
            _ => return Err(unknown(function)),
        }))
    }
}

fn datetime(ns: u64) -> Value {
    let nanoseconds = u32::try_from(ns % NS_PER_SECOND).unwrap_or_default();
    Value::Record(vec![
        ("seconds".into(), Value::U64(ns / NS_PER_SECOND)),
        ("nanoseconds".into(), Value::U32(nanoseconds)),
    ])
}
