//! The host: a ledger, an engine, what is deployed, and the router that brings them together.

use crate::activation::Context;
use crate::component::{LoadError, Loaded};
use crate::deploy::{self, Deployment, DeploymentBody, IN_FORCE, REMOVED, WAITING};
use crate::engine::{EngineError, Wasm};
use crate::event::{Content, Event};
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::{AgentSection, CapabilitySection, Manifest};
use crate::provider::{Capabilities, Capability, Mirror};
use crate::router::{self, AgentView, Command, RouterError};
use crate::seams::Seams;
use manes_core::ids::{Digest, EventKey, FlowId};
use manes_core::limits::EVENT_BYTES_MAX;
use manes_core::policy::Grants;
use manes_core::record::{Envelope, Kind, Record};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{Mutex, oneshot};

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
    #[error("failed to read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{name} ({path}): {source}")]
    Load { name: String, path: PathBuf, source: LoadError },
    #[error("agent {agent} does not fit its capability: {what}")]
    Mismatch { agent: String, what: String },
    #[error("there is no capability or agent {name} in the manifest; it has: {known}")]
    Unknown { name: String, known: String },
    #[error("capability {name} failed to say what its functions do: {message}")]
    Claims { name: String, message: String },
    #[error("the topic {topic:?} cannot be published on: {why}")]
    Topic { topic: String, why: String },
    #[error("an event of {bytes} bytes; at most {EVENT_BYTES_MAX}")]
    EventSize { bytes: usize },
    #[error("the event {id} was submitted before with other content; the conflict is recorded")]
    Conflict { id: String },
    #[error("{queued} events are queued; try again when fewer are")]
    Busy { queued: u64 },
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

#[derive(Debug, Default)]
struct Registry {
    capabilities: BTreeMap<String, Arc<Capability>>,
    /// Last recorded body and leaf of each name.
    recorded: BTreeMap<String, (u64, Vec<u8>, Digest)>,
    compiled: HashMap<Digest, Arc<Loaded>>,
    /// External events by key.
    submitted: HashMap<EventKey, u64>,
}

/// A running host.
#[derive(Debug)]
pub struct Host {
    wasm: Wasm,
    context: Context,
    manifest: Manifest,
    registry: Mutex<Registry>,
    router: router::Handle,
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
        let mirror = Mirror::new(&wasm);
        let context = Context { ledger, seams, mirror };
        let registry = Registry::read(&*context.ledger)?;
        let router = router::start(context.clone(), manifest.results.clone()).await?;
        let mirror = context.mirror.clone();
        let host = Self { wasm, context, manifest, registry: Mutex::new(registry), router };
        if host.needs_mirror() {
            tokio::task::spawn_blocking(move || mirror.warm());
        }
        host.deploy_all().await?;
        Ok(host)
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.context.ledger
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// True if something in the manifest was granted what only WASI behind the mirror provides.
    fn needs_mirror(&self) -> bool {
        let agents = self.manifest.agent.values().any(|agent| !agent.http.is_empty() || !agent.directories.is_empty());
        agents || self.manifest.capability.values().any(|c| !c.http.is_empty() || !c.directories.is_empty())
    }

    async fn deploy_all(&self) -> Result<(), HostError> {
        let mut registry = self.registry.lock().await;
        for (name, section) in self.manifest.capability.iter().filter(|(_, section)| section.load) {
            self.put_capability(&mut registry, name, section, None).await?;
        }
        self.remove_absent(&mut registry).await?;
        self.refresh_agents(&mut registry).await
    }

    /// Names in force that the manifest does not have any more are taken out.
    async fn remove_absent(&self, registry: &mut Registry) -> Result<(), HostError> {
        let gone: Vec<String> = registry
            .recorded
            .iter()
            .filter(|(name, (status, ..))| {
                *status != REMOVED
                    && !self.manifest.agent.contains_key(*name)
                    && !registry.capabilities.contains_key(*name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            let Some((_, body, _)) = registry.recorded.get(&name).cloned() else { continue };
            let Some(body) = DeploymentBody::decode(&body) else { continue };
            self.append_deployment(registry, &body, REMOVED).await?;
        }
        Ok(())
    }

    /// Loads a capability into the running host: the one that the manifest declares under `name`, from its own file or
    /// from `path`. Agents that waited for it start.
    ///
    /// # Errors
    /// A name that the manifest does not have, a component that cannot be used, or one that its agents do not fit.
    pub async fn load_capability(&self, name: &str, path: Option<&Path>) -> Result<Vec<String>, HostError> {
        let section = self.manifest.capability.get(name).ok_or_else(|| HostError::Unknown {
            name: name.to_owned(),
            known: self.manifest.capability.keys().cloned().collect::<Vec<_>>().join(", "),
        })?;
        let mut registry = self.registry.lock().await;
        let waiting = |registry: &Registry| -> Vec<String> {
            let waits = |(_, (status, ..)): &(&String, &(u64, Vec<u8>, Digest))| *status == WAITING;
            registry.recorded.iter().filter(waits).map(|(name, _)| name.clone()).collect()
        };
        let before = waiting(&registry);
        self.put_capability(&mut registry, name, section, path).await?;
        self.refresh_agents(&mut registry).await?;
        let after = waiting(&registry);
        Ok(before.into_iter().filter(|agent| !after.contains(agent)).collect())
    }

    async fn put_capability(
        &self,
        registry: &mut Registry,
        name: &str,
        section: &CapabilitySection,
        path: Option<&Path>,
    ) -> Result<(), HostError> {
        let path = path.map_or_else(|| self.manifest.resolve(&section.component), Path::to_path_buf);
        let loaded = self.component(registry, name, &path, deploy::load_capability)?;
        let grants = self.manifest.capability_grants(section);
        let capabilities = provide(&loaded, &grants, &registry.capabilities);
        let body =
            body("capability", name, &loaded, &grants, &capabilities, &self.wasm, Section::of_capability(section));
        let leaf = self.append_deployment(registry, &body, IN_FORCE).await?;
        let claims = crate::claims::ask(&loaded, &self.context, name)
            .await
            .map_err(|message| HostError::Claims { name: name.to_owned(), message })?;
        let capability = Capability {
            name: name.to_owned(),
            loaded,
            claims,
            env: values(&grants.env),
            grants: Arc::new(grants),
            limits: section.limits.clone(),
            config: section.config.clone(),
            capabilities,
            deployment: leaf,
        };
        registry.capabilities.insert(name.to_owned(), Arc::new(capability));
        Ok(())
    }

    /// Brings every agent of the manifest into force with the capabilities that are there now.
    async fn refresh_agents(&self, registry: &mut Registry) -> Result<(), HostError> {
        for (name, section) in &self.manifest.agent {
            self.put_agent(registry, name, section).await?;
        }
        Ok(())
    }

    async fn put_agent(&self, registry: &mut Registry, name: &str, section: &AgentSection) -> Result<(), HostError> {
        let path = self.manifest.resolve(&section.component);
        let loaded = self.component(registry, name, &path, deploy::load_agent)?;
        let grants = self.manifest.agent_grants(section);
        let capabilities = provide(&loaded, &grants, &registry.capabilities);
        for (interface, capability) in &capabilities {
            if let Some(what) = deploy::mismatch(&loaded, interface, capability) {
                return Err(HostError::Mismatch { agent: name.to_owned(), what });
            }
        }
        let body = body("agent", name, &loaded, &grants, &capabilities, &self.wasm, Section::of_agent(section));
        let absent = loaded
            .foreign_imports()
            .any(|import| grants.grants_interface(&import.id()) && !capabilities.contains_key(&import.id()));
        let status = if absent { WAITING } else { IN_FORCE };
        let env = values(&grants.env);
        let grants = Arc::new(grants);
        let make = |leaf| Deployment {
            name: name.to_owned(),
            loaded: loaded.clone(),
            subscribe: section.subscribe.clone(),
            grants: grants.clone(),
            limits: section.limits.clone(),
            config: section.config.clone(),
            env: env.clone(),
            capabilities: capabilities.clone(),
            concurrency: section.concurrency,
            leaf,
        };
        self.append_agent(registry, &body, status, make).await
    }

    async fn append_agent(
        &self,
        registry: &mut Registry,
        body: &DeploymentBody,
        status: u64,
        make: impl Fn(Digest) -> Deployment,
    ) -> Result<(), HostError> {
        let known = registry.known(body, status);
        let record = body.record(status, self.context.seams.clock.now_ns(), self.context.seams.salt());
        let leaf = known.unwrap_or_else(|| record.leaf());
        // The code must be there before the router reads the record that names it.
        self.send(Command::Prepare(Arc::new(make(leaf)))).await?;
        if known.is_none() {
            self.context.ledger.append(vec![record]).await?;
            registry.recorded.insert(body.name.clone(), (status, body.encode(), leaf));
        }
        Ok(())
    }

    async fn append_deployment(
        &self,
        registry: &mut Registry,
        body: &DeploymentBody,
        status: u64,
    ) -> Result<Digest, HostError> {
        if let Some(leaf) = registry.known(body, status) {
            return Ok(leaf);
        }
        let record = body.record(status, self.context.seams.clock.now_ns(), self.context.seams.salt());
        let leaf = record.leaf();
        self.context.ledger.append(vec![record]).await?;
        registry.recorded.insert(body.name.clone(), (status, body.encode(), leaf));
        Ok(leaf)
    }

    /// Reads and compiles a component, once for each content, and keeps its bytes with the ledger.
    fn component(
        &self,
        registry: &mut Registry,
        name: &str,
        path: &Path,
        load: fn(&Wasm, &[u8]) -> Result<Arc<Loaded>, LoadError>,
    ) -> Result<Arc<Loaded>, HostError> {
        let bytes = std::fs::read(path).map_err(|source| HostError::Read { path: path.to_owned(), source })?;
        let digest = Digest::of(&bytes);
        if let Some(loaded) = registry.compiled.get(&digest) {
            return Ok(loaded.clone());
        }
        let failed = |source| HostError::Load { name: name.to_owned(), path: path.to_owned(), source };
        let loaded = load(&self.wasm, &bytes).map_err(failed)?;
        self.context.ledger.put_artifact(&bytes)?;
        registry.compiled.insert(digest, loaded.clone());
        Ok(loaded)
    }

    /// Submits an event. Returns when it is durable.
    ///
    /// # Errors
    /// A topic that nobody takes, too large an event, a conflict, a full queue.
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
        let mut registry = self.registry.lock().await;
        if let Some(index) = registry.submitted.get(&key).copied() {
            return self.again(&event, &id, index).await;
        }
        let appended = ledger.append(vec![event.record(self.context.seams.salt(), None)]).await?;
        registry.submitted.insert(key, appended.first);
        Ok(Submitted { key, flow: event.flow, index: appended.first, new: true })
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

    /// The key was submitted before: the same event again is no event, another one under its key is a conflict.
    async fn again(&self, event: &Event, id: &str, index: u64) -> Result<Submitted, HostError> {
        let ledger = &self.context.ledger;
        let entries = ledger.read(index, 1)?;
        let first = entries.first().and_then(|e| Some((e, Event::from_record(&e.envelope, e.body.as_deref()?)?)));
        let Some((entry, before)) = first else { return Err(HostError::Conflict { id: id.to_owned() }) };
        if before.same_content(event) {
            return Ok(Submitted { key: event.key, flow: event.flow, index, new: false });
        }
        let envelope = Envelope {
            cause: Some(entry.leaf),
            flow: Some(event.flow),
            event: Some(event.key),
            topic: Some(event.topic.clone()),
            principal: Some(event.source.clone()),
            ..Envelope::new(Kind::Conflict, self.context.seams.clock.now_ns())
        };
        ledger.append(vec![Record::new(envelope, Some((self.context.seams.salt(), event.body())), true)]).await?;
        Err(HostError::Conflict { id: id.to_owned() })
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

    async fn send(&self, command: Command) -> Result<(), HostError> {
        self.router.commands.send(command).await.map_err(|_| HostError::Stopped)
    }

    /// True once the router has ended by itself: the host must stop.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.router.task.is_finished()
    }

    /// Lets the attempts under way end, then closes the ledger.
    ///
    /// # Errors
    /// What the router or the ledger ended with.
    pub async fn stop(self) -> Result<(), HostError> {
        // If it is gone already, its result says why.
        let _ = self.router.commands.send(Command::Stop).await;
        let routed = self.router.task.await.unwrap_or_else(|panic| Err(RouterError::Commit(panic.to_string())));
        let closed = self.context.ledger.close().await;
        routed?;
        Ok(closed?)
    }
}

impl Registry {
    /// What the ledger says is deployed and submitted.
    fn read(ledger: &dyn Ledger) -> Result<Self, HostError> {
        let mut registry = Self::default();
        let mut next = 0;
        loop {
            let entries = ledger.read(next, 1024)?;
            let Some(last) = entries.last() else { return Ok(registry) };
            next = last.index + 1;
            for entry in entries {
                let envelope = &entry.envelope;
                match (envelope.kind(), &envelope.agent, envelope.event) {
                    (Kind::Deployment, Some(name), _) => {
                        let body = entry.body.map(|body| body.to_vec()).unwrap_or_default();
                        let status = envelope.status.unwrap_or(IN_FORCE);
                        registry.recorded.insert(name.clone(), (status, body, entry.leaf));
                    }
                    (Kind::Event, _, Some(key)) if envelope.cause.is_none() => {
                        registry.submitted.insert(key, entry.index);
                    }
                    _ => {}
                }
            }
        }
    }

    /// The leaf hash of the last record under this name, if it says exactly this.
    fn known(&self, body: &DeploymentBody, status: u64) -> Option<Digest> {
        let (last, bytes, leaf) = self.recorded.get(&body.name)?;
        (*last == status && *bytes == body.encode()).then_some(*leaf)
    }
}

/// The parts of a manifest's section that a deployment's body repeats.
struct Section {
    subscribe: Vec<manes_core::topic::Pattern>,
    limits: manes_core::limits::Limits,
    config: BTreeMap<String, String>,
    concurrency: u32,
}

impl Section {
    fn of_agent(section: &AgentSection) -> Self {
        Self {
            subscribe: section.subscribe.clone(),
            limits: section.limits.clone(),
            config: section.config.clone(),
            concurrency: section.concurrency,
        }
    }

    fn of_capability(section: &CapabilitySection) -> Self {
        let (limits, config) = (section.limits.clone(), section.config.clone());
        Self { subscribe: Vec::new(), limits, config, concurrency: 1 }
    }
}

fn body(
    role: &str,
    name: &str,
    loaded: &Loaded,
    grants: &Grants,
    capabilities: &Capabilities,
    wasm: &Wasm,
    section: Section,
) -> DeploymentBody {
    let contracts = deploy::contracts(loaded, capabilities);
    DeploymentBody {
        role: role.to_owned(),
        name: name.to_owned(),
        component: loaded.digest,
        imports: contracts.imports,
        exports: contracts.exports,
        subscribe: section.subscribe,
        grants: grants.clone(),
        limits: section.limits,
        config: section.config,
        concurrency: section.concurrency,
        providers: contracts.providers,
        provider_components: contracts.provider_components,
        engine: wasm.fingerprint(),
    }
}

/// Who implements what this component imports and was granted.
fn provide(loaded: &Loaded, grants: &Grants, capabilities: &BTreeMap<String, Arc<Capability>>) -> Capabilities {
    let granted = loaded.foreign_imports().filter(|import| grants.grants_interface(&import.id()));
    granted
        .filter_map(|import| {
            let id = import.id();
            let provider = capabilities.values().find(|c| c.loaded.exports.contains_key(&id))?;
            Some((id, provider.clone()))
        })
        .collect()
}

/// The values of the granted variables that are set.
fn values(names: &[String]) -> Vec<(String, String)> {
    names.iter().filter_map(|name| std::env::var(name).ok().map(|value| (name.clone(), value))).collect()
}
