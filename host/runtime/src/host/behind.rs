//! Where a running host is behind the file that it was started with: the file is read again at a command alone.

use super::Host;
use crate::manifest::{AgentSection, CapabilitySection, Manifest, ManifestError};
use manes_core::ids::Digest;
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
        let loaded: Vec<(String, Digest)> = {
            let components = &self.registry.lock().await.components;
            let all = components.agents.iter().chain(&components.capabilities);
            all.map(|(name, loaded)| (name.clone(), loaded.digest)).collect()
        };
        let names = |manifest: &Manifest| -> Vec<String> {
            manifest.agent.keys().chain(manifest.capability.keys()).cloned().collect()
        };
        let (before, now) = (names(&ours), names(&theirs));
        let mut behind = Behind { results: ours.results != theirs.results, ..Behind::default() };
        behind.removed = before.iter().filter(|name| !now.contains(name)).cloned().collect();
        for name in now {
            if !before.contains(&name) {
                behind.added.push(name);
            } else if differ(&ours, &theirs, &name) || Self::is_older(&loaded, &theirs, &name).await {
                behind.changed.push(name);
            }
        }
        Ok(behind)
    }

    /// True if the component's file holds another one than the one that is loaded.
    async fn is_older(loaded: &[(String, Digest)], manifest: &Manifest, name: &str) -> bool {
        let Some((_, digest)) = loaded.iter().find(|(loaded, _)| loaded == name) else { return false };
        let Some(path) = component(manifest, name) else { return false };
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
