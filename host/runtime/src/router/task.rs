//! The router's task: reads entries as they become durable, dispatches, and answers who waits for a flow.

use super::closing;
use super::command::{Command, Handle, RouterError};
use super::state::{Action, Agent, Next, State, Unrouted};
use super::work::{Phase, Work};
use crate::activation::{self, Context};
use crate::deploy::Deployment;
use crate::ledger::{Entry, LedgerError};
use manes_core::ids::{ActivationId, Digest, FlowId};
use manes_core::record::{EndStatus, Envelope, Kind, Record};
use manes_core::topic::Pattern;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Entries read at a time.
const READ_WINDOW: usize = 1024;
/// Attempts under way on this host: each holds an instance for the agent and one for each provider.
const ATTEMPTS_AT_ONCE: u32 = 32;
/// How often an attempt is gone on with: one that takes its host down each time must not do so for ever.
const RESUMES_MAX: u64 = 3;
/// Longest wait for anything that may happen.
const LONG: Duration = Duration::from_secs(60);
/// How often a ledger that has no room, or that is about to be left, is looked at.
const FULL: Duration = Duration::from_millis(500);
/// How long attempts have to end when a host without room is stopped.
const FAREWELL: Duration = Duration::from_secs(5);
/// Commands that may wait.
const COMMANDS: usize = 256;

struct Router {
    context: Context,
    state: State,
    prepared: HashMap<Digest, Arc<Deployment>>,
    /// Who waits for a flow's end, with the position that must have been read before.
    waiters: HashMap<FlowId, Vec<Waiter>>,
    /// Activations that the last host left open, until attempts may be made.
    open: Vec<ActivationId>,
    /// Attempts under way: sending, or dropping, cancels one.
    attempts: HashMap<ActivationId, (u64, oneshot::Sender<()>)>,
    notes: mpsc::UnboundedSender<Note>,
    running: u32,
    /// Nothing is dispatched before everything is deployed.
    begun: bool,
    /// Since when it ends.
    stopping: Option<tokio::time::Instant>,
    /// Which agent is asked first; moves on, so that no name is always last.
    turn: usize,
}

/// Somebody who waits for a flow's end.
struct Waiter {
    after: u64,
    reply: oneshot::Sender<()>,
}

/// What the router's own tasks tell it. Bounded by what it started: one for each attempt and each append.
#[derive(Debug)]
enum Note {
    /// An attempt of this agent is over.
    Ended(ActivationId, u64, String, Result<EndStatus, String>),
    /// An append failed.
    Failed(LedgerError),
}

/// Reads the past, closes what the last host left open, and starts routing.
///
/// # Errors
/// A ledger that cannot be read or appended to.
pub async fn start(context: Context, results: Vec<Pattern>) -> Result<Handle, RouterError> {
    let durable = context.ledger.durable();
    let state = State::new(context.ledger.id(), results);
    let (notes, noted) = mpsc::unbounded_channel();
    let mut router = Router {
        context,
        state,
        prepared: HashMap::new(),
        waiters: HashMap::new(),
        open: Vec::new(),
        attempts: HashMap::new(),
        notes,
        running: 0,
        begun: false,
        stopping: None,
        turn: 0,
    };
    router.read_past().await?;
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let task = tokio::spawn(router.run(durable, inbox, noted));
    Ok(Handle { commands, task })
}

impl Router {
    async fn read_past(&mut self) -> Result<(), RouterError> {
        self.read()?;
        self.open = self.state.begin().map_err(RouterError::Backlog)?;
        Ok(())
    }

    /// Goes on with the attempts that the last host left open, or closes them.
    fn resume(&mut self) -> Result<(), RouterError> {
        for id in std::mem::take(&mut self.open) {
            let Some(work) = self.state.works.get(&id).filter(|work| work.phase == Phase::Running).cloned() else {
                continue;
            };
            if let Some(deployment) = self.may_resume(&work)? {
                tracing::info!(agent = work.agent, "an attempt goes on that was cut off when the host stopped");
                self.spawn(work, deployment)?;
                continue;
            }
            let cancelled = self.state.is_cancelled(&work.flow);
            let status = if cancelled { EndStatus::Cancelled } else { EndStatus::Interrupted };
            tracing::warn!(agent = work.agent, "an attempt that was cut off when the host stopped is closed");
            let attempts = self.state.agents.get(&work.agent).map_or(1, |agent| agent.attempts);
            let records = closing::close(&self.context, &work, status, attempts)?;
            self.record(records);
        }
        Ok(())
    }

    /// The deployment under which an open attempt goes on: the one that it began with.
    fn may_resume(&self, work: &Work) -> Result<Option<Arc<Deployment>>, RouterError> {
        let free = work.resumed < RESUMES_MAX && !self.state.is_cancelled(&work.flow);
        let in_force = self.state.agents.get(&work.agent).is_some_and(|agent| agent.in_force && free);
        let pinned = if in_force { self.pinned(work)? } else { None };
        Ok(pinned.and_then(|leaf| self.prepared.get(&leaf)).cloned())
    }

    fn pinned(&self, work: &Work) -> Result<Option<Digest>, LedgerError> {
        let start = work.start.map(|index| self.context.ledger.read(index, 1)).transpose()?;
        Ok(start.and_then(|entries| entries.first().and_then(|start| start.envelope.deployment)))
    }

    fn act(&self, actions: Vec<Action>) {
        let unrouted = |Action::Unrouted { event, rule }: Action| self.unrouted(&event, &rule);
        self.record(actions.into_iter().map(unrouted).collect());
    }

    /// Cancels an activation: an attempt under way closes itself, anything else is closed by the records returned.
    fn cancel(&mut self, id: ActivationId) -> Result<Vec<Record>, RouterError> {
        let Some(work) = self.state.works.get_mut(&id) else { return Ok(Vec::new()) };
        if work.phase == Phase::Running {
            if let Some((_, attempt)) = self.attempts.remove(&id) {
                // One that is over by now ends as it did; what would follow is closed when it is met.
                let _ = attempt.send(());
            }
            return Ok(Vec::new());
        }
        if matches!(work.phase, Phase::Asking { .. }) {
            work.next_attempt();
        }
        work.phase = Phase::Running;
        let work = work.clone();
        Ok(self.cancelled(&work)?)
    }

    fn cancelled(&self, work: &Work) -> Result<Vec<Record>, LedgerError> {
        let event = self.context.ledger.read(work.index, 1)?.into_iter().next();
        let deployment = self.state.agents.get(&work.agent).map(|agent| agent.deployment);
        let records = event.zip(deployment);
        Ok(records.map_or_else(Vec::new, |(event, leaf)| closing::cancelled(&self.context, work, &event, leaf)))
    }

    /// Closes what is left of cancelled flows.
    fn sweep(&mut self) -> Result<(), RouterError> {
        let mut records = Vec::new();
        for id in self.state.sweep() {
            records.extend(self.cancel(id)?);
        }
        self.record(records);
        Ok(())
    }

    fn read(&mut self) -> Result<Vec<Action>, RouterError> {
        let mut actions = Vec::new();
        loop {
            let entries = self.context.ledger.read(self.state.next, READ_WINDOW)?;
            if entries.is_empty() {
                return Ok(actions);
            }
            for entry in &entries {
                self.reach(entry)?;
                actions.extend(self.state.apply(entry));
            }
            // What is begun next in the past is found in the windows.
            self.refill_all()?;
        }
    }

    async fn run(
        mut self,
        mut durable: watch::Receiver<u64>,
        mut inbox: mpsc::Receiver<Command>,
        mut noted: mpsc::UnboundedReceiver<Note>,
    ) -> Result<(), RouterError> {
        loop {
            self.advance()?;
            // Attempts that wait for room go on when the next host finds some; others have time to end.
            let patience = self.stopping.is_some_and(|since| since.elapsed() > FAREWELL);
            if self.stopping.is_some() && (self.running == 0 || (patience && self.context.ledger.is_full())) {
                return Ok(());
            }
            let timer = self.until_next();
            // In this order, so that a simulated run has one order only. Nobody starves: notes are few, commands are
            // bounded, and what is durable is read in every round.
            tokio::select! {
                biased;
                Some(note) = noted.recv() => self.noted(note)?,
                command = inbox.recv(), if self.stopping.is_none() => match command {
                    // Whoever asks has seen what is durable by now; the answer must not be older than that.
                    Some(command) => {
                        self.advance()?;
                        self.command(command)?;
                    }
                    None => self.stopping = Some(tokio::time::Instant::now()),
                },
                changed = durable.changed() => {
                    if changed.is_err() {
                        return Err(self.context.ledger.ended().into());
                    }
                }
                () = tokio::time::sleep(timer) => {}
            }
        }
    }

    fn noted(&mut self, note: Note) -> Result<(), RouterError> {
        match note {
            Note::Failed(error) => Err(error.into()),
            Note::Ended(id, number, agent, result) => {
                // The next attempt may have begun already.
                if self.attempts.get(&id).is_some_and(|(attempt, _)| *attempt == number) {
                    self.attempts.remove(&id);
                }
                self.running -= 1;
                if let Some(agent) = self.state.agents.get_mut(&agent) {
                    agent.running -= 1;
                }
                result.map(|_| ()).map_err(RouterError::Commit)
            }
        }
    }

    /// Reads what is new, routes it, dispatches what can run, and answers whose flow has ended.
    fn advance(&mut self) -> Result<(), RouterError> {
        let actions = self.read()?;
        self.act(actions);
        self.sweep()?;
        self.state.wake(self.context.seams.clock.now_ns());
        self.refill()?;
        self.dispatch()?;
        for flow in self.state.take_ended() {
            for waiter in self.waiters.remove(&flow).unwrap_or_default() {
                self.wait(flow, waiter);
            }
        }
        Ok(())
    }

    /// Answers at once if nothing of the flow is left, else when it ends.
    fn wait(&mut self, flow: FlowId, waiter: Waiter) {
        if self.state.next > waiter.after && !self.state.is_open(&flow) {
            // Whoever asked may have gone; that is their business.
            let _ = waiter.reply.send(());
        } else {
            let waiters = self.waiters.entry(flow).or_default();
            waiters.retain(|other| !other.reply.is_closed());
            waiters.push(waiter);
        }
    }

    /// Reads on for agents whose window has much room: a piece at a time, so that nobody waits long for the router.
    fn refill(&mut self) -> Result<(), RouterError> {
        for (name, agent) in &mut self.state.agents {
            let Some(from) = agent.queue.wants() else { continue };
            if !agent.queue.refill(&self.context.ledger.read(from, READ_WINDOW)?) {
                return Err(RouterError::Backlog(name.clone()));
            }
        }
        Ok(())
    }

    /// While the past is read, windows are kept full.
    fn refill_all(&mut self) -> Result<(), RouterError> {
        if self.begun {
            return Ok(());
        }
        for (name, agent) in &mut self.state.agents {
            while let Some(from) = agent.queue.wants_any() {
                if !agent.queue.refill(&self.context.ledger.read(from, READ_WINDOW)?) {
                    return Err(RouterError::Backlog(name.clone()));
                }
            }
        }
        Ok(())
    }

    /// Finds the event of an attempt that was begun behind a long row of events that were closed at once.
    fn reach(&mut self, entry: &Entry) -> Result<(), RouterError> {
        while let Some((name, from)) = self.state.behind(entry) {
            let (name, more) = (name.to_owned(), self.context.ledger.read(from, READ_WINDOW)?);
            let agent = self.state.agents.get_mut(&name);
            if agent.is_none_or(|agent| !agent.queue.reach(&more)) {
                return Err(RouterError::Backlog(name));
            }
        }
        Ok(())
    }

    fn until_next(&self) -> Duration {
        if self.context.ledger.is_full() || self.stopping.is_some() {
            return FULL;
        }
        if self.state.agents.values().any(|agent| agent.queue.wants().is_some()) {
            return Duration::ZERO;
        }
        let now = self.context.seams.clock.now_ns();
        let until = self.state.next_due().map(|until| Duration::from_nanos(until.saturating_sub(now)));
        until.unwrap_or(LONG).min(LONG)
    }

    fn dispatch(&mut self) -> Result<(), RouterError> {
        if self.stopping.is_some() || !self.begun {
            return Ok(());
        }
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        self.turn = (self.turn + 1) % names.len().max(1);
        let mut closed = Vec::new();
        for name in names.iter().cycle().skip(self.turn).take(names.len()) {
            while let Some(deployment) = self.may_begin(name) {
                let Some(next) = self.state.pop(name) else { break };
                closed.extend(self.begin(name, next, deployment)?);
            }
        }
        self.record(closed);
        Ok(())
    }

    /// The deployment under which the agent may begin one more attempt now.
    fn may_begin(&self, name: &str) -> Option<Arc<Deployment>> {
        let agent = self.state.agents.get(name)?;
        let free =
            agent.in_force && !agent.paused && agent.running < agent.concurrency && !self.context.ledger.is_full();
        let deployment = self.prepared.get(&agent.deployment)?;
        (free && self.running < ATTEMPTS_AT_ONCE).then(|| deployment.clone())
    }

    /// Begins it, or returns the records that close it, if its flow was cancelled.
    fn begin(&mut self, name: &str, next: Next, deployment: Arc<Deployment>) -> Result<Vec<Record>, RouterError> {
        let id = match next {
            Next::First(queued) => self.state.begin_first(name, queued),
            Next::Known(id) => id,
        };
        let Some(work) = self.state.works.get_mut(&id) else { return Ok(Vec::new()) };
        work.phase = Phase::Running;
        let work = work.clone();
        if self.state.is_cancelled(&work.flow) {
            return Ok(self.cancelled(&work)?);
        }
        self.spawn(work, deployment)?;
        Ok(Vec::new())
    }

    /// Makes an attempt, or goes on with one.
    fn spawn(&mut self, work: Work, deployment: Arc<Deployment>) -> Result<(), RouterError> {
        let entry = self.context.ledger.read(work.index, 1)?.into_iter().next();
        let Some(entry) = entry else { return Err(RouterError::Backlog(work.agent)) };
        if let Some(agent) = self.state.agents.get_mut(&work.agent) {
            agent.running += 1;
        }
        self.running += 1;
        let (cancel, cancelled) = oneshot::channel();
        let (id, number) = (work.id, work.attempt);
        self.attempts.insert(id, (number, cancel));
        let (context, notes, name) = (self.context.clone(), self.notes.clone(), work.agent.clone());
        let attempt =
            tokio::spawn(async move { activation::execute(&context, &deployment, &entry, &work, cancelled).await });
        tokio::spawn(async move {
            let result = attempt.await.unwrap_or_else(|panic| Err(format!("an attempt panicked: {panic}")));
            // The router is gone only when the host is.
            let _ = notes.send(Note::Ended(id, number, name, result));
        });
        Ok(())
    }

    fn command(&mut self, command: Command) -> Result<(), RouterError> {
        match command {
            Command::Prepare(deployment) => self.prepare(deployment),
            Command::Results(results) => self.state.results = results,
            Command::AwaitFlow { flow, after, reply } => self.wait(flow, Waiter { after, reply }),
            // Whoever asked may have gone; that is their business.
            Command::Agents(reply) => drop(reply.send(self.state.view())),
            Command::Queued(reply) => {
                let _ = reply.send(self.state.agents.values().map(Agent::queued).sum());
            }
            Command::Pinned(reply) => {
                let pinned = self.open.iter().filter_map(|id| self.state.works.get(id));
                let pinned = pinned.map(|work| self.pinned(work)).collect::<Result<Vec<_>, _>>()?;
                drop(reply.send(pinned.into_iter().flatten().collect()));
            }
            Command::IsOpen { flow, reply } => drop(reply.send(self.state.is_open(&flow))),
            Command::Dead { activation, reply } => {
                drop(reply.send(self.state.dead(&activation).cloned()));
            }
            Command::Asking { activation, reply } => {
                let asking = self.state.asking(&activation).map(|(work, about)| (work.clone(), about));
                drop(reply.send(asking));
            }
            Command::Begin => {
                self.begun = true;
                return self.resume();
            }
            Command::Stop => {
                self.stopping = Some(tokio::time::Instant::now());
                // Whoever waits for a flow learns that the host has stopped.
                self.waiters.clear();
            }
        }
        Ok(())
    }

    /// What is neither in force nor about to be is forgotten, once nothing can begin under it any more.
    fn prepare(&mut self, deployment: Arc<Deployment>) {
        if self.begun {
            let current = self.state.agents.get(&deployment.name).map(|agent| agent.deployment);
            self.prepared.retain(|leaf, other| other.name != deployment.name || current == Some(*leaf));
        }
        self.prepared.insert(deployment.leaf, deployment);
    }

    fn unrouted(&self, event: &Unrouted, rule: &str) -> Record {
        let envelope = Envelope {
            cause: Some(event.leaf),
            flow: event.flow,
            event: event.event,
            topic: Some(event.topic.clone()),
            rule: Some(rule.to_owned()),
            ..Envelope::new(Kind::Unrouted, self.context.seams.clock.now_ns())
        };
        tracing::warn!(topic = event.topic, "an event is unrouted: {rule}");
        Record::new(envelope, None, true)
    }

    /// Appends without waiting: the entries come back through `read` when they are durable.
    fn record(&self, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        let (ledger, notes) = (self.context.ledger.clone(), self.notes.clone());
        tokio::spawn(async move {
            if let Err(error) = ledger.append_when_room(records).await {
                // The router is gone only when the host is.
                let _ = notes.send(Note::Failed(error));
            }
        });
    }
}
