//! `manes.toml`: which agents and capabilities there are, and what each may do.
//!
//! Unknown keys are errors, and paths are taken from the manifest's own folder, so that a manifest means the same
//! wherever it is called from.

mod place;
pub mod text;

use manes_core::fate::ATTEMPTS_RETRY;
use manes_core::limits::{Limit, Limits};
use manes_core::policy::{CapabilityGrant, DirectoryGrant, Grants, HttpGrant, distinct_directories, variable_names};
use manes_core::topic::Pattern;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Attempts of one agent that run at a time unless the manifest says otherwise.
const CONCURRENCY_DEFAULT: u32 = 4;
/// Most attempts of one agent at a time: each holds an instance of the pool.
pub const CONCURRENCY_MAX: u32 = 64;

/// The JSON schema of a manifest, for editors and other tools. Finer rules are in the code alone.
pub const SCHEMA: &str = include_str!("manifest/schema.json");

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
    /// The ledger's folder, unless a command names another one.
    pub ledger: Option<PathBuf>,
    /// Topics whose events are answers: nobody has to take them.
    pub results: Vec<Pattern>,
    /// Agents by name.
    pub agent: BTreeMap<String, AgentSection>,
    /// Capabilities by name.
    pub capability: BTreeMap<String, CapabilitySection>,
    /// The manifest's folder: relative paths begin here.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The file that it was read from, if it was.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// What was read.
    #[serde(skip)]
    text: String,
}

/// `[agent.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSection {
    /// The component's file.
    pub component: PathBuf,
    /// The command that makes it, run in the manifest's folder where sources are newer.
    #[serde(default)]
    pub build: Option<String>,
    /// Topics that it takes, with NATS wildcards.
    pub subscribe: Vec<Pattern>,
    /// Topics on which it may publish.
    #[serde(default)]
    pub publish: Vec<Pattern>,
    /// Requests that it may send.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// Directories that it sees.
    #[serde(default, deserialize_with = "distinct_directories")]
    pub directories: Vec<DirectoryGrant>,
    /// Variables of the host's environment that it sees.
    #[serde(default, deserialize_with = "variable_names")]
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
    /// Attempts that one event may take, however it fails; some ends allow fewer.
    #[serde(default = "attempts_default")]
    pub attempts: u64,
}

/// `[capability.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilitySection {
    /// The component's file.
    pub component: PathBuf,
    /// The command that makes it, run in the manifest's folder where sources are newer.
    #[serde(default)]
    pub build: Option<String>,
    /// False if it is loaded later, by command.
    #[serde(default = "yes")]
    pub load: bool,
    /// Requests that it may send.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
    /// Directories that it sees.
    #[serde(default, deserialize_with = "distinct_directories")]
    pub directories: Vec<DirectoryGrant>,
    /// Variables of the host's environment that it sees.
    #[serde(default, deserialize_with = "variable_names")]
    pub env: Vec<String>,
    /// Interfaces of other capabilities that it may call.
    #[serde(default)]
    pub capabilities: Vec<CapabilityGrant>,
    /// What `context.config` returns.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// What it may use while it serves one attempt.
    #[serde(default, deserialize_with = "capability_limits")]
    pub limits: Limits,
}

const fn concurrency_default() -> u32 {
    CONCURRENCY_DEFAULT
}

const fn attempts_default() -> u64 {
    ATTEMPTS_RETRY
}

const fn yes() -> bool {
    true
}

/// Limits of a capability: those that are counted for an attempt as a whole are the agent's.
fn capability_limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
    let table = toml::Table::deserialize(deserializer)?;
    if let Some(limit) = Limit::ALL.into_iter().find(|l| !l.is_capabilitys() && table.contains_key(l.key())) {
        let (key, of) = (limit.key(), Limit::ALL.into_iter().filter(|l| l.is_capabilitys()).map(Limit::key));
        let known = of.collect::<Vec<_>>().join(", ");
        return Err(D::Error::custom(format!(
            "{key} means nothing for a capability: it counts for an agent's whole attempt; set it in the [agent.NAME] \
             that uses this one (a capability's limits are {known})"
        )));
    }
    Limits::deserialize(table).map_err(|error| D::Error::custom(error.message()))
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
        let mut manifest =
            Self::parse(&text, &folder).map_err(|message| ManifestError::Invalid { path: path.to_owned(), message })?;
        manifest.file = path.file_name().map(|name| folder.join(name));
        Ok(manifest)
    }

    /// Checks the text of a manifest that lies in `folder`.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let mut manifest: Self = toml::from_str(text).map_err(|error| place::parsed(&error))?;
        folder.clone_into(&mut manifest.folder);
        text.clone_into(&mut manifest.text);
        manifest.check().map_err(|(path, message)| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            place::at(text, &path, &message)
        })?;
        Ok(manifest)
    }

    /// `message`, with the line of the section's key that it is about.
    #[must_use]
    pub fn at(&self, name: &str, key: &str, message: &str) -> String {
        let section = if self.agent.contains_key(name) { "agent" } else { "capability" };
        place::at(&self.text, &[section, name, key], message)
    }

    /// What the types do not say. The error names the key that it is about.
    fn check(&self) -> Result<(), (Vec<String>, String)> {
        let path = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        if self.ledger.as_ref().is_some_and(|folder| folder.as_os_str().is_empty()) {
            return Err((
                path(&["ledger"]),
                "the ledger's folder has no name; leave the line out, or name one".to_owned(),
            ));
        }
        let agents = self.agent.iter().map(|(name, agent)| ("agent", name, &agent.limits));
        let capabilities = self.capability.iter().map(|(name, c)| ("capability", name, &c.limits));
        for (section, name, limits) in agents.chain(capabilities) {
            check_name(name).map_err(|message| (path(&[section, name]), message))?;
            limits.check().map_err(|error| (path(&[section, name, "limits"]), format!("{name}: {error}")))?;
        }
        for (name, agent) in &self.agent {
            let wrong = |key: &str, message: String| Err((path(&["agent", name, key]), message));
            if agent.subscribe.is_empty() {
                let message =
                    format!("agent {name} subscribes to nothing; name a topic: subscribe = [\"{name}.asked\"]");
                return wrong("subscribe", message);
            }
            if agent.concurrency == 0 || agent.concurrency > CONCURRENCY_MAX {
                return wrong("concurrency", format!("agent {name}: concurrency is from 1 to {CONCURRENCY_MAX}"));
            }
            if agent.attempts == 0 || agent.attempts > ATTEMPTS_RETRY {
                return wrong("attempts", format!("agent {name}: attempts is from 1 to {ATTEMPTS_RETRY}"));
            }
        }
        match self.capability.keys().find(|name| self.agent.contains_key(*name)) {
            Some(name) => {
                let message = format!("{name} is the name of an agent and of a capability; rename one");
                Err((path(&["capability", name]), message))
            }
            None => Ok(()),
        }
    }

    /// Takes over what another manifest declares under `name`; paths stay where they were.
    pub fn adopt(&mut self, other: &Self, name: &str) {
        self.agent.remove(name);
        self.capability.remove(name);
        self.agent.extend(other.agent_of(name).map(|section| (name.to_owned(), section)));
        self.capability.extend(other.capability_of(name).map(|section| (name.to_owned(), section)));
    }

    /// An agent's section with absolute paths.
    #[must_use]
    pub fn agent_of(&self, name: &str) -> Option<AgentSection> {
        let mut section = self.agent.get(name)?.clone();
        section.component = self.resolve(&section.component);
        section.directories = self.directories(&section.directories);
        Some(section)
    }

    /// A capability's section with absolute paths.
    #[must_use]
    pub fn capability_of(&self, name: &str) -> Option<CapabilitySection> {
        let mut section = self.capability.get(name)?.clone();
        section.component = self.resolve(&section.component);
        section.directories = self.directories(&section.directories);
        Some(section)
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

    /// What an agent or a capability of this name is granted, with absolute directories.
    #[must_use]
    pub fn grants(&self, name: &str) -> Option<Grants> {
        let capability = || self.capability.get(name).map(|section| self.capability_grants(section));
        self.agent.get(name).map(|section| self.agent_grants(section)).or_else(capability)
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

/// Names stand in topics, records and messages: letters, digits, `-` and `_`.
fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let reserved = [crate::provider::BASE, crate::provider::WASI, "none", "host"].contains(&name);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(format!("the name {name:?} may have letters, digits, - and _ only, 64 at most"));
    }
    if reserved { Err(format!("the name {name} is taken by the host; choose another")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(text, Path::new("/"))
    }

    /// A manifest with an agent and a capability, where one section has one more line.
    fn with(section: &str, line: &str) -> String {
        let text =
            "[agent.a]\ncomponent = \"a.wasm\"\nsubscribe = [\"a.do\"]\n[capability.c]\ncomponent = \"c.wasm\"\n";
        assert!(text.contains(section), "{section} is no section");
        text.replace(section, &format!("{section}\n{line}"))
    }

    #[test]
    fn every_line_that_a_message_suggests_is_accepted_where_it_says() {
        for limit in Limit::ALL {
            let (max, standard) = (limit.max(), limit.of(&Limits::default()));
            for section in ["[agent.a]", "[capability.c]"] {
                if section == "[capability.c]" && !limit.is_capabilitys() {
                    continue;
                }
                for value in [1, standard, max / 2, max / 2 + 1, max - 1].into_iter().filter(|value| *value < max) {
                    for needed in [value + 1, max] {
                        let advice = limit.advice(section, value, needed);
                        let (place, line) = advice.split_once(" with: ").expect("a line");
                        let place = place.strip_prefix("raise it in ").expect("a place");
                        let manifest = parse(&with(place, line)).unwrap_or_else(|error| panic!("{advice}: {error}"));
                        let limits = if section == "[agent.a]" {
                            &manifest.agent["a"].limits
                        } else {
                            &manifest.capability["c"].limits
                        };
                        assert!(limit.of(limits) >= needed, "{advice} is too little for {needed}");
                    }
                }
                for (value, needed) in [(max, max + 1), (1, max + 1)] {
                    let advice = limit.advice(section, value, needed);
                    assert!(!advice.contains("limits = {") && advice.contains("is the most"), "{advice}");
                    let beyond = with(section, &format!("limits = {{ {} = {} }}", limit.key(), max + 1));
                    assert!(parse(&beyond).unwrap_err().contains("out of range"), "{beyond}");
                }
            }
        }
    }

    #[test]
    fn a_capability_has_no_limits_of_a_whole_attempt() {
        for limit in Limit::ALL {
            let line = format!("limits = {{ {} = 5 }}", limit.key());
            let capability = parse(&with("[capability.c]", &line));
            assert_eq!(capability.is_ok(), limit.is_capabilitys(), "{line}");
            if let Err(error) = capability {
                assert!(error.contains(limit.key()) && error.contains("[agent.NAME]"), "{error}");
                assert!(error.contains("line 5"), "{error}");
            }
            assert!(parse(&with("[agent.a]", &line)).is_ok(), "{line}");
        }
        let slip = parse(&with("[capability.c]", "limits = { memory = 5 }")).unwrap_err();
        assert!(slip.contains("unknown field `memory`") && slip.contains("memory_mib"), "{slip}");
        let word = parse(&with("[capability.c]", "limits = { fuel = \"much\" }")).unwrap_err();
        assert!(word.contains("invalid type"), "{word}");
    }
}
