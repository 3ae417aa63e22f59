//! What changes in a running host: a component is loaded, replaced or taken out, or a whole manifest comes into force.
//!
//! Attempts under way end on what they began with; whatever is refused changes nothing.

use super::deploying::Components;
use super::prepared::{Role, Source, check_folders};
use super::{Host, HostError};
use crate::deploy::{self, IN_FORCE, WAITING};
use crate::manifest::Manifest;
use crate::nearest;
use manes_core::ids::Digest;
use std::path::Path;
use std::sync::Arc;

/// What a load changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// Agents and capabilities that waited for it and are in force now.
    pub started: Vec<String>,
    /// Interfaces that it waits for itself: nobody can use it before they are there.
    pub waits_for: Vec<String>,
    /// The component that it took the place of, if that was another one.
    pub replaced: Option<Digest>,
    /// False if everything was like this already.
    pub changed: bool,
}

/// What a whole manifest changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Agents and capabilities whose deployment is another one now, or new.
    pub changed: Vec<String>,
    /// Those that are not there any more.
    pub removed: Vec<String>,
    /// Those that wait for an interface.
    pub waiting: Vec<String>,
}

impl Host {
    /// Loads what `manifest` declares under `name` into the running host, from its own file or from `path`, in the place
    /// of what has that name. Agents that waited for it start. What else `manifest` says does not come into force.
    ///
    /// # Errors
    /// A name that the manifest does not have, a component that cannot be used, one that its users do not fit, or one
    /// without which somebody would have to stop. Nothing has changed then.
    pub async fn load(&self, manifest: &Manifest, name: &str, path: Option<&Path>) -> Result<Brought, HostError> {
        let Some((role, component)) = section(manifest, name) else { return Err(unknown(manifest, name)) };
        let own = manifest.resolve(component);
        let elsewhere = path.is_some_and(|path| path != own);
        let path = path.map_or(own, Path::to_path_buf);
        check_folders(manifest, name)?;
        let loaded = self.component(Source { role, name, path: &path }).await?;
        let mut registry = self.registry.lock().await;
        let mut next = Manifest::clone(&self.manifest());
        next.adopt(manifest, name);
        let mut components = registry.components.clone();
        let before = components.take(name).filter(|before| before.digest != loaded.digest);
        components.put(role, name, loaded.clone());
        let plan = self.plan(&registry, Arc::new(next), components).await?;
        let stopped = plan.changed(&registry, name, IN_FORCE, WAITING);
        if !stopped.is_empty() {
            let diff = before.map(|before| deploy::difference(&before, &loaded)).unwrap_or_default();
            return Err(HostError::Stops { name: name.to_owned(), stopped: stopped.join(", "), diff });
        }
        let brought = Brought {
            started: plan.changed(&registry, name, WAITING, IN_FORCE),
            waits_for: plan.waits_for(name),
            replaced: before.map(|before| before.digest),
            changed: plan.touches(name),
        };
        self.commit(&mut registry, plan).await?;
        if elsewhere {
            registry.elsewhere.insert(name.to_owned());
        } else {
            registry.elsewhere.remove(name);
        }
        Ok(brought)
    }

    /// True if an agent or a capability of this name is loaded, in force or waiting.
    pub async fn is_loaded(&self, name: &str) -> bool {
        self.registry.lock().await.components.names().any(|loaded| loaded == name)
    }

    /// Takes an agent or a capability out of the running host. Its section stays in the manifest in force: it can be
    /// loaded again. Returns who waits for it now.
    ///
    /// # Errors
    /// A name that is not loaded; one that others need, unless they are to wait by `force`. Nothing has changed then.
    pub async fn unload(&self, name: &str, force: bool) -> Result<Vec<String>, HostError> {
        let mut registry = self.registry.lock().await;
        let mut components = registry.components.clone();
        if components.take(name).is_none() {
            let known: Vec<&str> = components.names().collect();
            let (hint, name) = (nearest::hint(name, known.iter().copied()), name.to_owned());
            return Err(HostError::NotLoaded { name, hint, known: known.join(", ") });
        }
        let plan = self.plan(&registry, self.manifest(), components).await?;
        let by = plan.changed(&registry, name, IN_FORCE, WAITING);
        if !by.is_empty() && !force {
            return Err(HostError::Needed { name: name.to_owned(), by: by.join(", ") });
        }
        self.commit(&mut registry, plan).await?;
        Ok(by)
    }

    /// Brings a whole manifest into force in the place of the last one. A capability that was loaded by command stays, if
    /// the manifest still has it.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub async fn apply(&self, manifest: Manifest) -> Result<Applied, HostError> {
        let loaded = self.registry.lock().await.components.clone();
        let wanted = |name: &str| {
            loaded.capabilities.contains_key(name) || manifest.capability.get(name).is_some_and(|section| section.load)
        };
        let capabilities = manifest.capability.keys().filter(|name| wanted(name));
        manifest.agent.keys().chain(capabilities).try_for_each(|name| check_folders(&manifest, name))?;
        let components = self.components(&manifest, wanted).await?;
        let mut registry = self.registry.lock().await;
        let plan = self.plan(&registry, Arc::new(manifest), components).await?;
        let applied = plan.applied();
        self.commit(&mut registry, plan).await?;
        registry.elsewhere.clear();
        Ok(applied)
    }
}

impl Components {
    fn take(&mut self, name: &str) -> Option<Arc<crate::component::Loaded>> {
        self.capabilities.remove(name).or_else(|| self.agents.remove(name))
    }

    fn put(&mut self, role: Role, name: &str, loaded: Arc<crate::component::Loaded>) {
        match role {
            Role::Agent => self.agents.insert(name.to_owned(), loaded),
            Role::Capability => self.capabilities.insert(name.to_owned(), loaded),
        };
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.agents.keys().chain(self.capabilities.keys()).map(String::as_str)
    }
}

/// What a manifest declares under a name.
fn section<'a>(manifest: &'a Manifest, name: &str) -> Option<(Role, &'a Path)> {
    let agent = manifest.agent.get(name).map(|section| (Role::Agent, section.component.as_path()));
    let capability = || manifest.capability.get(name).map(|section| (Role::Capability, section.component.as_path()));
    agent.or_else(capability)
}

fn unknown(manifest: &Manifest, name: &str) -> HostError {
    let names: Vec<&str> = manifest.agent.keys().chain(manifest.capability.keys()).map(String::as_str).collect();
    let known = match names.join(", ") {
        none if none.is_empty() => "it has none".to_owned(),
        some => format!("it has: {some}"),
    };
    HostError::Unknown { name: name.to_owned(), known, hint: nearest::hint(name, names) }
}
