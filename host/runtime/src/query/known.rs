//! What deployment records say to whoever reads the records that follow.

use crate::deploy::DeploymentBody;
use crate::ledger::Entry;
use crate::router::Routes;
use manes_core::record::Envelope;
use manes_core::topic::{Pattern, Topic};

/// What the deployments up to one position of the ledger say of events.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Topics whose events are answers, as all deployments that were seen say.
    pub results: Vec<Pattern>,
    /// Who takes what, at this position.
    pub routes: Routes,
}

impl Known {
    /// Takes the next deployment record.
    pub fn learn(&mut self, deployment: &Entry) {
        let Some(body) = DeploymentBody::of(deployment) else { return };
        self.routes.learn(&deployment.envelope, &body);
        for pattern in body.results {
            if !self.results.contains(&pattern) {
                self.results.push(pattern);
            }
        }
    }

    /// True if an event is an answer, provided that nobody takes it: nobody has to.
    pub(super) fn is_result(&self, event: &Envelope) -> bool {
        let topic = event.topic.as_deref().unwrap_or_default().parse::<Topic>();
        topic.is_ok_and(|topic| self.results.iter().any(|pattern| pattern.matches(&topic)))
    }
}
