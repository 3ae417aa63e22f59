//! A guest's handles: small numbers inside the store, [`Handle`]s everywhere else.

use super::Ended;
use manes_core::limits::Limit;
use manes_core::value::Handle;
use wasmtime::Result;

/// The table. Numbers are reused, so that a long attempt stays small.
#[derive(Debug)]
pub struct Handles {
    slots: Vec<Option<Handle>>,
    free: Vec<u32>,
    max: u64,
    /// Where the manifest says so.
    section: String,
}

impl Handles {
    /// An empty table for at most `max` live handles, as `section` of the manifest allows.
    #[must_use]
    pub const fn new(max: u64, section: String) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), max, section }
    }

    /// A live handle of another provider than this one.
    #[must_use]
    pub fn of_another(&self, provider: &str) -> Option<&Handle> {
        self.slots.iter().flatten().find(|handle| handle.provider != provider)
    }

    /// Live handles.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds a handle.
    ///
    /// # Errors
    /// [`Ended::Limit`].
    pub fn insert(&mut self, handle: Handle) -> Result<u32> {
        if self.live() as u64 >= self.max {
            let what = format!("the number of live handles ({})", self.max);
            let advice = Limit::HandlesMax.advice(&self.section, self.max, self.max + 1);
            return Err(wasmtime::Error::new(Ended::Limit { what, advice }));
        }
        if let Some(rep) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(rep as usize)
        {
            *slot = Some(handle);
            return Ok(rep);
        }
        let rep = u32::try_from(self.slots.len()).map_err(|_| wasmtime::Error::new(unknown()))?;
        self.slots.push(Some(handle));
        Ok(rep)
    }

    /// The handle, which stays.
    ///
    /// # Errors
    /// [`Ended::Guest`] if there is none.
    pub fn get(&self, rep: u32) -> Result<Handle> {
        self.slots.get(rep as usize).and_then(Clone::clone).ok_or_else(|| wasmtime::Error::new(unknown()))
    }

    /// The handle, which leaves the table.
    ///
    /// # Errors
    /// [`Ended::Guest`] if there is none.
    pub fn take(&mut self, rep: u32) -> Result<Handle> {
        let handle = self.slots.get_mut(rep as usize).and_then(Option::take);
        let handle = handle.ok_or_else(|| wasmtime::Error::new(unknown()))?;
        self.free.push(rep);
        Ok(handle)
    }
}

fn unknown() -> Ended {
    Ended::Guest("a handle that does not exist was used".into())
}
