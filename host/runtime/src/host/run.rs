//! The running host: start, submit, wait, stop.

use super::behind::Digests;
use super::components::Cache;
use super::prepared::{Prepared, Role};
use super::registry::Registry;
use super::submissions::Submissions;
use crate::activation::Context;
use crate::component::LoadError;
use crate::engine::{EngineError, Wasm};
use crate::event::{Content, Event};
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::Manifest;
use crate::provider::Mirror;
use crate::router::{self, AgentView, Command, RouterError};
use crate::script::Script;
use crate::seams::Seams;
use manes_core::ids::{ActivationId, EventKey, FlowId};
use manes_core::limits::EVENT_BYTES_MAX;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use thiserror::Error;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Events that may be queued before more from outside are refused.
const QUEUED_MAX: u64 = 100_000;

/// What a host cannot do.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message says what its case means")]
pub enum HostError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Router(#[from] RouterError),
    #[error("{role} {name}: its component {path} cannot be read: {source}; build it first, or name another file")]
    Read { role: Role, name: String, path: PathBuf, source: std::io::Error },
    #[error("{role} {name} ({path}): {source}")]
    Load { role: Role, name: String, path: PathBuf, source: LoadError },
    #[error("{name} is granted {guest}, and there is no folder {folder}; create it, or correct the grant")]
    NoFolder { name: String, guest: String, folder: PathBuf },
    #[error(
        "{one} and {other} both export {interface}, and somebody was granted it: which one is meant? leave one out of the manifest"
    )]
    Ambiguous { interface: String, one: String, other: String },
    #[error("{names} wait for each other: none of them can ever start; leave out one of the grants between them")]
    Ring { names: String },
    #[error(
        "{name} cannot be loaded so: {stopped} would have to stop, since what they use would not be there any more; \
         load a component that exports the same interfaces{diff}"
    )]
    Stops { name: String, stopped: String, diff: String },
    #[error(
        "{name} is still needed by {by}: they would wait until it is loaded again. Unload them first, or let them wait \
         with --force"
    )]
    Needed { name: String, by: String },
    #[error("{name} is not loaded; loaded are: {known}{hint}")]
    NotLoaded { name: String, known: String, hint: String },
    #[error("{agent} does not fit its capability: {what}")]
    Mismatch { agent: String, what: String },
    #[error(
        "{name} is granted {interface}, which its component does not import. It imports {known}; correct the grant or \
         leave it out{hint}"
    )]
    Unimported { name: String, interface: String, known: String, hint: String },
    #[error(
        "{name}'s grant of {interface} names an effect of {function}, which is no function of it. It has: {known}{hint}"
    )]
    Misnamed { name: String, interface: String, function: String, known: String, hint: String },
    #[error(
        "the manifest has no agent and no capability {name}; {known}. To add one, write a section [agent.{name}] or \
         [capability.{name}]{hint}"
    )]
    Unknown { name: String, known: String, hint: String },
    #[error("capability {name} failed to say what its functions do: {message}")]
    Claims { name: String, message: String },
    #[error("the topic {topic:?} cannot be published on: {why}")]
    Topic { topic: String, why: String },
    #[error(
        "an event of {bytes} bytes; at most {EVENT_BYTES_MAX}, which no manifest changes: submit several smaller events, \
         or keep the data in a file that an agent may read and submit its name"
    )]
    EventSize { bytes: usize },
    #[error("the event {id} was submitted before with other content; the conflict is recorded")]
    Conflict { id: String },
    #[error("{queued} events are queued; try again when fewer are")]
    Busy { queued: u64 },
    #[error("flow {flow} has ended, or never was: there is nothing to cancel")]
    Ended { flow: FlowId },
    #[error("there is no agent {name}; there are: {known}")]
    NoAgent { name: String, known: String },
    #[error("agent {name} is {state}")]
    AlreadySo { name: String, state: &'static str },
    #[error("activation {activation} cannot be requeued: {why}")]
    NotDead { activation: ActivationId, why: &'static str },
    #[error("activation {activation} asks nothing; `manes answer` lists those that do")]
    AsksNothing { activation: ActivationId },
    #[error("the host has stopped")]
    Stopped,
}

/// Where a submitted event went.
#[derive(Debug, Clone, Copy)]
pub struct Submitted {
    /// The event.
    pub key: EventKey,
    /// Its flow.
    pub flow: FlowId,
    /// Its place in the ledger.
    pub index: u64,
    /// False if the same event had been submitted before.
    pub new: bool,
}

/// An event from outside.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Who submits: `client/NAME`.
    pub submitter: String,
    /// CloudEvents id; equal ids of one submitter are one event.
    pub id: String,
    /// The topic.
    pub topic: String,
    /// What it carries.
    pub content: Content,
}

/// A running host.
#[derive(Debug)]
pub struct Host {
    pub(super) wasm: Wasm,
    pub(super) context: Context,
    /// What answers in the place of agents' providers, in a test.
    pub(super) script: Option<Arc<Script>>,
    /// The manifest in force.
    manifest: RwLock<Arc<Manifest>>,
    /// Held while something is deployed: deployments come one after the other.
    pub(super) registry: Mutex<Registry>,
    pub(super) cache: Cache,
    pub(super) digests: Digests,
    submissions: Arc<Submissions>,
    commands: mpsc::Sender<Command>,
    router: Mutex<Option<JoinHandle<Result<(), RouterError>>>>,
    /// Set when the router has ended, for whatever reason.
    ended: Arc<AtomicBool>,
}

impl Host {
    /// Starts a host on `ledger` with what `manifest` declares.
    ///
    /// # Errors
    /// Whatever keeps it from starting; nothing is left running.
    pub async fn start(
        ledger: Arc<dyn Ledger>,
        wasm: Wasm,
        seams: Seams,
        manifest: Manifest,
    ) -> Result<Self, HostError> {
        let host = Self::start_prepared(ledger, wasm, seams, manifest, Prepared::default()).await?;
        host.begin().await?;
        Ok(host)
    }

    /// From here on attempts are made.
    ///
    /// # Errors
    /// [`HostError::Stopped`].
    pub async fn begin(&self) -> Result<(), HostError> {
        self.send(Command::Begin).await
    }

    /// As [`Host::start`], with components that were compiled by this `wasm` before there was a ledger. Nothing is
    /// attempted before [`Host::begin`].
    ///
    /// # Errors
    /// Whatever keeps it from starting; nothing is left running.
    pub async fn start_prepared(
        ledger: Arc<dyn Ledger>,
        wasm: Wasm,
        seams: Seams,
        manifest: Manifest,
        prepared: Prepared,
    ) -> Result<Self, HostError> {
        let mirror = prepared.mirror.clone().unwrap_or_else(|| Mirror::new(&wasm));
        let context = Context { ledger, seams, mirror };
        let (registry, submissions) = Registry::read(&*context.ledger)?;
        let router::Handle { commands, task } = router::start(context.clone(), manifest.results.clone()).await?;
        let ended = Arc::new(AtomicBool::new(false));
        let router = watched(task, ended.clone());
        let mirror = context.mirror.clone();
        let host = Self {
            wasm,
            context,
            script: prepared.script.clone(),
            digests: Digests::default(),
            manifest: RwLock::new(Arc::new(manifest)),
            registry: Mutex::new(registry),
            cache: Cache::new(prepared),
            submissions: Arc::new(submissions),
            commands,
            router: Mutex::new(Some(router)),
            ended,
        };
        if host.needs_mirror() {
            tokio::task::spawn_blocking(move || mirror.warm());
        }
        match host.deploy_all().await {
            Ok(()) => Ok(host),
            Err(error) => {
                // Nothing was dispatched yet; what closing says is not why it failed.
                let _ = host.stop().await;
                Err(error)
            }
        }
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.context.ledger
    }

    /// The manifest in force.
    #[must_use]
    pub fn manifest(&self) -> Arc<Manifest> {
        self.manifest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn in_force(&self, manifest: Arc<Manifest>) {
        *self.manifest.write().unwrap_or_else(PoisonError::into_inner) = manifest;
    }

    /// True if something in the manifest was granted what only WASI behind the mirror provides.
    fn needs_mirror(&self) -> bool {
        let manifest = self.manifest();
        let agents = manifest.agent.values().any(|agent| !agent.http.is_empty() || !agent.directories.is_empty());
        agents || manifest.capability.values().any(|c| !c.http.is_empty() || !c.directories.is_empty())
    }

    /// Submits an event. Returns when it is durable.
    ///
    /// # Errors
    /// A name that is no topic, too large an event, a conflict, a full queue. A topic that nobody takes is none: the
    /// event is recorded, and that nobody took it.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, HostError> {
        self.check(&submission).await?;
        let ledger = &self.context.ledger;
        let Submission { submitter, id, topic, content } = submission;
        let key = EventKey::external(&ledger.id(), &submitter, &submitter, &id);
        let event = Event {
            key,
            flow: key.flow(),
            topic,
            source: submitter,
            cause: None,
            hops: 0,
            time_ns: self.context.seams.clock.now_ns(),
            not_before_ns: None,
            content,
        };
        // In a task of its own: a client that goes away between append and bookkeeping must not leave a gap.
        let (context, submissions) = (self.context.clone(), self.submissions.clone());
        let work = tokio::spawn(async move { submissions.record(&context, event, &id).await });
        work.await.unwrap_or(Err(HostError::Stopped))
    }

    async fn check(&self, submission: &Submission) -> Result<(), HostError> {
        let topic = &submission.topic;
        let parsed: Result<manes_core::topic::Topic, _> = topic.parse();
        if let Err(error) = parsed {
            return Err(HostError::Topic { topic: topic.clone(), why: error.to_string() });
        }
        let bytes = submission.content.data.len();
        if bytes > EVENT_BYTES_MAX {
            return Err(HostError::EventSize { bytes });
        }
        let (reply, queued) = oneshot::channel();
        self.send(Command::Queued(reply)).await?;
        match queued.await {
            Ok(queued) if queued < QUEUED_MAX => Ok(()),
            Ok(queued) => Err(HostError::Busy { queued }),
            Err(_) => Err(HostError::Stopped),
        }
    }

    /// Waits until nothing of the flow is queued, running or delayed.
    ///
    /// # Errors
    /// [`HostError::Stopped`].
    pub async fn flow_ended(&self, submitted: &Submitted) -> Result<(), HostError> {
        let (reply, ended) = oneshot::channel();
        self.send(Command::AwaitFlow { flow: submitted.flow, after: submitted.index, reply }).await?;
        ended.await.map_err(|_| HostError::Stopped)
    }

    /// The agents.
    ///
    /// # Errors
    /// [`HostError::Stopped`].
    pub async fn agents(&self) -> Result<Vec<AgentView>, HostError> {
        let (reply, agents) = oneshot::channel();
        self.send(Command::Agents(reply)).await?;
        agents.await.map_err(|_| HostError::Stopped)
    }

    pub(super) async fn send(&self, command: Command) -> Result<(), HostError> {
        self.commands.send(command).await.map_err(|_| HostError::Stopped)
    }

    /// True once the router has ended by itself: the host must stop.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Lets the attempts under way end, then closes the ledger.
    ///
    /// # Errors
    /// What the router or the ledger ended with.
    pub async fn stop(&self) -> Result<(), HostError> {
        // If it is gone already, its result says why.
        let _ = self.commands.send(Command::Stop).await;
        let Some(router) = self.router.lock().await.take() else { return Ok(()) };
        let routed = router.await.unwrap_or_else(|panic| Err(RouterError::Commit(panic.to_string())));
        let closed = self.context.ledger.close().await;
        routed?;
        Ok(closed?)
    }
}

/// The router, with a flag that says when it has ended.
fn watched(task: JoinHandle<Result<(), RouterError>>, ended: Arc<AtomicBool>) -> JoinHandle<Result<(), RouterError>> {
    tokio::spawn(async move {
        let result = task.await.unwrap_or_else(|panic| Err(RouterError::Commit(panic.to_string())));
        ended.store(true, Ordering::Relaxed);
        result
    })
}
