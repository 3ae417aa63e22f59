//! Who answers a guest's calls: the native base world, WASI behind the mirror, or a capability component.
//!
//! A call on a handle goes to the handle's owner, whatever the interface; a call without one goes by its interface.
//! Nothing is instantiated before the first call that needs it, and everything is thrown away with the attempt.

mod base;
mod capability;
mod dial;
mod instanced;
mod wasi;

pub use base::{Base, Surroundings};
pub use capability::Capability;
pub use instanced::{Failure, Instanced, trap_text};
pub use wasi::{Mirror, WasiError};

use crate::journal::Journal;
use crate::script::Script;
use crate::waist::Ended;
use manes_core::function::{FunctionId, unversioned};
use manes_core::ids::Digest;
use manes_core::policy::{EffectClaims, Grants};
use manes_core::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name of the base world in records and handles.
pub const BASE: &str = "base";
/// Name of WASI behind the mirror.
pub const WASI: &str = "wasi";

/// Granted capabilities by the compatible name of the interface they implement.
pub type Capabilities = BTreeMap<String, Arc<Capability>>;

/// Where a call stands.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Its number in its own scope: it numbers the handles that come back.
    pub call: u64,
    /// The agent's call that it serves: itself, unless a capability makes it.
    pub served: u64,
}

/// One guest's providers.
#[derive(Debug)]
pub struct Providers {
    base: Base,
    mirror: Arc<Mirror>,
    wasi: Option<Instanced<wasi::Wasi>>,
    capabilities: Capabilities,
    live: BTreeMap<String, capability::Live>,
    grants: Arc<Grants>,
    journal: Journal,
    script: Option<Arc<Script>>,
}

impl Providers {
    /// The providers of a guest with these surroundings and grants.
    #[must_use]
    pub fn new(
        surroundings: Surroundings,
        mirror: Arc<Mirror>,
        capabilities: Capabilities,
        grants: Arc<Grants>,
        journal: Journal,
    ) -> Self {
        let base = Base::new(surroundings, journal.seams().clone());
        Self { base, mirror, wasi: None, capabilities, live: BTreeMap::new(), grants, journal, script: None }
    }

    /// What it knows an answer to is answered by `script`.
    #[must_use]
    pub fn scripted(mut self, script: Option<Arc<Script>>) -> Self {
        self.script = script;
        self
    }

    /// The end of what the guest wrote to standard error.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        self.base.stderr_tail()
    }

    /// Digest of the component behind a provider.
    #[must_use]
    pub fn digest(&self, provider: &str) -> Option<Digest> {
        self.named(provider).map(|capability| capability.loaded.digest)
    }

    fn named(&self, provider: &str) -> Option<&Arc<Capability>> {
        self.capabilities.values().find(|capability| capability.name == provider)
    }

    /// What a capability claims that its functions do.
    #[must_use]
    pub fn claims(&self, interface: &str) -> Option<&EffectClaims> {
        self.capabilities.get(interface).map(|capability| &capability.claims)
    }

    /// Who answers this call.
    #[must_use]
    pub fn route(&self, function: &FunctionId, args: &[Value]) -> String {
        let mut owner: Option<&str> = None;
        for arg in args {
            // Any pollable of the base world is ready: whoever polls it needs nobody else.
            arg.handles(&mut |handle| match (&owner, handle.provider.as_str()) {
                (None, provider) => owner = Some(provider),
                (Some(_), BASE) if function.name == "poll" => owner = Some(BASE),
                (Some(_), _) => {}
            });
        }
        match owner {
            Some(owner) => owner.to_owned(),
            None => self.route_by_interface(function),
        }
    }

    fn route_by_interface(&self, function: &FunctionId) -> String {
        let interface = unversioned(&function.interface);
        let package = interface.split('/').next().unwrap_or_default();
        let timer = function.name.starts_with("subscribe-");
        let provider = match package {
            "manes:agent" | "wasi:cli" | "wasi:random" | "wasi:io" | "wasi:sockets" => BASE,
            "wasi:clocks" if !timer => BASE,
            "wasi:filesystem" if self.grants.directories.is_empty() => BASE,
            "wasi:clocks" | "wasi:filesystem" | "wasi:http" => WASI,
            _ => return self.capabilities.get(&function.interface).map_or_else(|| "none".into(), |c| c.name.clone()),
        };
        provider.to_owned()
    }

    /// True if `provider` may be given a handle of `owner` in a call to `function`.
    #[must_use]
    pub fn may_pass(function: &FunctionId, provider: &str, owner: &str) -> bool {
        // The base world answers a mixed poll from its own pollables and touches no other.
        owner == provider || (provider == BASE && function.name == "poll" && function.unversioned() == "wasi:io/poll")
    }

    /// Takes note of what a record answered in the place of the base world.
    pub fn adopt(&mut self, function: &FunctionId, outcome: &Value) {
        self.base.adopt(function, outcome);
    }

    /// Performs a call.
    ///
    /// # Errors
    /// [`Failure`]: what ended the attempt, or a trap in the provider.
    pub async fn call(
        &mut self,
        provider: &str,
        function: &FunctionId,
        at: At,
        key: Option<Digest>,
        args: Vec<Value>,
    ) -> Result<Option<Value>, Failure> {
        let call = at.call;
        if let Some(script) = &self.script {
            let answer = script.answer(self.journal.subject(), provider, function, call, &args);
            if let Some(answer) = answer {
                return answer.map_err(Failure::Ended);
            }
        }
        match provider {
            BASE => {
                let answer = self.base.call(function, call, &args);
                self.journal.cut(self.base.take_cut());
                answer.map_err(Failure::Ended)
            }
            WASI => {
                if self.wasi.is_none() {
                    self.wasi = Some(self.mirror.instantiate(&self.grants, self.journal.seams()).await?);
                }
                let wasi = self.wasi.as_mut().ok_or_else(|| Failure::Trap("no WASI instance".into()))?;
                wasi.data_mut().identify(key);
                wasi.call(function, call, args).await
            }
            name => self.call_capability(name, function, at, key, args).await,
        }
    }

    async fn call_capability(
        &mut self,
        name: &str,
        function: &FunctionId,
        at: At,
        key: Option<Digest>,
        args: Vec<Value>,
    ) -> Result<Option<Value>, Failure> {
        if !self.live.contains_key(name) {
            let capability = self.named(name).cloned();
            let capability = capability.ok_or_else(|| Failure::Ended(Ended::Guest(format!("no capability {name}"))))?;
            let live = capability.instantiate(&self.mirror, &self.journal, at.served).await?;
            self.live.insert(name.to_owned(), live);
        }
        let live = self.live.get_mut(name).ok_or_else(|| Failure::Trap("no instance".into()))?;
        live.call(function, at, key, args).await
    }
}
