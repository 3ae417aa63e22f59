//! Collects the records of one flow.

use super::known::Known;
use super::left::Left;
use crate::ledger::{Entry, LedgerError};
use crate::records::Records;
use manes_core::cbor::{CborError, Reader};
use manes_core::cursor::{Recorded, RecordedCall};
use manes_core::function::FunctionId;
use manes_core::ids::{ActivationId, Digest, FlowId};
use manes_core::item::Item;
use manes_core::lens::Effect;
use manes_core::record::{CallStatus, EndStatus, Kind};
use std::collections::{BTreeMap, HashMap, HashSet};
use thiserror::Error;

/// One attempt, as recorded.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// Its start.
    pub start: Entry,
    /// Intents and outcomes, children included, in order.
    pub calls: Vec<Entry>,
    /// Its end, unless it is still open.
    pub end: Option<Entry>,
    /// Events that became visible with its end.
    pub emitted: Vec<Entry>,
    /// The event it handled.
    pub event: Option<Entry>,
    /// The deployment in force.
    pub deployment: Option<Entry>,
}

/// One flow, as recorded.
#[derive(Debug, Clone, Default)]
pub struct FlowRecord {
    /// Its events in ledger order; the first is the root.
    pub events: Vec<Entry>,
    /// Its attempts in the order of their starts.
    pub attempts: Vec<AttemptRecord>,
    /// Unrouted and conflict records.
    pub notes: Vec<Entry>,
    /// Leaf hashes of the events that are answers: nobody takes them, and by their topic nobody has to.
    pub answers: HashSet<Digest>,
    /// True if somebody has yet to handle one of the events, or an attempt has not ended.
    pub open: bool,
    /// True if some agent's last attempt at one of its events failed.
    pub failed: bool,
}

/// Why an attempt cannot be replayed from what is here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Missing {
    /// A body was erased or never kept.
    #[error("expired: the {what} of record {index} is not kept any more")]
    Expired {
        /// Which part.
        what: &'static str,
        /// The record.
        index: u64,
    },
    /// A body that cannot be read.
    #[error("record {index} cannot be read: {why}")]
    Malformed {
        /// The record.
        index: u64,
        /// Why.
        why: String,
    },
}

/// An id, shortened or whole, of a flow or an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A flow.
    Flow(FlowId),
    /// An activation.
    Activation(ActivationId),
}

/// Finds what `prefix` of an id means.
///
/// # Errors
/// The ledger cannot be read; inside, why the prefix names nothing or too much.
pub fn resolve(records: &impl Records, prefix: &str) -> Result<Result<Named, String>, LedgerError> {
    let prefix = prefix.trim_end_matches('…').to_ascii_lowercase();
    if prefix.len() < 4 || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(Err(format!("{prefix:?} is no id; give at least four hex digits, as `manes flows` prints them")));
    }
    let mut found = Vec::new();
    records.each(|entry| {
        let envelope = &entry.envelope;
        match (envelope.kind(), envelope.flow, envelope.activation) {
            (Kind::Event, Some(flow), _) if flow.to_string().starts_with(&prefix) => {
                push(&mut found, Named::Flow(flow))
            }
            (Kind::Start, _, Some(id)) if id.to_string().starts_with(&prefix) => {
                push(&mut found, Named::Activation(id))
            }
            _ => {}
        }
        true
    })?;
    Ok(match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(format!("no flow or activation begins with {prefix}; `manes flows` lists them")),
        many => Err(format!("{prefix} is the beginning of {} ids; give more digits", many.len())),
    })
}

fn push(found: &mut Vec<Named>, named: Named) {
    if !found.contains(&named) {
        found.push(named);
    }
}

/// Gathers a flow.
///
/// # Errors
/// The ledger cannot be read.
pub fn gather(records: &impl Records, flow: FlowId) -> Result<FlowRecord, LedgerError> {
    gather_from(records, flow, 0, Known::default())
}

/// Gathers a flow whose root event lies at `from` or later. `known` is what the deployments before that say.
///
/// # Errors
/// The ledger cannot be read.
pub fn gather_from(records: &impl Records, flow: FlowId, from: u64, known: Known) -> Result<FlowRecord, LedgerError> {
    let mut gathered = Gathered { left: Left::new(known), ..Gathered::default() };
    records.each_from(from, |entry| {
        match entry.envelope.kind() {
            Kind::Deployment => gathered.deployment(entry),
            // Calls name their activation alone.
            Kind::Intent | Kind::Outcome => gathered.call(entry),
            _ if entry.envelope.flow == Some(flow) => gathered.take(entry),
            _ => {}
        }
        true
    })?;
    Ok(gathered.finish())
}

/// A flow's records so far, and where they lie.
#[derive(Default)]
struct Gathered {
    record: FlowRecord,
    left: Left,
    deployments: HashMap<Digest, Entry>,
    /// Places of the events, by leaf hash.
    events: HashMap<Digest, usize>,
    /// Events that nobody takes.
    untaken: HashSet<Digest>,
    /// Places of the attempts, of each activation the last.
    attempts: HashMap<ActivationId, usize>,
}

impl Gathered {
    fn deployment(&mut self, entry: Entry) {
        self.left.apply(&entry);
        self.deployments.insert(entry.leaf, entry);
    }

    fn call(&mut self, entry: Entry) {
        if let Some(attempt) = self.attempt(&entry) {
            attempt.calls.push(entry);
        }
    }

    fn attempt(&mut self, entry: &Entry) -> Option<&mut AttemptRecord> {
        let place = self.attempts.get(&entry.envelope.activation?)?;
        self.record.attempts.get_mut(*place)
    }

    /// Takes the flow's next record, unless it is a call.
    fn take(&mut self, entry: Entry) {
        self.left.apply(&entry);
        let record = &mut self.record;
        match entry.envelope.kind() {
            Kind::Event => {
                // Nobody can have ended with it yet: if it is left to nobody, then nobody takes it.
                if !self.left.waits(&entry.leaf) {
                    self.untaken.insert(entry.leaf);
                }
                self.events.insert(entry.leaf, record.events.len());
                record.events.push(entry);
            }
            Kind::Start => {
                entry.envelope.cause.map(|event| self.untaken.remove(&event));
                entry.envelope.activation.map(|id| self.attempts.insert(id, record.attempts.len()));
                let event = entry.envelope.cause.and_then(|leaf| self.events.get(&leaf));
                let event = event.and_then(|place| record.events.get(*place)).cloned();
                let deployment = entry.envelope.deployment.and_then(|leaf| self.deployments.get(&leaf)).cloned();
                let (calls, emitted) = (Vec::new(), Vec::new());
                record.attempts.push(AttemptRecord { start: entry, calls, end: None, emitted, event, deployment });
            }
            Kind::End => {
                if let Some(attempt) = self.attempt(&entry) {
                    attempt.end = Some(entry);
                }
            }
            Kind::Unrouted => {
                // No answer, whatever its topic: it came after too many hops, or before its topic was one of results.
                entry.envelope.cause.map(|event| self.untaken.remove(&event));
                record.notes.push(entry);
            }
            Kind::Conflict => record.notes.push(entry),
            _ => {}
        }
    }

    fn finish(self) -> FlowRecord {
        let mut record = self.record;
        let starts = record.attempts.iter().enumerate();
        let places: HashMap<Digest, usize> = starts.map(|(place, attempt)| (attempt.start.leaf, place)).collect();
        for event in &record.events {
            let place = event.envelope.cause.and_then(|start| places.get(&start)).copied();
            if let Some(attempt) = place.and_then(|place| record.attempts.get_mut(place)) {
                attempt.emitted.push(event.clone());
            }
        }
        let (left, untaken) = (self.left, self.untaken);
        // Asked at the end: what was an answer may be known only from a later deployment.
        let is_answer = |event: &&Entry| untaken.contains(&event.leaf) && left.known.is_result(&event.envelope);
        record.answers = record.events.iter().filter(is_answer).map(|event| event.leaf).collect();
        record.open = !left.flows().is_empty();
        record.failed = !left.failed().is_empty();
        record
    }
}

/// Gathers the attempts of one activation, with the events they handled and emitted.
///
/// # Errors
/// The ledger cannot be read.
pub fn gather_activation(records: &impl Records, id: ActivationId) -> Result<FlowRecord, LedgerError> {
    let mut flow = None;
    records.each(|entry| {
        if entry.envelope.kind() == Kind::Start && entry.envelope.activation == Some(id) {
            flow = entry.envelope.flow;
        }
        flow.is_none()
    })?;
    let Some(flow) = flow else { return Ok(FlowRecord::default()) };
    let mut record = gather(records, flow)?;
    record.attempts.retain(|attempt| attempt.start.envelope.activation == Some(id));
    Ok(record)
}

impl AttemptRecord {
    /// How it ended.
    #[must_use]
    pub fn status(&self) -> Option<EndStatus> {
        self.end.as_ref().and_then(|end| end.envelope.status).and_then(EndStatus::from_number)
    }

    /// Why it ended as it did, for people.
    #[must_use]
    pub fn message(&self) -> String {
        self.said("message")
    }

    /// The end of what it wrote to standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.said("stderr")
    }

    fn said(&self, key: &str) -> String {
        let body = self.end.as_ref().and_then(|end| end.body.as_deref()).and_then(|body| Item::decode(body).ok());
        body.as_ref().and_then(|item| item.get(key)).and_then(Item::as_text).unwrap_or_default().to_owned()
    }

    /// The agent.
    #[must_use]
    pub fn agent(&self) -> &str {
        self.start.envelope.agent.as_deref().unwrap_or_default()
    }

    /// The agent's own calls, as replay needs them.
    ///
    /// # Errors
    /// What is not kept or cannot be read.
    pub fn recorded_calls(&self) -> Result<Vec<RecordedCall>, Missing> {
        let own = self.calls.iter().filter(|entry| entry.envelope.parent.is_none());
        let mut calls: BTreeMap<u64, RecordedCall> = BTreeMap::new();
        for entry in own {
            let number = entry.envelope.call.unwrap_or_default();
            let index = entry.index;
            let bytes = entry.body.as_deref().ok_or(Missing::Expired { what: "arguments or outcome", index })?;
            let body = Body::read(bytes).map_err(|why| Missing::Malformed { index, why: why.to_string() })?;
            let malformed = |why: &str| Missing::Malformed { index, why: why.to_owned() };
            let intent = calls.remove(&number);
            let key = body.key.or_else(|| intent.as_ref().and_then(|intent| intent.key));
            let args = match (body.args, intent) {
                (Some(args), _) => args,
                (None, Some(intent)) => intent.args,
                (None, None) => return Err(malformed("an outcome without arguments or intent")),
            };
            let outcome = match entry.envelope.kind() {
                Kind::Intent => Recorded::Unknown,
                _ => outcome(entry, body.outcome, body.ended).ok_or_else(|| malformed("no outcome"))?,
            };
            let function = entry.envelope.function.as_deref().and_then(FunctionId::parse);
            let function = function.ok_or_else(|| malformed("no function"))?;
            let effect = entry.envelope.effect.and_then(Effect::from_u64).unwrap_or(Effect::Write);
            calls.insert(number, RecordedCall { number, function, effect, args, outcome, key });
        }
        Ok(calls.into_values().collect())
    }
}

fn outcome(entry: &Entry, outcome: Option<Vec<u8>>, ended: Option<String>) -> Option<Recorded> {
    match CallStatus::from_number(entry.envelope.status?)? {
        CallStatus::Returned | CallStatus::Reused => outcome.map(Recorded::Returned),
        CallStatus::Denied => outcome.map(Recorded::Denied),
        CallStatus::Ended => ended.map(Recorded::Ended),
        CallStatus::Unknown => Some(Recorded::Unknown),
    }
}

fn key_of(item: &Item) -> Option<Digest> {
    match item {
        Item::Bytes(bytes) => bytes.as_slice().try_into().ok().map(Digest),
        _ => None,
    }
}

/// The parts of a call's body, values still encoded.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) args: Option<Vec<u8>>,
    pub(crate) outcome: Option<Vec<u8>>,
    pub(crate) ended: Option<String>,
    pub(crate) denied: Option<String>,
    /// A write's idempotency key.
    pub(crate) key: Option<Digest>,
}

impl Body {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        let mut body = Self::default();
        for _ in 0..r.map()? {
            let key = r.text()?;
            let start = r.position();
            let item = r.item()?;
            let encoded = r.since(start).to_vec();
            match key {
                "args" => body.args = Some(encoded),
                "key" => body.key = key_of(&item),
                "outcome" => body.outcome = Some(encoded),
                "denied" => body.denied = item.as_text().map(str::to_owned),
                "ended" => body.ended = item.as_text().map(str::to_owned),
                _ => {}
            }
        }
        r.end()?;
        Ok(body)
    }
}
