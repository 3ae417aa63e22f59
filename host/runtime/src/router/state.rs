//! What the router knows, derived from the ledger alone: no clock, no task, no I/O.

use super::routes::Routes;
use super::window::{Queued, Window};
use super::work::{GIVEN_UP, Phase, Work};
use crate::deploy::{DeploymentBody, REMOVED, WAITING};
use crate::ledger::Entry;
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId, LedgerId};
use manes_core::limits::HOPS_MAX;
use manes_core::record::Kind;
use manes_core::topic::{Pattern, Topic};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};

/// An agent, as far as routing goes.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Leaf hash of its deployment.
    pub deployment: Digest,
    /// False while it waits for a capability or is not deployed any more.
    pub in_force: bool,
    /// True if it begins nothing new.
    pub paused: bool,
    /// Attempts at a time.
    pub concurrency: u32,
    /// Attempts that one event may take.
    pub attempts: u64,
    /// Events that it has yet to handle, never begun.
    pub queue: Window,
    /// Activations whose time has come: delayed events, and those that are tried again.
    ready: VecDeque<ActivationId>,
    /// Attempts under way.
    pub running: u32,
}

impl Agent {
    /// Activations queued.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queue.len() + self.ready.len() as u64
    }
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
}

/// What an agent does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// An event that nobody began.
    First(Queued),
    /// An activation that is known.
    Known(ActivationId),
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
    /// Topics whose events are answers.
    pub results: Vec<Pattern>,
    pub(super) routes: Routes,
    /// Agents by name.
    pub agents: BTreeMap<String, Agent>,
    /// Activations that were begun or wait for their time.
    pub works: HashMap<ActivationId, Work>,
    /// Activations by the time for which they wait.
    due: BinaryHeap<Reverse<(u64, u64, ActivationId)>>,
    /// Dead letters.
    dead: HashMap<ActivationId, Work>,
    /// Work left in each flow that has any: activations queued, parked or running, events about to be unrouted.
    flows: HashMap<FlowId, u64>,
    /// Flows in which nothing was left at some moment, since somebody last asked.
    emptied: Vec<FlowId>,
    /// Flows that were cancelled and have not ended yet.
    cancelled: BTreeSet<FlowId>,
    /// Queues may hold events of cancelled flows, wherever their agents stand.
    sweep: bool,
    /// Position of the next entry.
    pub next: u64,
    /// Events that nobody took and whose record has not come back from the ledger yet.
    unrouted: HashSet<EventKey>,
    /// True while what a host before this one wrote is read.
    past: bool,
    /// An agent whose begun event was not found in its queue: the records are not what a router wrote.
    lost: Option<String>,
}

impl State {
    /// A state that has read nothing.
    #[must_use]
    pub fn new(ledger: LedgerId, results: Vec<Pattern>) -> Self {
        Self {
            ledger,
            results,
            routes: Routes::default(),
            agents: BTreeMap::new(),
            works: HashMap::new(),
            due: BinaryHeap::new(),
            dead: HashMap::new(),
            flows: HashMap::new(),
            emptied: Vec::new(),
            cancelled: BTreeSet::new(),
            sweep: false,
            next: 0,
            unrouted: HashSet::new(),
            past: true,
            lost: None,
        }
    }

    /// While the past is read: the agent whose attempt begins here, and where to read on to find the event in its queue,
    /// if that lies behind what is kept of it.
    #[must_use]
    pub fn behind(&self, entry: &Entry) -> Option<(&str, u64)> {
        let envelope = &entry.envelope;
        let known = envelope.activation.is_none_or(|id| self.works.contains_key(&id));
        if !self.past || envelope.kind() != Kind::Start || known {
            return None;
        }
        let (name, agent) = self.agents.get_key_value(envelope.agent.as_deref()?)?;
        Some((name, agent.queue.behind(&envelope.event?)?))
    }

    /// Takes the next entry.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Action> {
        self.next = entry.index + 1;
        match entry.envelope.kind() {
            Kind::Deployment => self.deployment(entry),
            Kind::Event => return self.event(entry),
            Kind::Start => self.started(entry),
            Kind::Intent | Kind::Outcome => self.called(entry),
            Kind::End => self.ended(entry),
            Kind::Unrouted => {
                // What was unrouted before this start was never counted.
                if entry.envelope.event.is_some_and(|key| self.unrouted.remove(&key)) {
                    self.settle(entry.envelope.flow);
                }
            }
            Kind::Resumed => {
                if let Some(work) = entry.envelope.activation.and_then(|id| self.works.get_mut(&id)) {
                    work.resumed += 1;
                }
            }
            Kind::Requeue => self.requeued(entry),
            Kind::Answer => self.answered(entry),
            Kind::Cancel => self.cancelled(entry),
            Kind::Pause | Kind::Unpause => {
                let agent = entry.envelope.agent.as_deref().and_then(|name| self.agents.get_mut(name));
                if let Some(agent) = agent {
                    agent.paused = entry.envelope.kind() == Kind::Pause;
                }
            }
            Kind::Genesis | Kind::Key | Kind::Conflict | Kind::Restore | Kind::Unknown(_) => {}
        }
        Vec::new()
    }

    fn deployment(&mut self, entry: &Entry) {
        let Some(body) = DeploymentBody::of(entry) else { return };
        let Some(name) = self.routes.learn(&entry.envelope, &body) else { return };
        let status = entry.envelope.status;
        let agent = self.agents.entry(name.to_owned()).or_insert_with(|| Agent {
            deployment: entry.leaf,
            in_force: false,
            paused: false,
            concurrency: 1,
            attempts: 1,
            queue: Window::default(),
            ready: VecDeque::new(),
            running: 0,
        });
        agent.in_force = status != Some(WAITING) && status != Some(REMOVED);
        agent.queue.takes(entry.index, self.routes.of(name));
        // What an agent had queued when it was removed stays with its name, for whoever takes the name next.
        if status != Some(REMOVED) {
            agent.deployment = entry.leaf;
            agent.concurrency = body.concurrency;
            agent.attempts = body.attempts;
        }
    }

    fn event(&mut self, entry: &Entry) -> Vec<Action> {
        let envelope = &entry.envelope;
        let (Some(flow), Some(key)) = (envelope.flow, envelope.event) else { return Vec::new() };
        let topic = envelope.topic.clone().unwrap_or_default();
        let takers = self.routes.takers(envelope);
        if takers.is_empty() {
            let event = Unrouted { leaf: entry.leaf, flow: Some(flow), event: Some(key), topic: topic.clone() };
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
        self.sweep |= self.cancelled.contains(&flow);
        for name in takers {
            match envelope.not_before_ns {
                Some(until_ns) => {
                    let id = ActivationId::new(&self.ledger, &name, &key, 0);
                    self.park(Work::new(id, name, entry.index, key, flow), until_ns);
                }
                None => {
                    if let Some(agent) = self.agents.get_mut(&name) {
                        agent.queue.push(Queued { index: entry.index, event: key, flow });
                    }
                }
            }
        }
        Vec::new()
    }

    /// The event counts as work of its flow until its record is in the ledger.
    fn nobody(&mut self, flow: FlowId, key: EventKey, event: Unrouted, rule: String) -> Vec<Action> {
        // Whether an event of an earlier start was an answer, only the manifest of that start knew: it is left alone.
        if self.past {
            return Vec::new();
        }
        *self.flows.entry(flow).or_default() += 1;
        self.unrouted.insert(key);
        vec![Action::Unrouted { event: Box::new(event), rule }]
    }

    fn park(&mut self, mut work: Work, until_ns: u64) {
        work.phase = Phase::Waiting { until_ns };
        self.due.push(Reverse((until_ns, work.index, work.id)));
        self.works.insert(work.id, work);
    }

    /// Moves activations whose time has come to their agents.
    pub fn wake(&mut self, now_ns: u64) {
        while self.next_due().is_some_and(|until| until <= now_ns) {
            let Some(Reverse((until_ns, _, id))) = self.due.pop() else { return };
            let Some(work) = self.works.get_mut(&id) else { continue };
            if work.phase != (Phase::Waiting { until_ns }) {
                continue;
            }
            work.phase = Phase::Ready;
            if let Some(agent) = self.agents.get_mut(&work.agent) {
                agent.ready.push_back(id);
            }
        }
    }

    /// The earliest time for which something waits.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((until, ..))| *until)
    }

    /// What an agent does next: first what has waited already.
    pub fn pop(&mut self, name: &str) -> Option<Next> {
        let agent = self.agents.get_mut(name)?;
        while let Some(id) = agent.ready.pop_front() {
            // Cancelled meanwhile, it is somebody else's business.
            if self.works.get(&id).is_some_and(|work| work.phase == Phase::Ready) {
                return Some(Next::Known(id));
            }
        }
        agent.queue.pop().map(Next::First)
    }

    /// An event of an agent's queue is about to be begun.
    pub fn begin_first(&mut self, name: &str, queued: Queued) -> ActivationId {
        let id = ActivationId::new(&self.ledger, name, &queued.event, 0);
        let mut work = Work::new(id, name.to_owned(), queued.index, queued.event, queued.flow);
        work.phase = Phase::Running;
        self.works.insert(id, work);
        id
    }

    fn started(&mut self, entry: &Entry) {
        let envelope = &entry.envelope;
        let (Some(id), Some(event), Some(name)) = (envelope.activation, envelope.event, &envelope.agent) else {
            return;
        };
        if !self.works.contains_key(&id) {
            // A host before this one took it from its queue.
            let queued = self.agents.get_mut(name).and_then(|agent| agent.queue.take(&event));
            let Some(queued) = queued else {
                self.lost.get_or_insert_with(|| name.clone());
                return;
            };
            self.begin_first(name, queued);
        }
        if let Some(work) = self.works.get_mut(&id) {
            work.phase = Phase::Running;
            work.attempt = envelope.attempt.unwrap_or(1);
            work.start = Some(entry.index);
        }
    }

    fn called(&mut self, entry: &Entry) {
        let work = entry.envelope.activation.and_then(|id| self.works.get_mut(&id));
        if let Some(work) = work {
            work.calls.push(entry.index);
        }
    }

    fn ended(&mut self, entry: &Entry) {
        let envelope = &entry.envelope;
        let work = envelope.activation.and_then(|id| self.works.remove(&id));
        let fate = envelope.fate.and_then(Fate::from_number).unwrap_or(Fate::Final);
        match (work, fate) {
            (Some(mut work), Fate::Again) => {
                work.next_attempt();
                self.sweep |= self.cancelled.contains(&work.flow);
                self.park(work, envelope.not_before_ns.unwrap_or_default());
            }
            // Of a cancelled flow nobody is asked anything.
            (Some(mut work), Fate::Asks) if self.cancelled.contains(&work.flow) => {
                work.next_attempt();
                self.sweep = true;
                self.park(work, 0);
            }
            (Some(mut work), Fate::Asks) => {
                work.phase = Phase::Asking { about: envelope.earlier.unwrap_or_default() };
                self.works.insert(work.id, work);
            }
            (Some(mut work), Fate::Dead) => {
                (work.calls, work.earlier) = (Vec::new(), Vec::new());
                self.dead.insert(work.id, work);
                self.settle(envelope.flow);
            }
            (_, _) => self.settle(envelope.flow),
        }
    }

    fn answered(&mut self, entry: &Entry) {
        let envelope = &entry.envelope;
        let asking = |work: &&mut Work| matches!(work.phase, Phase::Asking { about } if Some(about) == envelope.cause);
        let Some(work) = envelope.activation.and_then(|id| self.works.get_mut(&id)).filter(asking) else { return };
        // A cancel that came first closes it, whatever was said since.
        if self.cancelled.contains(&work.flow) {
            return;
        }
        let mut work = work.clone();
        if envelope.status == Some(GIVEN_UP) {
            (work.calls, work.earlier) = (Vec::new(), Vec::new());
            self.works.remove(&work.id);
            self.settle(Some(work.flow));
            self.dead.insert(work.id, work);
            return;
        }
        work.next_attempt();
        work.earlier.push(entry.index);
        self.park(work, 0);
    }

    /// What an activation asks: it, and the record of the write in question.
    #[must_use]
    pub fn asking(&self, id: &ActivationId) -> Option<(&Work, Digest)> {
        let work = self.works.get(id)?;
        match work.phase {
            Phase::Asking { about } if !self.cancelled.contains(&work.flow) => Some((work, about)),
            _ => None,
        }
    }

    fn requeued(&mut self, entry: &Entry) {
        let envelope = &entry.envelope;
        let generation = envelope.generation.unwrap_or_default();
        let Some(dead) = envelope.activation.and_then(|id| self.dead.remove(&id)) else { return };
        let id = ActivationId::new(&self.ledger, &dead.agent, &dead.event, generation);
        let mut work = Work::new(id, dead.agent, dead.index, dead.event, dead.flow);
        work.generation = generation;
        *self.flows.entry(work.flow).or_default() += 1;
        self.sweep |= self.cancelled.contains(&work.flow);
        self.park(work, 0);
    }

    fn cancelled(&mut self, entry: &Entry) {
        let open = |flow: &FlowId| self.flows.get(flow).is_some_and(|left| *left > 0);
        if let Some(flow) = entry.envelope.flow.filter(open) {
            self.cancelled.insert(flow);
            self.sweep = true;
        }
    }

    /// Once after something was cancelled, or came to a flow that is: what is to be closed, in the order of the events.
    /// It waits, is under way, or is queued, whatever its agent may begin now; what lies deep in a queue is met when its
    /// turn comes.
    pub fn sweep(&mut self) -> Vec<ActivationId> {
        if !std::mem::take(&mut self.sweep) || self.cancelled.is_empty() {
            return Vec::new();
        }
        let mut queued = Vec::new();
        for (name, agent) in &self.agents {
            let of = agent.queue.nearest().filter(|queued| self.cancelled.contains(&queued.flow));
            queued.extend(of.map(|queued| (name.clone(), *queued)));
        }
        let mut ids: Vec<(u64, ActivationId)> = Vec::new();
        for (name, queued) in queued {
            self.agents.get_mut(&name).and_then(|agent| agent.queue.take(&queued.event));
            let id = self.begin_first(&name, queued);
            // Nobody makes an attempt at it.
            if let Some(work) = self.works.get_mut(&id) {
                work.phase = Phase::Ready;
            }
        }
        ids.extend(self.works.values().filter(|w| self.cancelled.contains(&w.flow)).map(|w| (w.index, w.id)));
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// True if nothing of the flow is to be begun any more.
    #[must_use]
    pub fn is_cancelled(&self, flow: &FlowId) -> bool {
        self.cancelled.contains(flow)
    }

    fn settle(&mut self, flow: Option<FlowId>) {
        let Some(flow) = flow else { return };
        if let Some(left) = self.flows.get_mut(&flow) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.emptied.push(flow);
                // What is requeued later is not meant.
                self.cancelled.remove(&flow);
            }
        }
    }

    /// The past has been read: returns the activations that a host before this one left open, in the order of their
    /// events.
    ///
    /// # Errors
    /// The name of an agent whose records do not fit together.
    pub fn begin(&mut self) -> Result<Vec<ActivationId>, String> {
        self.past = false;
        if let Some(agent) = self.lost.take() {
            return Err(agent);
        }
        let open = |work: &&Work| work.phase == Phase::Running;
        let mut open: Vec<(u64, ActivationId)> =
            self.works.values().filter(open).map(|work| (work.index, work.id)).collect();
        open.sort_unstable();
        for agent in self.agents.values_mut() {
            agent.queue.forget();
        }
        Ok(open.into_iter().map(|(_, id)| id).collect())
    }

    /// Flows in which nothing is left; they are forgotten.
    pub fn take_ended(&mut self) -> Vec<FlowId> {
        let mut ended = std::mem::take(&mut self.emptied);
        ended.retain(|flow| self.flows.get(flow) == Some(&0) && self.flows.remove(flow).is_some());
        for flow in &ended {
            self.cancelled.remove(flow);
        }
        ended
    }

    /// True if something of the flow is left.
    #[must_use]
    pub fn is_open(&self, flow: &FlowId) -> bool {
        self.flows.contains_key(flow)
    }

    /// A dead letter that can be requeued.
    ///
    /// # Errors
    /// Why not.
    pub fn dead(&self, id: &ActivationId) -> Result<&Work, &'static str> {
        let work = self.dead.get(id).ok_or("it is no dead letter; `manes dead` lists them")?;
        if self.cancelled.contains(&work.flow) {
            return Err("its flow is being cancelled");
        }
        match self.routes.of(&work.agent).is_empty() {
            true => Err("its agent is not in the manifest any more"),
            false => Ok(work),
        }
    }
}
