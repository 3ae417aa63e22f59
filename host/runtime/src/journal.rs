//! The journal of one attempt: live it writes, in replay it reads.
//!
//! Live, records gather here and reach the ledger in three ways: with an intent, before its effect and durable; with
//! a write's outcome, at once and without waiting; with the end, when everything the attempt emitted becomes
//! visible. Each append carries the whole prefix that was not yet appended, in order.

mod body;
mod call;

pub(crate) use body::unknown;
pub use call::{Answer, CallEnd, CallRecord, Prefix, Subject};

use crate::earlier::{Earlier, Write};
use crate::ledger::{Ledger, LedgerError};
use crate::seams::Seams;
use crate::waist::{Ended, Scope};
use body::{call_body, encoded, not_made, text};
use manes_core::cursor::{Cursor, Divergence, Strictness};
use manes_core::ids::Digest;
use manes_core::limits::{CHILD_BODY_BYTES_MAX, Limit};
use manes_core::record::{CallStatus, Envelope, Kind, Record};
use manes_core::value::{Signature, Value};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What a record costs beside its bodies: envelope, hashes, index.
const RECORD_OVERHEAD_BYTES: u64 = 256;

/// What stands behind the waist.
#[derive(Debug)]
enum Mode {
    Live(Live),
    /// Answers from what the attempt's first host recorded, and is live after it.
    Recovering(Cursor, Live),
    Replaying(Cursor),
}

impl Mode {
    /// What writes, if something does.
    const fn live(&mut self) -> Option<&mut Live> {
        match self {
            Self::Live(live) | Self::Recovering(_, live) => Some(live),
            Self::Replaying(_) => None,
        }
    }
}

#[derive(Debug)]
struct Live {
    ledger: Arc<dyn Ledger>,
    /// Records not yet handed to the ledger, in order.
    buffer: Vec<Record>,
    /// The result of the last append that was submitted, once there is one. Kept until the next: who waits for it may
    /// be cancelled, and what follows must still come after it.
    inflight: Option<watch::Receiver<Option<Result<(), LedgerError>>>>,
    start: Digest,
    /// What earlier attempts wrote.
    earlier: Earlier,
    /// Intents without an outcome yet.
    announced: Vec<(Digest, Envelope)>,
    /// Of these the ones whose call was not made: they are not durable yet.
    unmade: Vec<Digest>,
    /// Time spent waiting for the ledger, on the monotonic clock; and since when it waits now.
    waited_ns: u64,
    waits_since: Option<u64>,
    /// All calls, those of capabilities included.
    calls: u64,
    recorded_bytes: u64,
    recorded_mib_max: u64,
    /// Bytes of log text over its limit, that of capabilities included.
    log_cut: u64,
    /// Where the manifest says so.
    section: String,
}

impl Live {
    fn count(&mut self, bytes: u64) -> Result<(), Ended> {
        self.recorded_bytes = self.recorded_bytes.saturating_add(bytes);
        if self.recorded_bytes > self.recorded_mib_max << 20 {
            let what = format!("what this attempt records ({} MiB)", self.recorded_mib_max);
            let needed = self.recorded_bytes.div_ceil(1 << 20);
            let advice = Limit::RecordedMib.advice(&self.section, self.recorded_mib_max, needed);
            return Err(Ended::Limit { what, advice });
        }
        Ok(())
    }
}

/// The journal, shared by the agent's waist and its capabilities'.
#[derive(Debug, Clone)]
pub struct Journal {
    subject: Arc<Subject>,
    seams: Seams,
    mode: Arc<Mutex<Mode>>,
}

impl Journal {
    /// A journal that writes to `ledger`, beginning with the attempt's start.
    #[must_use]
    pub fn live(
        subject: Subject,
        seams: Seams,
        ledger: Arc<dyn Ledger>,
        recorded_mib_max: u64,
        earlier: Earlier,
    ) -> Self {
        let start = Record::new(
            Envelope {
                cause: Some(subject.cause),
                flow: Some(subject.flow),
                event: Some(subject.event),
                agent: Some(subject.agent.clone()),
                activation: Some(subject.activation),
                attempt: Some(subject.attempt),
                deployment: Some(subject.deployment),
                generation: (subject.generation > 0).then_some(subject.generation),
                ..Envelope::new(Kind::Start, seams.clock.now_ns())
            },
            None,
            true,
        );
        let live = Live {
            ledger,
            start: start.leaf(),
            buffer: vec![start],
            inflight: None,
            announced: Vec::new(),
            unmade: Vec::new(),
            waited_ns: 0,
            waits_since: None,
            earlier,
            calls: 0,
            recorded_bytes: 0,
            recorded_mib_max,
            log_cut: 0,
            section: Scope::Agent.section(&subject.agent),
        };
        Self { subject: Arc::new(subject), seams, mode: Arc::new(Mutex::new(Mode::Live(live))) }
    }

    /// A journal that goes on where the attempt's first host stopped.
    #[must_use]
    pub fn resuming(
        subject: Subject,
        seams: Seams,
        ledger: Arc<dyn Ledger>,
        recorded_mib_max: u64,
        earlier: Earlier,
        prefix: Prefix,
    ) -> Self {
        let resumed = Envelope {
            cause: Some(prefix.start),
            activation: Some(subject.activation),
            attempt: Some(subject.attempt),
            ..Envelope::new(Kind::Resumed, seams.clock.now_ns())
        };
        let live = Live {
            ledger,
            start: prefix.start,
            buffer: vec![Record::new(resumed, None, true)],
            inflight: None,
            announced: prefix.announced,
            unmade: Vec::new(),
            waited_ns: 0,
            waits_since: None,
            earlier,
            calls: prefix.calls,
            recorded_bytes: 0,
            recorded_mib_max,
            log_cut: 0,
            section: Scope::Agent.section(&subject.agent),
        };
        let mode = Mode::Recovering(Cursor::new(prefix.own, Strictness::Exact), live);
        Self { subject: Arc::new(subject), seams, mode: Arc::new(Mutex::new(mode)) }
    }

    /// A journal that answers from a record.
    #[must_use]
    pub fn replaying(subject: Subject, seams: Seams, cursor: Cursor) -> Self {
        Self { subject: Arc::new(subject), seams, mode: Arc::new(Mutex::new(Mode::Replaying(cursor))) }
    }

    /// Whose attempt this is.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The seams.
    #[must_use]
    pub const fn seams(&self) -> &Seams {
        &self.seams
    }

    fn with<T>(&self, work: impl FnOnce(&mut Mode) -> T) -> T {
        work(&mut self.mode.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is recorded of the call at this place.
    ///
    /// # Errors
    /// [`Ended::Diverged`].
    pub fn recorded(&self, call: &CallRecord<'_>, signature: &Signature, args: &[Value]) -> Result<Answer, Ended> {
        let expect = |cursor: &mut Cursor| {
            cursor.expect(call.number, call.function, call.effect, signature, args).map_err(Ended::Diverged)
        };
        self.with(|mode| {
            match mode {
                Mode::Live(_) => return Ok(Answer::Make),
                Mode::Replaying(cursor) => return expect(cursor).map(Answer::Recorded),
                Mode::Recovering(cursor, live) if cursor.rest().is_some() => {
                    let recorded = expect(cursor)?;
                    let open = |(_, intent): &&(Digest, Envelope)| {
                        intent.parent.is_none() && intent.call == Some(recorded.number)
                    };
                    match live.announced.iter().find(open) {
                        Some((intent, _)) => return Ok(Answer::Unknown { intent: *intent }),
                        None => return Ok(Answer::Recorded(recorded)),
                    }
                }
                Mode::Recovering(..) => {}
            }
            // Recovery is over: the rest is live.
            if let Mode::Recovering(_, live) = std::mem::replace(mode, Mode::Replaying(Cursor::default())) {
                *mode = Mode::Live(live);
            }
            Ok(Answer::MakeAfterRecovery)
        })
    }

    /// True while answers come from what the attempt's first host recorded.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.with(|mode| matches!(mode, Mode::Recovering(..)))
    }

    /// A call that was announced before its host died gets its outcome: nobody knows. Returns when that is durable.
    ///
    /// # Errors
    /// A failing ledger.
    pub async fn give_up(&self, intent: Digest) -> Result<(), Ended> {
        let found = self.with(|mode| {
            let live = mode.live()?;
            let place = live.announced.iter().position(|(leaf, _)| *leaf == intent)?;
            Some(live.announced.remove(place))
        });
        if let Some((leaf, envelope)) = found {
            self.outcome_unknown(leaf, &envelope, "the host stopped before this call returned");
        }
        self.flush().await
    }

    fn outcome_unknown(&self, leaf: Digest, intent: &Envelope, why: &str) {
        self.push_outcome(unknown(&self.seams, leaf, intent, why));
    }

    fn push_outcome(&self, record: Record) {
        self.with(|mode| {
            if let Some(live) = mode.live() {
                live.buffer.push(record);
                live.calls += 1;
            }
        });
    }

    /// True when answers come from a record.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.with(|mode| matches!(mode, Mode::Replaying(_)))
    }

    /// True when another component is run against a record.
    #[must_use]
    pub fn is_what_if(&self) -> bool {
        self.with(|mode| matches!(mode, Mode::Replaying(cursor) if cursor.strictness() == Strictness::WhatIf))
    }

    /// In replay, what the record still holds.
    #[must_use]
    pub fn rest(&self) -> Option<Divergence> {
        self.with(|mode| match mode {
            Mode::Live(_) => None,
            Mode::Recovering(cursor, _) | Mode::Replaying(cursor) => cursor.rest(),
        })
    }

    fn envelope(&self, kind: Kind, call: &CallRecord<'_>, cause: Digest) -> Envelope {
        Envelope {
            cause: Some(cause),
            activation: Some(self.subject.activation),
            attempt: Some(self.subject.attempt),
            call: Some(call.number),
            parent: call.parent,
            principal: call.principal.clone(),
            function: Some(call.function.to_string()),
            effect: Some(call.effect.as_u64()),
            rule: Some(call.rule.clone()),
            provider: Some(call.provider.clone()),
            component: call.component,
            earlier: call.earlier,
            ..Envelope::new(kind, self.seams.clock.now_ns())
        }
    }

    fn push(&self, envelope: Envelope, body: Vec<u8>, child: bool) -> (Digest, Result<(), Ended>) {
        let keep = !child || body.len() <= CHILD_BODY_BYTES_MAX;
        let kept = if keep { body.len() as u64 } else { 0 };
        let record = Record::new(envelope, Some((self.seams.salt(), body)), keep);
        let leaf = record.leaf();
        self.with(|mode| {
            let Some(live) = mode.live() else { return (leaf, Ok(())) };
            live.buffer.push(record);
            (leaf, live.count(RECORD_OVERHEAD_BYTES + kept))
        })
    }

    /// Counts log text that was not passed on.
    pub fn cut(&self, bytes: u64) {
        self.with(|mode| {
            if let Some(live) = mode.live() {
                live.log_cut = live.log_cut.saturating_add(bytes);
            }
        });
    }

    /// Bytes of log text that were not passed on.
    #[must_use]
    pub fn log_cut(&self) -> u64 {
        self.with(|mode| mode.live().map_or(0, |live| live.log_cut))
    }

    /// Counts an event that is about to be emitted: the append that carries it has room for what the limit allows.
    ///
    /// # Errors
    /// The attempt's recording limit.
    pub fn emitting(&self, bytes: u64) -> Result<(), Ended> {
        self.with(|mode| mode.live().map_or(Ok(()), |live| live.count(2 * RECORD_OVERHEAD_BYTES + bytes)))
    }

    /// Records that `call` is about to be performed. Returns when that is durable, with the intent's leaf hash.
    ///
    /// # Errors
    /// A failing ledger, or the attempt's recording limit.
    pub async fn intent(&self, call: &CallRecord<'_>) -> Result<Digest, Ended> {
        let body = call_body(call.key, Some(call.args), &[]);
        let envelope = self.envelope(Kind::Intent, call, self.start());
        let (leaf, counted) = self.push(envelope.clone(), body, call.parent.is_some());
        self.with(|mode| {
            if let Some(live) = mode.live() {
                live.announced.push((leaf, envelope));
                live.unmade.push(leaf);
            }
        });
        counted?;
        self.flush().await?;
        self.with(|mode| mode.live().map(|live| live.unmade.retain(|unmade| *unmade != leaf)));
        Ok(leaf)
    }

    /// Records how `call` ended. `intent` is its intent's leaf hash, if it had one.
    ///
    /// # Errors
    /// The attempt's recording limit.
    pub fn outcome(&self, call: &CallRecord<'_>, intent: Option<Digest>, end: &CallEnd<'_>) -> Result<(), Ended> {
        let args = intent.is_none().then_some(call.args);
        let (status, body) = match end {
            CallEnd::Returned(value) => (CallStatus::Returned, call_body(None, args, &[("outcome", encoded(*value))])),
            CallEnd::Reused(value) => (CallStatus::Reused, call_body(None, args, &[("outcome", encoded(*value))])),
            CallEnd::Denied(value, message) => {
                let parts = [("denied", text(message)), ("outcome", encoded(Some(value)))];
                (CallStatus::Denied, call_body(None, args, &parts))
            }
            CallEnd::Ended(ended) => (CallStatus::Ended, call_body(None, args, &[("ended", text(&ended.text()))])),
        };
        let denied = matches!(end, CallEnd::Denied(..) | CallEnd::Ended(Ended::Denied(_)));
        let envelope = Envelope {
            status: Some(status.number()),
            decision: Some(u64::from(denied)),
            ..self.envelope(Kind::Outcome, call, intent.unwrap_or_else(|| self.start()))
        };
        let pushed = self.push(envelope, body, call.parent.is_some());
        self.with(|mode| {
            if let Some(live) = mode.live() {
                live.calls += 1;
                live.announced.retain(|(leaf, _)| Some(*leaf) != intent);
            }
        });
        if intent.is_some() {
            self.flush_soon();
        }
        pushed.1
    }

    /// Leaf hash of the attempt's start; of zeros in replay.
    #[must_use]
    pub fn start(&self) -> Digest {
        self.with(|mode| mode.live().map_or_else(Digest::default, |live| live.start))
    }

    /// Hands the buffer to the ledger without waiting.
    fn flush_soon(&self) {
        self.with(|mode| {
            let Some(live) = mode.live() else { return };
            if live.buffer.is_empty() {
                return;
            }
            let (ledger, batch, before) = (live.ledger.clone(), std::mem::take(&mut live.buffer), live.inflight.take());
            let (done, inflight) = watch::channel(None);
            live.inflight = Some(inflight);
            tokio::spawn(async move {
                let result = match settle(before).await {
                    Ok(()) => ledger.append_when_room(batch).await.map(|_| ()),
                    // A prefix that is not in the ledger lets nothing after it in.
                    Err(error) => Err(error),
                };
                done.send_replace(Some(result));
            });
        });
    }

    /// Waits until everything so far is durable.
    async fn flush(&self) -> Result<(), Ended> {
        self.flush_soon();
        let now = || self.seams.clock.monotonic_ns();
        let since = now();
        let inflight = self.with(|mode| {
            let live = mode.live()?;
            live.waits_since = Some(since);
            live.inflight.clone()
        });
        let settled = settle(inflight).await;
        self.with(|mode| {
            if let Some(live) = mode.live() {
                live.waited_ns += now().saturating_sub(since);
                live.waits_since = None;
            }
        });
        settled.map_err(|error| Ended::Ledger(error.to_string()))
    }

    /// Time that this attempt has waited for the ledger. It is the host's, not the guest's.
    #[must_use]
    pub fn waited(&self) -> Duration {
        let now = self.seams.clock.monotonic_ns();
        let waited = |live: &mut Live| live.waited_ns + live.waits_since.map_or(0, |since| now.saturating_sub(since));
        Duration::from_nanos(self.with(|mode| mode.live().map_or(0, waited)))
    }

    /// What earlier attempts know of this write.
    #[must_use]
    pub fn earlier(&self, call: &CallRecord<'_>) -> Option<Write> {
        let (key, function) = (call.key?, call.function.to_string());
        self.with(|mode| mode.live().and_then(|live| live.earlier.get(&key, call.principal.as_deref(), &function)))
    }

    /// Number of calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.with(|mode| match mode {
            Mode::Live(live) | Mode::Recovering(_, live) => live.calls,
            Mode::Replaying(cursor) => cursor.matched(),
        })
    }

    /// Calls that were cut off in the middle: whether they took place, nobody knows.
    fn give_up_announced(&self) {
        let take = |live: &mut Live| (std::mem::take(&mut live.announced), std::mem::take(&mut live.unmade));
        let (announced, unmade) = self.with(|mode| mode.live().map(take).unwrap_or_default());
        for (leaf, intent) in announced {
            if unmade.contains(&leaf) {
                self.push_outcome(not_made(&self.seams, leaf, &intent));
            } else {
                self.outcome_unknown(leaf, &intent, "the attempt ended before this call returned");
            }
        }
    }

    /// The commit point of an attempt: its events and its end in one append, with whatever was not yet appended.
    /// `end` carries status, fuel and counts. Returns when durable.
    ///
    /// # Errors
    /// A failing ledger. Nothing of this append is visible then.
    pub async fn end(&self, events: Vec<Record>, end: Envelope, body: Vec<u8>) -> Result<(), Ended> {
        self.give_up_announced();
        let start = self.start();
        let subject = &self.subject;
        let envelope = Envelope {
            cause: Some(start),
            flow: Some(subject.flow),
            event: Some(subject.event),
            agent: Some(subject.agent.clone()),
            activation: Some(subject.activation),
            attempt: Some(subject.attempt),
            calls: Some(self.calls()),
            drafts: Some(events.len() as u64),
            ..end
        };
        let end = Record::new(envelope, Some((self.seams.salt(), body)), true);
        self.with(|mode| {
            if let Some(live) = mode.live() {
                // Events come before the end: whoever has read the end has read all that it made visible.
                live.buffer.extend(events);
                live.buffer.push(end);
            }
        });
        self.flush().await
    }
}

async fn settle(inflight: Option<watch::Receiver<Option<Result<(), LedgerError>>>>) -> Result<(), LedgerError> {
    let Some(mut inflight) = inflight else { return Ok(()) };
    match inflight.wait_for(Option::is_some).await {
        Ok(result) => result.clone().unwrap_or(Err(LedgerError::Closed)),
        Err(_) => Err(LedgerError::Closed),
    }
}
