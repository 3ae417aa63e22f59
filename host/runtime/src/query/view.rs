//! Flows as people and programs see them: one stable shape, serialised as it is for `--json`.

use super::gather::{AttemptRecord, Body, FlowRecord};
use super::left::Left;
use crate::event::{Data, Event};
use crate::ledger::{Entry, LedgerError};
use crate::records::Records;
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, Digest, FlowId};
use manes_core::item::Item;
use manes_core::lens::Effect;
use manes_core::record::{CallStatus, EndStatus, Kind};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// A flow in one line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowSummary {
    /// Its id.
    pub flow: FlowId,
    /// Topic of its root event.
    pub topic: String,
    /// When it began, RFC 3339.
    pub time: String,
    /// `done`, `failed` (some agent's last attempt failed) or `open`.
    pub status: String,
    /// Events.
    pub events: u64,
    /// Activations.
    pub activations: u64,
}

/// An event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventView {
    /// CloudEvents id.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// Who emitted it.
    pub source: String,
    /// Bytes of data.
    pub bytes: u64,
    /// The data, if it is text.
    pub data: Option<String>,
    /// Id of the activation that emitted it; none for the root.
    pub emitted_by: Option<ActivationId>,
    /// Why nobody took it, if nobody did.
    pub unrouted: Option<String>,
    /// True for an answer: its topic is one of results, and nobody takes it.
    pub result: bool,
    /// Index of its record.
    pub record: u64,
}

/// A call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallView {
    /// Its number in its scope.
    pub call: u64,
    /// The agent's call that it served, for a capability's.
    pub parent: Option<u64>,
    /// `interface#function`.
    pub function: String,
    /// Who answered.
    pub provider: String,
    /// What it does.
    pub effect: String,
    /// The rule that decided.
    pub rule: String,
    /// True if it was denied.
    pub denied: bool,
    /// `returned`, `denied`, `ended`, `reused` (an earlier attempt's outcome) or `unknown`.
    #[serde(default)]
    pub status: String,
    /// What was not granted, and the manifest line that would allow it.
    pub denial: Option<String>,
    /// Bytes of its body.
    pub bytes: u64,
    /// The arguments, if they are kept.
    pub args: Option<serde_json::Value>,
    /// The outcome, if it is kept.
    pub outcome: Option<serde_json::Value>,
    /// Why it ended the attempt, if it did.
    pub ended: Option<String>,
    /// Index of its record.
    pub record: u64,
}

/// An activation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActivationView {
    /// Its id.
    pub activation: ActivationId,
    /// The agent.
    pub agent: String,
    /// Id of the event that it handled.
    pub event: Option<String>,
    /// Its attempt.
    pub attempt: u64,
    /// How it ended; `open` while it has not.
    pub status: String,
    /// Why.
    pub message: String,
    /// What followed: `again`, `dead`, `asks`, or nothing.
    #[serde(default)]
    pub fate: String,
    /// When it is tried again, RFC 3339, if it is.
    #[serde(default)]
    pub again_at: Option<String>,
    /// How often it was requeued before.
    #[serde(default)]
    pub generation: u64,
    /// The end of its standard error.
    pub stderr: String,
    /// Bytes of log text over its limit, which the host did not pass on.
    #[serde(default)]
    pub log_cut: u64,
    /// Fuel that it used.
    pub fuel: u64,
    /// Time that it took, nanoseconds.
    pub elapsed_ns: u64,
    /// Topics that it emitted on.
    pub emitted: Vec<String>,
    /// Its calls.
    pub calls: Vec<CallView>,
    /// Index of its start's record.
    pub record: u64,
}

/// A flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlowView {
    /// Its id.
    pub flow: FlowId,
    /// `done`, `failed` or `open`.
    pub status: String,
    /// Its events.
    pub events: Vec<EventView>,
    /// Its activations.
    pub activations: Vec<ActivationView>,
}

/// All flows in ledger order.
///
/// # Errors
/// The ledger cannot be read.
pub fn flows(records: &impl Records) -> Result<Vec<FlowSummary>, LedgerError> {
    let mut order: Vec<FlowSummary> = Vec::new();
    let mut places: HashMap<FlowId, usize> = HashMap::new();
    let mut left = Left::default();
    records.each(|entry| {
        left.apply(&entry);
        let Some(flow) = entry.envelope.flow else { return true };
        let place = *places.entry(flow).or_insert_with(|| {
            order.push(FlowSummary {
                flow,
                topic: entry.envelope.topic.clone().unwrap_or_default(),
                time: crate::time::rfc3339(entry.envelope.time_ns),
                status: "done".into(),
                events: 0,
                activations: 0,
            });
            order.len() - 1
        });
        let Some(summary) = order.get_mut(place) else { return true };
        match entry.envelope.kind() {
            Kind::Event => summary.events += 1,
            Kind::Start => summary.activations += u64::from(entry.envelope.attempt.unwrap_or(1) <= 1),
            _ => {}
        }
        true
    })?;
    let (open, failed) = (left.flows(), left.failed());
    for summary in &mut order {
        summary.status = status(open.contains(&summary.flow), failed.contains(&summary.flow)).into();
    }
    Ok(order)
}

/// One flow in full.
#[must_use]
pub fn view(flow: FlowId, record: &FlowRecord) -> FlowView {
    let activations: Vec<ActivationView> = record.attempts.iter().map(activation).collect();
    let about = About::new(record);
    let status = status(record.open, record.failed);
    let events = record.events.iter().map(|entry| event(entry, &about)).collect();
    FlowView { flow, status: status.into(), events, activations }
}

const fn status(open: bool, failed: bool) -> &'static str {
    match (open, failed) {
        (true, _) => "open",
        (false, true) => "failed",
        (false, false) => "done",
    }
}

/// What the other records of a flow say of its events, so that each event is looked up and not searched for.
struct About<'a> {
    /// Attempts by the leaf hash of their start.
    attempts: HashMap<Digest, &'a AttemptRecord>,
    /// Why nobody took an event, where that is recorded.
    unrouted: HashMap<Digest, &'a str>,
    answers: &'a HashSet<Digest>,
}

impl<'a> About<'a> {
    fn new(record: &'a FlowRecord) -> Self {
        let attempts = record.attempts.iter().map(|attempt| (attempt.start.leaf, attempt)).collect();
        let unrouted = record.notes.iter().filter(|note| note.envelope.kind() == Kind::Unrouted);
        let why = |note: &'a Entry| Some((note.envelope.cause?, note.envelope.rule.as_deref().unwrap_or_default()));
        Self { attempts, unrouted: unrouted.filter_map(why).collect(), answers: &record.answers }
    }
}

fn event(entry: &Entry, about: &About<'_>) -> EventView {
    let parsed = entry.body.as_deref().and_then(|body| Event::from_record(&entry.envelope, body));
    let by = entry.envelope.cause.and_then(|start| about.attempts.get(&start));
    let unrouted = about.unrouted.get(&entry.leaf).copied();
    EventView {
        id: entry.envelope.event.map(|key| key.to_string()).unwrap_or_default(),
        topic: entry.envelope.topic.clone().unwrap_or_default(),
        source: entry.envelope.principal.clone().unwrap_or_default(),
        bytes: parsed.as_ref().map_or(0, |event| event.content.data.len() as u64),
        data: parsed.and_then(|event| match event.content.data {
            Data::Text(text) => Some(text),
            Data::Bytes(_) => None,
        }),
        emitted_by: by.and_then(|attempt| attempt.start.envelope.activation),
        unrouted: unrouted.map(str::to_owned),
        result: about.answers.contains(&entry.leaf),
        record: entry.index,
    }
}

fn activation(attempt: &AttemptRecord) -> ActivationView {
    let end = attempt.end.as_ref();
    let body = end.and_then(|end| end.body.as_deref()).and_then(|body| Item::decode(body).ok());
    let text =
        |key: &str| body.as_ref().and_then(|item| item.get(key)).and_then(Item::as_text).unwrap_or_default().to_owned();
    let outcomes = attempt.calls.iter().filter(|entry| entry.envelope.kind() == Kind::Outcome);
    let intents = attempt.calls.iter().filter(|entry| entry.envelope.kind() == Kind::Intent);
    let intents: HashMap<Digest, &Entry> = intents.map(|entry| (entry.leaf, entry)).collect();
    ActivationView {
        activation: attempt.start.envelope.activation.unwrap_or_default(),
        agent: attempt.agent().to_owned(),
        event: attempt.start.envelope.event.map(|key| key.to_string()),
        attempt: attempt.start.envelope.attempt.unwrap_or_default(),
        status: attempt.status().map_or("open", EndStatus::name).to_owned(),
        message: text("message"),
        fate: end.and_then(|end| end.envelope.fate).and_then(Fate::from_number).map_or("", Fate::name).to_owned(),
        again_at: end.and_then(|end| end.envelope.not_before_ns).map(crate::time::rfc3339),
        generation: attempt.start.envelope.generation.unwrap_or_default(),
        stderr: text("stderr"),
        log_cut: body.as_ref().and_then(|item| item.get("log-cut")).map_or(0, |cut| match cut {
            Item::Uint(cut) => *cut,
            _ => 0,
        }),
        fuel: end.and_then(|end| end.envelope.fuel).unwrap_or_default(),
        elapsed_ns: end.and_then(|end| end.envelope.elapsed_ns).unwrap_or_default(),
        emitted: attempt.emitted.iter().filter_map(|event| event.envelope.topic.clone()).collect(),
        calls: outcomes.map(|entry| call(entry, &intents)).collect(),
        record: attempt.start.index,
    }
}

/// A call as `flow` and `log` show it. Its arguments may lie in its intent.
fn call(entry: &Entry, intents: &HashMap<Digest, &Entry>) -> CallView {
    let body = entry.body.as_deref().and_then(|body| Body::read(body).ok()).unwrap_or_default();
    let intent = entry.envelope.cause.and_then(|leaf| intents.get(&leaf));
    let intent_body = intent.and_then(|intent| intent.body.as_deref()).and_then(|body| Body::read(body).ok());
    let args = body.args.or_else(|| intent_body.and_then(|body| body.args));
    let json = |bytes: Option<Vec<u8>>| bytes.and_then(|bytes| Item::decode(&bytes).ok()).map(|item| item.to_json());
    let envelope = &entry.envelope;
    CallView {
        call: envelope.call.unwrap_or_default(),
        parent: envelope.parent,
        function: envelope.function.clone().unwrap_or_default(),
        provider: envelope.provider.clone().unwrap_or_default(),
        effect: envelope.effect.and_then(Effect::from_u64).map(|e| e.to_string()).unwrap_or_default(),
        rule: envelope.rule.clone().unwrap_or_default(),
        denied: envelope.decision == Some(1),
        status: envelope.status.and_then(CallStatus::from_number).map_or("", CallStatus::name).to_owned(),
        denial: body.denied,
        bytes: envelope.body.map(|body| body.length).unwrap_or_default(),
        args: json(args),
        outcome: json(body.outcome),
        ended: body.ended,
        record: entry.index,
    }
}
