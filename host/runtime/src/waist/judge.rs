//! Notes what an attempt asks for, so that it can be judged by other grants than its own.

use manes_core::function::FunctionId;
use manes_core::lens::Seen;
use manes_core::policy::Decision;
use std::sync::{Mutex, PoisonError};

/// A call, as the lens saw it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its number in the attempt.
    pub call: u64,
    /// What was called.
    pub function: String,
    /// What it was about.
    pub seen: Seen,
    /// What its own grants said.
    pub decision: Decision,
}

/// The calls of one attempt.
#[derive(Debug, Default)]
pub struct Judge(Mutex<Vec<Asked>>);

impl Judge {
    pub(super) fn note(&self, call: u64, function: &FunctionId, seen: &Seen, decision: &Decision) {
        let (function, seen, decision) = (function.to_string(), seen.clone(), decision.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { call, function, seen, decision });
    }

    /// Takes what was noted.
    #[must_use]
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
