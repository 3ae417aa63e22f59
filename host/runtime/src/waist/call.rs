//! One call, step by step.

use super::{Ended, Handles, Judge};
use crate::component::Function;
use crate::journal::{Answer, CallEnd, CallRecord, Journal};
use crate::provider::{At, BASE, Failure, Providers, WASI};
use manes_core::cbor::Reader;
use manes_core::cursor::{CallText, Divergence, Recorded, RecordedCall, encode_args};
use manes_core::diff::Difference;
use manes_core::function::FunctionId;
use manes_core::idempotency::Occurrences;
use manes_core::ids::Digest;
use manes_core::lens::{Effect, Lens, Seen};
use manes_core::limits::{Limit, Limits};
use manes_core::policy::{Decision, EffectClaims, Grants, denial_message, denied_value};
use manes_core::value::{Handle, Shape, Value};
use std::sync::Arc;

/// What is known of a call that was announced and has no outcome.
pub(super) const UNKNOWN: &str = "nobody knows what came of it";

/// Marks numbers of calls that a record does not have, in a what-if.
const UNRECORDED: u64 = 1 << 63;

/// Whose calls these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The agent's own.
    Agent,
    /// A capability's, while it serves the agent's call `parent`.
    Capability {
        /// Its name.
        name: String,
        /// The agent's call.
        parent: u64,
        /// The idempotency key of the call that it serves, which need not be a write.
        served: Digest,
    },
}

impl Scope {
    /// The section of the manifest that says what may be done and used here, for an attempt of `agent`.
    #[must_use]
    pub fn section(&self, agent: &str) -> String {
        match self {
            Self::Agent => format!("[agent.{agent}]"),
            Self::Capability { name, .. } => format!("[capability.{name}]"),
        }
    }
}

/// A guest's way out: everything it imports ends in [`Waist::call`].
#[derive(Debug)]
pub struct Waist {
    /// The guest's handles.
    pub handles: Handles,
    /// Whose calls these are.
    pub scope: Scope,
    journal: Journal,
    providers: Providers,
    grants: Arc<Grants>,
    /// What may still be done, where the grants are those of an older deployment.
    in_force: Option<Arc<Grants>>,
    /// Who wants to know what is asked for.
    judge: Option<Arc<Judge>>,
    limits: Limits,
    lens: Lens,
    /// How often each write came so far.
    occurrences: Occurrences,
    /// Number of the last call.
    number: u64,
    /// Calls so far that are not local.
    outward: u64,
}

impl Waist {
    /// The waist of a guest.
    #[must_use]
    pub fn new(scope: Scope, journal: Journal, providers: Providers, grants: Arc<Grants>, limits: Limits) -> Self {
        let handles = Handles::new(limits.handles_max, scope.section(&journal.subject().agent));
        let (lens, occurrences) = (Lens::new(), Occurrences::default());
        let (in_force, judge, number, outward) = (None, None, 0, 0);
        Self { handles, scope, journal, providers, grants, in_force, judge, limits, lens, occurrences, number, outward }
    }

    /// What is not granted by `in_force` either is denied, if there is such.
    #[must_use]
    pub fn under(mut self, in_force: Option<Arc<Grants>>) -> Self {
        self.in_force = in_force;
        self
    }

    /// Somebody wants to know what is asked for.
    #[must_use]
    pub fn judged(mut self, judge: Option<Arc<Judge>>) -> Self {
        self.judge = judge;
        self
    }

    /// The attempt's journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The section of the manifest that says what may be done and used here.
    #[must_use]
    pub fn section(&self) -> String {
        self.scope.section(&self.journal.subject().agent)
    }

    /// The end of what the guest wrote to its standard error.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        self.providers.stderr_tail()
    }

    /// Performs or replays one call. `None` for a function without result.
    ///
    /// # Errors
    /// [`Ended`], as a wasmtime error: the attempt is over.
    pub async fn call(&mut self, function: &Function, args: Vec<Value>) -> wasmtime::Result<Option<Value>> {
        self.pass(function, args).await.map_err(wasmtime::Error::new)
    }

    async fn pass(&mut self, function: &Function, args: Vec<Value>) -> Result<Option<Value>, Ended> {
        self.number += 1;
        // Before anything is copied: what a typed adapter brings in may be far over the limit.
        self.check_size("arguments", args.iter().map(Value::payload_bytes).sum())?;
        // 1 encode by type
        let encoded = encode_args(&args);
        // 2 lens: what is this call about?
        let seen = self.see(&function.id, &args);
        // 3 policy decides on the facts
        let decision = self.decide(&seen);
        if let Some(judge) = &self.judge {
            judge.note(self.number, &function.id, &seen, &decision);
        }
        let mut call = self.record(function, &seen, &decision, &args, &encoded);
        // 4 limits
        self.check_size("arguments", encoded.len())?;
        if !self.journal.is_replaying() {
            self.count(seen.effect)?;
        }
        // 5-7 replay answers from the record; live performs between its two records
        let answer = match self.journal.recorded(&call, &function.signature, &args) {
            Err(Ended::Diverged(divergence)) if self.answers_itself(&divergence, &call) => Answer::Make,
            Err(Ended::Diverged(divergence)) if self.journal.is_recovering() => {
                let why = format!("after its host died, this attempt did not follow its record: {divergence}");
                return Err(Ended::Interrupted(why));
            }
            answer => answer?,
        };
        let outcome = match answer {
            Answer::Recorded(recorded) => {
                self.check_same_write(&call, &seen, &args, &recorded)?;
                if self.journal.is_recovering() && self.is_keyed(&call) {
                    // Counted, so that what comes live after it has the key that it would have had.
                    self.key(&call, &args);
                }
                let outcome = self.replayed(function, &recorded)?;
                outcome.iter().for_each(|outcome| self.providers.adopt(&function.id, outcome));
                outcome
            }
            Answer::Make => self.live(function, call, &seen, &decision, args.clone()).await?,
            Answer::MakeAfterRecovery => {
                self.check_survived(&args)?;
                self.live(function, call, &seen, &decision, args.clone()).await?
            }
            Answer::Unknown { intent } => {
                self.check_survived(&args)?;
                self.journal.give_up(intent).await?;
                call.earlier = Some(intent);
                self.may_repeat(&function.id, &call, &seen, UNKNOWN)?;
                self.live(function, call, &seen, &decision, args.clone()).await?
            }
        };
        self.lens.learn(&function.id, &args, outcome.as_ref());
        Ok(outcome)
    }

    /// What if: a request or a file is named by handles, which are alike whatever they stand for. The key says whether it is
    /// the recorded one.
    fn check_same_write(
        &mut self,
        call: &CallRecord<'_>,
        seen: &Seen,
        args: &[Value],
        recorded: &RecordedCall,
    ) -> Result<(), Ended> {
        let denied = matches!(recorded.outcome, Recorded::Denied(_));
        if denied || !self.journal.is_what_if() || !self.is_keyed(call) {
            return Ok(());
        }
        // Counted as it was live, also where the record has no key because an earlier attempt's write was used again.
        let key = self.key(call, args);
        if recorded.key.is_none_or(|expected| expected == key) {
            return Ok(());
        }
        let text = |args: &[u8]| CallText::of(call.function, args);
        let difference = Difference {
            path: "what it is about".to_owned(),
            expected: "something else, by its idempotency key".to_owned(),
            actual: seen.facts.to_string(),
        };
        Err(Ended::Diverged(Box::new(Divergence::Call {
            call: recorded.number,
            expected: text(&recorded.args),
            actual: text(call.args),
            difference: Some(difference),
        })))
    }

    /// Providers died with their host, and with them every handle that is not the base world's.
    fn check_survived(&self, args: &[Value]) -> Result<(), Ended> {
        let mut foreign = self.handles.of_another(BASE).cloned();
        args.iter().for_each(|arg| {
            arg.handles(&mut |handle| {
                if handle.provider != BASE {
                    foreign.get_or_insert_with(|| handle.clone());
                }
            });
        });
        match foreign {
            None => Ok(()),
            Some(handle) => Err(Ended::Interrupted(format!("the host stopped, and {handle} died with it"))),
        }
    }

    /// What if: a clock, a random number or a line of log that the record does not have comes from the base world,
    /// which reaches nothing outside.
    fn answers_itself(&self, divergence: &Divergence, call: &CallRecord<'_>) -> bool {
        let beyond = matches!(divergence, Divergence::Extra { .. });
        beyond && call.effect == Effect::Local && call.provider == BASE && self.journal.is_what_if()
    }

    /// The grants under which it runs: its deployment's, and those in force where they are others.
    pub(super) fn grants(&self) -> impl Iterator<Item = &Arc<Grants>> {
        [Some(&self.grants), self.in_force.as_ref()].into_iter().flatten()
    }

    fn decide(&self, seen: &Seen) -> Decision {
        let decision = self.grants.decide(seen);
        match &self.in_force {
            Some(in_force) => decision.and(in_force.decide(seen)),
            None => decision,
        }
    }

    fn see(&self, function: &FunctionId, args: &[Value]) -> Seen {
        let mut seen = self.lens.see(function, args);
        // Dropping a handle frees memory, whoever provides it.
        if !function.name.starts_with("[resource-drop]") {
            let unclaimed = EffectClaims::default();
            let claims = self.providers.claims(&function.interface).unwrap_or(&unclaimed);
            let effects = self.grants().map(|grants| grants.effect(function, &seen, claims));
            seen.effect = effects.fold(Effect::Local, Effect::max);
        }
        seen
    }

    fn record<'a>(
        &self,
        function: &'a Function,
        seen: &Seen,
        decision: &Decision,
        args: &[Value],
        encoded: &'a [u8],
    ) -> CallRecord<'a> {
        let provider = self.providers.route(&function.id, args);
        let (principal, parent) = match &self.scope {
            Scope::Agent => (None, None),
            Scope::Capability { name, parent, .. } => (Some(format!("capability/{name}")), Some(*parent)),
        };
        CallRecord {
            number: self.number,
            parent,
            principal,
            function: &function.id,
            effect: seen.effect,
            rule: decision.rule().to_owned(),
            component: self.providers.digest(&provider),
            provider,
            args: encoded,
            key: None,
            earlier: None,
        }
    }

    fn check_size(&self, what: &str, bytes: usize) -> Result<(), Ended> {
        let max = self.limits.call_kib;
        if bytes as u64 > max << 10 {
            let what = format!("the {what} of one call ({max} KiB)");
            let advice = Limit::CallKib.advice(&self.section(), max, (bytes as u64).div_ceil(1024));
            return Err(Ended::Limit { what, advice });
        }
        Ok(())
    }

    fn count(&mut self, effect: Effect) -> Result<(), Ended> {
        self.outward += u64::from(effect != Effect::Local);
        let max = self.limits.calls_max;
        if self.outward > max {
            let what = format!("the number of calls ({max})");
            let advice = Limit::CallsMax.advice(&self.section(), max, max + 1);
            return Err(Ended::Limit { what, advice });
        }
        Ok(())
    }

    async fn live(
        &mut self,
        function: &Function,
        mut call: CallRecord<'_>,
        seen: &Seen,
        decision: &Decision,
        args: Vec<Value>,
    ) -> Result<Option<Value>, Ended> {
        if let Decision::Deny { .. } = decision {
            return self.deny(function, &call, decision);
        }
        if let Err(ended) = Self::check_owners(&function.id, &call.provider, &args) {
            self.journal.outcome(&call, None, &CallEnd::Ended(&ended))?;
            return Err(ended);
        }
        let key = self.is_keyed(&call).then(|| self.key(&call, &args));
        if needs_intent(seen) {
            call.key = key;
            // Whether an announced call is made again was decided already.
            if call.earlier.is_none()
                && let Some(outcome) = self.again(function, &mut call, seen, &args)?
            {
                return Ok(outcome);
            }
        }
        // Intent before effect: nothing outside happens before this is durable.
        let intent = match needs_intent(seen) {
            true => Some(self.journal.intent(&call).await?),
            false => None,
        };
        // Handles of calls that no record has are numbered apart from those of a record.
        let number = if self.journal.is_replaying() { self.number | UNRECORDED } else { self.number };
        let at = At { call: number, served: call.parent.unwrap_or(self.number) };
        let result = self.providers.call(&call.provider, &function.id, at, key, args).await;
        let result = result.map_err(|failure| blame(failure, &call.provider)).and_then(|outcome| {
            let bytes = outcome.as_ref().map_or(0, |value| value.to_bytes().len());
            self.check_size("outcome", bytes).map(|()| outcome)
        });
        let end = match &result {
            Ok(outcome) => CallEnd::Returned(outcome.as_ref()),
            Err(ended) => CallEnd::Ended(ended),
        };
        self.journal.outcome(&call, intent, &end)?;
        result
    }

    fn key(&mut self, call: &CallRecord<'_>, args: &[Value]) -> Digest {
        let activation = self.journal.subject().activation;
        // What a capability does belongs to the call that it serves: another one's writes are others.
        let principal = match &self.scope {
            Scope::Agent => String::new(),
            Scope::Capability { name, served, .. } => format!("capability/{name}/{served}"),
        };
        self.occurrences.key(&activation, &principal, call.function, args, &self.lens)
    }

    /// Writes have keys, and so has whatever a capability answers: it may write.
    fn is_keyed(&self, call: &CallRecord<'_>) -> bool {
        call.effect == Effect::Write || ![BASE, WASI].contains(&call.provider.as_str())
    }

    /// A capability is about to serve the agent's call `parent`, whose key is `serving`.
    pub fn serve(&mut self, call: u64, serving: Digest) {
        if let Scope::Capability { parent, served, .. } = &mut self.scope {
            (*parent, *served) = (call, serving);
            self.occurrences = Occurrences::default();
        }
    }

    fn deny(&self, function: &Function, call: &CallRecord<'_>, decision: &Decision) -> Result<Option<Value>, Ended> {
        let mut message = denial_message(&function.id, decision);
        // An agent's own denial is shown under its name; a capability's would be taken for its caller's.
        if let Scope::Capability { .. } = &self.scope {
            message = message.replacen("; allow with: ", &format!("; allow in {} with: ", self.section()), 1);
        }
        tracing::debug!(agent = self.journal.subject().agent, function = %function.id, "{message}");
        match denied_value(function.signature.result.as_ref(), &message) {
            Some(value) => {
                self.journal.outcome(call, None, &CallEnd::Denied(&value, &message))?;
                Ok(Some(value))
            }
            None => {
                let ended = Ended::Denied(message);
                self.journal.outcome(call, None, &CallEnd::Ended(&ended))?;
                Err(ended)
            }
        }
    }

    /// wasmtime does not check which store a host resource came from; this does.
    fn check_owners(function: &FunctionId, provider: &str, args: &[Value]) -> Result<(), Ended> {
        let mut foreign: Option<&Handle> = None;
        for arg in args {
            arg.handles(&mut |handle| {
                if !Providers::may_pass(function, provider, &handle.provider) {
                    foreign = Some(handle);
                }
            });
        }
        match foreign {
            None => Ok(()),
            Some(handle) => Err(Ended::Guest(format!(
                "handle {handle} of provider {} was passed to provider {provider}, which does not own it",
                handle.provider
            ))),
        }
    }

    fn replayed(&self, function: &Function, recorded: &RecordedCall) -> Result<Option<Value>, Ended> {
        let bytes = match &recorded.outcome {
            Recorded::Returned(bytes) | Recorded::Denied(bytes) => bytes,
            Recorded::Ended(text) => return Err(Ended::from_text(text)),
            Recorded::Unknown => {
                return Err(Ended::from_text("interrupted: the host stopped before this call's outcome was recorded"));
            }
        };
        let Some(shape) = &function.signature.result else { return Ok(None) };
        decode(shape, bytes).map(Some)
    }
}

pub(super) fn decode(shape: &Shape, bytes: &[u8]) -> Result<Value, Ended> {
    let mut r = Reader::new(bytes);
    Value::decode(shape, &mut r)
        .map_err(|error| Ended::Guest(format!("the recorded outcome is not of the imported type: {error}")))
}

/// Writes get an intent. What an HTTP request reads is covered by its `handle`, which is a write.
const fn needs_intent(seen: &Seen) -> bool {
    matches!(seen.effect, Effect::Write)
}

fn blame(failure: Failure, provider: &str) -> Ended {
    match failure {
        Failure::Ended(ended) => ended,
        // The mirror only passes on what the guest gave it: its trap is the guest's.
        Failure::Trap(message) if provider == crate::provider::WASI => Ended::Guest(message),
        Failure::Trap(message) => Ended::Provider { provider: provider.to_owned(), message },
    }
}
