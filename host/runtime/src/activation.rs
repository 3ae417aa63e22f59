//! An activation, live: one event, one agent, one attempt, one commit.

use crate::attempt::{self, Run};
use crate::deploy::Deployment;
use crate::earlier::Earlier;
use crate::event::Event;
use crate::journal::{Journal, Prefix, Subject};
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::provider::Mirror;
use crate::query::AttemptRecord;
use crate::router::Work;
use crate::seams::Seams;
use crate::waist::Ended;
use manes_core::fate::{Fate, backoff_ns};
use manes_core::ids::{Digest, EventKey};
use manes_core::record::{EndStatus, Envelope, Kind, Record};
use std::sync::Arc;
use tokio::sync::oneshot;

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
pub async fn execute(
    context: &Context,
    deployment: &Deployment,
    entry: &Entry,
    work: &Work,
    cancelled: oneshot::Receiver<()>,
) -> Result<EndStatus, String> {
    let body = entry.body.as_deref().ok_or("an event's body is missing")?;
    let event = Event::from_record(&entry.envelope, body).ok_or("an event's record cannot be read")?;
    // Of an attempt that is gone on with, also what its capabilities wrote: they begin anew.
    let written: Vec<u64> = work.earlier.iter().chain(&work.calls).copied().collect();
    let earlier = Earlier::read(&*context.ledger, &written).map_err(|error| error.to_string())?;
    let subject = Subject {
        agent: deployment.name.clone(),
        flow: event.flow,
        event: event.key,
        activation: work.id,
        attempt: work.attempt,
        cause: entry.leaf,
        deployment: deployment.leaf,
        generation: work.generation,
    };
    let begun = context.seams.clock.monotonic_ns();
    let recorded_mib = deployment.limits.recorded_mib;
    let (seams, ledger) = (context.seams.clone(), context.ledger.clone());
    let prefix = prefix(context, work).map_err(|error| error.to_string())?;
    let missing = prefix.as_ref().and_then(|prefix| prefix.missing.clone());
    let journal = match prefix {
        Some(prefix) => Journal::resuming(subject, seams, ledger, recorded_mib, earlier, prefix),
        None => Journal::live(subject, seams, ledger, recorded_mib, earlier),
    };
    let attempt = u32::try_from(work.attempt).unwrap_or(u32::MAX);
    let run = tokio::select! {
        biased;
        () = cancel(cancelled) => Run::cancelled(),
        // What is not kept any more cannot be followed, and must not be done once more.
        () = std::future::ready(()), if missing.is_some() => Run::interrupted(&missing.unwrap_or_default()),
        run = attempt::run(deployment, &event, attempt, &journal, &context.mirror) => run,
    };
    let run = match journal.is_recovering().then(|| journal.rest()).flatten() {
        // Cancelled while it was caught up with, or not what it was: nothing of this run may become visible.
        Some(left) if run.status != EndStatus::Cancelled => Run::interrupted(&left.to_string()),
        _ => run,
    };
    let run = Run { log_cut: journal.log_cut(), ..run };
    let elapsed_ns = context.seams.clock.monotonic_ns().saturating_sub(begun);
    let fate = match asks(&run) {
        Some(_) => Fate::Asks,
        None => fate(run.status, work.attempt, deployment.attempts),
    };
    commit(context, &journal, &event, &run, fate, elapsed_ns).await
}

/// What a host that died recorded of the attempt, if there was one.
fn prefix(context: &Context, work: &Work) -> Result<Option<Prefix>, LedgerError> {
    let read = |index: u64| Ok(context.ledger.read(index, 1)?.into_iter().next());
    let Some(start) = work.start.map(read).transpose()?.flatten() else { return Ok(None) };
    let calls = work.calls.iter().map(|index| read(*index)).collect::<Result<Vec<_>, LedgerError>>()?;
    let calls: Vec<Entry> = calls.into_iter().flatten().collect();
    let mut prefix = Prefix { start: start.leaf, ..Prefix::default() };
    for call in &calls {
        if call.envelope.kind() == Kind::Intent {
            prefix.announced.push((call.leaf, call.envelope.clone()));
        } else {
            prefix.calls += 1;
            prefix.announced.retain(|(leaf, _)| Some(*leaf) != call.envelope.cause);
        }
    }
    let (emitted, event, deployment) = (Vec::new(), None, None);
    let attempt = AttemptRecord { start, calls, end: None, emitted, event, deployment };
    match attempt.recorded_calls() {
        Ok(own) => prefix.own = own,
        Err(missing) => prefix.missing = Some(missing.to_string()),
    }
    Ok(Some(prefix))
}

/// Resolves when it is said, and never if nobody can say it any more.
async fn cancel(cancelled: oneshot::Receiver<()>) {
    if cancelled.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The record of the write that an operator is asked about, if one is.
const fn asks(run: &Run) -> Option<Digest> {
    match &run.ended {
        Some(Ended::Unknown { asks, .. }) => *asks,
        _ => None,
    }
}

/// What follows attempt number `attempt` of at most `attempts`.
#[must_use]
pub fn fate(status: EndStatus, attempt: u64, attempts: u64) -> Fate {
    match Fate::of(status, attempt) {
        Fate::Again if attempt >= attempts => Fate::Dead,
        fate => fate,
    }
}

/// The commit point: everything the attempt emitted and its end, in one append.
async fn commit(
    context: &Context,
    journal: &Journal,
    event: &Event,
    run: &Run,
    fate: Fate,
    elapsed_ns: u64,
) -> Result<EndStatus, String> {
    let now = context.seams.clock.now_ns();
    let records = records(context, journal, event, run, now);
    let wait_ns = run.after_ms.map(|ms| ms * 1_000_000);
    let wait_ns = wait_ns.unwrap_or_else(|| backoff_ns(run.status, journal.subject().attempt));
    let end = Envelope {
        status: Some(run.status.number()),
        fate: (fate != Fate::Final).then(|| fate.number()),
        not_before_ns: (fate == Fate::Again).then(|| now.saturating_add(wait_ns)),
        fuel: Some(run.fuel),
        elapsed_ns: Some(elapsed_ns),
        earlier: asks(run),
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
