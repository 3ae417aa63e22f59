//! An activation, live: one event, one agent, one attempt, one commit.

use crate::attempt::{self, Run};
use crate::deploy::Deployment;
use crate::event::Event;
use crate::journal::{Journal, Subject};
use crate::ledger::{Entry, Ledger};
use crate::provider::Mirror;
use crate::seams::Seams;
use manes_core::ids::{ActivationId, EventKey};
use manes_core::record::{EndStatus, Envelope, Kind, Record};
use std::sync::Arc;

/// What every activation of a host shares.
#[derive(Debug, Clone)]
pub struct Context {
    /// Where records go.
    pub ledger: Arc<dyn Ledger>,
    /// Time and randomness.
    pub seams: Seams,
    /// WASI.
    pub mirror: Arc<Mirror>,
}

/// Runs `deployment` on the event in `entry` and commits the result.
///
/// # Errors
/// A ledger that takes no more: the activation stays open, and the host must stop.
pub async fn execute(context: &Context, deployment: &Deployment, entry: &Entry) -> Result<EndStatus, String> {
    let body = entry.body.as_deref().ok_or("an event's body is missing")?;
    let event = Event::from_record(&entry.envelope, body).ok_or("an event's record cannot be read")?;
    let activation = ActivationId::new(&context.ledger.id(), &deployment.name, &event.key, 0);
    let attempt = 1;
    let subject = Subject {
        agent: deployment.name.clone(),
        flow: event.flow,
        event: event.key,
        activation,
        attempt,
        cause: entry.leaf,
        deployment: deployment.leaf,
    };
    let begun = context.seams.clock.monotonic_ns();
    let recorded_mib = deployment.limits.recorded_mib;
    let journal = Journal::live(subject, context.seams.clone(), context.ledger.clone(), recorded_mib);
    let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
    let run = attempt::run(deployment, &event, attempt, &journal, &context.mirror).await;
    let elapsed_ns = context.seams.clock.monotonic_ns().saturating_sub(begun);
    commit(context, &journal, &event, &run, elapsed_ns).await
}

/// The commit point: everything the attempt emitted and its end, in one append.
async fn commit(
    context: &Context,
    journal: &Journal,
    event: &Event,
    run: &Run,
    elapsed_ns: u64,
) -> Result<EndStatus, String> {
    let now = context.seams.clock.now_ns();
    let records = records(context, journal, event, run, now);
    let end = Envelope {
        status: Some(run.status.number()),
        fuel: Some(run.fuel),
        elapsed_ns: Some(elapsed_ns),
        ..Envelope::new(Kind::End, now)
    };
    journal.end(records, end, run.body()).await.map_err(|ended| ended.to_string())?;
    let subject = journal.subject();
    if run.status != EndStatus::Done {
        tracing::warn!(agent = subject.agent, flow = %subject.flow.short(), status = run.status.name(), "{}", run.message.escape_debug());
    }
    Ok(run.status)
}

fn records(context: &Context, journal: &Journal, event: &Event, run: &Run, now: u64) -> Vec<Record> {
    let subject = journal.subject();
    let record = |(index, emitted): (usize, &attempt::Emitted)| {
        let child = Event {
            key: EventKey::internal(&subject.activation, index as u64),
            flow: event.flow,
            topic: emitted.topic.clone(),
            source: format!("agent/{}", subject.agent),
            cause: Some(event.key),
            hops: event.hops + 1,
            time_ns: now,
            not_before_ns: (emitted.delay_ms > 0).then(|| now.saturating_add(emitted.delay_ms * 1_000_000)),
            content: emitted.content.clone(),
        };
        child.record(context.seams.salt(), Some(journal.start()))
    };
    run.emitted.iter().enumerate().map(record).collect()
}
