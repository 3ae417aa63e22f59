//! The host: a ledger, an engine, what is deployed, and the router that brings them together.

mod deploying;
mod prepared;
mod registry;
mod run;

pub use prepared::{Prepared, Role};
pub use run::{Host, HostError, Submission, Submitted};
