//! A simulated machine under a whole host: disk, clock, randomness and network are ours, and so is the order in which
//! anything happens. One seed is one run, byte for byte.
//!
//! | module | what it simulates |
//! |---|---|
//! | [`disk`] | a disk that forgets, tears, reorders, fails and fills up |
//! | [`world`] | a clock that jumps, randomness, and a network with one server, which is slow and fails |
//! | [`machine`] | where the machine is cut off |
//! | [`sited`] | the ledger's own places among these |
//! | `jobs` | events and their clients |
//! | [`run`] | lives of a host, one after the other, on what the last one left |
//! | `judge` | what must hold between them and in the end |

pub mod disk;
mod jobs;
mod judge;
pub mod machine;
pub mod run;
pub mod sited;
pub mod world;

pub use disk::{Forgotten, Op, SimDisk};
pub use machine::{Machine, Site};
pub use run::{Cut, Outcome, Plan, boot, open, simulate};
pub use world::{SimNet, seams};
