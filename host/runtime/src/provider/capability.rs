//! Capability components: an interface that somebody else implements, in a store of its own, with limits and grants
//! of its own. What it calls itself is recorded as a child of the agent's call that it serves.

use super::base::Surroundings;
use super::instanced::{Failure, Instanced};
use super::{At, Capabilities, Mirror, Providers};
use crate::component::Loaded;
use crate::guest;
use crate::journal::Journal;
use crate::state::Guest;
use crate::waist::{Ended, Scope, Waist};
use manes_core::function::FunctionId;
use manes_core::ids::Digest;
use manes_core::limits::{Limit, Limits};
use manes_core::policy::{EffectClaims, Grants};
use manes_core::record::EndStatus;
use manes_core::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A capability in force.
#[derive(Debug)]
pub struct Capability {
    /// Its name in the manifest, in records and in handles.
    pub name: String,
    /// The component.
    pub loaded: Arc<Loaded>,
    /// What it says its functions do.
    pub claims: EffectClaims,
    /// What it may do itself.
    pub grants: Arc<Grants>,
    /// What it may use.
    pub limits: Limits,
    /// Its config.
    pub config: BTreeMap<String, String>,
    /// Its granted environment.
    pub env: Vec<(String, String)>,
    /// Capabilities that it uses itself.
    pub capabilities: Capabilities,
    /// Leaf hash of its deployment record.
    pub deployment: Digest,
}

/// How much of a capability's last words goes into its caller's record.
const WORDS_BYTES_MAX: usize = 1024;

impl Capability {
    /// An instance that serves one attempt, beginning with the agent's call `parent`.
    ///
    /// # Errors
    /// A trap or a limit during instantiation.
    pub(super) async fn instantiate(
        self: &Arc<Self>,
        mirror: &Arc<Mirror>,
        journal: &Journal,
        parent: u64,
    ) -> Result<Live, Failure> {
        let surroundings = Surroundings {
            name: format!("{}/{}", journal.subject().agent, self.name),
            section: self.section(),
            env: self.env.clone(),
            config: self.config.clone(),
            attempt: u32::try_from(journal.subject().attempt).unwrap_or(u32::MAX),
            log_bytes_max: usize::try_from(self.limits.log_kib << 10).unwrap_or(usize::MAX),
        };
        let (grants, capabilities) = (self.grants.clone(), self.capabilities.clone());
        let providers = Providers::new(surroundings, mirror.clone(), capabilities, grants.clone(), journal.clone());
        let scope = Scope::Capability { name: self.name.clone(), parent, served: Digest::default() };
        let waist = Waist::new(scope, journal.clone(), providers, grants, self.limits.clone());
        let made = guest::instantiate(&self.loaded, waist, &self.limits).await;
        let (store, instance) = made.map_err(|error| match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::OutOfFuel) => {
                Failure::Trap("setting up the component takes more fuel than any component is given for it".into())
            }
            _ => self.blamed(error.into()),
        })?;
        let exports = Arc::new(self.loaded.exports.clone());
        let instanced = Instanced::new(&self.name, store, instance, exports);
        Ok(Live { instanced, capability: self.clone() })
    }

    /// What stops a capability is its own fault, not its caller's; a ledger that fails is nobody's, and a write whose
    /// outcome is unknown is the operator's business.
    fn blamed(&self, failure: Failure) -> Failure {
        let message = match failure {
            Failure::Ended(Ended::Ledger(why)) => return Failure::Ended(Ended::Ledger(why)),
            // Whoever made the call: another attempt would know no more.
            Failure::Ended(ended @ Ended::Unknown { .. }) => return Failure::Ended(ended),
            Failure::Ended(ended) => format!("{}: {ended}", ended.status().name()),
            Failure::Trap(message) if message == wasmtime::Trap::OutOfFuel.to_string() => {
                let fuel = self.limits.fuel;
                let advice = Limit::Fuel.advice(&self.section(), fuel, fuel.saturating_add(1));
                format!("{}: the fuel was used up; {advice}", EndStatus::OutOfFuel.name())
            }
            Failure::Trap(message) => return Failure::Trap(message),
        };
        Failure::Ended(Ended::Provider { provider: self.name.clone(), message })
    }

    /// Its section of the manifest.
    fn section(&self) -> String {
        format!("[capability.{}]", self.name)
    }
}

/// A capability at work.
#[derive(Debug)]
pub(super) struct Live {
    instanced: Instanced<Guest>,
    capability: Arc<Capability>,
}

impl Live {
    pub(super) async fn call(
        &mut self,
        function: &FunctionId,
        at: At,
        key: Option<Digest>,
        args: Vec<Value>,
    ) -> Result<Option<Value>, Failure> {
        self.instanced.data_mut().waist.serve(at.served, key.unwrap_or_default());
        // A capability may call another one: the future's size must not grow with the chain.
        let outcome = Box::pin(self.instanced.call(function, at.call, args)).await;
        outcome.map_err(|failure| match self.capability.blamed(failure) {
            // It goes into the record of whoever called it: there a trap alone would say nothing.
            Failure::Trap(message) => {
                let said = last_words(&self.instanced.data_mut().waist.stderr_tail());
                Failure::Trap(said.map_or_else(|| message.clone(), |said| format!("{message}; it said: {said}")))
            }
            ended @ Failure::Ended(_) => ended,
        })
    }
}

/// What was written on standard error last, in a line: from the last panic on, if there was one.
fn last_words(stderr: &str) -> Option<String> {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let panicked = lines.iter().rposition(|line| line.contains(" panicked at "));
    let from = panicked.unwrap_or_else(|| lines.len().saturating_sub(1));
    // What Rust says to everybody.
    let said = lines.into_iter().skip(from).filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE"));
    let said = said.collect::<Vec<_>>().join(" ");
    let end = said.floor_char_boundary(WORDS_BYTES_MAX);
    said.get(..end).filter(|said| !said.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_the_last_panic_or_the_last_line() {
        let rust = "begun\n\nthread '<unnamed>' panicked at src/lib.rs:3:5:\ngone\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(last_words(rust).as_deref(), Some("thread '<unnamed>' panicked at src/lib.rs:3:5: gone"));
        assert_eq!(last_words("one\nabort: two\n").as_deref(), Some("abort: two"));
        assert_eq!(last_words(" \n"), None);
        assert_eq!(last_words(&"é".repeat(600)).map(|said| said.len()), Some(WORDS_BYTES_MAX));
    }
}
