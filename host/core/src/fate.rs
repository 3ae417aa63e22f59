//! What becomes of an activation after an attempt: done, tried again, or given up as a dead letter.
//!
//! Counted in the ledger, not in a host's memory: a host that starts again goes on counting where the last one
//! stopped. The decision is part of the end's record, so that whoever reads it need not know these rules.

use crate::record::EndStatus;

/// Attempts for what may be better next time: a guest that asks for it, a provider or a host that failed.
pub const ATTEMPTS_RETRY: u64 = 5;
/// Attempts for a trap or an exit: the same input most likely ends the same way, but not every trap is the input's.
pub const ATTEMPTS_TRAP: u64 = 2;
/// Attempts for what would end the same way again: a limit, a denial, a rejection.
pub const ATTEMPTS_FINAL: u64 = 1;
/// Wait before the second attempt of what failed; doubled for each one after.
pub const BACKOFF_NS: u64 = 1_000_000_000;
/// Longest wait that doubling comes to.
pub const BACKOFF_NS_MAX: u64 = 60_000_000_000;

/// What follows an attempt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Nothing: the activation is over.
    Final,
    /// Another attempt, not before the time that the record names.
    Again,
    /// Nothing until somebody requeues it.
    Dead,
    /// Nothing until somebody says what to do about a write whose outcome is unknown.
    Asks,
}

impl Fate {
    /// The number in the format.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Final => 0,
            Self::Again => 1,
            Self::Dead => 2,
            Self::Asks => 3,
        }
    }

    /// As commands call it; nothing where nothing follows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Final => "",
            Self::Again => "again",
            Self::Dead => "dead",
            Self::Asks => "asks",
        }
    }

    /// The fate of a number.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Final),
            1 => Some(Self::Again),
            2 => Some(Self::Dead),
            3 => Some(Self::Asks),
            _ => None,
        }
    }

    /// What follows attempt number `attempt`, which ended with `status`.
    #[must_use]
    pub const fn of(status: EndStatus, attempt: u64) -> Self {
        match attempts(status) {
            None => Self::Final,
            Some(allowed) if attempt < allowed => Self::Again,
            Some(_) => Self::Dead,
        }
    }
}

/// Attempts that an end of this kind allows in all; `None` where nothing is left to do.
#[must_use]
pub const fn attempts(status: EndStatus) -> Option<u64> {
    Some(match status {
        EndStatus::Done | EndStatus::Cancelled => return None,
        EndStatus::Retry | EndStatus::Fault | EndStatus::Interrupted => ATTEMPTS_RETRY,
        EndStatus::Trapped | EndStatus::Exited => ATTEMPTS_TRAP,
        EndStatus::Rejected
        | EndStatus::Denied
        | EndStatus::OutOfFuel
        | EndStatus::Deadline
        | EndStatus::Limit
        | EndStatus::Unknown => ATTEMPTS_FINAL,
    })
}

/// How long to wait after attempt number `attempt` ended with `status`, nanoseconds. A guest that asks to be tried
/// again says so itself.
#[must_use]
pub const fn backoff_ns(status: EndStatus, attempt: u64) -> u64 {
    match status {
        // Its host has been away; that was wait enough.
        EndStatus::Interrupted => 0,
        EndStatus::Trapped | EndStatus::Exited => BACKOFF_NS,
        _ => {
            let doublings = if attempt == 0 { 0 } else { attempt - 1 };
            let wait = if doublings >= 16 { BACKOFF_NS_MAX } else { BACKOFF_NS << doublings };
            if wait > BACKOFF_NS_MAX { BACKOFF_NS_MAX } else { wait }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_what_ended_the_last_one() {
        use EndStatus::{
            Cancelled, Deadline, Denied, Done, Exited, Fault, Interrupted, Limit, Rejected, Retry, Trapped,
        };
        let fates = |status: EndStatus| (1..=6).map(|attempt| Fate::of(status, attempt)).collect::<Vec<_>>();
        let again = |times: usize| {
            let mut fates = vec![Fate::Again; times];
            fates.resize(6, Fate::Dead);
            fates
        };
        for status in [Retry, Fault, Interrupted] {
            assert_eq!(fates(status), again(4), "{status:?}");
        }
        for status in [Trapped, Exited] {
            assert_eq!(fates(status), again(1), "{status:?}");
        }
        for status in [Rejected, Denied, EndStatus::OutOfFuel, Deadline, Limit, EndStatus::Unknown] {
            assert_eq!(fates(status), again(0), "{status:?}");
        }
        for status in [Done, Cancelled] {
            assert_eq!(fates(status), vec![Fate::Final; 6], "{status:?}");
        }
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let seconds = |attempt| backoff_ns(EndStatus::Fault, attempt) / 1_000_000_000;
        assert_eq!([1, 2, 3, 4, 6, 7, 60, u64::MAX].map(seconds), [1, 2, 4, 8, 32, 60, 60, 60]);
        assert_eq!(backoff_ns(EndStatus::Interrupted, 3), 0);
        assert_eq!(backoff_ns(EndStatus::Trapped, 1), BACKOFF_NS);
    }

    #[test]
    fn numbers_and_fates_go_together() {
        for number in 0..4 {
            assert_eq!(Fate::from_number(number).map(Fate::number), Some(number));
        }
        assert_eq!(Fate::from_number(4), None);
    }
}
