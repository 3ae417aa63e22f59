//! Scripted answers: in a test of agents they stand where providers would.
//!
//! Everything else is as it always is: the same host, waist, grants, limits and records. [`text`] is the notation in
//! which arguments and results are written.

mod lines;
pub mod text;

pub use lines::{Answer, Line, Script, is_ambient};
