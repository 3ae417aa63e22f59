//! What a ledger says of flows, activations and calls, gathered from one pass over its records.

mod agents;
mod dead;
mod gather;
mod known;
mod left;
#[cfg(test)]
mod tests;
mod view;

pub use agents::{Deployed, DeployedAgent, DeployedCapability, deployed, deployments};
pub use dead::{DeadLetter, asking, dead};
pub(crate) use gather::Body;
pub use gather::{AttemptRecord, FlowRecord, Missing, Named, gather, gather_activation, gather_from, resolve};
pub use known::Known;
pub use view::{ActivationView, CallView, EventView, FlowSummary, FlowView, flows, view};
