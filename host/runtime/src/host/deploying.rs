//! Bringing agents and capabilities into force. What is to be in force is planned as a whole, from all that is loaded;
//! a plan that does not hold changes nothing, and one that does is recorded in a single append.

use super::prepared::{Role, Source};
use super::registry::{Registry, Section, body, values};
use super::wiring::{Part, Wiring, wire};
use super::{Applied, Host, HostError};
use crate::component::{Interface, Loaded};
use crate::deploy::{self, Deployment, DeploymentBody, IN_FORCE, REMOVED, WAITING};
use crate::manifest::Manifest;
use crate::provider::{Capabilities, Capability};
use crate::question::{self, Asker};
use crate::router::Command;
use manes_core::ids::Digest;
use manes_core::policy::{EffectClaims, Grants};
use manes_core::record::Record;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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

/// Components by the names under which they are to be in force.
#[derive(Debug, Clone, Default)]
pub(super) struct Components {
    pub(super) capabilities: BTreeMap<String, Arc<Loaded>>,
    pub(super) agents: BTreeMap<String, Arc<Loaded>>,
}

/// What will be in force, and the records that say so.
pub(super) struct Plan {
    manifest: Arc<Manifest>,
    components: Components,
    wiring: Wiring,
    capabilities: BTreeMap<String, Arc<Capability>>,
    claims: HashMap<Digest, EffectClaims>,
    agents: Vec<Deployment>,
    changes: Vec<Change>,
}

/// A deployment that the ledger does not have yet.
struct Change {
    status: u64,
    body: DeploymentBody,
    leaf: Digest,
    record: Record,
}

impl Host {
    /// Brings everything into force that the manifest declares.
    pub(super) async fn deploy_all(&self) -> Result<(), HostError> {
        let manifest = self.manifest();
        let components =
            self.components(&manifest, |name| manifest.capability.get(name).is_some_and(|c| c.load)).await?;
        let mut registry = self.registry.lock().await;
        let plan = self.plan(&registry, manifest, components).await?;
        self.prepare_pinned(&registry, &plan.agents).await?;
        self.commit(&mut registry, plan).await
    }

    /// The components of a manifest: of all its agents, and of the capabilities that are `wanted`.
    pub(super) async fn components(
        &self,
        manifest: &Manifest,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Components, HostError> {
        let mut components = Components::default();
        for (name, section) in manifest.capability.iter().filter(|(name, _)| wanted(name)) {
            let path = manifest.resolve(&section.component);
            let loaded = self.component(Source { role: Role::Capability, name, path: &path }).await?;
            components.capabilities.insert(name.clone(), loaded);
        }
        for (name, section) in &manifest.agent {
            let path = manifest.resolve(&section.component);
            let loaded = self.component(Source { role: Role::Agent, name, path: &path }).await?;
            components.agents.insert(name.clone(), loaded);
        }
        Ok(components)
    }

    /// The capabilities of the manifest.
    pub async fn capabilities(&self) -> Vec<CapabilityView> {
        let registry = self.registry.lock().await;
        let view = |name: &String| {
            let loaded = registry.components.capabilities.get(name);
            let state = match (registry.capabilities.contains_key(name), loaded) {
                (true, _) => "ready",
                (false, Some(_)) => "waiting",
                (false, None) => "unloaded",
            };
            let exports = loaded.map(|loaded| loaded.exports.values().filter(|i| deploy::is_offered(&i.name)));
            let exports = exports.into_iter().flatten().map(Interface::id).collect();
            let waits_for = registry.waits.get(name).cloned().unwrap_or_default();
            CapabilityView { name: name.clone(), state, exports, waits_for }
        };
        self.manifest().capability.keys().map(view).collect()
    }

    /// Interfaces that an agent or a capability waits for.
    pub async fn waits_for(&self, name: &str) -> Vec<String> {
        self.registry.lock().await.waits.get(name).cloned().unwrap_or_default()
    }

    /// The values of granted variables.
    fn values(&self, names: &[String]) -> Vec<(String, String)> {
        self.script.as_ref().map_or_else(|| values(names), |script| script.values(names))
    }

    /// Works out what will be in force with these components, and checks all of it.
    pub(super) async fn plan(
        &self,
        registry: &Registry,
        manifest: Arc<Manifest>,
        components: Components,
    ) -> Result<Plan, HostError> {
        let sections = manifest.capability.iter();
        let provided: BTreeMap<String, Grants> =
            sections.map(|(name, section)| (name.clone(), manifest.capability_grants(section))).collect();
        let sections = manifest.agent.iter();
        let granted: BTreeMap<String, Grants> =
            sections.map(|(name, section)| (name.clone(), manifest.agent_grants(section))).collect();
        let mut wiring = wire(&parts(&components.capabilities, &provided), &parts(&components.agents, &granted))?;
        if self.script.is_some() {
            // What nobody provides is answered by the script, or a failure of the test.
            wiring.waits.retain(|name, _| !granted.contains_key(name));
        }
        let mut names = wiring.ready.clone();
        names.extend(components.capabilities.keys().filter(|name| !wiring.ready.contains(name)).cloned());
        let mut plan = Plan {
            manifest,
            components,
            wiring,
            capabilities: BTreeMap::new(),
            claims: registry.claims.clone(),
            agents: Vec::new(),
            changes: Vec::new(),
        };
        for name in names {
            if let Some(grants) = provided.get(&name) {
                self.plan_capability(registry, &mut plan, &name, grants).await?;
            }
        }
        for (name, grants) in granted {
            self.plan_agent(registry, &mut plan, &name, grants);
        }
        self.plan_removals(registry, &mut plan);
        Ok(plan)
    }

    async fn plan_capability(
        &self,
        registry: &Registry,
        plan: &mut Plan,
        name: &str,
        grants: &Grants,
    ) -> Result<(), HostError> {
        let manifest = plan.manifest.clone();
        let parts = manifest.capability.get(name).zip(plan.components.capabilities.get(name).cloned());
        let Some((section, loaded)) = parts else { return Ok(()) };
        let claims = match plan.claims.get(&loaded.digest) {
            Some(claims) => claims.clone(),
            None => {
                let asker = Asker { name, seams: &self.context.seams, mirror: &self.context.mirror };
                let claims = question::claims(&loaded, &asker).await;
                claims.map_err(|message| HostError::Claims { name: name.to_owned(), message })?
            }
        };
        plan.claims.insert(loaded.digest, claims.clone());
        let capabilities = plan.providers(name);
        let section_of = Section::of_capability(section, &manifest.results);
        let body = body("capability", name, &loaded, grants, &capabilities, &self.wasm, section_of);
        let status = plan.status(name);
        let deployment = self.change(registry, plan, body, status);
        if status == IN_FORCE {
            let capability = Capability {
                name: name.to_owned(),
                loaded,
                claims,
                env: self.values(&grants.env),
                grants: Arc::new(grants.clone()),
                limits: section.limits.clone(),
                config: section.config.clone(),
                capabilities,
                deployment,
            };
            plan.capabilities.insert(name.to_owned(), Arc::new(capability));
        }
        Ok(())
    }

    fn plan_agent(&self, registry: &Registry, plan: &mut Plan, name: &str, grants: Grants) {
        let manifest = plan.manifest.clone();
        let parts = manifest.agent.get(name).zip(plan.components.agents.get(name).cloned());
        let Some((section, loaded)) = parts else { return };
        let capabilities = plan.providers(name);
        let section_of = Section::of_agent(section, &manifest.results);
        let body = body("agent", name, &loaded, &grants, &capabilities, &self.wasm, section_of);
        let status = plan.status(name);
        let leaf = self.change(registry, plan, body, status);
        plan.agents.push(Deployment {
            name: name.to_owned(),
            loaded,
            subscribe: section.subscribe.clone(),
            env: self.values(&grants.env),
            grants: Arc::new(grants),
            in_force: None,
            judge: None,
            script: self.script.clone(),
            limits: section.limits.clone(),
            config: section.config.clone(),
            capabilities,
            concurrency: section.concurrency,
            attempts: section.attempts,
            leaf,
        });
    }

    /// Names in force that there are not any more, or in another role, are taken out.
    fn plan_removals(&self, registry: &Registry, plan: &mut Plan) {
        let in_force = registry.recorded.iter().filter(|(_, (status, ..))| *status != REMOVED);
        let bodies: Vec<DeploymentBody> =
            in_force.filter_map(|(_, (_, body, _))| DeploymentBody::decode(body)).collect();
        for body in bodies {
            let kept = match body.role.as_str() {
                "agent" => plan.components.agents.contains_key(&body.name),
                _ => plan.components.capabilities.contains_key(&body.name),
            };
            if !kept {
                self.change(registry, plan, body, REMOVED);
            }
        }
    }

    /// The leaf hash of a deployment; where the ledger does not say exactly this already, its record joins the plan.
    fn change(&self, registry: &Registry, plan: &mut Plan, body: DeploymentBody, status: u64) -> Digest {
        if let Some(leaf) = registry.known(&body, status) {
            return leaf;
        }
        let record = body.record(status, self.context.seams.clock.now_ns(), self.context.seams.salt());
        let leaf = record.leaf();
        let change = Change { status, body, leaf, record };
        // What is removed goes first: its name may have come back in another role.
        match status {
            REMOVED => plan.changes.insert(0, change),
            _ => plan.changes.push(change),
        }
        leaf
    }

    /// Records a plan, all of it or nothing, and brings it into force.
    pub(super) async fn commit(&self, registry: &mut Registry, plan: Plan) -> Result<(), HostError> {
        self.keep(plan.components.capabilities.values().chain(plan.components.agents.values()))?;
        for deployment in plan.agents {
            // The code must be there before the router reads the record that names it.
            self.send(Command::Prepare(Arc::new(deployment))).await?;
        }
        let (mut records, mut recorded) = (Vec::new(), Vec::new());
        for Change { status, body, leaf, record } in plan.changes {
            records.push(record);
            recorded.push((body.name.clone(), (status, body.encode(), leaf)));
        }
        self.send(Command::Results(plan.manifest.results.clone())).await?;
        if !records.is_empty() {
            self.context.ledger.append(records).await?;
        }
        registry.recorded.extend(recorded);
        registry.components = plan.components;
        registry.capabilities = plan.capabilities;
        registry.claims = plan.claims;
        registry.waits = plan.wiring.waits;
        self.in_force(plan.manifest);
        Ok(())
    }
}

impl Plan {
    /// Names other than `name` that change from one status to another.
    pub(super) fn changed(&self, registry: &Registry, name: &str, from: u64, to: u64) -> Vec<String> {
        let was = |name: &str| registry.recorded.get(name).map(|(status, ..)| *status);
        let names = self.changes.iter().filter(|change| change.status == to).map(|change| &change.body.name);
        let mut names: Vec<String> =
            names.filter(|other| *other != name && was(other) == Some(from)).cloned().collect();
        names.sort();
        names
    }

    /// Names whose deployment will be another one than the last recorded.
    pub(super) fn touches(&self, name: &str) -> bool {
        self.changes.iter().any(|change| change.body.name == name)
    }

    /// What it changes as a whole.
    pub(super) fn applied(&self) -> Applied {
        let of = |wanted: fn(u64) -> bool| {
            let changes = self.changes.iter().filter(|change| wanted(change.status));
            changes.map(|change| change.body.name.clone()).collect::<Vec<_>>()
        };
        let kept = of(|status| status != REMOVED);
        // A name that comes back in another role is not gone.
        let removed = of(|status| status == REMOVED).into_iter().filter(|name| !kept.contains(name)).collect();
        Applied { removed, changed: kept, waiting: self.wiring.waits.keys().cloned().collect() }
    }

    /// Interfaces that `name` will wait for.
    pub(super) fn waits_for(&self, name: &str) -> Vec<String> {
        self.wiring.waits.get(name).cloned().unwrap_or_default()
    }

    /// The capabilities that `name` is given.
    fn providers(&self, name: &str) -> Capabilities {
        let providers = self.wiring.providers.get(name).into_iter().flatten();
        providers.filter_map(|(id, by)| Some((id.clone(), self.capabilities.get(by)?.clone()))).collect()
    }

    fn status(&self, name: &str) -> u64 {
        if self.wiring.waits.contains_key(name) { WAITING } else { IN_FORCE }
    }
}

fn parts<'a>(components: &'a BTreeMap<String, Arc<Loaded>>, grants: &'a BTreeMap<String, Grants>) -> Vec<Part<'a>> {
    let part = |(name, loaded): (&'a String, &'a Arc<Loaded>)| Some(Part { name, loaded, grants: grants.get(name)? });
    components.iter().filter_map(part).collect()
}
