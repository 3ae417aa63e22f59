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
use manes_core::policy::{DirectoryGrant, Grants};
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
            // What it burnt under another engine is no measure for what it burns under this one.
            if body.engine != self.wasm.fingerprint() || !may_go_on(&body.grants, &now.grants) {
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
                judge: None,
                script: None,
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
        let bytes = self.context.ledger.artifact(&digest).unwrap_or_else(|error| {
            tracing::warn!(%error, "a component under which an attempt began cannot be read");
            None
        });
        let Some(bytes) = bytes else { return Ok(None) };
        let wasm = self.wasm.clone();
        let loaded = tokio::task::spawn_blocking(move || deploy::load_agent(&wasm, &bytes)).await;
        Ok(loaded.map_err(|_| HostError::Stopped)?.ok())
    }
}

/// Whether everything that was taken back is something that the waist would see. It does not see what is emitted, which
/// replay judges by the pinned deployment alone, nor which folder of this machine a name stands for.
fn may_go_on(old: &Grants, now: &Grants) -> bool {
    let elsewhere = |directory: &DirectoryGrant| {
        let same = |other: &&DirectoryGrant| other.guest() == directory.guest();
        now.directories.iter().find(same).is_some_and(|other| other.host() != directory.host())
    };
    old.publish.iter().all(|topic| now.publish.contains(topic)) && !old.directories.iter().any(elsewhere)
}

/// The capabilities of the deployment in force, if they are those that `body` was given: the same code with the same
/// grants, down to what they use themselves.
fn same_providers(body: &DeploymentBody, now: &Deployment) -> Option<Capabilities> {
    let provider = |(interface, deployment): (&String, &Digest)| {
        let capability = now.capabilities.get(interface).filter(|capability| capability.deployment == *deployment)?;
        Some((interface.clone(), capability.clone()))
    };
    body.providers.iter().map(provider).collect()
}
