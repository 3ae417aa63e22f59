//! Where a running host is behind the file that it was started with: the file is read again at a command alone.

use super::Host;
use crate::manifest::{AgentSection, CapabilitySection, Manifest, ManifestError};
use manes_core::ids::Digest;
use std::collections::BTreeMap;
use std::path::PathBuf;

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

impl Host {
    /// Compares what is in force with the files that it came from. What was unloaded by command is not behind.
    ///
    /// # Errors
    /// The manifest's file is not there any more, or not valid.
    pub async fn behind(&self) -> Result<Behind, ManifestError> {
        let ours = self.manifest();
        let Some(file) = ours.file.clone() else { return Ok(Behind::default()) };
        let theirs = Manifest::read(&file)?;
        // Where somebody put another file in force by command, no digest is compared.
        let loaded: BTreeMap<String, Option<Digest>> = {
            let registry = self.registry.lock().await;
            let all = registry.components.agents.iter().chain(&registry.components.capabilities);
            let digest = |name: &String, digest| (!registry.elsewhere.contains(name)).then_some(digest);
            all.map(|(name, loaded)| (name.clone(), digest(name, loaded.digest))).collect()
        };
        let names = |manifest: &Manifest| -> Vec<String> {
            manifest.agent.keys().chain(manifest.capability.keys()).cloned().collect()
        };
        let (before, now) = (names(&ours), names(&theirs));
        let mut behind = Behind { results: ours.results != theirs.results, ..Behind::default() };
        behind.removed = loaded.keys().filter(|name| !now.contains(name)).cloned().collect();
        for name in now {
            if !before.contains(&name) {
                behind.added.push(name);
            } else if !loaded.contains_key(&name) {
                // As somebody wanted it; a load takes it as it is written then.
            } else if differ(&ours, &theirs, &name) || Self::is_older(&loaded, &theirs, &name).await {
                behind.changed.push(name);
            }
        }
        Ok(behind)
    }

    /// True if the component's file holds another one than the one that is loaded.
    async fn is_older(loaded: &BTreeMap<String, Option<Digest>>, manifest: &Manifest, name: &str) -> bool {
        let Some(Some(digest)) = loaded.get(name) else { return false };
        let Some(path) = component(manifest, name) else { return false };
        if !tokio::fs::metadata(&path).await.is_ok_and(|found| found.is_file()) {
            return false;
        }
        // A file that is not there is being made, or will be missed at the next start.
        tokio::fs::read(path).await.is_ok_and(|bytes| Digest::of(&bytes) != *digest)
    }
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
