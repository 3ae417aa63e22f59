//! Between a component and everything else: every import is defined here, by one generic function.
//!
//! Architecture invariant: this is the only place that adds anything to an agent's linker. There is no second way
//! out of the sandbox and no recording code per interface.

mod convert;
mod link;
pub mod shape;
mod typed;

pub use convert::{Lend, from_val, to_val};
pub use link::link;
pub use typed::{Params, Return, Visitor, adapter};
