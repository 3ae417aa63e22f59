//! Time and randomness that are the same in every run: for tests and simulations.

use super::{Clock, Entropy};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// The runtime's clock, from a date on. In a runtime whose time is paused it stands still while anything can be done.
#[derive(Debug)]
pub struct StillClock {
    start: Instant,
    /// Nanoseconds since 1970 at the start.
    wall_ns: u64,
}

impl StillClock {
    /// A clock that shows `wall_ns`, nanoseconds since 1970, now.
    #[must_use]
    pub fn at(wall_ns: u64) -> Self {
        Self { start: Instant::now(), wall_ns }
    }
}

impl Clock for StillClock {
    fn now_ns(&self) -> u64 {
        self.wall_ns.saturating_add(self.monotonic_ns())
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Bytes that anybody can predict: SplitMix64 from a seed.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in out.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            for (to, from) in piece.iter_mut().zip((z ^ (z >> 31)).to_le_bytes()) {
                *to = from;
            }
        }
    }
}
