//! Agents and capabilities, as the ledger alone has them: what is deployed, queued, under way, parked.

use crate::deploy::{self, DeploymentBody, IN_FORCE, REMOVED};
use crate::ledger::LedgerError;
use crate::records::Records;
use crate::router::AgentView;
use crate::router::state::State;
use manes_core::ids::Digest;
use manes_core::record::Kind;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Entries read at a time.
const WINDOW: usize = 1024;

/// What is deployed.
#[derive(Debug, Clone, Serialize)]
pub struct Deployed {
    /// Agents.
    pub agents: Vec<DeployedAgent>,
    /// Capabilities.
    pub capabilities: Vec<DeployedCapability>,
}

/// An agent, with its component.
#[derive(Debug, Clone, Serialize)]
pub struct DeployedAgent {
    /// How it stands.
    #[serde(flatten)]
    pub agent: AgentView,
    /// Digest of its component.
    pub component: Option<Digest>,
    /// Interfaces that it was granted, with the capability that provides each.
    pub uses: BTreeMap<String, String>,
}

/// A capability, with its component.
#[derive(Debug, Clone, Serialize)]
pub struct DeployedCapability {
    /// Its name.
    pub name: String,
    /// `ready`, or `waiting` for another one.
    pub state: &'static str,
    /// Digest of its component.
    pub component: Digest,
    /// Interfaces that it offers.
    pub exports: Vec<String>,
}

/// Reads what is deployed, and how much each agent has to do.
///
/// # Errors
/// Damage, or a disk that cannot be read.
pub fn deployed(records: &impl Records) -> Result<Deployed, LedgerError> {
    let mut state = State::new(records.id(), Vec::new());
    let mut last: BTreeMap<String, (u64, Digest, DeploymentBody)> = BTreeMap::new();
    let mut names: BTreeMap<Digest, String> = BTreeMap::new();
    let mut failed = None;
    records.each(|entry| {
        while let Some((name, from)) = state.behind(&entry) {
            let name = name.to_owned();
            let more = match records.window(from, WINDOW) {
                Ok(more) => more,
                Err(error) => {
                    failed = Some(error);
                    return false;
                }
            };
            // Where what was queued is not there, the count is what it is.
            if state.agents.get_mut(&name).is_none_or(|agent| !agent.queue.reach(&more)) {
                break;
            }
        }
        if let (Kind::Deployment, Some(body)) = (entry.envelope.kind(), DeploymentBody::of(&entry)) {
            names.insert(entry.leaf, body.name.clone());
            last.insert(body.name.clone(), (entry.envelope.status.unwrap_or(IN_FORCE), entry.leaf, body));
        }
        state.apply(&entry);
        true
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    last.retain(|_, (status, ..)| *status != REMOVED);
    let agent = |mut agent: AgentView| {
        let body = last.get(&agent.name).map(|(_, _, body)| body);
        if body.is_none() && agent.state == "waiting" {
            agent.state = "unloaded";
        }
        let by = |(id, leaf): (&String, &Digest)| Some((id.clone(), names.get(leaf)?.clone()));
        let uses = body.into_iter().flat_map(|body| body.providers.iter()).filter_map(by).collect();
        DeployedAgent { component: body.map(|body| body.component), uses, agent }
    };
    let capability = |(status, _, body): &(u64, Digest, DeploymentBody)| DeployedCapability {
        name: body.name.clone(),
        state: if *status == IN_FORCE { "ready" } else { "waiting" },
        component: body.component,
        exports: body.exports.keys().filter(|id| deploy::is_offered(id)).cloned().collect(),
    };
    Ok(Deployed {
        agents: state.view().into_iter().map(agent).collect(),
        capabilities: last.values().filter(|(_, _, body)| body.role == "capability").map(capability).collect(),
    })
}

/// Everything that was ever deployed, with the place of its record, by the leaf hash that others name it by. A record
/// whose body is not kept is left out.
///
/// # Errors
/// Damage, or a disk that cannot be read.
pub fn deployments(records: &impl Records) -> Result<HashMap<Digest, (u64, DeploymentBody)>, LedgerError> {
    let mut all = HashMap::new();
    records.each(|entry| {
        if entry.envelope.kind() == Kind::Deployment {
            all.extend(DeploymentBody::of(&entry).map(|body| (entry.leaf, (entry.index, body))));
        }
        true
    })?;
    Ok(all)
}
