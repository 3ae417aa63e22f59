//! Memory limits of one store. Growth inside the limit succeeds; beyond it the attempt ends. It returns -1 only beyond the
//! maximum that the component itself declares, which is so on every machine: a guest that sees any other failed growth
//! would go on differently elsewhere.

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
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        // Beyond what the component itself declares: it fails on every machine, and nothing is counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
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

    /// The machine has no pages: a guest that saw that would go on differently on another one.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> Result<()> {
        let message = format!("the host has no memory for it: {error:#}");
        Err(wasmtime::Error::new(Ended::Provider { provider: "host".to_owned(), message }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_ends_the_attempt_unless_the_component_itself_says_no() {
        let limits = Limits { memory_mib: 2, ..Limits::default() };
        let mut meter = Meter::new(&limits, "[agent.a]".to_owned());
        assert!(meter.memory_growing(0, 1 << 20, Some(1 << 20)).unwrap());
        // Beyond its own maximum, a hundred times: -1, and nothing is counted.
        for _ in 0..100 {
            assert!(!meter.memory_growing(1 << 20, 2 << 20, Some(1 << 20)).unwrap());
        }
        assert!(meter.memory_growing(1 << 20, 2 << 20, None).unwrap());
        assert!(meter.memory_growing(2 << 20, 3 << 20, None).is_err());
        let failed = meter.memory_grow_failed(wasmtime::Error::msg("no pages")).unwrap_err();
        assert!(matches!(failed.downcast_ref(), Some(Ended::Provider { .. })), "{failed:?}");
    }
}
