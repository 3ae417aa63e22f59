//! Replay: runs recorded attempts again with nothing but the record, and says whether they are the same.
//!
//! The same attempt, the same waist; the journal answers instead of providers. What is compared: function, arguments
//! and order of every call, the events emitted, the end and its reason, and the fuel where the engine is the same.

use crate::attempt::{self, Emitted};
use crate::component::LoadError;
use crate::deploy::{self, Deployment, DeploymentBody};
use crate::engine::Wasm;
use crate::event::Event;
use crate::journal::{Journal, Subject};
use crate::ledger::{Entry, LedgerError};
use crate::provider::{Capabilities, Mirror};
use crate::query::{AttemptRecord, Missing};
use crate::records::Records;
use crate::seams::Seams;
use crate::waist::{Asked, Ended, Judge};
use manes_core::cursor::{Cursor, Divergence, Strictness};
use manes_core::diff::{Difference, show};
use manes_core::ids::{ActivationId, Digest};
use manes_core::record::{CallStatus, EndStatus};
use manes_core::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use thiserror::Error;

/// Why an attempt could not be replayed at all.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A part of the record is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A record that an attempt refers to is not there.
    #[error("the {0} of this attempt is not in the ledger")]
    Absent(&'static str),
    /// The component does not lie with the ledger.
    #[error("component {0} is not in this ledger's folder")]
    Component(Digest),
    /// The component cannot be used by this host.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The attempt has not ended.
    #[error("this attempt has not ended yet")]
    Open,
}

/// How the fuel compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fuel {
    /// Equal.
    Equal,
    /// Recorded by another engine, or under another component: not comparable.
    NotComparable,
}

/// What replaying one attempt found.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The activation.
    pub activation: ActivationId,
    /// The agent.
    pub agent: String,
    /// The attempt.
    pub attempt: u64,
    /// Digest of the component that was run.
    pub component: Digest,
    /// Calls that were compared.
    pub calls: u64,
    /// True if nothing differs.
    pub identical: bool,
    /// How this run ended, where it ended otherwise than by returning.
    pub ended: Option<String>,
    /// How the fuel compares.
    pub fuel: Fuel,
    /// The first difference.
    pub divergence: Option<Divergence>,
}

/// Replays attempts of one ledger. Compiles each component once.
#[derive(Debug)]
pub struct Replayer {
    wasm: Wasm,
    mirror: Arc<Mirror>,
    seams: Seams,
    compiled: HashMap<Digest, Arc<crate::component::Loaded>>,
    /// Run this instead of the recorded component.
    instead: Option<Arc<crate::component::Loaded>>,
}

impl Replayer {
    /// A replayer; with `instead`, a *what if*.
    ///
    /// # Errors
    /// A component that cannot be used.
    pub fn new(wasm: Wasm, seams: Seams, instead: Option<&[u8]>) -> Result<Self, LoadError> {
        let instead = instead.map(|bytes| deploy::load_agent(&wasm, bytes)).transpose()?;
        let mirror = Mirror::new(&wasm);
        Ok(Self { wasm, mirror, seams, compiled: HashMap::new(), instead })
    }

    fn load(&mut self, records: &impl Records, digest: Digest) -> Result<Arc<crate::component::Loaded>, ReplayError> {
        if let Some(loaded) = self.instead.as_ref().or_else(|| self.compiled.get(&digest)) {
            return Ok(loaded.clone());
        }
        let bytes = records.artifact(&digest)?.ok_or(ReplayError::Component(digest))?;
        let loaded = deploy::load_agent(&self.wasm, &bytes)?;
        self.compiled.insert(digest, loaded.clone());
        Ok(loaded)
    }

    /// Replays one attempt.
    ///
    /// # Errors
    /// Why it could not be replayed; a difference is a verdict, not an error.
    pub async fn replay(&mut self, records: &impl Records, recorded: &AttemptRecord) -> Result<Verdict, ReplayError> {
        self.run(records, recorded, None).await
    }

    /// Replays one attempt, and says what it asked for.
    ///
    /// # Errors
    /// As [`Replayer::replay`].
    pub async fn asked(
        &mut self,
        records: &impl Records,
        recorded: &AttemptRecord,
    ) -> Result<(Verdict, Vec<Asked>), ReplayError> {
        let judge = Arc::new(Judge::default());
        let verdict = self.run(records, recorded, Some(judge.clone())).await?;
        Ok((verdict, judge.take()))
    }

    async fn run(
        &mut self,
        records: &impl Records,
        recorded: &AttemptRecord,
        judge: Option<Arc<Judge>>,
    ) -> Result<Verdict, ReplayError> {
        let end = recorded.end.as_ref().ok_or(ReplayError::Open)?;
        let expected = recorded.status().ok_or(ReplayError::Open)?;
        let (event, body) = inputs(recorded)?;
        let loaded = self.load(records, body.component)?;
        let strictness = if self.instead.is_some() { Strictness::WhatIf } else { Strictness::Exact };
        let comparable = self.instead.is_none() && body.engine == self.wasm.fingerprint();
        let envelope = &recorded.start.envelope;
        let deployment = deployment(&body, loaded.clone(), envelope.deployment.unwrap_or_default());
        let deployment = Deployment { judge, ..deployment };
        let subject = Subject {
            agent: body.name.clone(),
            flow: event.flow,
            event: event.key,
            activation: envelope.activation.unwrap_or_default(),
            attempt: envelope.attempt.unwrap_or(1),
            cause: envelope.cause.unwrap_or_default(),
            deployment: deployment.leaf,
            generation: envelope.generation.unwrap_or_default(),
        };
        emitted_kept(recorded)?;
        let cursor = Cursor::new(recorded.recorded_calls()?, strictness);
        let journal = Journal::replaying(subject.clone(), self.seams.clone(), cursor);
        let attempt = u32::try_from(subject.attempt).unwrap_or(u32::MAX);
        let run = attempt::run(&deployment, &event, attempt, &journal, &self.mirror).await;
        let imposed = is_imposed(recorded, expected);
        let fuel = if comparable && !imposed { Fuel::Equal } else { Fuel::NotComparable };
        let found = compare(recorded, (expected, imposed), &run, &journal, strictness);
        let recorded_fuel = end.envelope.fuel.unwrap_or_default();
        let burnt = (fuel == Fuel::Equal && recorded_fuel != run.fuel)
            .then_some(Divergence::Fuel { expected: recorded_fuel, actual: run.fuel });
        let divergence = found.or(burnt);
        let diverged = matches!(run.ended, Some(Ended::Diverged(_)));
        let ended =
            (run.status != EndStatus::Done && !diverged).then(|| format!("{}: {}", run.status.name(), run.message));
        Ok(Verdict {
            ended,
            activation: subject.activation,
            agent: subject.agent,
            attempt: subject.attempt,
            component: loaded.digest,
            calls: journal.calls(),
            identical: divergence.is_none(),
            fuel,
            divergence,
        })
    }
}

fn inputs(recorded: &AttemptRecord) -> Result<(Event, DeploymentBody), ReplayError> {
    let entry = recorded.event.as_ref().ok_or(ReplayError::Absent("event"))?;
    let expired = |what, index| ReplayError::Missing(Missing::Expired { what, index });
    let body = entry.body.as_deref().ok_or_else(|| expired("data", entry.index))?;
    let event = Event::from_record(&entry.envelope, body).ok_or(ReplayError::Absent("event's data"))?;
    let entry = recorded.deployment.as_ref().ok_or(ReplayError::Absent("deployment"))?;
    let body = entry.body.as_deref().ok_or_else(|| expired("deployment", entry.index))?;
    let body = DeploymentBody::decode(body).ok_or(ReplayError::Absent("deployment's body"))?;
    Ok((event, body))
}

/// What was emitted must be there to be compared.
fn emitted_kept(recorded: &AttemptRecord) -> Result<(), Missing> {
    match recorded.emitted.iter().find(|entry| entry.body.is_none()) {
        Some(entry) => Err(Missing::Expired { what: "data of an emitted event", index: entry.index }),
        None => Ok(()),
    }
}

fn deployment(body: &DeploymentBody, loaded: Arc<crate::component::Loaded>, leaf: Digest) -> Deployment {
    Deployment {
        name: body.name.clone(),
        loaded,
        subscribe: body.subscribe.clone(),
        grants: Arc::new(body.grants.clone()),
        in_force: None,
        judge: None,
        script: None,
        limits: body.limits.clone(),
        config: body.config.clone(),
        // Nothing is asked of the surroundings: the record answers.
        env: Vec::new(),
        capabilities: Capabilities::new(),
        concurrency: body.concurrency,
        attempts: body.attempts,
        leaf,
    }
}

/// The first difference between the record and the run.
fn compare(
    recorded: &AttemptRecord,
    (expected, imposed): (EndStatus, bool),
    run: &attempt::Run,
    journal: &Journal,
    strictness: Strictness,
) -> Option<Divergence> {
    if let Some(Ended::Diverged(divergence)) = &run.ended {
        // An end that the host imposed is an input: what comes after its last recorded call is not in the record.
        let beyond = matches!(**divergence, Divergence::Extra { .. });
        return if imposed && beyond { None } else { Some((**divergence).clone()) };
    }
    if let Some(rest) = journal.rest() {
        return Some(rest);
    }
    if imposed {
        return None;
    }
    let message = recorded.message();
    let same_words = strictness == Strictness::WhatIf || message == run.message;
    if expected != run.status || (!same_words && is_guests(expected)) {
        let text = |status: EndStatus, message: &str| match message {
            "" => status.name().to_owned(),
            _ => format!("{}: {message}", status.name()),
        };
        return Some(Divergence::End { expected: text(expected, &message), actual: text(run.status, &run.message) });
    }
    compare_emitted(recorded, &run.emitted)
}

/// True where the host ended it: an input of replay. A fault of a provider is the outcome of a call and comes again; one
/// that no call was answered with was the host's own, as when it had no room for the instance.
fn is_imposed(recorded: &AttemptRecord, status: EndStatus) -> bool {
    let answered = |entry: &Entry| entry.envelope.status == Some(CallStatus::Ended.number());
    status.imposed() || (status == EndStatus::Fault && !recorded.calls.iter().any(answered))
}

/// True where the words are the guest's own; traps and faults are worded by the engine.
const fn is_guests(status: EndStatus) -> bool {
    matches!(status, EndStatus::Rejected | EndStatus::Retry | EndStatus::Exited)
}

fn compare_emitted(recorded: &AttemptRecord, emitted: &[Emitted]) -> Option<Divergence> {
    for (place, entry) in recorded.emitted.iter().enumerate() {
        let index = place as u64;
        let event = entry.body.as_deref().and_then(|body| Event::from_record(&entry.envelope, body));
        let Some(event) = event else { continue };
        let differ = |path: &str, expected: &str, actual: &str| {
            let shown = |text: &str| show(&Value::String(text.to_owned()));
            let difference = Difference { path: path.to_owned(), expected: shown(expected), actual: shown(actual) };
            Some(Divergence::Draft { index, difference })
        };
        let Some(actual) = emitted.get(place) else { return differ("topic", &event.topic, "(no event)") };
        if event.topic != actual.topic {
            return differ("topic", &event.topic, &actual.topic);
        }
        if event.content.data != actual.content.data {
            let (expected, actual) = (event.content.data.to_text(), actual.content.data.to_text());
            let difference = manes_core::diff::first("data", &Value::String(expected), &Value::String(actual));
            return difference.map(|difference| Divergence::Draft { index, difference });
        }
        if event.content.content_type != actual.content.content_type {
            return differ("content-type", &event.content.content_type, &actual.content.content_type);
        }
        if event.content != actual.content {
            return differ(
                "extensions",
                &format!("{:?}", event.content.extensions),
                &format!("{:?}", actual.content.extensions),
            );
        }
        let delay_ns = event.not_before_ns.map_or(0, |at| at.saturating_sub(event.time_ns));
        if delay_ns != actual.delay_ms * 1_000_000 {
            return differ("delay", &format!("{delay_ns} ns"), &format!("{} ms", actual.delay_ms));
        }
    }
    let extra = emitted.get(recorded.emitted.len())?;
    let difference = Difference { path: "topic".into(), expected: "(no event)".into(), actual: extra.topic.clone() };
    Some(Divergence::Draft { index: recorded.emitted.len() as u64, difference })
}
