//! Where a running host is behind the file that it was started with: the file is read again at a command alone.

use super::Host;
use crate::manifest::{AgentSection, CapabilitySection, Manifest, ManifestError};
use manes_core::ids::Digest;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What the manifest's file, or a component's, says otherwise than what is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behind {
    /// Names of the file that are not in force.
    pub added: Vec<String>,
    /// Names whose section or component is another one by now.
    pub changed: Vec<String>,
    /// Names in force that are not in the file any more.
    pub removed: Vec<String>,
    /// True if the file's `results` are others.
    pub results: bool,
}

/// Digests of files that were read before.
#[derive(Debug, Clone, Default)]
pub(super) struct Digests(Arc<Mutex<HashMap<PathBuf, Read>>>);

/// A file as it was when it was read.
#[derive(Debug, Clone, Copy)]
struct Read {
    modified: SystemTime,
    bytes: u64,
    digest: Digest,
}

impl Digests {
    /// Of the file as it is now; none if there is no such file, or nothing that is a plain one.
    fn of(&self, path: &Path) -> Option<Digest> {
        let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let (modified, bytes) = (found.modified().ok()?, found.len());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(then) = known.get(path).filter(|then| then.modified == modified && then.bytes == bytes) {
            return Some(then.digest);
        }
        let digest = Digest::of(&std::fs::read(path).ok()?);
        known.insert(path.to_owned(), Read { modified, bytes, digest });
        Some(digest)
    }
}

impl Host {
    /// Compares what is in force with the files that it came from. What was unloaded by command is not behind.
    ///
    /// # Errors
    /// The manifest's file is not there any more, or not valid.
    pub async fn behind(&self) -> Result<Behind, ManifestError> {
        let ours = self.manifest();
        let Some(file) = ours.file.clone() else { return Ok(Behind::default()) };
        // Where somebody put another file in force by command, no digest is compared.
        let loaded: BTreeMap<String, Option<Digest>> = {
            let registry = self.registry.lock().await;
            let all = registry.components.agents.iter().chain(&registry.components.capabilities);
            let digest = |name: &String, digest| (!registry.elsewhere.contains(name)).then_some(digest);
            all.map(|(name, loaded)| (name.clone(), digest(name, loaded.digest))).collect()
        };
        let digests = self.digests.clone();
        let compared = tokio::task::spawn_blocking(move || compare(&ours, &file, &loaded, &digests)).await;
        compared.unwrap_or_else(|_| Ok(Behind::default()))
    }
}

fn compare(
    ours: &Manifest,
    file: &Path,
    loaded: &BTreeMap<String, Option<Digest>>,
    digests: &Digests,
) -> Result<Behind, ManifestError> {
    let theirs = Manifest::read(file)?;
    let names = |manifest: &Manifest| -> Vec<String> {
        manifest.agent.keys().chain(manifest.capability.keys()).cloned().collect()
    };
    // A file that is not there is being made, or will be missed at the next start.
    let is_older = |name: &str| {
        let digest = component(&theirs, name).and_then(|path| digests.of(&path));
        loaded.get(name).copied().flatten().zip(digest).is_some_and(|(ours, theirs)| ours != theirs)
    };
    let (before, now) = (names(ours), names(&theirs));
    let mut behind = Behind { results: ours.results != theirs.results, ..Behind::default() };
    behind.removed = loaded.keys().filter(|name| !now.contains(name)).cloned().collect();
    for name in now {
        if !before.contains(&name) {
            behind.added.push(name);
        } else if !loaded.contains_key(&name) {
            // As somebody wanted it; a load takes it as it is written then.
        } else if differ(ours, &theirs, &name) || is_older(&name) {
            behind.changed.push(name);
        }
    }
    Ok(behind)
}

fn component(manifest: &Manifest, name: &str) -> Option<PathBuf> {
    let agent = manifest.agent.get(name).map(|section| &section.component);
    agent.or_else(|| manifest.capability.get(name).map(|section| &section.component)).map(|path| manifest.resolve(path))
}

/// True if two manifests say different things under a name. How its component is made is none of them.
fn differ(ours: &Manifest, theirs: &Manifest, name: &str) -> bool {
    let agent = |manifest: &Manifest| manifest.agent_of(name).map(|section| AgentSection { build: None, ..section });
    let capability = |manifest: &Manifest| {
        manifest.capability_of(name).map(|section| CapabilitySection { build: None, load: true, ..section })
    };
    agent(ours) != agent(theirs) || capability(ours) != capability(theirs)
}
