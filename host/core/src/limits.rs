//! Every limit in one place, with its unit and its reason. A manifest can lower or raise what [`Limits`] holds;
//! the constants below it are ceilings of the format or of the host.

use serde::{Deserialize, Serialize};

/// Fuel that a core of the 2020s burns in about a second: the table capability scans 100 MB for 10 G in 2.7 s.
pub const FUEL_PER_SECOND: u64 = 3_500_000_000;
/// Events between a root event and its last descendant: two agents that answer each other stop here.
pub const HOPS_MAX: u64 = 64;
/// Bodies above this lie in blobs of their own, so that a block stays small enough to be sent in one message.
pub const INLINE_BODY_BYTES_MAX: usize = 64 * 1024;
/// A capability's own calls keep bodies up to this size; an agent's replay never needs them.
pub const CHILD_BODY_BYTES_MAX: usize = 4 * 1024;
/// The end of a stdio stream that an attempt's end keeps: enough for a panic message with its backtrace.
pub const STDERR_TAIL_BYTES: usize = 4 * 1024;
/// An event's data: what one message of a bus carries by default.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one `get-random-bytes`: no program needs more entropy than this at once.
pub const RANDOM_BYTES_MAX: u64 = 64 * 1024;
/// Header bytes of one HTTP message.
pub const HTTP_FIELDS_BYTES_MAX: usize = 32 * 1024;
/// Bytes that wasmtime may hold for one host call. A dynamic value takes 40 bytes for each element of a list, so this
/// is above forty times [`Limits::call_kib`]'s default: our limit speaks first.
pub const HOSTCALL_FUEL: usize = 192 * 1024 * 1024;
/// Fuel between two yields of a running guest: about 10 ms.
pub const FUEL_YIELD_INTERVAL: u64 = FUEL_PER_SECOND / 100;
/// Tables' elements of one instance: 20,000 is far above what toolchains emit.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Longest delay of a draft: 30 days.
pub const DELAY_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

/// What one attempt may use. All are whole numbers, so that the record of a deployment is exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory of one instance, MiB. Growth beyond it ends the attempt.
    pub memory_mib: u64,
    /// Fuel of one attempt; the default is about five seconds of computing.
    pub fuel: u64,
    /// Wall clock of one attempt, blocked time included, ms.
    pub deadline_ms: u64,
    /// Live resource handles.
    pub handles_max: u64,
    /// Arguments or outcome of one call, encoded, KiB.
    pub call_kib: u64,
    /// Calls, not counting local ones.
    pub calls_max: u64,
    /// Arguments and outcomes recorded in one attempt, MiB.
    pub recorded_mib: u64,
    /// Events emitted by one attempt.
    pub drafts_max: u64,
    /// Text logged in one attempt, KiB; what is over it is cut.
    pub log_kib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mib: 64,
            fuel: 5 * FUEL_PER_SECOND,
            deadline_ms: 30_000,
            handles_max: 1_000,
            call_kib: 4 * 1024,
            calls_max: 10_000,
            recorded_mib: 64,
            drafts_max: 500,
            log_kib: 1024,
        }
    }
}
