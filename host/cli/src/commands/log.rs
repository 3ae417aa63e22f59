//! `manes log` and `manes tail`: records in ledger order, and those that come.

use crate::args::{Global, LogArgs, TailArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::{open, render};
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, FlowId};
use manes_core::item::Item;
use manes_core::record::{EndStatus, Envelope, Kind};
use manes_core::topic::{Pattern, Topic};
use manes_runtime::ledger::Entry;
use manes_runtime::records::Records as _;
use manes_runtime::router::GIVEN_UP;
use manes_runtime::seams::Seams;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Records with which `tail` begins.
const LAST: usize = 10;
/// How often it looks for more.
const LOOK: Duration = Duration::from_millis(100);

/// Prints the records that pass all filters.
pub(crate) fn log(global: &Global, args: &LogArgs) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let mut filter = Filter::new(args)?;
    filter.flow = args.flow.as_deref().map(|id| open::flow(&reader, id)).transpose()?;
    let mut kept: VecDeque<Entry> = VecDeque::new();
    reader.each(|entry| {
        if filter.passes(&entry) {
            if args.last.is_some_and(|last| kept.len() >= last) {
                kept.pop_front();
            }
            // Without a limit each record is printed as it comes, so that memory stays small.
            match args.last {
                Some(0) => {}
                Some(_) => kept.push_back(entry),
                None => print(global, args, &entry, &filter),
            }
        }
        true
    })?;
    kept.iter().for_each(|entry| print(global, args, entry, &filter));
    if let Some(agent) = filter.agent.as_ref().filter(|agent| !filter.activations.values().any(|(_, a)| a == *agent)) {
        tell!("no record is of an agent {agent} that handled something; `manes agents` lists them");
    }
    Ok(Exit::Done)
}

/// Prints the newest records and those that come, until it is interrupted.
pub(crate) async fn tail(global: &Global, args: TailArgs) -> anyhow::Result<Exit> {
    let args = LogArgs { last: Some(args.log.last.unwrap_or(LAST)), ..args.log };
    let reader = open::reader(global)?;
    let mut filter = Filter::new(&args)?;
    filter.flow = args.flow.as_deref().map(|id| open::flow(&reader, id)).transpose()?;
    // Who follows a ledger wants to see what happens, not each call.
    filter.calls = args.kind.is_some() || args.flow.is_some();
    let (mut kept, mut next) = (VecDeque::new(), 0);
    reader.each(|entry| {
        next = entry.index + 1;
        if filter.passes(&entry) {
            kept.push_back(entry);
            if kept.len() > args.last.unwrap_or_default() {
                kept.pop_front();
            }
        }
        true
    })?;
    kept.iter().for_each(|entry| print(global, &args, entry, &filter));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = &mut interrupted => return Ok(Exit::Done),
            () = tokio::time::sleep(LOOK) => {}
        }
        reader.refresh()?;
        reader.each_from(next, |entry| {
            next = entry.index + 1;
            if filter.passes(&entry) {
                print(global, &args, &entry, &filter);
            }
            true
        })?;
    }
}

/// A time as it is given: so long ago, or by the calendar.
fn time(option: &str, text: Option<&str>) -> anyhow::Result<Option<u64>> {
    let Some(text) = text else { return Ok(None) };
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if let Ok(ago) = humantime::parse_duration(text) {
        return Ok(Some(Seams::system().clock.now_ns().saturating_sub(ns(ago))));
    }
    let time = humantime::parse_rfc3339_weak(text).ok();
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let odd = || usage(format!("{option}: {text:?} is no time; as in 10m, 2h, 2026-11-21T10:00:00Z"));
    since.map(|since| Some(ns(since))).ok_or_else(odd)
}

struct Filter {
    /// False to leave out what belongs to a single call.
    calls: bool,
    flow: Option<FlowId>,
    agent: Option<String>,
    topic: Option<Pattern>,
    kind: Option<String>,
    /// Nanoseconds since 1970.
    times: std::ops::Range<u64>,
    /// Calls name their activation only: what each activation belongs to.
    activations: HashMap<ActivationId, (Option<FlowId>, String)>,
}

impl Filter {
    fn new(args: &LogArgs) -> anyhow::Result<Self> {
        let kinds: Vec<&str> = Kind::names().collect();
        if let Some(kind) = args.kind.as_deref().filter(|kind| !kinds.contains(kind)) {
            return Err(usage(format!("{kind:?} is no kind of record; kinds are: {}", kinds.join(", "))));
        }
        let topic = args.topic.as_deref().map(str::parse).transpose();
        let topic = topic.map_err(|error| usage(format!("--topic: {error}")))?;
        let (agent, kind) = (args.agent.clone(), args.kind.clone());
        let (since, until) = (time("--since", args.since.as_deref())?, time("--until", args.until.as_deref())?);
        let times = since.unwrap_or(0)..until.unwrap_or(u64::MAX);
        Ok(Self { calls: true, flow: None, agent, topic, kind, times, activations: HashMap::new() })
    }

    fn passes(&mut self, entry: &Entry) -> bool {
        let envelope = &entry.envelope;
        if let (Kind::Start, Some(id), Some(agent)) = (envelope.kind(), envelope.activation, &envelope.agent) {
            self.activations.insert(id, (envelope.flow, agent.clone()));
        }
        let known = envelope.activation.and_then(|id| self.activations.get(&id));
        let flow = envelope.flow.or_else(|| known.and_then(|(flow, _)| *flow));
        let agent = envelope.agent.as_ref().or_else(|| known.map(|(_, agent)| agent));
        let on_topic = |pattern: &Pattern| {
            envelope.topic.as_deref().and_then(|topic| topic.parse::<Topic>().ok()).is_some_and(|t| pattern.matches(&t))
        };
        (self.calls || !matches!(envelope.kind(), Kind::Start | Kind::Intent | Kind::Outcome))
            && self.times.contains(&envelope.time_ns)
            && self.flow.is_none_or(|wanted| flow == Some(wanted))
            && self.agent.as_ref().is_none_or(|wanted| agent == Some(wanted))
            && self.topic.as_ref().is_none_or(on_topic)
            && self.kind.as_deref().is_none_or(|wanted| envelope.kind().name() == wanted)
    }
}

fn print(global: &Global, args: &LogArgs, entry: &Entry, filter: &Filter) {
    let body = args.bodies.then(|| entry.body.as_deref().and_then(|body| Item::decode(body).ok())).flatten();
    let body = body.map(|item| item.to_json());
    if global.json {
        let known = entry.envelope.activation.and_then(|id| filter.activations.get(&id));
        let mut shape = shape(entry, body);
        // What a call's record leaves out its attempt's start says.
        if let (Some((flow, agent)), Some(fields)) = (known, shape.as_object_mut()) {
            fields.insert("flow".into(), json!(flow));
            fields.insert("agent".into(), json!(agent));
        }
        say!("{shape}");
        return;
    }
    let envelope = &entry.envelope;
    let known = envelope.activation.and_then(|id| filter.activations.get(&id));
    let flow = envelope.flow.or_else(|| known.and_then(|(flow, _)| *flow)).map_or_else(|| "-".into(), |id| id.short());
    let agent = envelope.agent.as_deref().or_else(|| known.map(|(_, agent)| agent.as_str())).unwrap_or("-");
    let style = render::Style::stdout();
    let time = manes_runtime::time::rfc3339(envelope.time_ns);
    say!(
        "{:>7}  {}  {flow:<8}  {:<10}  {agent:<12}  {}",
        entry.index,
        style.dim(&time),
        envelope.kind().name(),
        render::plain(&detail(envelope))
    );
    if let Some(body) = body {
        say!("         {}", style.dim(&render::plain(&body.to_string())));
    }
}

/// What a record is about, in a few words.
fn detail(envelope: &Envelope) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let bytes = envelope.body.map(|body| render::bytes(body.length)).unwrap_or_default();
    match envelope.kind() {
        Kind::Event => format!("{}  {bytes}", text(&envelope.topic)),
        Kind::Unrouted | Kind::Conflict => format!("{}  {}", text(&envelope.topic), text(&envelope.rule)),
        Kind::Start => format!("attempt {}", envelope.attempt.unwrap_or_default()),
        Kind::Intent | Kind::Outcome => {
            let served = envelope.parent.map(|parent| format!("{parent}.")).unwrap_or_default();
            let denied = if envelope.decision == Some(1) { "  denied" } else { "" };
            format!("{served}{}  {}  {bytes}{denied}", envelope.call.unwrap_or_default(), text(&envelope.function))
        }
        Kind::End => {
            let status = envelope.status.and_then(EndStatus::from_number).map_or("unknown", EndStatus::name);
            let fate = match envelope.fate.and_then(Fate::from_number) {
                Some(Fate::Again) => "  to be tried again",
                Some(Fate::Dead) => "  dead letter",
                Some(Fate::Asks) => "  waits for an answer",
                Some(Fate::Final) | None => "",
            };
            format!(
                "{status}  {}  fuel {}{fate}",
                render::count(envelope.calls.unwrap_or_default(), "call"),
                envelope.fuel.unwrap_or_default()
            )
        }
        Kind::Deployment => match envelope.status {
            Some(manes_runtime::deploy::REMOVED) => "removed".into(),
            Some(manes_runtime::deploy::WAITING) => "waiting for a capability".into(),
            _ => format!("component {}", envelope.component.map(|d| d.short()).unwrap_or_default()),
        },
        Kind::Genesis | Kind::Key => envelope.key.map(|key| format!("key {}", key.short())).unwrap_or_default(),
        Kind::Resumed => format!("attempt {}", envelope.attempt.unwrap_or_default()),
        Kind::Requeue => {
            format!("generation {}  by {}", envelope.generation.unwrap_or_default(), text(&envelope.principal))
        }
        Kind::Answer => {
            let answer = if envelope.status == Some(GIVEN_UP) { "give up" } else { "repeat" };
            format!("{answer}  by {}", text(&envelope.principal))
        }
        Kind::Cancel | Kind::Pause | Kind::Unpause | Kind::Restore => format!("by {}", text(&envelope.principal)),
        Kind::Unknown(number) => format!("kind {number} of a later version"),
    }
}

/// The stable shape of a record.
fn shape(entry: &Entry, body: Option<serde_json::Value>) -> serde_json::Value {
    let envelope = &entry.envelope;
    json!({
        "record": entry.index, "leaf": entry.leaf, "kind": envelope.kind().name(), "time_ns": envelope.time_ns,
        "flow": envelope.flow, "event": envelope.event, "topic": envelope.topic, "agent": envelope.agent,
        "principal": envelope.principal, "activation": envelope.activation, "attempt": envelope.attempt,
        "deployment": envelope.deployment, "cause": envelope.cause, "call": envelope.call, "parent": envelope.parent,
        "function": envelope.function, "effect": envelope.effect, "decision": envelope.decision,
        "rule": envelope.rule, "provider": envelope.provider, "component": envelope.component,
        "status": envelope.status, "fuel": envelope.fuel, "calls": envelope.calls, "drafts": envelope.drafts,
        "fate": envelope.fate.and_then(Fate::from_number).map(Fate::name), "not_before_ns": envelope.not_before_ns,
        "key": envelope.key, "generation": envelope.generation,
        "elapsed_ns": envelope.elapsed_ns, "bytes": envelope.body.map(|b| b.length), "body": body,
    })
}
