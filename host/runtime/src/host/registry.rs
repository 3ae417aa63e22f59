//! What is deployed and submitted, as the ledger says and as this host holds it.

use super::HostError;
use super::submissions::Submissions;
use crate::component::{Interface, Loaded};
use crate::deploy::{self, DeploymentBody, IN_FORCE};
use crate::engine::Wasm;
use crate::ledger::Ledger;
use crate::manifest::{AgentSection, CapabilitySection};
use crate::nearest;
use crate::provider::{Capabilities, Capability};
use manes_core::ids::Digest;
use manes_core::policy::Grants;
use manes_core::record::Kind;
use manes_core::topic::Pattern;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) capabilities: BTreeMap<String, Arc<Capability>>,
    /// Last recorded body and leaf of each name.
    pub(super) recorded: BTreeMap<String, (u64, Vec<u8>, Digest)>,
    /// Capabilities that wait for another one: nobody can use them yet.
    pub(super) waiting: BTreeMap<String, Arc<Loaded>>,
    /// Components of the agents in force: a load of something else does not read their files again.
    pub(super) agents: BTreeMap<String, Arc<Loaded>>,
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
    results: Vec<Pattern>,
}

impl Section {
    pub(super) fn of_agent(section: &AgentSection, results: &[Pattern]) -> Self {
        Self {
            subscribe: section.subscribe.clone(),
            limits: section.limits.clone(),
            config: section.config.clone(),
            concurrency: section.concurrency,
            results: results.to_vec(),
        }
    }

    pub(super) fn of_capability(section: &CapabilitySection, results: &[Pattern]) -> Self {
        let (limits, config) = (section.limits.clone(), section.config.clone());
        Self { subscribe: Vec::new(), limits, config, concurrency: 1, results: results.to_vec() }
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
        results: section.results,
        providers: contracts.providers,
        provider_components: contracts.provider_components,
        engine: wasm.fingerprint(),
    }
}

/// Interfaces that this component was granted and that nobody here implements.
pub(super) fn absent(loaded: &Loaded, grants: &Grants, provided: &Capabilities) -> Vec<String> {
    let granted = loaded.foreign_imports().map(Interface::id).filter(|id| grants.grants_interface(id));
    granted.filter(|id| !provided.contains_key(id)).collect()
}

/// Who implements what this component imports and was granted.
///
/// # Errors
/// An interface that two capabilities implement: which one is meant must not depend on their names. A grant that can
/// match nothing.
pub(super) fn provide(
    name: &str,
    loaded: &Loaded,
    grants: &Grants,
    capabilities: &BTreeMap<String, Arc<Capability>>,
) -> Result<Capabilities, HostError> {
    check_imported(name, loaded, grants)?;
    let mut provided = Capabilities::new();
    for import in loaded.foreign_imports().filter(|import| grants.grants_interface(&import.id())) {
        let id = import.id();
        let mut exporters = capabilities.values().filter(|c| c.name != name && c.loaded.exports.contains_key(&id));
        let Some(provider) = exporters.next() else { continue };
        if let Some(other) = exporters.next() {
            let (one, other) = (provider.name.clone(), other.name.clone());
            return Err(HostError::Ambiguous { interface: id, one, other });
        }
        if let Some(what) = deploy::mismatch(loaded, &id, provider) {
            return Err(HostError::Mismatch { agent: name.to_owned(), what });
        }
        check_effects(name, &id, grants, provider)?;
        provided.insert(id, provider.clone());
    }
    Ok(provided)
}

/// A grant of what the component does not import grants nothing: a slip of the pen, whose denial would come later.
fn check_imported(name: &str, loaded: &Loaded, grants: &Grants) -> Result<(), HostError> {
    let imports: Vec<String> = loaded.foreign_imports().map(Interface::id).collect();
    let unused = grants.capabilities.iter().find(|grant| !imports.iter().any(|import| grant.matches(import)));
    let Some(grant) = unused else { return Ok(()) };
    let (name, interface) = (name.to_owned(), grant.interface().to_owned());
    let hint = nearest::hint(&interface, imports.iter().map(String::as_str));
    let known = if imports.is_empty() { "nothing that a capability provides".to_owned() } else { imports.join(", ") };
    Err(HostError::Unimported { name, interface, hint, known })
}

/// So does an effect of a function that the interface does not have.
fn check_effects(name: &str, interface: &str, grants: &Grants, provider: &Capability) -> Result<(), HostError> {
    let Some(offered) = provider.loaded.exports.get(interface) else { return Ok(()) };
    let functions: Vec<&str> = offered.functions.keys().map(String::as_str).collect();
    for grant in grants.capabilities.iter().filter(|grant| grant.matches(interface)) {
        let Some(function) = grant.misnamed(&functions).first().copied() else { continue };
        // As a grant names them: `[method]rows.next` is `rows.next`.
        let plain = |function: &&'_ str| function.split_once(']').map_or(*function, |(_, plain)| plain).to_owned();
        let known: Vec<String> = functions.iter().map(plain).collect();
        return Err(HostError::Misnamed {
            name: name.to_owned(),
            interface: interface.to_owned(),
            function: function.to_owned(),
            hint: nearest::hint(function, known.iter().map(String::as_str)),
            known: known.join(", "),
        });
    }
    Ok(())
}

/// The values of the granted variables that are set.
pub(super) fn values(names: &[String]) -> Vec<(String, String)> {
    names.iter().filter_map(|name| std::env::var(name).ok().map(|value| (name.clone(), value))).collect()
}
