//! Agents as a command shows them.

use super::state::{Agent, State};
use super::work::{Phase, Work};
use serde::Serialize;

/// An agent as a command shows it.
#[derive(Debug, Clone, Serialize)]
pub struct AgentView {
    /// Its name.
    pub name: String,
    /// `ready`, `waiting` or `paused`.
    pub state: &'static str,
    /// Topics that it takes.
    pub subscribe: Vec<String>,
    /// Events queued.
    pub queued: u64,
    /// Attempts under way, or cut off with their host.
    pub running: u64,
    /// Activations that wait for their time, or for an answer.
    pub parked: u64,
    /// Those that wait for an answer.
    pub asking: u64,
}

impl State {
    /// The agents, for people.
    #[must_use]
    pub fn view(&self) -> Vec<AgentView> {
        let parked = |name: &str| {
            let parked =
                |work: &&Work| work.agent == name && matches!(work.phase, Phase::Waiting { .. } | Phase::Asking { .. });
            self.works.values().filter(parked).count() as u64
        };
        let running = |name: &str| {
            let running = |work: &&Work| work.agent == name && work.phase == Phase::Running;
            self.works.values().filter(running).count() as u64
        };
        let asking = |name: &str| {
            let asking = |work: &&Work| work.agent == name && matches!(work.phase, Phase::Asking { .. });
            self.works.values().filter(asking).count() as u64
        };
        let view = |(name, agent): (&String, &Agent)| AgentView {
            name: name.clone(),
            state: match (agent.paused, agent.in_force) {
                (true, _) => "paused",
                (false, true) => "ready",
                (false, false) => "waiting",
            },
            subscribe: self.routes.of(name).iter().map(|p| p.as_str().to_owned()).collect(),
            queued: agent.queued(),
            running: running(name),
            parked: parked(name),
            asking: asking(name),
        };
        // What was removed is shown as long as something of it is left.
        let there = |(name, agent): &(&String, &Agent)| {
            !self.routes.of(name).is_empty() || agent.queued() > 0 || agent.running > 0
        };
        self.agents.iter().filter(there).map(view).collect()
    }
}
