//! Deployments: what is in force under a name, and the record that pins it.
//!
//! An attempt is a pure function of its deployment, its event and its calls' results. So the record of a deployment
//! holds everything that the first of the three is: component, providers, contracts, grants, limits, config, names
//! (not values) of environment variables, and the engine.

use crate::component::{LoadError, Loaded};
use crate::engine::Wasm;
use crate::ledger::Entry;
use crate::provider::Capabilities;
use crate::script::Script;
use crate::waist::Judge;
use manes_core::ids::Digest;
use manes_core::item::Item;
use manes_core::limits::Limits;
use manes_core::policy::Grants;
use manes_core::record::{Envelope, Kind, Record, Salt};
use manes_core::topic::Pattern;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an agent exports.
pub const HANDLER: &str = "manes:agent/handler@0.1";
/// What a capability exports beside its own interfaces.
pub const CAPABILITY: &str = "manes:agent/capability@0.1";

/// Status of a deployment record: in force.
pub const IN_FORCE: u64 = 0;
/// Status of a deployment record: taken out.
pub const REMOVED: u64 = 1;
/// Status of a deployment record: takes events, and waits for a capability before it handles them.
pub const WAITING: u64 = 2;

/// An agent in force.
#[derive(Debug)]
pub struct Deployment {
    /// The agent's name.
    pub name: String,
    /// Its component.
    pub loaded: Arc<Loaded>,
    /// Topics that it takes.
    pub subscribe: Vec<Pattern>,
    /// What it may do.
    pub grants: Arc<Grants>,
    /// What the deployment in force may do, where this is an older one that an attempt goes on under: what was taken
    /// back since is denied.
    pub in_force: Option<Arc<Grants>>,
    /// Who wants to know what is asked for.
    pub judge: Option<Arc<Judge>>,
    /// What answers in the place of providers, in a test.
    pub script: Option<Arc<Script>>,
    /// What an attempt may use.
    pub limits: Limits,
    /// Its config.
    pub config: BTreeMap<String, String>,
    /// Granted environment variables with their values.
    pub env: Vec<(String, String)>,
    /// Who implements the interfaces it was granted.
    pub capabilities: Capabilities,
    /// Attempts at a time.
    pub concurrency: u32,
    /// Attempts that one event may take.
    pub attempts: u64,
    /// Leaf hash of its record.
    pub leaf: Digest,
}

/// The body of a deployment record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentBody {
    /// `agent` or `capability`.
    pub role: String,
    /// The name.
    pub name: String,
    /// Digest of the component.
    pub component: Digest,
    /// Digest of each interface that it imports, by compatible name.
    pub imports: BTreeMap<String, Digest>,
    /// Digest of each interface that it exports.
    pub exports: BTreeMap<String, Digest>,
    /// Topics that an agent takes.
    pub subscribe: Vec<Pattern>,
    /// Grants.
    pub grants: Grants,
    /// Limits.
    pub limits: Limits,
    /// Config.
    pub config: BTreeMap<String, String>,
    /// Attempts at a time.
    pub concurrency: u32,
    /// Attempts that one event may take.
    #[serde(default = "attempts_default")]
    pub attempts: u64,
    /// Topics whose events are answers, for all agents of the manifest.
    #[serde(default)]
    pub results: Vec<Pattern>,
    /// Who implements what was granted: leaf hash of the capability's deployment, by interface.
    pub providers: BTreeMap<String, Digest>,
    /// Digest of each provider's component, by interface.
    pub provider_components: BTreeMap<String, Digest>,
    /// The engine: version, flags, target.
    pub engine: Digest,
}

/// What the records of hosts that made one attempt at each event mean.
const fn attempts_default() -> u64 {
    1
}

impl DeploymentBody {
    /// The canonical encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Item::from_json(&serde_json::to_value(self).unwrap_or_default()).to_bytes()
    }

    /// Reads a body.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_value(Item::decode(bytes).ok()?.to_json()).ok()
    }

    /// What a deployment record says, if its body is kept.
    #[must_use]
    pub fn of(record: &Entry) -> Option<Self> {
        record.body.as_deref().and_then(Self::decode)
    }

    /// The record of this deployment. What is `REMOVED` needs no body.
    #[must_use]
    pub fn record(&self, status: u64, time_ns: u64, salt: Salt) -> Record {
        let envelope = Envelope {
            agent: Some(self.name.clone()),
            principal: Some(self.role.clone()),
            component: Some(self.component),
            status: Some(status),
            ..Envelope::new(Kind::Deployment, time_ns)
        };
        Record::new(envelope, Some((salt, self.encode())), true)
    }
}

/// What is written of a component and its providers.
#[must_use]
pub fn contracts(loaded: &Loaded, capabilities: &Capabilities) -> Contracts {
    Contracts {
        imports: loaded.imports.iter().map(|(id, i)| (id.clone(), i.digest())).collect(),
        exports: loaded.exports.iter().map(|(id, i)| (id.clone(), i.digest())).collect(),
        providers: capabilities.iter().map(|(id, c)| (id.clone(), c.deployment)).collect(),
        provider_components: capabilities.iter().map(|(id, c)| (id.clone(), c.loaded.digest)).collect(),
    }
}

/// The digests in a deployment's body.
#[derive(Debug, Clone)]
pub struct Contracts {
    /// Imports by compatible name.
    pub imports: BTreeMap<String, Digest>,
    /// Exports by compatible name.
    pub exports: BTreeMap<String, Digest>,
    /// Deployments of providers by interface.
    pub providers: BTreeMap<String, Digest>,
    /// Components of providers by interface.
    pub provider_components: BTreeMap<String, Digest>,
}

/// Compiles an agent's component and checks that it is one.
///
/// # Errors
/// Why it cannot be used.
pub fn load_agent(wasm: &Wasm, bytes: &[u8]) -> Result<Arc<Loaded>, LoadError> {
    let loaded = Loaded::new(wasm, bytes)?;
    check_agent(&loaded)?;
    Ok(loaded)
}

/// Checks that a component is an agent's.
pub(crate) fn check_agent(loaded: &Loaded) -> Result<(), LoadError> {
    if loaded.export(HANDLER).is_none() {
        let help = "an agent exports it; with the Rust SDK, end the crate with `manes_sdk::agent!(Type);`";
        return Err(LoadError::Missing { missing: format!("{HANDLER}.0"), help });
    }
    Ok(())
}

/// Checks that a component is a capability's.
pub(crate) fn check_capability(loaded: &Loaded) -> Result<(), LoadError> {
    let offered = loaded.exports.values().filter(|i| is_offered(&i.name)).count();
    if offered == 0 {
        let help = "a capability exports the interfaces that agents import, e.g. `export my:tools/table`";
        return Err(LoadError::Missing { missing: "any interface of its own".into(), help });
    }
    for interface in loaded.exports.values().filter(|i| is_offered(&i.name)) {
        if let Some((_, foreign)) = interface.resources.iter().find(|(_, name)| !defined(loaded, name)) {
            let reason = format!(
                "it exports the resource {foreign} that it does not define; return bytes, text or a resource of its own"
            );
            return Err(LoadError::Unsupported { item: interface.name.clone(), reason });
        }
    }
    Ok(())
}

fn defined(loaded: &Loaded, resource: &str) -> bool {
    loaded.exports.values().any(|interface| interface.defines.iter().any(|name| name == resource))
}

/// True for the interfaces that a component offers to others.
#[must_use]
pub fn is_offered(interface: &str) -> bool {
    !crate::component::is_hosts(interface)
}

/// Where a component's import does not fit a provider's export; the first difference in words.
#[must_use]
pub fn mismatch(user: &Loaded, interface: &str, (user_name, name): (&str, &str), provider: &Loaded) -> Option<String> {
    let wanted = user.imports.get(interface)?;
    let Some(offered) = provider.exports.get(interface) else {
        return Some(format!("{name} does not export {interface}"));
    };
    let lines = wanted.functions.iter().flat_map(|(function, wanted)| {
        let wants = format!("\n  - {function}: {}  as {user_name} has it", wanted.signature);
        match offered.functions.get(function) {
            None => vec![wants],
            Some(other) if other.signature == wanted.signature => Vec::new(),
            Some(other) => vec![wants, format!("\n  + {function}: {}  as {name} has it", other.signature)],
        }
    });
    let lines: String = lines.collect();
    (!lines.is_empty()).then(|| format!("{interface} differs:{lines}"))
}

/// What `before` offered and `after` does not, or otherwise: interfaces and functions with their types, as a diff.
#[must_use]
pub fn difference(before: &Loaded, after: &Loaded) -> String {
    let lines = |loaded: &Loaded| -> BTreeSet<String> {
        let offered = loaded.exports.iter().filter(|(_, interface)| is_offered(&interface.name));
        let functions = offered.flat_map(|(id, interface)| {
            interface.functions.iter().map(move |(name, function)| format!("{id}#{name}: {}", function.signature))
        });
        functions.collect()
    };
    let (before, after) = (lines(before), lines(after));
    let gone = before.difference(&after).map(|line| format!("\n  - {line}"));
    gone.chain(after.difference(&before).map(|line| format!("\n  + {line}"))).collect()
}
