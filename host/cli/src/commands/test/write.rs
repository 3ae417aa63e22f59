//! Writes cases: what came into one that is there (`--update`), or a recorded flow as a new one (`--from`).

use super::case::Case;
use super::transcript::{Outcome, attempts};
use crate::exit::usage;
use anyhow::Context as _;
use manes_core::cursor::{Recorded, RecordedCall};
use manes_core::ids::Digest;
use manes_core::value::{Handle, Origin, Value};
use manes_runtime::component::{Function, Loaded};
use manes_runtime::deploy::DeploymentBody;
use manes_runtime::engine::Wasm;
use manes_runtime::event::Event;
use manes_runtime::ledger::{Entry, Reader};
use manes_runtime::provider::BASE;
use manes_runtime::query::{AttemptRecord, FlowRecord};
use manes_runtime::script::{is_ambient, text};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

/// Values of the environment that are shorter are not looked for in what is recorded.
const SECRET_CHARS_MIN: usize = 4;

/// Writes what came into the case's file; comments and everything else stay.
pub(super) fn update(case: &Case, used: &[bool], outcome: &Outcome) -> anyhow::Result<()> {
    let file = case.path.display();
    let text = std::fs::read_to_string(&case.path).with_context(|| format!("failed to read {file}"))?;
    let mut document: DocumentMut = text.parse().with_context(|| format!("failed to read {file}"))?;
    if let Some(calls) = document.get_mut("call").and_then(Item::as_array_of_tables_mut) {
        let mut place = 0;
        calls.retain(|_| {
            place += 1;
            used.get(place - 1).copied().unwrap_or(true)
        });
    }
    put(&mut document, outcome);
    save(&case.path, &document)
}

fn save(path: &Path, document: &DocumentMut) -> anyhow::Result<()> {
    std::fs::write(path, document.to_string()).with_context(|| format!("failed to write {}", path.display()))
}

/// Replaces what is expected.
fn put(document: &mut DocumentMut, outcome: &Outcome) {
    let mut expected = ArrayOfTables::new();
    for came in &outcome.events {
        let mut table = Table::new();
        table.insert("topic", value(&came.topic));
        table.insert("agent", value(&came.agent));
        table.insert("data", Item::Value(data(&came.data)));
        expected.push(table);
    }
    let mut failures = ArrayOfTables::new();
    for gave in &outcome.failures {
        let mut table = Table::new();
        table.insert("agent", value(&gave.agent));
        table.insert("status", value(&gave.status));
        table.insert("message", value(&gave.message));
        failures.push(table);
    }
    for (key, tables) in [("expect", expected), ("fail", failures)] {
        document.remove(key);
        if !tables.is_empty() {
            document.insert(key, Item::ArrayOfTables(tables));
        }
    }
}

/// Data as TOML, where TOML can say the same; else as text.
fn data(text: &str) -> toml_edit::Value {
    let json: Option<Json> = serde_json::from_str(text).ok();
    json.filter(|json| json.is_object() || json.is_array()).as_ref().and_then(toml).unwrap_or_else(|| text.into())
}

fn toml(json: &Json) -> Option<toml_edit::Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None if number.is_f64() => number.as_f64()?.into(),
            None => return None,
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => items.iter().map(toml).collect::<Option<Array>>()?.into(),
        Json::Object(fields) => {
            let mut table = InlineTable::new();
            for (key, field) in fields {
                table.insert(key, toml(field)?);
            }
            table.into()
        }
    })
}

/// A recorded flow as a case.
pub(super) fn from(reader: &Reader, wasm: &Wasm, flow: &FlowRecord, about: &str) -> anyhow::Result<DocumentMut> {
    let mut recorder =
        Recorder { reader, wasm, components: HashMap::new(), numbers: HashMap::new(), lines: Vec::new() };
    let mut document = DocumentMut::new();
    document.insert("about", value(about));
    let mut events = ArrayOfTables::new();
    for root in flow.events.iter().filter(|event| event.envelope.cause.is_none()) {
        let body = root.body.as_deref().and_then(|body| Event::from_record(&root.envelope, body));
        let event = body.ok_or_else(|| usage("the event that began this flow is not kept any more"))?;
        document.insert("time", value(manes_runtime::time::rfc3339(event.time_ns)));
        let mut table = Table::new();
        table.insert("topic", value(&event.topic));
        if event.content.content_type != "application/json" {
            table.insert("content-type", value(&event.content.content_type));
        }
        table.insert("data", Item::Value(data(&event.content.data.to_text())));
        events.push(table);
        recorder.follow(flow, root)?;
    }
    let secrets = recorder.secrets(flow)?;
    if !secrets.is_empty() {
        let mut env = InlineTable::new();
        secrets.keys().for_each(|name| drop(env.insert(name, stand_in(name).into())));
        document.insert("env", value(env));
    }
    document.insert("event", Item::ArrayOfTables(events));
    let mut calls = ArrayOfTables::new();
    recorder.lines.into_iter().for_each(|line| calls.push(line));
    if !calls.is_empty() {
        document.insert("call", Item::ArrayOfTables(calls));
    }
    put(&mut document, &Outcome::of(std::slice::from_ref(flow)));
    // What the environment held is for nobody's repository.
    let mut written = document.to_string();
    for (name, secret) in secrets.iter().filter(|(_, secret)| secret.chars().count() >= SECRET_CHARS_MIN) {
        written = written.replace(secret.as_str(), &stand_in(name));
    }
    Ok(written.parse()?)
}

/// What stands in a case where a variable's value stood.
fn stand_in(name: &str) -> String {
    format!("test-{name}")
}

/// Turns recorded calls into lines of a script.
struct Recorder<'a> {
    reader: &'a Reader,
    wasm: &'a Wasm,
    components: HashMap<Digest, Arc<Loaded>>,
    /// Lines so far of each agent.
    numbers: HashMap<String, u64>,
    lines: Vec<Table>,
}

impl Recorder<'_> {
    /// In the order in which a case has everything.
    fn follow(&mut self, flow: &FlowRecord, event: &Entry) -> anyhow::Result<()> {
        for attempt in attempts(flow, event) {
            self.attempt(attempt)?;
            for emitted in &attempt.emitted {
                self.follow(flow, emitted)?;
            }
        }
        Ok(())
    }

    fn component(&mut self, attempt: &AttemptRecord) -> anyhow::Result<Arc<Loaded>> {
        let body = attempt.deployment.as_ref().and_then(|entry| entry.body.as_deref());
        let body = body.and_then(DeploymentBody::decode).context("a deployment is not kept any more")?;
        if let Some(loaded) = self.components.get(&body.component) {
            return Ok(loaded.clone());
        }
        let bytes = self.reader.artifact(&body.component)?.context("a component does not lie with the ledger")?;
        let loaded = Loaded::new(self.wasm, &bytes)?;
        self.components.insert(body.component, loaded.clone());
        Ok(loaded)
    }

    fn attempt(&mut self, attempt: &AttemptRecord) -> anyhow::Result<()> {
        let loaded = self.component(attempt)?;
        let mut made: HashMap<u64, u64> = HashMap::new();
        for call in attempt.recorded_calls()? {
            let id = &call.function;
            let interface = loaded.imports.get(&id.interface);
            let Some(function) = interface.and_then(|interface| interface.functions.get(&id.name)) else { continue };
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
            let Some(line) = line(attempt.agent(), &call, function, &args, number) else { continue };
            made.insert(call.number, number);
            self.numbers.insert(attempt.agent().to_owned(), number);
            self.lines.push(line);
        }
        Ok(())
    }

    /// What the environment held.
    fn secrets(&mut self, flow: &FlowRecord) -> anyhow::Result<BTreeMap<String, String>> {
        let mut secrets = BTreeMap::new();
        for attempt in &flow.attempts {
            let loaded = self.component(attempt)?;
            for call in attempt.recorded_calls()?.iter().filter(|call| call.function.name == "get-environment") {
                let interface = loaded.imports.get(&call.function.interface);
                let function = interface.and_then(|interface| interface.functions.get(&call.function.name));
                if let Some(Value::List(pairs)) = function.and_then(|function| call.returned(&function.signature)) {
                    secrets.extend(pairs.iter().filter_map(pair));
                }
            }
        }
        Ok(secrets)
    }
}

fn pair(value: &Value) -> Option<(String, String)> {
    match value {
        Value::Tuple(pair) => match pair.as_slice() {
            [Value::String(name), Value::String(value)] => Some((name.clone(), value.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// The line that answers a call as it was answered; none for what is there in a test as well.
fn line(agent: &str, call: &RecordedCall, function: &Function, args: &[Value], number: u64) -> Option<Table> {
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
        table.insert("args", value(text::print_args(&function.signature, args)));
    }
    match (&call.outcome, &function.signature.result) {
        (Recorded::Returned(_), Some(shape)) => {
            let own =
                |handle: &Handle| Some(Handle { origin: Origin { call: number, ..handle.origin }, ..handle.clone() });
            let result = call.returned(&function.signature)?.with_handles(&own)?;
            table.insert("result", value(text::print(shape, &result)));
        }
        (Recorded::Returned(_), None) => {}
        (Recorded::Ended(why), _) if why.starts_with("fault") => {
            table.insert("fails", value(why));
        }
        // Denied again by the same grants; or nobody knows what came of it.
        (Recorded::Ended(_) | Recorded::Denied(_) | Recorded::Unknown, _) => return None,
    }
    Some(table)
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
