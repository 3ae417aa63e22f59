//! Safety: lets a plan pass only if it is within the operator's policy.
//!
//! `csv.proposed` → `csv.approved`, or `csv.rejected` with the rule. Has no capability and believes nothing that the
//! proposer says without checking what can be checked; the policy comes from the manifest's `config`, never from an
//! event.

mod policy;

pub use policy::Policy;

use csv_lang::payload::{Approved, Proposed, Rejected, topic};
use manes_sdk::prelude::*;

/// The agent.
pub struct Safety;

impl Agent for Safety {
    type Input = Proposed;
    const INFO: Info =
        Info::new("safety", env!("CARGO_PKG_VERSION"), "Checks a proposed plan against the operator's policy")
            .subscribes(&[topic::PROPOSED])
            .publishes(&[topic::APPROVED, topic::REJECTED]);

    fn handle(proposed: Proposed, _event: &Event) -> Handled {
        let policy = Policy::from_config(context::config).map_err(reject)?;
        match policy.check(&proposed) {
            Ok(checks) => {
                log::info!("approved after {} checks", checks.len(); attempt = proposed.case.attempt);
                emit(topic::APPROVED, &Approved { case: proposed.case, plan: proposed.plan, checks })
            }
            Err(reason) => {
                log::warn!("rejected: {reason}");
                emit(topic::REJECTED, &Rejected::new(proposed.case.asked, Self::INFO.name(), reason))
            }
        }
    }
}

manes_sdk::agent!(Safety);
