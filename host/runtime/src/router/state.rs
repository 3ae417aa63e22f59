//! What the router knows, derived from the ledger alone: no clock, no task, no I/O.

use super::routes::Routes;
use super::window::Window;
use crate::deploy::{DeploymentBody, REMOVED, WAITING};
use crate::ledger::Entry;
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId, LedgerId};
use manes_core::limits::HOPS_MAX;
use manes_core::record::Kind;
use manes_core::topic::{Pattern, Topic};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// An agent, as far as routing goes.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Leaf hash of its deployment; `None` while it waits for a capability.
    pub deployment: Option<Digest>,
    /// Attempts at a time.
    pub concurrency: u32,
    /// Events that it has yet to handle.
    pub queue: Window,
    /// Attempts under way.
    pub running: u32,
}

/// An agent as a command shows it.
#[derive(Debug, Clone, Serialize)]
pub struct AgentView {
    /// Its name.
    pub name: String,
    /// `ready` or `waiting`.
    pub state: &'static str,
    /// Topics that it takes.
    pub subscribe: Vec<String>,
    /// Events queued.
    pub queued: u64,
    /// Attempts under way.
    pub running: u32,
}

/// What the router has to do about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nobody takes this event: record that, with the reason.
    Unrouted {
        /// The event's entry, for its record.
        event: Box<Unrouted>,
        /// Why.
        rule: String,
    },
    /// Not before its time.
    Delay {
        /// The agent that takes it.
        agent: String,
        /// Position of the event.
        index: u64,
        /// The time, nanoseconds since 1970.
        until_ns: u64,
    },
}

/// What an unrouted record says of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrouted {
    /// Leaf hash of the event.
    pub leaf: Digest,
    /// Its flow.
    pub flow: Option<FlowId>,
    /// Its key.
    pub event: Option<EventKey>,
    /// Its topic.
    pub topic: String,
}

/// The routing table, the queues and the flows.
#[derive(Debug)]
pub struct State {
    ledger: LedgerId,
    results: Vec<Pattern>,
    routes: Routes,
    /// Agents by name.
    pub agents: BTreeMap<String, Agent>,
    /// Work left in each flow that has any: activations queued or running, events delayed or about to be unrouted.
    flows: HashMap<FlowId, u64>,
    /// Flows in which nothing was left at some moment, since somebody last asked.
    emptied: Vec<FlowId>,
    /// Position of the next entry.
    pub next: u64,
    /// Events that nobody took and whose record has not come back from the ledger yet.
    unrouted: HashSet<EventKey>,
    /// While the past is read: activations not yet ended, with the event's position and whether they began.
    past: Option<HashMap<ActivationId, Past>>,
}

/// An activation met while reading the past.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its agent.
    pub agent: String,
    /// Its event.
    pub index: u64,
    /// The event's time, if it is delayed.
    pub not_before_ns: Option<u64>,
    /// Leaf hash of its start, and its calls so far, if it began.
    pub start: Option<Digest>,
    /// Envelope fields for its end.
    pub envelope: Option<Box<manes_core::record::Envelope>>,
    /// Calls recorded.
    pub calls: u64,
}

impl State {
    /// A state that has read nothing.
    #[must_use]
    pub fn new(ledger: LedgerId, results: Vec<Pattern>) -> Self {
        let (routes, agents) = (Routes::default(), BTreeMap::new());
        let (flows, emptied, unrouted) = (HashMap::new(), Vec::new(), HashSet::new());
        Self { ledger, results, routes, agents, flows, emptied, next: 0, unrouted, past: Some(HashMap::new()) }
    }

    /// Takes the next entry.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Action> {
        self.next = entry.index + 1;
        match entry.envelope.kind() {
            Kind::Deployment => self.deployment(entry),
            Kind::Event => return self.event(entry),
            Kind::Start => self.started(entry),
            Kind::Outcome => self.outcome(entry),
            Kind::End => self.ended(entry),
            Kind::Unrouted => {
                // What was unrouted before this start was never counted.
                if entry.envelope.event.is_some_and(|key| self.unrouted.remove(&key)) {
                    self.settle(entry.envelope.flow);
                }
            }
            Kind::Genesis | Kind::Key | Kind::Intent | Kind::Conflict | Kind::Unknown(_) => {}
        }
        Vec::new()
    }

    fn deployment(&mut self, entry: &Entry) {
        let Some(body) = DeploymentBody::of(entry) else { return };
        let Some(name) = self.routes.learn(&entry.envelope, &body) else { return };
        if entry.envelope.status == Some(REMOVED) {
            // What it had queued stays with its name, for whoever takes the name next.
            if let Some(agent) = self.agents.get_mut(name) {
                agent.deployment = None;
                agent.queue.takes(entry.index, &[]);
            }
            return;
        }
        let agent = self.agents.entry(name.to_owned()).or_insert_with(|| Agent {
            deployment: None,
            concurrency: 1,
            queue: Window::default(),
            running: 0,
        });
        agent.concurrency = body.concurrency;
        agent.queue.takes(entry.index, &body.subscribe);
        agent.deployment = (entry.envelope.status != Some(WAITING)).then_some(entry.leaf);
    }

    fn event(&mut self, entry: &Entry) -> Vec<Action> {
        let envelope = &entry.envelope;
        let (Some(flow), Some(key)) = (envelope.flow, envelope.event) else { return Vec::new() };
        let topic = envelope.topic.clone().unwrap_or_default();
        let event = Unrouted { leaf: entry.leaf, flow: Some(flow), event: Some(key), topic: topic.clone() };
        let takers = self.routes.takers(envelope);
        if takers.is_empty() {
            if envelope.hops.unwrap_or_default() > HOPS_MAX {
                return self.nobody(flow, key, event, format!("more than {HOPS_MAX} hops"));
            }
            let is_result = topic.parse::<Topic>().is_ok_and(|t| self.results.iter().any(|p| p.matches(&t)));
            if is_result {
                // An answer is done by being there; a flow of nothing else has ended.
                if *self.flows.entry(flow).or_default() == 0 {
                    self.emptied.push(flow);
                }
                return Vec::new();
            }
            return self.nobody(flow, key, event, "no agent subscribes to it".into());
        }
        *self.flows.entry(flow).or_default() += takers.len() as u64;
        if let Some(past) = &mut self.past {
            for name in takers {
                let id = ActivationId::new(&self.ledger, &name, &key, 0);
                let not_before_ns = envelope.not_before_ns;
                let work =
                    Past { agent: name, index: entry.index, not_before_ns, start: None, envelope: None, calls: 0 };
                past.insert(id, work);
            }
            return Vec::new();
        }
        match envelope.not_before_ns {
            Some(until_ns) => {
                let delay = |agent| Action::Delay { agent, index: entry.index, until_ns };
                takers.into_iter().map(delay).collect()
            }
            None => {
                self.enqueue(entry.index, &takers);
                Vec::new()
            }
        }
    }

    /// The event counts as work of its flow until its record is in the ledger.
    fn nobody(&mut self, flow: FlowId, key: EventKey, event: Unrouted, rule: String) -> Vec<Action> {
        // Whether an event of an earlier start was an answer, only the manifest of that start knew: it is left alone.
        if self.past.is_some() {
            return Vec::new();
        }
        *self.flows.entry(flow).or_default() += 1;
        self.unrouted.insert(key);
        vec![Action::Unrouted { event: Box::new(event), rule }]
    }

    /// Queues the event at `index` for `names`.
    fn enqueue(&mut self, index: u64, names: &[String]) {
        for name in names {
            if let Some(agent) = self.agents.get_mut(name) {
                agent.queue.push(index);
            }
        }
    }

    /// Queues a delayed event whose time has come.
    pub fn due(&mut self, index: u64, name: &str) {
        if let Some(agent) = self.agents.get_mut(name) {
            agent.queue.push_due(index);
        }
    }

    fn started(&mut self, entry: &Entry) {
        let work = entry.envelope.activation.and_then(|id| self.past.as_mut()?.get_mut(&id));
        if let Some(work) = work {
            work.start = Some(entry.leaf);
            work.envelope = Some(Box::new(entry.envelope.clone()));
        }
    }

    fn outcome(&mut self, entry: &Entry) {
        let work = entry.envelope.activation.and_then(|id| self.past.as_mut()?.get_mut(&id));
        if let Some(work) = work {
            work.calls += 1;
        }
    }

    fn ended(&mut self, entry: &Entry) {
        if let (Some(past), Some(id)) = (&mut self.past, entry.envelope.activation) {
            past.remove(&id);
        }
        self.settle(entry.envelope.flow);
    }

    fn settle(&mut self, flow: Option<FlowId>) {
        let Some(flow) = flow else { return };
        if let Some(left) = self.flows.get_mut(&flow) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.emptied.push(flow);
            }
        }
    }

    /// The past has been read: what had not begun is queued or delayed, and what had begun is returned, to be closed.
    pub fn begin(&mut self) -> (Vec<Past>, Vec<Action>) {
        let past = self.past.take().unwrap_or_default();
        let (mut begun, mut waiting): (Vec<Past>, Vec<Past>) =
            past.into_values().partition(|work| work.start.is_some());
        begun.sort_by_key(|work| work.index);
        waiting.sort_by_key(|work| work.index);
        let mut actions = Vec::new();
        for work in waiting {
            match work.not_before_ns {
                Some(until_ns) => actions.push(Action::Delay { agent: work.agent, index: work.index, until_ns }),
                None => self.enqueue(work.index, std::slice::from_ref(&work.agent)),
            }
        }
        for agent in self.agents.values_mut() {
            agent.queue.forget();
        }
        (begun, actions)
    }

    /// Flows in which nothing is left; they are forgotten.
    pub fn take_ended(&mut self) -> Vec<FlowId> {
        let mut ended = std::mem::take(&mut self.emptied);
        ended.retain(|flow| self.flows.get(flow) == Some(&0) && self.flows.remove(flow).is_some());
        ended
    }

    /// True if something of the flow is left.
    #[must_use]
    pub fn is_open(&self, flow: &FlowId) -> bool {
        self.flows.contains_key(flow)
    }

    /// The agents, for people.
    #[must_use]
    pub fn view(&self) -> Vec<AgentView> {
        let view = |(name, agent): (&String, &Agent)| AgentView {
            name: name.clone(),
            state: if agent.deployment.is_some() { "ready" } else { "waiting" },
            subscribe: self.routes.of(name).iter().map(|p| p.as_str().to_owned()).collect(),
            queued: agent.queue.len(),
            running: agent.running,
        };
        self.agents.iter().map(view).collect()
    }
}
