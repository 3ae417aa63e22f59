//! Who takes an event, as deployment records say. Pure: whoever passes over the ledger keeps the same table.

use crate::deploy::{DeploymentBody, REMOVED};
use manes_core::limits::HOPS_MAX;
use manes_core::record::Envelope;
use manes_core::topic::{Pattern, Topic};
use std::collections::BTreeMap;

/// Topics that agents take, by the agents' names, at one position of the ledger.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    agents: BTreeMap<String, Vec<Pattern>>,
}

impl Routes {
    /// Takes a deployment record. Returns the agent's name, unless it is a capability's.
    ///
    /// An agent that waits for a capability takes events; one that was removed takes no more, and what it took before
    /// stays with its name.
    pub fn learn<'a>(&mut self, envelope: &'a Envelope, body: &DeploymentBody) -> Option<&'a str> {
        let name = envelope.agent.as_deref().filter(|_| body.role == "agent")?;
        if envelope.status == Some(REMOVED) {
            self.agents.remove(name);
        } else {
            self.agents.insert(name.to_owned(), body.subscribe.clone());
        }
        Some(name)
    }

    /// Names of the agents that take the event, in order; none if it came too far.
    #[must_use]
    pub fn takers(&self, event: &Envelope) -> Vec<String> {
        let topic = event.topic.as_deref().unwrap_or_default().parse();
        match topic {
            Ok(topic) if event.hops.unwrap_or_default() <= HOPS_MAX => self.subscribers(&topic),
            _ => Vec::new(),
        }
    }

    /// Names of the agents that subscribe to `topic`, in order.
    #[must_use]
    pub fn subscribers(&self, topic: &Topic) -> Vec<String> {
        let takes = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(topic));
        self.agents.iter().filter(|(_, patterns)| takes(patterns)).map(|(name, _)| name.clone()).collect()
    }

    /// Topics that one agent takes.
    #[must_use]
    pub fn of(&self, agent: &str) -> &[Pattern] {
        self.agents.get(agent).map_or(&[], Vec::as_slice)
    }

    /// All topics that somebody takes, sorted, each once.
    #[must_use]
    pub fn patterns(&self) -> Vec<&str> {
        let mut patterns: Vec<&str> = self.agents.values().flatten().map(Pattern::as_str).collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns
    }
}

impl FromIterator<(String, Vec<Pattern>)> for Routes {
    fn from_iter<I: IntoIterator<Item = (String, Vec<Pattern>)>>(agents: I) -> Self {
        Self { agents: agents.into_iter().collect() }
    }
}
