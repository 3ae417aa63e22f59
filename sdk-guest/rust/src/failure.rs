//! The two ways not to handle an event. No draft of the attempt becomes visible in either.

use crate::Failure;
use crate::bindings::agent::manes::agent::types::Retry;

/// Trying again would not help: the event goes to the dead letters with this reason.
#[must_use]
pub fn reject(reason: impl Into<String>) -> Failure {
    Failure::Reject(reason.into())
}

/// Trying again may help: a new attempt, no earlier than `after_ms` from now. The host bounds how often.
#[must_use]
pub fn retry(reason: impl Into<String>, after_ms: u32) -> Failure {
    Failure::Retry(Retry { reason: reason.into(), after_ms })
}
