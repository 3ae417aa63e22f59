//! What is deployed and submitted, as the ledger says and as this host holds it.

use super::HostError;
use super::deploying::Components;
use super::submissions::Submissions;
use crate::component::Loaded;
use crate::deploy::{self, DeploymentBody, IN_FORCE};
use crate::engine::Wasm;
use crate::ledger::Ledger;
use crate::manifest::{AgentSection, CapabilitySection};
use crate::provider::{Capabilities, Capability};
use manes_core::ids::Digest;
use manes_core::policy::{EffectClaims, Grants};
use manes_core::record::Kind;
use manes_core::topic::Pattern;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Registry {
    /// What is loaded, in force or waiting.
    pub(super) components: Components,
    /// Names whose component was loaded by command from another file than the manifest's.
    pub(super) elsewhere: BTreeSet<String>,
    /// Capabilities in force.
    pub(super) capabilities: BTreeMap<String, Arc<Capability>>,
    /// Interfaces that a name waits for.
    pub(super) waits: BTreeMap<String, Vec<String>>,
    /// What components said of their own functions.
    pub(super) claims: HashMap<Digest, EffectClaims>,
    /// Positions of all deployment records, by leaf hash.
    pub(super) positions: HashMap<Digest, u64>,
    /// Last recorded status, body and leaf hash of each name.
    pub(super) recorded: BTreeMap<String, (u64, Vec<u8>, Digest)>,
}

impl Registry {
    /// What the ledger says is deployed and submitted.
    pub(super) fn read(ledger: &dyn Ledger) -> Result<(Self, Submissions), HostError> {
        let (mut registry, submissions) = (Self::default(), Submissions::default());
        let mut next = 0;
        loop {
            let entries = ledger.read(next, 1024)?;
            let Some(last) = entries.last() else { return Ok((registry, submissions)) };
            next = last.index + 1;
            for entry in entries {
                submissions.learn(&entry);
                if let (Kind::Deployment, Some(name)) = (entry.envelope.kind(), entry.envelope.agent) {
                    registry.positions.insert(entry.leaf, entry.index);
                    let body = entry.body.map(|body| body.to_vec()).unwrap_or_default();
                    let status = entry.envelope.status.unwrap_or(IN_FORCE);
                    registry.recorded.insert(name, (status, body, entry.leaf));
                }
            }
        }
    }

    /// The leaf hash of the last record under this name, if it says exactly this.
    pub(super) fn known(&self, body: &DeploymentBody, status: u64) -> Option<Digest> {
        let (last, bytes, leaf) = self.recorded.get(&body.name)?;
        (*last == status && *bytes == body.encode()).then_some(*leaf)
    }
}

/// The parts of a manifest's section that a deployment's body repeats.
pub(super) struct Section {
    subscribe: Vec<Pattern>,
    limits: manes_core::limits::Limits,
    config: BTreeMap<String, String>,
    concurrency: u32,
    attempts: u64,
    results: Vec<Pattern>,
}

impl Section {
    pub(super) fn of_agent(section: &AgentSection, results: &[Pattern]) -> Self {
        Self {
            subscribe: section.subscribe.clone(),
            limits: section.limits.clone(),
            config: section.config.clone(),
            concurrency: section.concurrency,
            attempts: section.attempts,
            results: results.to_vec(),
        }
    }

    pub(super) fn of_capability(section: &CapabilitySection, results: &[Pattern]) -> Self {
        let (limits, config) = (section.limits.clone(), section.config.clone());
        Self { subscribe: Vec::new(), limits, config, concurrency: 1, attempts: 1, results: results.to_vec() }
    }
}

pub(super) fn body(
    role: &str,
    name: &str,
    loaded: &Loaded,
    grants: &Grants,
    capabilities: &Capabilities,
    wasm: &Wasm,
    section: Section,
) -> DeploymentBody {
    let contracts = deploy::contracts(loaded, capabilities);
    DeploymentBody {
        role: role.to_owned(),
        name: name.to_owned(),
        component: loaded.digest,
        imports: contracts.imports,
        exports: contracts.exports,
        subscribe: section.subscribe,
        grants: grants.clone(),
        limits: section.limits,
        config: section.config,
        concurrency: section.concurrency,
        attempts: section.attempts,
        results: section.results,
        providers: contracts.providers,
        provider_components: contracts.provider_components,
        engine: wasm.fingerprint(),
    }
}

/// The values of the granted variables that are set.
pub(super) fn values(names: &[String]) -> Vec<(String, String)> {
    names.iter().filter_map(|name| std::env::var(name).ok().map(|value| (name.clone(), value))).collect()
}
