//! Bodies of calls' records, and the record of a call whose outcome nobody knows.

use crate::seams::Seams;
use crate::waist::Ended;
use manes_core::cbor::Writer;
use manes_core::ids::Digest;
use manes_core::item::Item;
use manes_core::record::{CallStatus, Envelope, Kind, Record};
use manes_core::value::Value;

pub(super) fn encoded(value: Option<&Value>) -> Vec<u8> {
    value.map_or_else(|| Item::Null.to_bytes(), Value::to_bytes)
}

pub(super) fn text(text: &str) -> Vec<u8> {
    Item::Text(text.to_owned()).to_bytes()
}

/// The outcome of a call whose outcome nobody knows.
pub(crate) fn unknown(seams: &Seams, leaf: Digest, intent: &Envelope, why: &str) -> Record {
    closed(seams, leaf, intent, CallStatus::Unknown, &format!("unknown: {why}"))
}

/// The outcome of a call that was announced, and that its attempt did not come to make.
pub(super) fn not_made(seams: &Seams, leaf: Digest, intent: &Envelope) -> Record {
    let why = Ended::Interrupted("the attempt ended before this call was made".into());
    closed(seams, leaf, intent, CallStatus::Ended, &why.text())
}

fn closed(seams: &Seams, leaf: Digest, intent: &Envelope, status: CallStatus, ended: &str) -> Record {
    let envelope = Envelope {
        kind: Kind::Outcome.number(),
        time_ns: seams.clock.now_ns(),
        cause: Some(leaf),
        status: Some(status.number()),
        body: None,
        earlier: None,
        ..intent.clone()
    };
    let body = call_body(None, None, &[("ended", text(ended))]);
    Record::new(envelope, Some((seams.salt(), body)), true)
}

/// A call's body: a map of its key, its `args` and what came of it, whose values are already encoded.
pub(super) fn call_body(key: Option<Digest>, args: Option<&[u8]>, parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut w = Writer::new();
    w.map(usize::from(key.is_some()) + usize::from(args.is_some()) + parts.len());
    // Canonical order is by length first: `key`, `args`, then `ended`, `denied`, `outcome`, as the callers give them.
    if let Some(key) = key {
        w.text("key");
        w.bytes(&key.0);
    }
    if let Some(args) = args {
        w.text("args");
        w.raw(args);
    }
    for (key, value) in parts {
        w.text(key);
        w.raw(value);
    }
    w.finish()
}
