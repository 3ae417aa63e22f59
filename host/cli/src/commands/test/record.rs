//! A recorded flow as a case: `--from`.

use super::exchange::{Exchange, Exchanges, Odd, is_http};
use super::secrets::Environment;
use super::transcript::Outcome;
use super::write::{exact, put, texts};
use crate::exit::usage;
use anyhow::Context as _;
use manes_core::cursor::{Recorded, RecordedCall};
use manes_core::ids::Digest;
use manes_core::record::{CallStatus, EndStatus};
use manes_core::value::{Handle, Origin, Value};
use manes_runtime::component::{Function, Loaded};
use manes_runtime::deploy::DeploymentBody;
use manes_runtime::engine::Wasm;
use manes_runtime::event::Event;
use manes_runtime::ledger::Reader;
use manes_runtime::provider::BASE;
use manes_runtime::query::{AttemptRecord, FlowRecord};
use manes_runtime::script::{is_ambient, text};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// How a case has requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Requests {
    /// As `[[http]]`.
    Whole,
    /// As the calls that made them.
    Calls,
}

/// In which order attempts take their lines. A case does one thing after another, and the flow may have done two at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// That of a case: event by event, what is tried again or delayed after what is not.
    Queued,
    /// That of the record.
    Begun,
}

impl Order {
    fn of(self, flow: &FlowRecord) -> Vec<&AttemptRecord> {
        match self {
            Self::Queued => queued(flow),
            Self::Begun => flow.attempts.iter().collect(),
        }
    }
}

/// A recorded flow as a case; none if its requests cannot be had like this.
pub(super) fn from(
    reader: &Reader,
    wasm: &Wasm,
    flow: &FlowRecord,
    about: &str,
    (requests, order): (Requests, Order),
) -> anyhow::Result<Option<DocumentMut>> {
    flow.attempts.iter().try_for_each(check)?;
    let mut components = Components { reader, wasm, loaded: HashMap::new() };
    let environment = Environment::read(&mut components, flow)?;
    let attempts = order.of(flow);
    let exchanges = match requests {
        Requests::Whole => match exchanges(&mut components, &attempts)? {
            Ok(exchanges) => exchanges,
            Err(Odd) => return Ok(None),
        },
        Requests::Calls => Vec::new(),
    };
    let mut recorder =
        Recorder { components, requests, environment: &environment, numbers: HashMap::new(), lines: Vec::new() };
    attempts.iter().try_for_each(|attempt| recorder.attempt(attempt))?;
    let lines = recorder.lines;
    let mut document = DocumentMut::new();
    document.insert("about", value(about));
    let mut events = ArrayOfTables::new();
    for root in flow.events.iter().filter(|event| event.envelope.cause.is_none()) {
        let body = root.body.as_deref().and_then(|body| Event::from_record(&root.envelope, body));
        let event = body.ok_or_else(|| usage("the event that began this flow is not kept any more"))?;
        document.insert("time", value(manes_runtime::time::rfc3339(event.time_ns)));
        events.push(root_table(&event, &environment));
    }
    if !environment.shown.is_empty() {
        document.insert("env", value(texts(&environment.shown)));
    }
    document.insert("event", Item::ArrayOfTables(events));
    let mut calls = ArrayOfTables::new();
    lines.into_iter().for_each(|line| calls.push(line));
    if !calls.is_empty() {
        document.insert("call", Item::ArrayOfTables(calls));
    }
    let mut asked = ArrayOfTables::new();
    exchanges.iter().for_each(|exchange| asked.push(environment.exchange(exchange)));
    if !asked.is_empty() {
        document.insert("http", Item::ArrayOfTables(asked));
    }
    put(&mut document, &environment.outcome(Outcome::of(std::slice::from_ref(flow))));
    environment.check(&document.to_string())?;
    Ok(Some(document))
}

/// Attempts as a case makes them, whose agents handle one event at a time.
fn queued(flow: &FlowRecord) -> Vec<&AttemptRecord> {
    let places: HashMap<Digest, usize> = flow.events.iter().enumerate().map(|(at, event)| (event.leaf, at)).collect();
    let roots = flow.events.iter().enumerate().filter(|(_, event)| event.envelope.cause.is_none());
    // By how often something was put off on the way there, then by who came first.
    let mut queue: BTreeSet<(u64, usize, usize)> = roots.map(|(at, _)| (0, at, at)).collect();
    let (mut next, mut ordered) = (flow.events.len(), Vec::new());
    while let Some((rank, came, at)) = queue.pop_first() {
        let Some(event) = flow.events.get(at) else { continue };
        for attempt in flow.attempts.iter().filter(|attempt| attempt.start.envelope.cause == Some(event.leaf)) {
            let rank = rank + attempt.start.envelope.attempt.unwrap_or(1).saturating_sub(1);
            ordered.push((rank, came, attempt));
            for emitted in &attempt.emitted {
                let delayed = u64::from(emitted.envelope.not_before_ns.is_some());
                queue.extend(places.get(&emitted.leaf).map(|at| (rank + delayed, next, *at)));
                next += 1;
            }
        }
    }
    ordered.sort_by_key(|(rank, came, _)| (*rank, *came));
    ordered.into_iter().map(|(_, _, attempt)| attempt).collect()
}

/// The requests of a flow.
fn exchanges(
    components: &mut Components<'_>,
    attempts: &[&AttemptRecord],
) -> anyhow::Result<Result<Vec<Exchange>, Odd>> {
    let mut all = Vec::new();
    for attempt in attempts {
        let loaded = components.of(attempt)?;
        let mut exchanges = Exchanges::default();
        let reused = reused(attempt);
        for call in attempt.recorded_calls()?.iter().filter(|call| !reused.contains(&call.number)) {
            let Some(function) = function(&loaded, call) else { continue };
            let Some(args) = call.arguments(&function.signature) else { continue };
            if let Err(odd) = exchanges.take(call, &args, call.returned(&function.signature).as_ref()) {
                return Ok(Err(odd));
            }
        }
        match exchanges.finish() {
            Ok(exchanges) => all.extend(exchanges),
            Err(odd) => return Ok(Err(odd)),
        }
    }
    Ok(Ok(all))
}

fn root_table(event: &Event, environment: &Environment) -> Table {
    let mut table = Table::new();
    table.insert("topic", value(&event.topic));
    if event.content.content_type != super::transcript::JSON {
        table.insert("content-type", value(&event.content.content_type));
    }
    if !event.content.extensions.is_empty() {
        table.insert("extensions", value(texts(&event.content.extensions)));
    }
    table.insert("data", Item::Value(exact(&environment.data(&event.content.data.to_text()))));
    table
}

/// Calls that were not made: what an earlier attempt wrote was used again.
fn reused(attempt: &AttemptRecord) -> BTreeSet<u64> {
    let is_reused = |status: Option<u64>| status == Some(CallStatus::Reused.number());
    let reused = attempt.calls.iter().filter(|entry| is_reused(entry.envelope.status));
    reused.filter_map(|entry| entry.envelope.call).collect()
}

/// What a test cannot have: somebody stepped in, or a host died.
fn check(attempt: &AttemptRecord) -> anyhow::Result<()> {
    let envelope = &attempt.start.envelope;
    let why = match attempt.status() {
        _ if envelope.generation.unwrap_or_default() > 0 => "was requeued by hand",
        Some(EndStatus::Cancelled) => "was cancelled",
        Some(EndStatus::Interrupted) => "was interrupted when its host stopped",
        Some(EndStatus::Unknown) => "ended with a write whose outcome nobody knows",
        Some(_) => return Ok(()),
        None => "has not ended",
    };
    Err(usage(format!(
        "{}'s attempt {} {why}: that cannot be made a case",
        attempt.agent(),
        envelope.attempt.unwrap_or(1)
    )))
}

/// The components of a ledger, for the types of what they call.
pub(super) struct Components<'a> {
    reader: &'a Reader,
    wasm: &'a Wasm,
    loaded: HashMap<Digest, Arc<Loaded>>,
}

impl Components<'_> {
    pub(super) fn of(&mut self, attempt: &AttemptRecord) -> anyhow::Result<Arc<Loaded>> {
        let body = attempt.deployment.as_ref().and_then(|entry| entry.body.as_deref());
        let body = body.and_then(DeploymentBody::decode).context("a deployment is not kept any more")?;
        if let Some(loaded) = self.loaded.get(&body.component) {
            return Ok(loaded.clone());
        }
        let bytes = self.reader.artifact(&body.component)?.context("a component does not lie with the ledger")?;
        let loaded = Loaded::new(self.wasm, &bytes)?;
        self.loaded.insert(body.component, loaded.clone());
        Ok(loaded)
    }
}

pub(super) fn function<'a>(loaded: &'a Loaded, call: &RecordedCall) -> Option<&'a Function> {
    loaded.imports.get(&call.function.interface)?.functions.get(&call.function.name)
}

/// Turns recorded calls into lines of a script.
struct Recorder<'a> {
    components: Components<'a>,
    requests: Requests,
    environment: &'a Environment,
    /// Lines so far of each agent.
    numbers: HashMap<String, u64>,
    lines: Vec<Table>,
}

impl Recorder<'_> {
    /// The lines of the next attempt.
    fn attempt(&mut self, attempt: &AttemptRecord) -> anyhow::Result<()> {
        let loaded = self.components.of(attempt)?;
        let reused = reused(attempt);
        let mut made: HashMap<u64, u64> = HashMap::new();
        // What an earlier attempt wrote is used again in a test, too.
        let told = |call: &&RecordedCall| self.requests == Requests::Calls || !is_http(call);
        for call in attempt.recorded_calls()?.iter().filter(|call| !reused.contains(&call.number)).filter(told) {
            let Some(function) = function(&loaded, call) else { continue };
            let Some(args) = call.arguments(&function.signature) else { continue };
            let own = |handle: &Handle| {
                let line = made.get(&handle.origin.call)?;
                Some(Handle { origin: Origin { call: *line, ..handle.origin }, ..handle.clone() })
            };
            // Whoever holds a handle that no line made asks somebody who is there.
            let Some(args) = args.iter().map(|arg| arg.with_handles(&own)).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let number = self.numbers.get(attempt.agent()).copied().unwrap_or_default() + 1;
            let Some(line) = self.line(attempt.agent(), call, function, &args, number) else { continue };
            made.insert(call.number, number);
            self.numbers.insert(attempt.agent().to_owned(), number);
            self.lines.push(line);
        }
        Ok(())
    }

    /// The line that answers a call as it was answered; none for what is there in a test as well.
    fn line(
        &self,
        agent: &str,
        call: &RecordedCall,
        function: &Function,
        args: &[Value],
        number: u64,
    ) -> Option<Table> {
        let id = &call.function;
        let ambient = is_ambient(id);
        let drop = id.name.starts_with("[resource-drop]");
        if drop || id.name == "get-environment" || (!ambient && is_at_hand(call, function)) {
            return None;
        }
        let mut table = Table::new();
        table.insert("agent", value(agent));
        table.insert("function", value(id.to_string()));
        if !ambient {
            let args: Vec<Value> = args.iter().map(|arg| self.environment.value(arg)).collect();
            table.insert("args", value(text::print_args(&function.signature, &args)));
        }
        match (&call.outcome, &function.signature.result) {
            (Recorded::Returned(_), Some(shape)) => {
                let own = |handle: &Handle| {
                    Some(Handle { origin: Origin { call: number, ..handle.origin }, ..handle.clone() })
                };
                let result = call.returned(&function.signature)?.with_handles(&own)?;
                table.insert("result", value(text::print(shape, &self.environment.value(&result))));
            }
            (Recorded::Returned(_), None) => {}
            (Recorded::Ended(why), _) if why.starts_with(EndStatus::Fault.name()) => {
                table.insert("fails", value(self.environment.hide(why)));
            }
            // Denied again by the same grants; or nobody knows what came of it.
            (Recorded::Ended(_) | Recorded::Denied(_) | Recorded::Unknown, _) => return None,
        }
        Some(table)
    }
}

/// True for what the base world answers, in a test as everywhere: log, config, standard streams, an empty list of folders;
/// and for timers.
fn is_at_hand(call: &RecordedCall, function: &Function) -> bool {
    let id = &call.function;
    let package = id.interface.split('/').next().unwrap_or_default();
    let mut handles = Vec::new();
    let values = call.arguments(&function.signature).into_iter().flatten().chain(call.returned(&function.signature));
    values.for_each(|value| value.handles(&mut |handle| handles.push(handle.provider.clone())));
    let base = handles.iter().any(|provider| provider == BASE);
    let timer = package == "wasi:clocks";
    let plain = handles.is_empty() && ["manes:agent", "wasi:cli", "wasi:io", "wasi:sockets"].contains(&package);
    let no_folders = handles.is_empty() && package == "wasi:filesystem" && id.name == "get-directories";
    base || timer || plain || no_folders
}
