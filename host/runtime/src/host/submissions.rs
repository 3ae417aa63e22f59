//! Events from outside, by key: the same event again is no event, another one under its key is a conflict.

use super::{HostError, Submitted};
use crate::activation::Context;
use crate::event::Event;
use crate::ledger::Entry;
use manes_core::ids::EventKey;
use manes_core::record::{Envelope, Kind, Record};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Where the event of a key lies, or is about to.
#[derive(Debug)]
enum Place {
    Durable(u64),
    /// Being appended: whoever submits the same waits for it.
    Pending(Arc<OnceCell<u64>>),
}

/// The events that were submitted, each key once. Different events are appended side by side, so that they share
/// the ledger's commits.
#[derive(Debug, Default)]
pub(super) struct Submissions(Mutex<HashMap<EventKey, Place>>);

impl Submissions {
    /// Takes note of an entry of the ledger.
    pub(super) fn learn(&self, entry: &Entry) {
        let envelope = &entry.envelope;
        if let (Kind::Event, Some(key), None) = (envelope.kind(), envelope.event, envelope.cause) {
            self.with(|places| drop(places.insert(key, Place::Durable(entry.index))));
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<EventKey, Place>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends the event, unless it was submitted before. Must not be cancelled halfway: run it in a task of its own.
    ///
    /// # Errors
    /// A failing ledger; a conflict, which is recorded.
    pub(super) async fn record(&self, context: &Context, event: Event, id: &str) -> Result<Submitted, HostError> {
        let pending =
            self.with(|places| match places.entry(event.key).or_insert_with(|| Place::Pending(Arc::default())) {
                Place::Durable(index) => Err(*index),
                Place::Pending(cell) => Ok(cell.clone()),
            });
        let cell = match pending {
            Ok(cell) => cell,
            Err(index) => return again(context, &event, id, index).await,
        };
        let mut new = false;
        let index = cell
            .get_or_try_init(|| async {
                let appended = context.ledger.append(vec![event.record(context.seams.salt(), None)]).await?;
                new = true;
                Ok::<u64, HostError>(appended.first)
            })
            .await;
        let index = *index?;
        self.with(|places| drop(places.insert(event.key, Place::Durable(index))));
        match new {
            true => Ok(Submitted { key: event.key, flow: event.flow, index, new }),
            false => again(context, &event, id, index).await,
        }
    }
}

async fn again(context: &Context, event: &Event, id: &str, index: u64) -> Result<Submitted, HostError> {
    let ledger = &context.ledger;
    let entries = ledger.read(index, 1)?;
    let first = entries.first().and_then(|e| Some((e, Event::from_record(&e.envelope, e.body.as_deref()?)?)));
    let (leaf, same) = match first {
        Some((entry, before)) => (entry.leaf, before.same_content(event)),
        // What the first one held is not kept any more: whether this is the same, nobody can say.
        None => (entries.first().map(|entry| entry.leaf).unwrap_or_default(), false),
    };
    if same {
        return Ok(Submitted { key: event.key, flow: event.flow, index, new: false });
    }
    let envelope = Envelope {
        cause: Some(leaf),
        flow: Some(event.flow),
        event: Some(event.key),
        topic: Some(event.topic.clone()),
        principal: Some(event.source.clone()),
        ..Envelope::new(Kind::Conflict, context.seams.clock.now_ns())
    };
    ledger.append(vec![Record::new(envelope, Some((context.seams.salt(), event.body())), true)]).await?;
    Err(HostError::Conflict { id: id.to_owned() })
}
