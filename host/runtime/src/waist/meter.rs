//! Memory limits of one store. Growth inside the limit succeeds; beyond it the attempt ends. It never returns -1,
//! because a guest that sees a failed growth would go on differently on another machine.

use super::Ended;
use manes_core::limits::{Limit, Limits, TABLE_ELEMENTS_MAX};
use wasmtime::{ResourceLimiter, Result};

/// wasmtime's limiter with our words.
#[derive(Debug)]
pub struct Meter {
    memory_bytes_max: usize,
    memory_mib: u64,
    memory_bytes: usize,
    /// Where the manifest says so.
    section: String,
}

impl Meter {
    /// The limiter for `limits` of this section of the manifest.
    #[must_use]
    pub fn new(limits: &Limits, section: String) -> Self {
        let bytes = limits.memory_mib.saturating_mul(1 << 20);
        Self {
            memory_bytes_max: usize::try_from(bytes).unwrap_or(usize::MAX),
            memory_mib: limits.memory_mib,
            memory_bytes: 0,
            section,
        }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        // Several memories share the limit: what counts is the sum.
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_bytes_max {
            let what = format!("memory ({} MiB)", self.memory_mib);
            let needed = (total as u64).div_ceil(1 << 20);
            let advice = Limit::MemoryMib.advice(&self.section, self.memory_mib, needed);
            return Err(wasmtime::Error::new(Ended::Limit { what, advice }));
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        if desired > TABLE_ELEMENTS_MAX {
            return Err(wasmtime::Error::new(Ended::Guest(format!(
                "a table of more than {TABLE_ELEMENTS_MAX} elements"
            ))));
        }
        Ok(true)
    }

    fn memories(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        128
    }

    fn instances(&self) -> usize {
        128
    }
}
