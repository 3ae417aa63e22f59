//! `manes run`: an event in, results out.

use crate::args::{EmitArgs, EventArgs, Global, RunArgs};
use crate::control::Gone;
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::progress::Progress;
use crate::render;
use crate::session::{Either, EmitReply, Reply, Request, RunReply, RunRequest};
use manes_runtime::query::{ActivationView, EventView};
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

/// Submits the event, waits, prints the results.
pub(crate) async fn run(global: &Global, args: RunArgs) -> anyhow::Result<Exit> {
    let request = request(args.event, args.timeout.saturating_mul(1000))?;
    let session = Either::open(global).await?;
    let id = request.id.clone();
    let waiting = Progress::begin("waiting for the flow to end");
    let reply = session.ask(Request::Run(request)).await.map_err(|error| match error.downcast_ref::<Gone>() {
        Some(Gone) => anyhow::anyhow!(
            "the running host went away. If it had the event, the next `manes up` goes on with it; to wait for it, or to \
             submit it where it had not, run this again with --id {id}"
        ),
        None => error,
    });
    drop(waiting);
    // A host that failed says why when it closes; what it answered before is only a consequence.
    session.close().await?;
    let Reply::Run(reply) = reply? else { anyhow::bail!("the host answered something else") };
    print(global, &reply)?;
    Ok(exit(&reply))
}

/// Submits the event. Without a running host it lies in the ledger until the next one.
pub(crate) async fn emit(global: &Global, args: EmitArgs) -> anyhow::Result<Exit> {
    let request = request(args.event, 0)?;
    let running = Either::running(global, None).await?;
    let later = running.is_none();
    let session = match running {
        Some(running) => running,
        None => Either::held(global).await?,
    };
    let reply = session.ask(Request::Emit(request)).await;
    session.close().await?;
    let Reply::Emit(EmitReply { flow, event, record, new }) = reply? else {
        anyhow::bail!("the host answered something else")
    };
    if global.json {
        say!("{}", serde_json::json!({ "flow": flow, "event": event, "record": record, "new": new }));
        return Ok(Exit::Done);
    }
    say!("{flow}");
    let repeated = if new { "" } else { " (submitted before)" };
    let (id, options) = (flow.short(), options(global));
    tell!("record {record}{repeated} · manes{options} flow {id}");
    if later {
        tell!("no host is running: `manes{options} up` handles it");
    }
    Ok(Exit::Done)
}

fn request(event: EventArgs, timeout_ms: u64) -> anyhow::Result<RunRequest> {
    let EventArgs { topic, data: argument, id, content_type } = event;
    let data = data(argument.as_deref().unwrap_or("{}"))?;
    Ok(RunRequest { id: id.map_or_else(random_id, Ok)?, topic, content_type, data, timeout_ms })
}

fn random_id() -> anyhow::Result<String> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| anyhow::anyhow!("no randomness for an id: {error}"))?;
    Ok(manes_core::ids::hex(&id))
}

fn data(argument: &str) -> anyhow::Result<String> {
    if argument == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| usage(format!("standard input: {error}")))?;
        return Ok(text);
    }
    match argument.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| usage(format!("failed to read {path}: {error}"))),
        None => Ok(argument.to_owned()),
    }
}

/// Events that are answers: nobody took them and nobody had to.
fn results(reply: &RunReply) -> impl Iterator<Item = &EventView> {
    reply.flow.events.iter().filter(|event| event.result)
}

/// Events that somebody should have taken and nobody did, with the reason.
fn unrouted(reply: &RunReply) -> impl Iterator<Item = (&EventView, &str)> {
    let handled = |event: &EventView| reply.flow.activations.iter().any(|a| a.event.as_deref() == Some(&event.id));
    let missed = reply.flow.events.iter().filter_map(|event| Some((event, event.unrouted.as_deref()?)));
    missed.filter(move |(event, _)| !handled(event))
}

fn exit(reply: &RunReply) -> Exit {
    match (reply.ended, reply.flow.status.as_str()) {
        (false, _) => Exit::Unfinished,
        (true, "done") if unrouted(reply).next().is_none() => Exit::Done,
        (true, _) => Exit::Rejected,
    }
}

/// What failed and is not tried again.
fn failures(reply: &RunReply) -> impl Iterator<Item = &ActivationView> {
    let all = &reply.flow.activations;
    // What was requeued since is told by its last generation.
    let is_last = |a: &ActivationView| {
        !all.iter().any(|b| b.agent == a.agent && b.event == a.event && b.generation > a.generation)
    };
    all.iter().filter(move |a| !matches!(a.status.as_str(), "done" | "open") && a.fate != "again" && is_last(a))
}

/// The options under which another command finds the same ledger.
fn options(global: &Global) -> String {
    match &global.ledger {
        Some(ledger) => format!(" --ledger {}", ledger.display()),
        None if global.manifest == Path::new("manes.toml") => String::new(),
        None => format!(" --manifest {}", global.manifest.display()),
    }
}

pub(super) fn print(global: &Global, reply: &RunReply) -> anyhow::Result<()> {
    let flow = &reply.flow;
    for (event, why) in unrouted(reply) {
        let topic = render::plain(&event.topic);
        let answer = format!("; if it is an answer, say so: results = [\"{topic}\"]");
        let help = if why.contains("no agent subscribes") { answer.as_str() } else { "" };
        tell!("unrouted: {topic} ({}){help}", render::plain(why));
    }
    let word = if reply.ended { flow.status.as_str() } else { "not finished in time" };
    if global.json {
        let results: Vec<_> = results(reply)
            .map(|event| serde_json::json!({ "topic": event.topic, "data": event.data, "record": event.record }))
            .collect();
        let failures: Vec<_> = failures(reply)
            .map(|a| serde_json::json!({ "agent": a.agent, "status": a.status, "message": a.message, "fate": a.fate }))
            .collect();
        let unrouted: Vec<_> = unrouted(reply)
            .map(|(event, why)| serde_json::json!({ "topic": event.topic, "why": why, "record": event.record }))
            .collect();
        let activations: BTreeSet<_> = flow.activations.iter().map(|a| a.activation).collect();
        let shape = serde_json::json!({
            "flow": flow.flow, "status": word, "new": reply.new, "results": results, "unrouted": unrouted,
            "activations": activations.len(), "attempts": flow.activations.len(), "failures": failures,
            "waiting": reply.waiting,
            "elapsed_ns": flow.activations.iter().map(|a| a.elapsed_ns).sum::<u64>(),
        });
        say!("{shape}");
        return Ok(());
    }
    // A terminal obeys what it is shown; in a pipe the data are data.
    let shown = |data: &str| if std::io::stdout().is_terminal() { render::lines(data) } else { data.to_owned() };
    for event in results(reply) {
        say!("{}", shown(event.data.as_deref().unwrap_or_default()));
    }
    for activation in failures(reply) {
        tell!("{}: {}: {}", activation.agent, activation.status, render::plain(&activation.message));
        for line in render::last_words(&activation.stderr) {
            tell!("  {line}");
        }
    }
    for waiting in &reply.waiting {
        tell!("{}", render::plain(waiting));
    }
    let (id, options) = (flow.flow.short(), options(global));
    let repeated = if reply.new { "" } else { " (submitted before)" };
    tell!("flow {id}… {word}{repeated} · manes{options} flow {id} · manes{options} replay {id}");
    Ok(())
}
