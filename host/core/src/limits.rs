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
/// is above forty times [`Limits::call_kib`]'s maximum: our limit speaks first. Where a typed adapter carries the
/// list, a byte is a byte.
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
    /// Wall clock of one attempt, ms: blocked time included, except for waiting until the ledger is durable.
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

/// A limit of a manifest, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// `memory_mib`
    MemoryMib,
    /// `fuel`
    Fuel,
    /// `deadline_ms`
    DeadlineMs,
    /// `handles_max`
    HandlesMax,
    /// `call_kib`
    CallKib,
    /// `calls_max`
    CallsMax,
    /// `recorded_mib`
    RecordedMib,
    /// `drafts_max`
    DraftsMax,
    /// `log_kib`
    LogKib,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::MemoryMib,
        Self::Fuel,
        Self::DeadlineMs,
        Self::HandlesMax,
        Self::CallKib,
        Self::CallsMax,
        Self::RecordedMib,
        Self::DraftsMax,
        Self::LogKib,
    ];

    /// The key in a manifest's `limits`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        self.row().0
    }

    /// What a manifest may raise it to: beyond, something else in the host would give way first.
    #[must_use]
    pub const fn max(self) -> u64 {
        self.row().1
    }

    /// Its value in `limits`.
    #[must_use]
    pub const fn of(self, limits: &Limits) -> u64 {
        match self {
            Self::MemoryMib => limits.memory_mib,
            Self::Fuel => limits.fuel,
            Self::DeadlineMs => limits.deadline_ms,
            Self::HandlesMax => limits.handles_max,
            Self::CallKib => limits.call_kib,
            Self::CallsMax => limits.calls_max,
            Self::RecordedMib => limits.recorded_mib,
            Self::DraftsMax => limits.drafts_max,
            Self::LogKib => limits.log_kib,
        }
    }

    /// False for what is counted for an attempt as a whole: in a capability's section it would mean nothing.
    #[must_use]
    pub const fn is_capabilitys(self) -> bool {
        !matches!(self, Self::DeadlineMs | Self::RecordedMib | Self::DraftsMax)
    }

    /// What to do about `value` where at least `needed` would have been enough: the line that raises it in `section`,
    /// or, where no manifest may say so much, what to do instead.
    #[must_use]
    pub fn advice(self, section: &str, value: u64, needed: u64) -> String {
        let (key, max, instead) = self.row();
        if value >= max || needed > max {
            return format!("{key} = {max} is the most that a manifest may allow: {instead}");
        }
        // What was needed is known up to here only: with twice as much it need not be raised again at once.
        let enough = needed.max(value.saturating_mul(2)).min(max);
        format!("raise it in {section} with: limits = {{ {key} = {enough} }}")
    }

    /// Key, maximum, and what to do where the maximum is not enough.
    const fn row(self) -> (&'static str, u64, &'static str) {
        match self {
            // The pool's room for one memory.
            Self::MemoryMib => {
                ("memory_mib", 1024, "read and keep less at a time, or split the work over several events")
            }
            // Half of it is what TOML can write.
            Self::Fuel => ("fuel", u64::MAX / 4, "split the work over several events"),
            Self::DeadlineMs => ("deadline_ms", 24 * 3600 * 1000, "split the work over several events"),
            Self::HandlesMax => ("handles_max", 100_000, "drop handles that are not used any more"),
            // A dynamic value of this size is what HOSTCALL_FUEL has room for.
            Self::CallKib => ("call_kib", 4 * 1024, "split the data over several calls"),
            Self::CallsMax => {
                ("calls_max", 1_000_000, "ask for more with each call, or split the work over several events")
            }
            // It goes out in one append, which carries 128 MiB at most.
            Self::RecordedMib => (
                "recorded_mib",
                96,
                "read less in one attempt, have a capability do the reading, or split the work over several events",
            ),
            Self::DraftsMax => ("drafts_max", 10_000, "emit fewer events with more in each, or in several steps"),
            Self::LogKib => ("log_kib", 64 * 1024, "log less"),
        }
    }
}

impl Limits {
    /// Checks that each is something and no more than a manifest may allow.
    ///
    /// # Errors
    /// The first that is out of range, with its range.
    pub fn check(&self) -> Result<(), String> {
        match Limit::ALL.into_iter().find(|limit| limit.of(self) == 0 || limit.of(self) > limit.max()) {
            Some(limit) => {
                let (key, value, max) = (limit.key(), limit.of(self), limit.max());
                Err(format!("limits.{key} = {value} is out of range; it is from 1 to {max}"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_row() {
        let written = serde_json::to_value(Limits::default()).unwrap();
        let written: Vec<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
        let mut rows: Vec<&str> = Limit::ALL.iter().map(|limit| limit.key()).collect();
        rows.sort_unstable();
        assert_eq!(rows, written);
        assert_eq!(Limits::default().check(), Ok(()));
        for limit in Limit::ALL {
            let json = |value: u64| format!("{{\"{}\":{value}}}", limit.key());
            let read = |value| serde_json::from_str::<Limits>(&json(value)).unwrap();
            assert_eq!(limit.of(&read(7)), 7, "{limit:?}");
            assert_eq!(read(limit.max()).check(), Ok(()), "{limit:?}");
            let over = read(limit.max() + 1).check().unwrap_err();
            assert!(over.contains(limit.key()) && over.contains(&limit.max().to_string()), "{over}");
            assert!(read(0).check().is_err(), "{limit:?}");
        }
    }

    #[test]
    fn advice_raises_as_far_as_a_manifest_may_and_no_further() {
        let advice = |value, needed| Limit::RecordedMib.advice("[agent.a]", value, needed);
        assert_eq!(advice(1, 2), "raise it in [agent.a] with: limits = { recorded_mib = 2 }");
        assert_eq!(advice(1, 40), "raise it in [agent.a] with: limits = { recorded_mib = 40 }");
        assert_eq!(advice(64, 65), "raise it in [agent.a] with: limits = { recorded_mib = 96 }");
        for (value, needed) in [(96, 97), (64, 97)] {
            let most = advice(value, needed);
            assert!(most.starts_with("recorded_mib = 96 is the most that a manifest may allow: "), "{most}");
            assert!(!most.contains("raise it"), "{most}");
        }
    }
}
