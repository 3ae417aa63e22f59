//! The host: a ledger, an engine, what is deployed, and the router that brings them together.

mod behind;
mod components;
mod deploying;
mod hotload;
mod pinned;
mod prepared;
mod registry;
mod run;
mod steering;
mod submissions;
mod wiring;

pub use behind::Behind;
pub use deploying::CapabilityView;
pub use hotload::{Applied, Brought};
pub use prepared::{Prepared, Role};
pub use run::{Host, HostError, Submission, Submitted};
