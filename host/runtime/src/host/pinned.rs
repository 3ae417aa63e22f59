//! Attempts that a host before this one left open under a deployment that is not in force any more: they go on under the
//! one that they began with, as far as that can still be had.

use super::prepared::Role;
use super::registry::{Registry, values};
use super::{Host, HostError};
use crate::component::Loaded;
use crate::deploy::{self, Deployment, DeploymentBody};
use crate::provider::Capabilities;
use crate::router::Command;
use manes_core::ids::Digest;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Host {
    /// Prepares the deployments under which open attempts began. Where one cannot be had, the attempt is closed as
    /// interrupted, and the next one begins under the deployment in force.
    pub(super) async fn prepare_pinned(&self, registry: &Registry, agents: &[Deployment]) -> Result<(), HostError> {
        let (reply, pinned) = oneshot::channel();
        self.send(Command::Pinned(reply)).await?;
        let pinned: BTreeSet<Digest> = pinned.await.map_err(|_| HostError::Stopped)?;
        for leaf in pinned {
            let Some(body) = self.recorded(registry, &leaf)? else { continue };
            let Some(now) = agents.iter().find(|agent| agent.name == body.name && agent.leaf != leaf) else { continue };
            let Some(capabilities) = same_providers(&body, now) else { continue };
            // What is emitted is judged in replay by the pinned deployment alone.
            if !body.grants.publish.iter().all(|topic| now.grants.publish.contains(topic)) {
                continue;
            }
            let Some(loaded) = self.kept(body.component).await? else { continue };
            let env: Vec<String> =
                body.grants.env.iter().filter(|name| now.grants.env.contains(name)).cloned().collect();
            let deployment = Deployment {
                name: body.name,
                loaded,
                subscribe: body.subscribe,
                env: values(&env),
                grants: Arc::new(body.grants),
                in_force: Some(now.grants.clone()),
                limits: body.limits,
                config: body.config,
                capabilities,
                concurrency: body.concurrency,
                attempts: body.attempts,
                leaf,
            };
            self.send(Command::Prepare(Arc::new(deployment))).await?;
        }
        Ok(())
    }

    fn recorded(&self, registry: &Registry, leaf: &Digest) -> Result<Option<DeploymentBody>, HostError> {
        let Some(index) = registry.positions.get(leaf) else { return Ok(None) };
        let record = self.context.ledger.read(*index, 1)?;
        Ok(record.first().and_then(DeploymentBody::of).filter(|body| body.role == Role::Agent.to_string()))
    }

    /// A component that lies with the ledger, if it still does and can be used.
    async fn kept(&self, digest: Digest) -> Result<Option<Arc<Loaded>>, HostError> {
        let Some(bytes) = self.context.ledger.artifact(&digest)? else { return Ok(None) };
        let wasm = self.wasm.clone();
        let loaded = tokio::task::spawn_blocking(move || deploy::load_agent(&wasm, &bytes)).await;
        Ok(loaded.map_err(|_| HostError::Stopped)?.ok())
    }
}

/// The capabilities of the deployment in force, if they are those that `body` was given.
fn same_providers(body: &DeploymentBody, now: &Deployment) -> Option<Capabilities> {
    let provider = |(interface, component): (&String, &Digest)| {
        let capability = now.capabilities.get(interface).filter(|capability| capability.loaded.digest == *component)?;
        Some((interface.clone(), capability.clone()))
    };
    body.provider_components.iter().map(provider).collect()
}
