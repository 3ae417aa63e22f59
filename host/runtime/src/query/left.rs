//! What is left to do in each flow, kept while the records pass.

use super::known::Known;
use crate::ledger::Entry;
use crate::router::GIVEN_UP;
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, Digest, FlowId};
use manes_core::record::{EndStatus, Kind};
use std::collections::{HashMap, HashSet};

/// Events that somebody has yet to handle, and attempts under way. It knows who takes an event as the router does: from
/// the deployments before it. So an event counts until all who take it have ended with it, and one that nobody takes
/// never does, whether the host came to record that or not.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// What the deployments so far say.
    pub(super) known: Known,
    /// Events by leaf hash, with their flows and those who take them and have not ended.
    events: HashMap<Digest, (FlowId, Vec<String>)>,
    /// Attempts without an end, by leaf hash of their start.
    attempts: HashMap<Digest, Attempt>,
    /// Activations that wait for an answer, with their events and agents.
    asking: HashMap<ActivationId, (Digest, String, FlowId)>,
    /// Events that an agent last failed to handle, with their flows.
    failed: HashMap<(Digest, String), FlowId>,
}

#[derive(Debug)]
struct Attempt {
    flow: FlowId,
    agent: String,
    event: Digest,
}

impl Left {
    pub(super) fn new(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    /// Takes the next entry.
    pub(super) fn apply(&mut self, entry: &Entry) {
        let envelope = &entry.envelope;
        match envelope.kind() {
            Kind::Deployment => self.known.learn(entry),
            Kind::Event => self.event(entry),
            Kind::Start => self.started(entry),
            Kind::End => self.ended(entry),
            // What the router said stands.
            Kind::Unrouted => drop(envelope.cause.map(|event| self.events.remove(&event))),
            Kind::Requeue => self.requeued(entry),
            Kind::Answer => self.answered(entry),
            // It closes what asks; what is answered after that is not heard.
            Kind::Cancel => self.asking.retain(|_, (.., flow)| Some(*flow) != envelope.flow),
            Kind::Genesis | Kind::Key | Kind::Intent | Kind::Outcome | Kind::Conflict => {}
            Kind::Resumed | Kind::Pause | Kind::Unpause | Kind::Restore | Kind::Unknown(_) => {}
        }
    }

    fn event(&mut self, event: &Entry) {
        let takers = self.known.routes.takers(&event.envelope);
        if let (Some(flow), false) = (event.envelope.flow, takers.is_empty()) {
            self.events.insert(event.leaf, (flow, takers));
        }
    }

    fn started(&mut self, start: &Entry) {
        let envelope = &start.envelope;
        let (Some(flow), Some(event)) = (envelope.flow, envelope.cause) else { return };
        let agent = envelope.agent.clone().unwrap_or_default();
        self.attempts.insert(start.leaf, Attempt { flow, agent, event });
    }

    fn ended(&mut self, end: &Entry) {
        let Some(attempt) = end.envelope.cause.and_then(|start| self.attempts.remove(&start)) else { return };
        let key = (attempt.event, attempt.agent.clone());
        match end.envelope.status == Some(EndStatus::Done.number()) {
            true => drop(self.failed.remove(&key)),
            false => drop(self.failed.insert(key, attempt.flow)),
        }
        let fate = end.envelope.fate.and_then(Fate::from_number).unwrap_or(Fate::Final);
        match fate {
            Fate::Again => {}
            Fate::Asks => {
                let activation = end.envelope.activation.unwrap_or_default();
                self.asking.insert(activation, (attempt.event, attempt.agent, attempt.flow));
            }
            Fate::Final | Fate::Dead => self.settled(attempt.event, &attempt.agent),
        }
    }

    fn settled(&mut self, event: Digest, agent: &str) {
        let Some((_, takers)) = self.events.get_mut(&event) else { return };
        takers.retain(|taker| taker != agent);
        if takers.is_empty() {
            self.events.remove(&event);
        }
    }

    fn answered(&mut self, answer: &Entry) {
        let envelope = &answer.envelope;
        let Some((event, agent, _)) = envelope.activation.and_then(|id| self.asking.remove(&id)) else { return };
        if envelope.status == Some(GIVEN_UP) {
            self.settled(event, &agent);
        }
    }

    /// Somebody is to handle the event once more.
    fn requeued(&mut self, requeue: &Entry) {
        let envelope = &requeue.envelope;
        let (Some(flow), Some(event), Some(agent)) = (envelope.flow, envelope.cause, &envelope.agent) else { return };
        self.events.entry(event).or_insert_with(|| (flow, Vec::new())).1.push(agent.clone());
    }

    /// Flows in which an agent's last attempt at an event failed.
    pub(super) fn failed(&self) -> HashSet<FlowId> {
        self.failed.values().copied().collect()
    }

    /// True if somebody has yet to handle the event.
    pub(super) fn waits(&self, event: &Digest) -> bool {
        self.events.contains_key(event)
    }

    /// Flows that have not ended.
    pub(super) fn flows(&self) -> HashSet<FlowId> {
        let events = self.events.values().map(|(flow, _)| *flow);
        events.chain(self.attempts.values().map(|attempt| attempt.flow)).collect()
    }
}
