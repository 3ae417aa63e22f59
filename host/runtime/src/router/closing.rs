//! Records that close an attempt for which no attempt runs: its host died, or its flow was cancelled before it began.

use super::work::Work;
use crate::activation::{Context, fate};
use crate::journal::unknown;
use crate::ledger::{Entry, LedgerError};
use manes_core::fate::{Fate, backoff_ns};
use manes_core::ids::Digest;
use manes_core::item::Item;
use manes_core::record::{EndStatus, Envelope, Kind, Record};
use std::collections::HashMap;

/// Closes an attempt that a host before this one left open. What it announced and did not finish is recorded as
/// unknown: it may have taken place.
///
/// # Errors
/// The ledger cannot be read.
pub(super) fn close(
    context: &Context,
    work: &Work,
    status: EndStatus,
    attempts: u64,
) -> Result<Vec<Record>, LedgerError> {
    let Some(start) = work.start.map(|index| entry(context, index)).transpose()?.flatten() else {
        return Ok(Vec::new());
    };
    let (mut open, mut calls) = (HashMap::<Digest, Entry>::new(), 0);
    for index in &work.calls {
        let Some(call) = entry(context, *index)? else { continue };
        match call.envelope.kind() {
            Kind::Intent => drop(open.insert(call.leaf, call)),
            _ => {
                calls += 1;
                call.envelope.cause.map(|intent| open.remove(&intent));
            }
        }
    }
    let mut open: Vec<Entry> = open.into_values().collect();
    open.sort_by_key(|intent| intent.index);
    let mut records: Vec<Record> = open
        .iter()
        .map(|intent| {
            unknown(&context.seams, intent.leaf, &intent.envelope, "the host stopped before this call returned")
        })
        .collect();
    calls += records.len() as u64;
    let fate = fate(status, work.attempt, attempts);
    let now = context.seams.clock.now_ns();
    let end = Envelope {
        calls: Some(calls),
        fate: (fate != Fate::Final).then(|| fate.number()),
        not_before_ns: (fate == Fate::Again).then(|| now.saturating_add(backoff_ns(status, work.attempt))),
        ..end(&start.envelope, start.leaf, status, now)
    };
    let message = match status {
        EndStatus::Cancelled => "its flow was cancelled",
        _ => "the host stopped before this attempt ended",
    };
    records.push(with_message(context, end, message));
    Ok(records)
}

/// Opens and closes an attempt of a flow that was cancelled: nothing of it ran.
pub(super) fn cancelled(context: &Context, work: &Work, event: &Entry, deployment: Digest) -> Vec<Record> {
    let now = context.seams.clock.now_ns();
    let start = Envelope {
        cause: Some(event.leaf),
        flow: Some(work.flow),
        event: Some(work.event),
        agent: Some(work.agent.clone()),
        activation: Some(work.id),
        attempt: Some(work.attempt),
        deployment: Some(deployment),
        generation: (work.generation > 0).then_some(work.generation),
        ..Envelope::new(Kind::Start, now)
    };
    let record = Record::new(start.clone(), None, true);
    let end = Envelope { calls: Some(0), ..end(&start, record.leaf(), EndStatus::Cancelled, now) };
    vec![record, with_message(context, end, "its flow was cancelled before it began")]
}

fn entry(context: &Context, index: u64) -> Result<Option<Entry>, LedgerError> {
    Ok(context.ledger.read(index, 1)?.into_iter().next())
}

fn end(start: &Envelope, leaf: Digest, status: EndStatus, now: u64) -> Envelope {
    Envelope {
        cause: Some(leaf),
        flow: start.flow,
        event: start.event,
        agent: start.agent.clone(),
        activation: start.activation,
        attempt: start.attempt,
        drafts: Some(0),
        fuel: Some(0),
        status: Some(status.number()),
        ..Envelope::new(Kind::End, now)
    }
}

fn with_message(context: &Context, envelope: Envelope, message: &str) -> Record {
    let text = |text: &str| Item::Text(text.to_owned());
    let parts = vec![(text("message"), text(message)), (text("stderr"), text(""))];
    Record::new(envelope, Some((context.seams.salt(), Item::Map(parts).to_bytes())), true)
}
