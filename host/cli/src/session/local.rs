//! A host in this process, for the time of one command.

use super::{
    AnswerRequest, CancelRequest, EmitReply, LoadReply, LoadRequest, PauseRequest, Reply, Request, RequeueRequest,
    RunReply, RunRequest, Session, UnloadRequest, Work,
};
use crate::args::Global;
use crate::exit::{Exit, coded, usage};
use crate::open;
use crate::output::tell;
use crate::render;
use manes_runtime::event::{Content, Data};
use manes_runtime::host::{Brought, Host, HostError, Submission, Submitted};
use manes_runtime::manifest::Manifest;
use manes_runtime::query::{self, ActivationView, FlowView, Known};
use manes_runtime::router::{AgentView, Routes};
use std::collections::BTreeMap;
use std::time::Duration;

/// Who submits events from the command line.
const SUBMITTER: &str = "client/cli";

/// A session with a host of our own.
pub(crate) struct Local {
    host: Host,
}

impl Local {
    pub(super) async fn open(global: &Global) -> anyhow::Result<Self> {
        let host = open::host(global).await?;
        say_who_waits(&host).await?;
        Ok(Self { host })
    }

    /// Attempts nothing: what is asked is recorded, and the next host does it.
    pub(super) async fn open_held(global: &Global) -> anyhow::Result<Self> {
        Ok(Self { host: open::held_host(global).await? })
    }
}

/// Nobody can load anything into a host of one command: who waits for what its manifest does not have waits in vain.
async fn say_who_waits(host: &Host) -> anyhow::Result<()> {
    if host.capabilities().await.iter().any(|capability| capability.state == "unloaded") {
        return Ok(());
    }
    for agent in host.agents().await? {
        let waits_for = host.waits_for(&agent.name).await;
        if !waits_for.is_empty() {
            tell!(
                "{} waits for {}, which no capability of the manifest provides: its events queue until a [capability.NAME] does",
                agent.name,
                waits_for.join(", ")
            );
        }
    }
    Ok(())
}

impl Session for Local {
    async fn ask(&self, request: Request) -> anyhow::Result<Reply> {
        perform(&self.host, request).await
    }

    async fn close(self) -> anyhow::Result<()> {
        Ok(self.host.stop().await?)
    }
}

/// Does what is asked on `host`: the same for our own and for a running one.
pub(crate) async fn perform(host: &Host, request: Request) -> anyhow::Result<Reply> {
    match request {
        Request::Ping => Ok(Reply::Pong { manifest: host.manifest().file.clone() }),
        Request::Work => {
            let work = |agent: AgentView| {
                let AgentView { name, queued, running, parked, asking, .. } = agent;
                (name, Work { queued, running, parked, asking })
            };
            Ok(Reply::Work { agents: host.agents().await?.into_iter().map(work).collect() })
        }
        Request::Behind => Ok(Reply::Behind(super::behind::look(host).await)),
        Request::Run(request) => run(host, request).await.map(Reply::Run),
        Request::Emit(request) => emit(host, request).await.map(Reply::Emit),
        Request::Unload(UnloadRequest { name, force }) => {
            host.unload(&name, force).await.map(|waiting| Reply::Unload { waiting }).map_err(refused)
        }
        Request::Load(request) => load(host, request).await.map(Reply::Load),
        Request::Requeue(request) => requeue(host, request).await.map(Reply::Run),
        Request::Answer(request) => answer(host, request).await.map(Reply::Run),
        Request::Keys(change) => {
            let key = host.ledger().change_keys(change).await.map_err(crate::commands::key::refused)?;
            Ok(Reply::Key { key })
        }
        Request::Cancel(CancelRequest { flow }) => {
            host.cancel(flow, SUBMITTER).await.map(|()| Reply::Done).map_err(refused)
        }
        Request::Pause(PauseRequest { agent, pause }) => {
            host.pause(&agent, pause, SUBMITTER).await.map(|()| Reply::Done).map_err(refused)
        }
    }
}

async fn submit(host: &Host, request: RunRequest, routes: &Routes) -> anyhow::Result<Submitted> {
    check(host, &request.topic, routes).await?;
    let content =
        Content { content_type: request.content_type, data: Data::Text(request.data), extensions: BTreeMap::new() };
    let submission = Submission { submitter: SUBMITTER.into(), id: request.id, topic: request.topic, content };
    host.submit(submission).await.map_err(refused)
}

async fn emit(host: &Host, request: RunRequest) -> anyhow::Result<EmitReply> {
    let Submitted { key, flow, index, new } = submit(host, request, &routes(host).await?).await?;
    Ok(EmitReply { flow, event: key, record: index, new })
}

async fn run(host: &Host, request: RunRequest) -> anyhow::Result<RunReply> {
    let (routes, timeout_ms, id) = (routes(host).await?, request.timeout_ms, request.id.clone());
    let submitted = submit(host, request, &routes).await?;
    let wait = Duration::from_millis(timeout_ms);
    let ended = match tokio::time::timeout(wait, host.flow_ended(&submitted)).await {
        Ok(Err(HostError::Stopped)) => anyhow::bail!(
            "the host is stopping, and ends what is under way; flow {} goes on with the next one: to wait for it, run this \
             again with --id {id}",
            submitted.flow.short()
        ),
        Ok(ended) => ended.map(|()| true)?,
        Err(_) => false,
    };
    let mut record = if submitted.new {
        let known = Known { results: host.manifest().results.clone(), routes };
        query::gather_from(host.ledger(), submitted.flow, submitted.index, known)?
    } else {
        // It may be older than this host, and so may be who took it.
        query::gather(host.ledger(), submitted.flow)?
    };
    // Calls can be megabytes, and whoever waits for results does not look at them.
    record.attempts.iter_mut().for_each(|attempt| attempt.calls.clear());
    let mut flow = query::view(submitted.flow, &record);
    flow.events.iter_mut().filter(|event| !event.result).for_each(|event| event.data = None);
    let mut waiting = waiting(host, ended).await?;
    waiting.extend(under_way(&flow));
    Ok(RunReply { new: submitted.new, ended, waiting, flow })
}

/// Who takes what. It stays so as long as the host runs: what is loaded later changes who can handle events, not who
/// takes them.
async fn routes(host: &Host) -> anyhow::Result<Routes> {
    let patterns = |agent: &AgentView| agent.subscribe.iter().filter_map(|pattern| pattern.parse().ok()).collect();
    Ok(host.agents().await?.into_iter().map(|agent| (agent.name.clone(), patterns(&agent))).collect())
}

/// An event that nobody takes is a mistake in the command.
async fn check(host: &Host, topic: &str, routes: &Routes) -> anyhow::Result<()> {
    let parsed = topic.parse().map_err(|error| usage(format!("the topic {topic:?} cannot be used: {error}")))?;
    if routes.subscribers(&parsed).is_empty() {
        for (name, section) in &host.manifest().agent {
            let takes = section.subscribe.iter().any(|pattern| pattern.matches(&parsed));
            if takes && !host.is_loaded(name).await {
                return Err(usage(format!(
                    "no agent takes {topic}: {name} is not loaded; `manes load {name}` loads it"
                )));
            }
        }
        return Err(usage(format!("no agent takes {topic}; agents here take: {}", routes.patterns().join(", "))));
    }
    Ok(())
}

async fn load(host: &Host, request: LoadRequest) -> anyhow::Result<LoadReply> {
    let LoadRequest { name, path, swap } = request;
    if swap && !host.is_loaded(&name).await {
        let manifest = host.manifest();
        let known = manifest.agent.contains_key(&name) || manifest.capability.contains_key(&name);
        let help = if known { format!("; `manes load {name}` loads it") } else { String::new() };
        return Err(usage(format!("{name} is not loaded, so nothing can take its place{help}")));
    }
    // As it is written now: what was added to it since the host started can be loaded.
    let manifest = match &host.manifest().file {
        Some(file) => Manifest::read(file).map_err(|error| usage(error.to_string()))?,
        None => Manifest::clone(&host.manifest()),
    };
    let Brought { started, waits_for, replaced, changed } =
        host.load(&manifest, &name, path.as_deref()).await.map_err(refused)?;
    Ok(LoadReply { started, waits_for, replaced, changed })
}

/// Who has events queued and cannot begin, and why.
async fn waiting(host: &Host, ended: bool) -> anyhow::Result<Vec<String>> {
    if ended {
        return Ok(Vec::new());
    }
    let capabilities = host.capabilities().await;
    let loadable: Vec<&str> = capabilities.iter().filter(|c| c.state == "unloaded").map(|c| c.name.as_str()).collect();
    let hint = match loadable.as_slice() {
        [] => String::new(),
        names => format!("; not loaded: {} (`manes load NAME`)", names.join(", ")),
    };
    let mut lines = Vec::new();
    for agent in host.agents().await? {
        if agent.running > 0 {
            lines.push(format!("{} has {} under way", agent.name, render::count(agent.running, "attempt")));
        }
        if agent.queued == 0 && agent.asking == 0 {
            continue;
        }
        if agent.asking > 0 {
            lines.push(format!("{} asks about a write whose outcome is unknown; `manes answer` shows it", agent.name));
        }
        let waits_for = host.waits_for(&agent.name).await;
        match agent.state {
            "paused" => lines.push(format!("{} is paused; `manes resume {}` lets it go on", agent.name, agent.name)),
            _ if !waits_for.is_empty() => {
                lines.push(format!("{} waits for {}{hint}", agent.name, waits_for.join(", ")));
            }
            _ => {}
        }
    }
    Ok(lines)
}

/// What of a flow is tried again, and why.
fn under_way(flow: &FlowView) -> impl Iterator<Item = String> {
    let all = &flow.activations;
    let is_last = |a: &ActivationView| {
        !all.iter().any(|b| b.activation == a.activation && (b.generation, b.attempt) > (a.generation, a.attempt))
    };
    let again = all.iter().filter(move |a| a.fate == "again" && is_last(a));
    again.map(|a| {
        let at = a.again_at.as_ref().map(|at| format!(" from {at}")).unwrap_or_default();
        format!("{} is tried again{at}, after attempt {}: {}: {}", a.agent, a.attempt, a.status, a.message)
    })
}

async fn requeue(host: &Host, request: RequeueRequest) -> anyhow::Result<RunReply> {
    let submitted = host.requeue(request.activation, SUBMITTER).await.map_err(refused)?;
    followed(host, submitted, request.timeout_ms).await
}

async fn answer(host: &Host, request: AnswerRequest) -> anyhow::Result<RunReply> {
    let AnswerRequest { activation, give_up, timeout_ms } = request;
    let submitted = host.answer(activation, give_up, SUBMITTER).await.map_err(refused)?;
    followed(host, submitted, timeout_ms).await
}

/// A flow that was there before goes on: its end is waited for.
async fn followed(host: &Host, submitted: Submitted, timeout_ms: u64) -> anyhow::Result<RunReply> {
    let wait = Duration::from_millis(timeout_ms);
    let ended = match tokio::time::timeout(wait, host.flow_ended(&submitted)).await {
        Ok(ended) => ended.map(|()| true)?,
        Err(_) => false,
    };
    let mut record = query::gather(host.ledger(), submitted.flow)?;
    record.attempts.iter_mut().for_each(|attempt| attempt.calls.clear());
    let flow = query::view(submitted.flow, &record);
    let mut waiting = waiting(host, ended).await?;
    waiting.extend(under_way(&flow));
    Ok(RunReply { new: true, ended, waiting, flow })
}

fn refused(error: HostError) -> anyhow::Error {
    match error {
        HostError::Conflict { .. } => coded(Exit::Rejected, error.to_string()),
        HostError::Unknown { .. }
        | HostError::NoFolder { .. }
        | HostError::NotLoaded { .. }
        | HostError::Needed { .. }
        | HostError::Stops { .. }
        | HostError::Mismatch { .. }
        | HostError::Ended { .. }
        | HostError::NoAgent { .. }
        | HostError::AlreadySo { .. }
        | HostError::NotDead { .. }
        | HostError::AsksNothing { .. }
        | HostError::Topic { .. }
        | HostError::EventSize { .. }
        | HostError::Read { .. } => usage(error.to_string()),
        other => other.into(),
    }
}
