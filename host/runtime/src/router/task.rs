//! The router's task: reads entries as they become durable, dispatches, and answers who waits for a flow.

use super::state::{Action, AgentView, Past, State, Unrouted};
use crate::activation::{self, Context};
use crate::deploy::Deployment;
use crate::ledger::LedgerError;
use manes_core::ids::{Digest, FlowId};
use manes_core::record::{EndStatus, Envelope, Kind, Record};
use manes_core::topic::Pattern;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Entries read at a time.
const READ_WINDOW: usize = 1024;
/// Attempts under way on this host: each holds an instance for the agent and one for each provider.
const ATTEMPTS_AT_ONCE: u32 = 32;
/// Commands that may wait.
const COMMANDS: usize = 256;

/// What others ask of the router. Closed: this is all that can happen.
#[derive(Debug)]
pub enum Command {
    /// A deployment whose record is about to be appended: its code, by the record's leaf hash.
    Prepare(Arc<Deployment>),
    /// Answers when nothing of the flow is left, at the earliest after the entry at `after` was routed.
    AwaitFlow {
        /// The flow.
        flow: FlowId,
        /// Position of its root event.
        after: u64,
        /// Where the answer goes.
        reply: oneshot::Sender<()>,
    },
    /// Lists the agents.
    Agents(oneshot::Sender<Vec<AgentView>>),
    /// How many events are queued.
    Queued(oneshot::Sender<u64>),
    /// Everything is deployed: attempts may start.
    Begin,
    /// Ends after the attempts under way.
    Stop,
}

/// Why the router ended.
#[derive(Debug, Clone, Error)]
pub enum RouterError {
    /// The ledger takes no more or cannot be read.
    #[error("the ledger failed: {0}")]
    Ledger(#[from] LedgerError),
    /// Events that were queued are not found again.
    #[error("events queued for {0} are not in the ledger any more")]
    Backlog(String),
    /// An attempt could not be committed.
    #[error("an attempt could not be committed: {0}")]
    Commit(String),
}

/// Where commands go, and what the router ends with.
#[derive(Debug)]
pub struct Handle {
    /// Commands.
    pub commands: mpsc::Sender<Command>,
    /// The task.
    pub task: JoinHandle<Result<(), RouterError>>,
}

struct Router {
    context: Context,
    state: State,
    prepared: HashMap<Digest, Arc<Deployment>>,
    /// Who waits for a flow's end, with the position that must have been read before.
    waiters: HashMap<FlowId, Vec<Waiter>>,
    delayed: BinaryHeap<Reverse<(u64, u64, String)>>,
    notes: mpsc::UnboundedSender<Note>,
    running: u32,
    /// Nothing is dispatched before everything is deployed.
    begun: bool,
    stopping: bool,
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
    Ended(String, Result<EndStatus, String>),
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
        delayed: BinaryHeap::new(),
        notes,
        running: 0,
        begun: false,
        stopping: false,
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
        let (interrupted, actions) = self.state.begin();
        for work in interrupted {
            tracing::warn!(
                agent = work.agent,
                "an attempt was cut off when the host stopped; it is closed as interrupted"
            );
            self.context.ledger.append(vec![interrupted_end(&self.context, &work)]).await?;
        }
        self.act(actions);
        Ok(())
    }

    fn act(&mut self, actions: Vec<Action>) {
        let mut unrouted = Vec::new();
        for action in actions {
            match action {
                Action::Unrouted { event, rule } => unrouted.push(self.unrouted(&event, &rule)),
                Action::Delay { agent, index, until_ns } => self.delayed.push(Reverse((until_ns, index, agent))),
            }
        }
        self.record(unrouted);
    }

    fn read(&mut self) -> Result<Vec<Action>, RouterError> {
        let mut actions = Vec::new();
        loop {
            let entries = self.context.ledger.read(self.state.next, READ_WINDOW)?;
            if entries.is_empty() {
                return Ok(actions);
            }
            for entry in &entries {
                actions.extend(self.state.apply(entry));
            }
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
            if self.stopping && self.running == 0 {
                return Ok(());
            }
            let timer = self.until_next();
            tokio::select! {
                changed = durable.changed() => {
                    if changed.is_err() {
                        return Err(LedgerError::Closed.into());
                    }
                }
                command = inbox.recv(), if !self.stopping => match command {
                    // Whoever asks has seen what is durable by now; the answer must not be older than that.
                    Some(command) => {
                        self.advance()?;
                        self.command(command);
                    }
                    None => self.stopping = true,
                },
                Some(note) = noted.recv() => self.noted(note)?,
                () = tokio::time::sleep(timer) => {}
            }
        }
    }

    fn noted(&mut self, note: Note) -> Result<(), RouterError> {
        match note {
            Note::Failed(error) => Err(error.into()),
            Note::Ended(agent, result) => {
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
        self.wake();
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

    /// Reads on for agents whose window has room: a piece at a time, so that nobody waits long for the router.
    fn refill(&mut self) -> Result<(), RouterError> {
        for (name, agent) in &mut self.state.agents {
            let Some(from) = agent.queue.wants() else { continue };
            if !agent.queue.refill(&self.context.ledger.read(from, READ_WINDOW)?) {
                return Err(RouterError::Backlog(name.clone()));
            }
        }
        Ok(())
    }

    fn until_next(&self) -> Duration {
        if self.state.agents.values().any(|agent| agent.queue.wants().is_some()) {
            return Duration::ZERO;
        }
        let now = self.context.seams.clock.now_ns();
        match self.delayed.peek() {
            Some(Reverse((until, ..))) => Duration::from_nanos(until.saturating_sub(now)).min(Duration::from_secs(60)),
            None => Duration::from_secs(60),
        }
    }

    /// Queues delayed events whose time has come.
    fn wake(&mut self) {
        let now = self.context.seams.clock.now_ns();
        while self.delayed.peek().is_some_and(|Reverse((until, ..))| *until <= now) {
            if let Some(Reverse((_, index, agent))) = self.delayed.pop() {
                self.state.due(index, &agent);
            }
        }
    }

    fn dispatch(&mut self) -> Result<(), RouterError> {
        if self.stopping || !self.begun {
            return Ok(());
        }
        let mut start = Vec::new();
        let names: Vec<String> = self.state.agents.keys().cloned().collect();
        self.turn = (self.turn + 1) % names.len().max(1);
        for name in names.iter().cycle().skip(self.turn).take(names.len()) {
            let Some(agent) = self.state.agents.get_mut(name) else { continue };
            let Some(deployment) = agent.deployment.and_then(|leaf| self.prepared.get(&leaf)) else { continue };
            while agent.running < agent.concurrency && self.running < ATTEMPTS_AT_ONCE {
                let Some(index) = agent.queue.pop() else { break };
                agent.running += 1;
                self.running += 1;
                start.push((name.clone(), deployment.clone(), index));
            }
        }
        for (name, deployment, index) in start {
            let entry = self.context.ledger.read(index, 1)?.into_iter().next();
            let (context, notes) = (self.context.clone(), self.notes.clone());
            let attempt = tokio::spawn(async move {
                match entry {
                    Some(entry) => activation::execute(&context, &deployment, &entry).await,
                    None => Err(format!("the event at {index} is gone")),
                }
            });
            tokio::spawn(async move {
                let result = attempt.await.unwrap_or_else(|panic| Err(format!("an attempt panicked: {panic}")));
                // The router is gone only when the host is.
                let _ = notes.send(Note::Ended(name, result));
            });
        }
        Ok(())
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Prepare(deployment) => drop(self.prepared.insert(deployment.leaf, deployment)),
            Command::AwaitFlow { flow, after, reply } => self.wait(flow, Waiter { after, reply }),
            // Whoever asked may have gone; that is their business.
            Command::Agents(reply) => drop(reply.send(self.state.view())),
            Command::Queued(reply) => {
                let _ = reply.send(self.state.agents.values().map(|agent| agent.queue.len()).sum());
            }
            Command::Begin => self.begun = true,
            Command::Stop => {
                self.stopping = true;
                // Whoever waits for a flow learns that the host has stopped.
                self.waiters.clear();
            }
        }
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
            if let Err(error) = ledger.append(records).await {
                // The router is gone only when the host is.
                let _ = notes.send(Note::Failed(error));
            }
        });
    }
}

fn interrupted_end(context: &Context, work: &Past) -> Record {
    let start = work.envelope.as_deref().cloned().unwrap_or_default();
    let envelope = Envelope {
        cause: work.start,
        flow: start.flow,
        event: start.event,
        agent: start.agent,
        activation: start.activation,
        attempt: start.attempt,
        calls: Some(work.calls),
        drafts: Some(0),
        fuel: Some(0),
        status: Some(EndStatus::Interrupted.number()),
        ..Envelope::new(Kind::End, context.seams.clock.now_ns())
    };
    let run = crate::attempt::Run {
        status: EndStatus::Interrupted,
        message: "the host stopped before this attempt ended".into(),
        emitted: Vec::new(),
        fuel: 0,
        stderr: String::new(),
        log_cut: 0,
        ended: None,
    };
    Record::new(envelope, Some((context.seams.salt(), run.body())), true)
}
