//! Bringing agents and capabilities into force: everything is checked before anything is recorded.

use super::prepared::{Role, Source};
use super::registry::{Registry, Section, absent, body, provide, values};
use super::{Host, HostError};
use crate::component::{Interface, Loaded};
use crate::deploy::{self, Deployment, DeploymentBody, IN_FORCE, REMOVED, WAITING};
use crate::manifest::{AgentSection, CapabilitySection};
use crate::nearest;
use crate::provider::Capability;
use crate::router::Command;
use manes_core::ids::Digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a load changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Agents and capabilities that waited for it and are in force now.
    pub started: Vec<String>,
    /// Interfaces that it waits for itself: nobody can use it before they are there.
    pub waits_for: Vec<String>,
}

/// A capability as a command shows it.
#[derive(Debug, Clone, Serialize)]
pub struct CapabilityView {
    /// Its name.
    pub name: String,
    /// `ready`, `waiting` for another one, or `unloaded`.
    pub state: &'static str,
    /// Interfaces that it offers, if it is loaded.
    pub exports: Vec<String>,
    /// Interfaces that it waits for.
    pub waits_for: Vec<String>,
}

impl Host {
    pub(super) async fn deploy_all(&self) -> Result<(), HostError> {
        let mut registry = self.registry.lock().await;
        let mut left: Vec<(&String, &CapabilitySection)> =
            self.manifest.capability.iter().filter(|(_, section)| section.load).collect();
        // A capability that uses another one comes after it; where they form a ring, each waits for a reload.
        while !left.is_empty() {
            let mut next = 0;
            for (place, (name, section)) in left.iter().enumerate() {
                if self.is_ready(&registry, name, section).await? {
                    next = place;
                    break;
                }
            }
            let (name, section) = left.remove(next);
            self.put_capability(&mut registry, name, section, None).await?;
        }
        self.remove_absent(&mut registry).await?;
        self.refresh_agents(&mut registry).await
    }

    /// True if everything that a capability was granted from others is there.
    async fn is_ready(&self, registry: &Registry, name: &str, section: &CapabilitySection) -> Result<bool, HostError> {
        let path = self.manifest.resolve(&section.component);
        let loaded = self.component(Source { role: Role::Capability, name, path: &path }).await?;
        let grants = self.manifest.capability_grants(section);
        let provided = provide(name, &loaded, &grants, &registry.capabilities)?;
        Ok(absent(&loaded, &grants, &provided).is_empty())
    }

    /// Names in force that the manifest does not have any more, or has in another role, are taken out.
    async fn remove_absent(&self, registry: &mut Registry) -> Result<(), HostError> {
        let in_force = registry.recorded.values().filter(|(status, ..)| *status != REMOVED);
        let bodies: Vec<DeploymentBody> = in_force.filter_map(|(_, body, _)| DeploymentBody::decode(body)).collect();
        for body in bodies {
            let kept = match body.role.as_str() {
                "agent" => self.manifest.agent.contains_key(&body.name),
                _ => registry.capabilities.contains_key(&body.name) || registry.waiting.contains_key(&body.name),
            };
            if !kept {
                self.append_deployment(registry, &body, REMOVED).await?;
            }
        }
        Ok(())
    }

    /// Loads a capability into the running host: the one that the manifest declares under `name`, from its own file or
    /// from `path`. Agents that waited for it start.
    ///
    /// # Errors
    /// A name that the manifest does not have, a component that cannot be used, or one that its users do not fit.
    /// Nothing has changed then.
    pub async fn load_capability(&self, name: &str, path: Option<&Path>) -> Result<Brought, HostError> {
        let section = self.manifest.capability.get(name).ok_or_else(|| self.not_loadable(name))?;
        let mut registry = self.registry.lock().await;
        let waiting = |registry: &Registry| -> Vec<String> {
            let waits = |(_, (status, ..)): &(&String, &(u64, Vec<u8>, Digest))| *status == WAITING;
            registry.recorded.iter().filter(waits).map(|(name, _)| name.clone()).collect()
        };
        let before = waiting(&registry);
        let waits_for = self.put_capability(&mut registry, name, section, path).await?;
        self.start_waiting(&mut registry).await?;
        self.refresh_users(&mut registry, name).await?;
        self.refresh_agents(&mut registry).await?;
        let after = waiting(&registry);
        let started = before.into_iter().filter(|other| other != name && !after.contains(other)).collect();
        Ok(Brought { started, waits_for })
    }

    /// The capabilities of the manifest.
    pub async fn capabilities(&self) -> Vec<CapabilityView> {
        let registry = self.registry.lock().await;
        let view = |(name, section): (&String, &CapabilitySection)| {
            let ready = registry.capabilities.get(name);
            let waiting = registry.waiting.get(name);
            let state = match (ready, waiting) {
                (Some(_), _) => "ready",
                (None, Some(_)) => "waiting",
                (None, None) => "unloaded",
            };
            let loaded = ready.map(|capability| &capability.loaded).or(waiting);
            let exports = loaded.map(|loaded| loaded.exports.values().filter(|i| deploy::is_offered(&i.name)));
            let exports = exports.into_iter().flatten().map(Interface::id).collect();
            let grants = self.manifest.capability_grants(section);
            let waits_for = waiting.map(|loaded| {
                let provided = provide(name, loaded, &grants, &registry.capabilities).unwrap_or_default();
                absent(loaded, &grants, &provided)
            });
            CapabilityView { name: name.clone(), state, exports, waits_for: waits_for.unwrap_or_default() }
        };
        self.manifest.capability.iter().map(view).collect()
    }

    /// Capabilities that waited for what is there now come into force, and those that waited for them.
    async fn start_waiting(&self, registry: &mut Registry) -> Result<(), HostError> {
        loop {
            let count = registry.waiting.len();
            for (name, loaded) in registry.waiting.clone() {
                if let Some(section) = self.manifest.capability.get(&name) {
                    self.put_loaded(registry, &name, section, loaded).await?;
                }
            }
            if registry.waiting.len() == count {
                return Ok(());
            }
        }
    }

    /// Why there is nothing to load under this name.
    fn not_loadable(&self, name: &str) -> HostError {
        let capabilities: Vec<&str> = self.manifest.capability.keys().map(String::as_str).collect();
        let known = match capabilities.join(", ") {
            none if none.is_empty() => "it has none".to_owned(),
            some => format!("it has: {some}"),
        };
        let name = name.to_owned();
        if self.manifest.agent.contains_key(&name) {
            return HostError::IsAgent { name, known };
        }
        let hint = nearest::hint(&name, capabilities);
        HostError::Unknown { name, hint, known }
    }

    /// Capabilities that use what `name` exports get the one that is there now.
    async fn refresh_users(&self, registry: &mut Registry, name: &str) -> Result<(), HostError> {
        let users: Vec<Arc<Capability>> = registry.capabilities.values().filter(|c| c.name != name).cloned().collect();
        for user in users {
            let provided = provide(&user.name, &user.loaded, &user.grants, &registry.capabilities)?;
            let same = |(id, c): (&String, &Arc<Capability>)| {
                user.capabilities.get(id).is_some_and(|known| known.deployment == c.deployment)
            };
            let changed = provided.len() != user.capabilities.len() || !provided.iter().all(same);
            if let Some(section) = self.manifest.capability.get(&user.name).filter(|_| changed) {
                self.put_loaded(registry, &user.name, section, user.loaded.clone()).await?;
            }
        }
        Ok(())
    }

    async fn put_capability(
        &self,
        registry: &mut Registry,
        name: &str,
        section: &CapabilitySection,
        path: Option<&Path>,
    ) -> Result<Vec<String>, HostError> {
        let path = path.map_or_else(|| self.manifest.resolve(&section.component), Path::to_path_buf);
        let loaded = self.component(Source { role: Role::Capability, name, path: &path }).await?;
        self.put_loaded(registry, name, section, loaded).await
    }

    /// Returns the interfaces that it waits for; nobody can use it before they are there.
    async fn put_loaded(
        &self,
        registry: &mut Registry,
        name: &str,
        section: &CapabilitySection,
        loaded: Arc<Loaded>,
    ) -> Result<Vec<String>, HostError> {
        let grants = self.manifest.capability_grants(section);
        let capabilities = provide(name, &loaded, &grants, &registry.capabilities)?;
        let absent = absent(&loaded, &grants, &capabilities);
        let status = if absent.is_empty() { IN_FORCE } else { WAITING };
        let section_of = Section::of_capability(section, &self.manifest.results);
        let body = body("capability", name, &loaded, &grants, &capabilities, &self.wasm, section_of);
        let claims = crate::claims::ask(&loaded, &self.context, name)
            .await
            .map_err(|message| HostError::Claims { name: name.to_owned(), message })?;
        let (leaf, record) = self.deployment_record(registry, &body, status);
        let mut candidate = registry.capabilities.clone();
        let mut waiting = registry.waiting.clone();
        if status == WAITING {
            candidate.remove(name);
            waiting.insert(name.to_owned(), loaded);
        } else {
            waiting.remove(name);
            let capability = Capability {
                name: name.to_owned(),
                loaded,
                claims,
                env: values(&grants.env),
                grants: Arc::new(grants),
                limits: section.limits.clone(),
                config: section.config.clone(),
                capabilities,
                deployment: leaf,
            };
            candidate.insert(name.to_owned(), Arc::new(capability));
        }
        self.check_agents(registry, &candidate).await?;
        self.append_record(registry, &body, status, leaf, record).await?;
        (registry.capabilities, registry.waiting) = (candidate, waiting);
        Ok(absent)
    }

    /// Every agent must fit the capabilities that are about to be in force.
    async fn check_agents(
        &self,
        registry: &mut Registry,
        capabilities: &BTreeMap<String, Arc<Capability>>,
    ) -> Result<(), HostError> {
        for (name, section) in &self.manifest.agent {
            let loaded = self.agent_component(registry, name, section).await?;
            provide(name, &loaded, &self.manifest.agent_grants(section), capabilities)?;
        }
        Ok(())
    }

    /// Brings every agent of the manifest into force with the capabilities that are there now.
    async fn refresh_agents(&self, registry: &mut Registry) -> Result<(), HostError> {
        // All are compiled and checked before the first is recorded.
        let capabilities = registry.capabilities.clone();
        self.check_agents(registry, &capabilities).await?;
        for (name, section) in &self.manifest.agent {
            self.put_agent(registry, name, section).await?;
        }
        Ok(())
    }

    async fn agent_component(
        &self,
        registry: &mut Registry,
        name: &str,
        section: &AgentSection,
    ) -> Result<Arc<Loaded>, HostError> {
        if let Some(loaded) = registry.agents.get(name) {
            return Ok(loaded.clone());
        }
        let path = self.manifest.resolve(&section.component);
        let loaded = self.component(Source { role: Role::Agent, name, path: &path }).await?;
        registry.agents.insert(name.to_owned(), loaded.clone());
        Ok(loaded)
    }

    async fn put_agent(&self, registry: &mut Registry, name: &str, section: &AgentSection) -> Result<(), HostError> {
        let loaded = self.agent_component(registry, name, section).await?;
        let grants = self.manifest.agent_grants(section);
        let capabilities = provide(name, &loaded, &grants, &registry.capabilities)?;
        let section_of = Section::of_agent(section, &self.manifest.results);
        let body = body("agent", name, &loaded, &grants, &capabilities, &self.wasm, section_of);
        let status = if absent(&loaded, &grants, &capabilities).is_empty() { IN_FORCE } else { WAITING };
        let (leaf, record) = self.deployment_record(registry, &body, status);
        let deployment = Deployment {
            name: name.to_owned(),
            loaded,
            subscribe: section.subscribe.clone(),
            env: values(&grants.env),
            grants: Arc::new(grants),
            limits: section.limits.clone(),
            config: section.config.clone(),
            capabilities,
            concurrency: section.concurrency,
            leaf,
        };
        // The code must be there before the router reads the record that names it.
        self.send(Command::Prepare(Arc::new(deployment))).await?;
        self.append_record(registry, &body, status, leaf, record).await
    }

    /// The record of a deployment and its leaf hash; no record where the ledger says exactly this already.
    fn deployment_record(
        &self,
        registry: &Registry,
        body: &DeploymentBody,
        status: u64,
    ) -> (Digest, Option<manes_core::record::Record>) {
        match registry.known(body, status) {
            Some(leaf) => (leaf, None),
            None => {
                let record = body.record(status, self.context.seams.clock.now_ns(), self.context.seams.salt());
                (record.leaf(), Some(record))
            }
        }
    }

    async fn append_record(
        &self,
        registry: &mut Registry,
        body: &DeploymentBody,
        status: u64,
        leaf: Digest,
        record: Option<manes_core::record::Record>,
    ) -> Result<(), HostError> {
        if let Some(record) = record {
            self.context.ledger.append(vec![record]).await?;
            registry.recorded.insert(body.name.clone(), (status, body.encode(), leaf));
        }
        Ok(())
    }

    async fn append_deployment(
        &self,
        registry: &mut Registry,
        body: &DeploymentBody,
        status: u64,
    ) -> Result<(), HostError> {
        let (leaf, record) = self.deployment_record(registry, body, status);
        self.append_record(registry, body, status, leaf, record).await
    }
}
