//! `manes.toml`: which agents and capabilities there are, and what each may do.
//!
//! Unknown keys are errors, and paths are taken from the manifest's own folder, so that a manifest means the same
//! wherever it is called from.

use manes_core::limits::Limits;
use manes_core::policy::{CapabilityGrant, DirectoryGrant, Grants, HttpGrant};
use manes_core::topic::Pattern;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Attempts of one agent that run at a time unless the manifest says otherwise.
const CONCURRENCY_DEFAULT: u32 = 4;
/// Most attempts of one agent at a time: each holds an instance of the pool.
pub const CONCURRENCY_MAX: u32 = 64;

/// Why a manifest cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// It could not be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It is not valid; the message points at line and column.
    #[error("{path}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, where.
        message: String,
    },
}

/// A manifest as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// Topics whose events are answers: nobody has to take them.
    pub results: Vec<Pattern>,
    /// Agents by name.
    pub agent: BTreeMap<String, AgentSection>,
    /// Capabilities by name.
    pub capability: BTreeMap<String, CapabilitySection>,
    /// The manifest's folder: relative paths begin here.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// `[agent.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSection {
    /// The component's file.
    pub component: PathBuf,
    /// Topics that it takes, with NATS wildcards.
    pub subscribe: Vec<Pattern>,
    /// Topics on which it may publish.
    #[serde(default)]
    pub publish: Vec<Pattern>,
    /// Requests that it may send.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// Directories that it sees.
    #[serde(default)]
    pub directories: Vec<DirectoryGrant>,
    /// Variables of the host's environment that it sees.
    #[serde(default)]
    pub env: Vec<String>,
    /// Interfaces of capabilities that it may call.
    #[serde(default)]
    pub capabilities: Vec<CapabilityGrant>,
    /// What `context.config` returns.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// What an attempt may use.
    #[serde(default)]
    pub limits: Limits,
    /// Attempts at a time.
    #[serde(default = "concurrency_default")]
    pub concurrency: u32,
}

/// `[capability.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilitySection {
    /// The component's file.
    pub component: PathBuf,
    /// False if it is loaded later, by command.
    #[serde(default = "yes")]
    pub load: bool,
    /// Requests that it may send.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// Directories that it sees.
    #[serde(default)]
    pub directories: Vec<DirectoryGrant>,
    /// Variables of the host's environment that it sees.
    #[serde(default)]
    pub env: Vec<String>,
    /// Interfaces of other capabilities that it may call.
    #[serde(default)]
    pub capabilities: Vec<CapabilityGrant>,
    /// What `context.config` returns.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// What it may use while it serves one attempt.
    #[serde(default)]
    pub limits: Limits,
}

const fn concurrency_default() -> u32 {
    CONCURRENCY_DEFAULT
}

const fn yes() -> bool {
    true
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// A file that cannot be read or is not valid.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let folder = folder.canonicalize().map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &folder).map_err(|message| ManifestError::Invalid { path: path.to_owned(), message })
    }

    /// Checks the text of a manifest that lies in `folder`.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let mut manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        folder.clone_into(&mut manifest.folder);
        for name in manifest.agent.keys().chain(manifest.capability.keys()) {
            check_name(name)?;
        }
        let limits = manifest.agent.iter().map(|(name, agent)| (name, &agent.limits));
        for (name, limits) in limits.chain(manifest.capability.iter().map(|(name, c)| (name, &c.limits))) {
            check_limits(name, limits)?;
        }
        for (name, agent) in &manifest.agent {
            if agent.subscribe.is_empty() {
                return Err(format!(
                    "agent {name} subscribes to nothing; name a topic: subscribe = [\"{name}.asked\"]"
                ));
            }
            if agent.concurrency == 0 || agent.concurrency > CONCURRENCY_MAX {
                return Err(format!("agent {name}: concurrency is from 1 to {CONCURRENCY_MAX}"));
            }
        }
        if let Some(name) = manifest.capability.keys().find(|name| manifest.agent.contains_key(*name)) {
            return Err(format!("{name} is the name of an agent and of a capability; rename one"));
        }
        Ok(manifest)
    }

    /// A path of the manifest, made absolute.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    fn directories(&self, grants: &[DirectoryGrant]) -> Vec<DirectoryGrant> {
        let absolute = |grant: &DirectoryGrant| {
            let host = self.resolve(Path::new(grant.host())).to_string_lossy().into_owned();
            DirectoryGrant::new(host, grant.guest(), grant.access()).unwrap_or_else(|_| grant.clone())
        };
        grants.iter().map(absolute).collect()
    }

    /// What an agent is granted, with absolute directories.
    #[must_use]
    pub fn agent_grants(&self, agent: &AgentSection) -> Grants {
        Grants {
            publish: agent.publish.clone(),
            http: agent.http.clone(),
            directories: self.directories(&agent.directories),
            env: agent.env.clone(),
            capabilities: agent.capabilities.clone(),
        }
    }

    /// What a capability is granted, with absolute directories.
    #[must_use]
    pub fn capability_grants(&self, capability: &CapabilitySection) -> Grants {
        Grants {
            publish: Vec::new(),
            http: capability.http.clone(),
            directories: self.directories(&capability.directories),
            env: capability.env.clone(),
            capabilities: capability.capabilities.clone(),
        }
    }
}

/// What a manifest may raise a limit to: beyond these, something else in the host would give way first.
fn check_limits(name: &str, limits: &Limits) -> Result<(), String> {
    let bounds = [
        ("memory_mib", limits.memory_mib, 1024),
        ("fuel", limits.fuel, u64::MAX / 4),
        ("deadline_ms", limits.deadline_ms, 24 * 3600 * 1000),
        ("handles_max", limits.handles_max, 100_000),
        ("call_kib", limits.call_kib, 4 * 1024),
        ("calls_max", limits.calls_max, 1_000_000),
        ("recorded_mib", limits.recorded_mib, 96),
        ("drafts_max", limits.drafts_max, 10_000),
        ("log_kib", limits.log_kib, 64 * 1024),
    ];
    match bounds.iter().find(|(_, value, max)| *value == 0 || value > max) {
        Some((key, value, max)) => {
            Err(format!("{name}: limits.{key} = {value} is out of range; it is from 1 to {max}"))
        }
        None => Ok(()),
    }
}

/// Names stand in topics, records and messages: letters, digits, `-` and `_`.
fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let reserved = [crate::provider::BASE, crate::provider::WASI, "none", "host"].contains(&name);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(format!("the name {name:?} may have letters, digits, - and _ only, 64 at most"));
    }
    if reserved { Err(format!("the name {name} is taken by the host; choose another")) } else { Ok(()) }
}
