//! The waist: the one path of every call that leaves a component.
//!
//! Encode by type, see through the lens, judge, record an intent if the call writes, perform or replay, record the
//! outcome, hand it back. Live, recovery and replay differ in the journal behind step 5 and 6 and in nothing else.

mod again;
mod call;
mod ended;
mod handles;
mod judge;
mod meter;

pub use call::{Scope, Waist};
pub use ended::Ended;
pub use handles::Handles;
pub use judge::{Asked, Judge};
pub use meter::Meter;
