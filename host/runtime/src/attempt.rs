//! One attempt: an event goes in, drafts or a reason come out, and nothing else is left behind.
//!
//! The same function runs live and in replay; only the journal differs. It never fails: whatever goes wrong is an
//! end with a status that says who is to blame.

use crate::deploy::Deployment;
use crate::event::bindings::Agent;
use crate::event::{Content, Draft, Event, WitFailure};
use crate::guest;
use crate::journal::Journal;
use crate::provider::{Mirror, Providers, Surroundings, trap_text};
use crate::state::Guest;
use crate::waist::{Ended, Scope, Waist};
use manes_core::function::FunctionId;
use manes_core::item::Item;
use manes_core::limits::{DELAY_MS_MAX, EVENT_BYTES_MAX, Limit, STDERR_TAIL_BYTES};
use manes_core::policy::{Decision, denial_message};
use manes_core::record::EndStatus;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;

/// Where an error happened, in messages.
const INSTANTIATION: &str = "instantiation";

/// An event that an attempt emits, checked and not yet visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// Its topic.
    pub topic: String,
    /// What it carries.
    pub content: Content,
    /// Delivered no earlier than this after its record's time.
    pub delay_ms: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// In one word.
    pub status: EndStatus,
    /// Why, for people; empty when done.
    pub message: String,
    /// What becomes visible.
    pub emitted: Vec<Emitted>,
    /// Fuel that the handler used.
    pub fuel: u64,
    /// The end of what the guest wrote to standard error.
    pub stderr: String,
    /// Bytes of log text over its limit: they are in the calls' records and nowhere else.
    pub log_cut: u64,
    /// What stopped the guest, if something did.
    pub ended: Option<Ended>,
    /// When the guest wants to be tried again.
    pub after_ms: Option<u64>,
}

impl Run {
    /// The flow was cancelled while it ran.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::end(EndStatus::Cancelled, "its flow was cancelled")
    }

    /// After its host died, it did not do again what it had done.
    #[must_use]
    pub fn interrupted(why: &str) -> Self {
        Self::end(EndStatus::Interrupted, format!("after its host died, this attempt did not follow its record: {why}"))
    }

    fn end(status: EndStatus, message: impl Into<String>) -> Self {
        let (emitted, stderr) = (Vec::new(), String::new());
        Self { status, message: message.into(), emitted, fuel: 0, stderr, log_cut: 0, ended: None, after_ms: None }
    }

    fn stopped(ended: Ended) -> Self {
        Self { ended: Some(ended.clone()), ..Self::end(ended.status(), ended.to_string()) }
    }

    /// The body of the end's record.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let text = |text: &str| Item::Text(text.to_owned());
        let mut parts = vec![(text("message"), text(&self.message)), (text("stderr"), text(&self.stderr))];
        if self.log_cut > 0 {
            parts.push((text("log-cut"), Item::Uint(self.log_cut)));
        }
        Item::Map(parts).to_bytes()
    }
}

/// Runs one attempt. With a live journal it calls out; with a replaying one it does not.
pub async fn run(deployment: &Deployment, event: &Event, attempt: u32, journal: &Journal, mirror: &Arc<Mirror>) -> Run {
    let run = handle(deployment, event, attempt, journal, mirror).await;
    Run { log_cut: journal.log_cut(), ..run }
}

async fn handle(deployment: &Deployment, event: &Event, attempt: u32, journal: &Journal, mirror: &Arc<Mirror>) -> Run {
    let deadline = Deadline::new(deployment, journal);
    let waist = waist(deployment, attempt, journal, mirror);
    let made = deadline.bound(guest::instantiate(&deployment.loaded, waist, &deployment.limits)).await;
    let (mut store, instance) = match made {
        Some(Ok(made)) => made,
        Some(Err(error)) => return classify(&error, INSTANTIATION, deployment),
        None => return deadline.passed(),
    };
    let handler = match Agent::new(&mut store, &instance) {
        Ok(handler) => handler,
        Err(error) => return Run::end(EndStatus::Trapped, format!("{error:#}")),
    };
    let input = event.to_wit();
    let returned = deadline.bound(handler.manes_agent_handler().call_handle(&mut store, &input)).await;
    let mut run = match returned {
        Some(Ok(Ok(drafts))) => emit(deployment, drafts, journal),
        Some(Ok(Err(WitFailure::Reject(reason)))) => Run::end(EndStatus::Rejected, words(&reason)),
        Some(Ok(Err(WitFailure::Retry(retry)))) => {
            let after_ms = u64::from(retry.after_ms).min(DELAY_MS_MAX);
            Run { after_ms: Some(after_ms), ..Run::end(EndStatus::Retry, words(&retry.reason)) }
        }
        Some(Err(error)) => classify(&error, "handle", deployment),
        None => deadline.passed(),
    };
    run.fuel = used(&store, deployment.limits.fuel);
    run.stderr = store.data().waist.stderr_tail();
    run
}

/// The guest's own words, cut where they would be a way to record without limit.
fn words(reason: &str) -> String {
    let end = (0..=STDERR_TAIL_BYTES.min(reason.len())).rev().find(|at| reason.is_char_boundary(*at));
    reason.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
}

/// The wall deadline of one attempt, from before its instance is made.
struct Deadline<'a> {
    at: Option<tokio::time::Instant>,
    ms: u64,
    agent: &'a str,
    journal: &'a Journal,
}

impl<'a> Deadline<'a> {
    fn new(deployment: &'a Deployment, journal: &'a Journal) -> Self {
        let ms = deployment.limits.deadline_ms;
        // In replay nothing waits for the outside, and a deadline would depend on the machine.
        let live = !journal.is_replaying();
        let at = live.then(|| tokio::time::Instant::now().checked_add(Duration::from_millis(ms))).flatten();
        Self { at, ms, agent: &deployment.name, journal }
    }

    /// What `work` yields; `None` if it was not done in time. What it waits for the ledger does not count.
    async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let Some(at) = self.at else { return Some(work.await) };
        let mut work = std::pin::pin!(work);
        loop {
            let until = at.checked_add(self.journal.waited())?;
            match tokio::time::timeout_at(until, work.as_mut()).await {
                Ok(done) => return Some(done),
                // Some of that time it waited for the ledger, which goes on for as long.
                Err(_) if tokio::time::Instant::now() < at + self.journal.waited() => {}
                Err(_) => return None,
            }
        }
    }

    fn passed(&self) -> Run {
        let advice = Limit::DeadlineMs.advice(&Scope::Agent.section(self.agent), self.ms, self.ms + 1);
        Run::end(EndStatus::Deadline, format!("not done after {} ms; {advice}", self.ms))
    }
}

fn used(store: &Store<Guest>, fuel: u64) -> u64 {
    fuel.saturating_sub(store.get_fuel().unwrap_or_default())
}

fn waist(deployment: &Deployment, attempt: u32, journal: &Journal, mirror: &Arc<Mirror>) -> Waist {
    let surroundings = Surroundings {
        name: deployment.name.clone(),
        section: Scope::Agent.section(&deployment.name),
        env: deployment.env.clone(),
        config: deployment.config.clone(),
        attempt,
        log_bytes_max: usize::try_from(deployment.limits.log_kib << 10).unwrap_or(usize::MAX),
    };
    let (grants, capabilities) = (deployment.grants.clone(), deployment.capabilities.clone());
    let providers = Providers::new(surroundings, mirror.clone(), capabilities, grants.clone(), journal.clone());
    let providers = providers.scripted(deployment.script.clone());
    let waist = Waist::new(Scope::Agent, journal.clone(), providers, grants, deployment.limits.clone());
    waist.under(deployment.in_force.clone()).judged(deployment.judge.clone())
}

/// Whose fault an error is.
fn classify(error: &wasmtime::Error, during: &str, deployment: &Deployment) -> Run {
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return Run::stopped(ended.clone());
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) if during == INSTANTIATION => Run::end(
            EndStatus::OutOfFuel,
            "setting up the component takes more fuel than any component is given for it",
        ),
        Some(wasmtime::Trap::OutOfFuel) => {
            let (section, fuel) = (Scope::Agent.section(&deployment.name), deployment.limits.fuel);
            let advice = Limit::Fuel.advice(&section, fuel, fuel.saturating_add(1));
            Run::end(EndStatus::OutOfFuel, format!("the fuel was used up; {advice}"))
        }
        // No trap of the guest's: the host had no room for it.
        None if during == INSTANTIATION => Run::end(EndStatus::Fault, format!("{during}: {error:#}")),
        _ => Run::end(EndStatus::Trapped, format!("{during}: {}", trap_text(error))),
    }
}

/// Checks what a handler wants to emit. One draft that may not be emitted, and none is.
fn emit(deployment: &Deployment, drafts: Vec<Draft>, journal: &Journal) -> Run {
    let max = deployment.limits.drafts_max;
    if drafts.len() as u64 > max {
        let what = format!("the number of emitted events ({max})");
        let advice = Limit::DraftsMax.advice(&Scope::Agent.section(&deployment.name), max, drafts.len() as u64);
        return Run::stopped(Ended::Limit { what, advice });
    }
    let mut emitted = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let decision = deployment.grants.may_publish(&draft.topic);
        if let Decision::Deny { .. } = decision {
            return Run::stopped(Ended::Denied(denial_message(&publish(), &decision)));
        }
        let content = Content::of_draft(&draft);
        if content.data.len() > EVENT_BYTES_MAX {
            let message = format!(
                "an event of {} bytes on {}; at most {EVENT_BYTES_MAX}, which no manifest changes: emit several smaller \
                 events, or keep the data in a file and emit its name",
                content.data.len(),
                draft.topic
            );
            return Run::end(EndStatus::Limit, message);
        }
        let attributes: usize = content.extensions.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = content.data.len() + attributes + content.content_type.len() + draft.topic.len();
        if let Err(ended) = journal.emitting(bytes as u64) {
            return Run::stopped(ended);
        }
        let delay_ms = u64::from(draft.delay_ms).min(DELAY_MS_MAX);
        emitted.push(Emitted { topic: draft.topic, content, delay_ms });
    }
    Run { emitted, ..Run::end(EndStatus::Done, "") }
}

fn publish() -> FunctionId {
    FunctionId::new("manes:agent/handler@0.1.0", "publish")
}
