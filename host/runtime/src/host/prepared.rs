//! Components of a manifest, looked at before there is a host or a ledger: what cannot run must leave nothing behind.

use super::HostError;
use super::wiring::{Part, check_imported};
use crate::component::{self, Function, LoadError, Loaded};
use crate::deploy;
use crate::engine::Wasm;
use crate::manifest::Manifest;
use crate::provider::Mirror;
use crate::script::Script;
use manes_core::ids::Digest;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a component is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It handles events.
    Agent,
    /// It implements an interface.
    Capability,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Capability => "capability",
        })
    }
}

/// A component where the manifest names it, for checks and messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) role: Role,
    pub(super) name: &'a str,
    pub(super) path: &'a Path,
}

/// A [`Source`] that goes to another thread.
#[derive(Debug)]
pub(super) struct OwnedSource {
    role: Role,
    name: String,
    path: PathBuf,
}

impl OwnedSource {
    pub(super) fn source(&self) -> Source<'_> {
        Source { role: self.role, name: &self.name, path: &self.path }
    }
}

impl Source<'_> {
    pub(super) fn to_owned(self) -> OwnedSource {
        OwnedSource { role: self.role, name: self.name.to_owned(), path: self.path.to_owned() }
    }

    /// The file could not be read.
    fn unread(&self, source: io::Error) -> HostError {
        HostError::Read { role: self.role, name: self.name.to_owned(), path: self.path.to_owned(), source }
    }

    fn unusable(&self, source: LoadError) -> HostError {
        HostError::Load { role: self.role, name: self.name.to_owned(), path: self.path.to_owned(), source }
    }

    /// The file's content.
    pub(super) fn read(&self) -> Result<Vec<u8>, HostError> {
        std::fs::read(self.path).map_err(|source| self.unread(source))
    }

    /// The component in `bytes`, compiled; its role is not checked.
    pub(super) fn compile(&self, wasm: &Wasm, bytes: &[u8]) -> Result<Arc<Loaded>, HostError> {
        Loaded::new(wasm, bytes).map_err(|source| self.unusable(source))
    }

    /// It is what it is used as. What was compiled as an agent need not be a capability, nor the reverse.
    pub(super) fn fits(&self, loaded: &Loaded) -> Result<(), HostError> {
        let checked = match self.role {
            Role::Agent => deploy::check_agent(loaded),
            Role::Capability => deploy::check_capability(loaded),
        };
        checked.map_err(|source| self.unusable(source))
    }

    /// What can be said without compiling it.
    fn glance(&self) -> Result<(), HostError> {
        let head = || {
            let mut file = File::open(self.path)?;
            let (bytes, mut head) = (file.metadata()?.len(), Vec::new());
            file.by_ref().take(8).read_to_end(&mut head)?;
            io::Result::Ok((bytes, head))
        };
        let (bytes, head) = head().map_err(|source| self.unread(source))?;
        component::glance(usize::try_from(bytes).unwrap_or(usize::MAX), &head).map_err(|source| self.unusable(source))
    }
}

/// The components that a start with a manifest needs, compiled.
#[derive(Debug, Default)]
pub struct Prepared {
    pub(super) compiled: HashMap<Digest, Compiled>,
    /// Digests by file.
    at: HashMap<PathBuf, Digest>,
    /// WASI, if it was made for a host before.
    pub(super) mirror: Option<Arc<Mirror>>,
    /// What answers in the place of agents' providers.
    pub(super) script: Option<Arc<Script>>,
}

/// A component with the bytes that it was compiled from.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) loaded: Arc<Loaded>,
    pub(super) bytes: Vec<u8>,
}

/// Everything that is loaded at the start.
fn sources(manifest: &Manifest) -> Vec<(Role, &str, PathBuf)> {
    let agents = manifest.agent.iter().map(|(name, a)| (Role::Agent, name.as_str(), manifest.resolve(&a.component)));
    let loaded = manifest.capability.iter().filter(|(_, section)| section.load);
    let loaded = loaded.map(|(name, c)| (Role::Capability, name.as_str(), manifest.resolve(&c.component)));
    agents.chain(loaded).collect()
}

/// Looks whether the folders are there that a name is granted: a grant of another one can match nothing.
pub(super) fn check_folders(manifest: &Manifest, name: &str) -> Result<(), HostError> {
    for grant in manifest.grants(name).iter().flat_map(|grants| &grants.directories) {
        let folder = PathBuf::from(grant.host());
        if !folder.is_dir() {
            return Err(HostError::NoFolder { name: name.to_owned(), guest: grant.guest().to_owned(), folder });
        }
    }
    Ok(())
}

impl Prepared {
    /// With WASI that a host of the same engine used before: it is compiled once.
    #[must_use]
    pub fn with_mirror(mut self, mirror: Arc<Mirror>) -> Self {
        self.mirror = Some(mirror);
        self
    }

    /// With a script that answers in the place of what agents call: for tests of agents.
    #[must_use]
    pub fn with_script(mut self, script: Arc<Script>) -> Self {
        self.script = Some(script);
        self
    }

    /// The functions that an agent or a capability imports, by interface and name.
    pub fn imports<'a>(&'a self, component: &Path) -> impl Iterator<Item = &'a Function> + use<'a> {
        let loaded = self.at.get(component).and_then(|digest| self.compiled.get(digest));
        let interfaces = loaded.into_iter().flat_map(|compiled| compiled.loaded.imports.values());
        interfaces.flat_map(|interface| interface.functions.values())
    }

    /// Looks whether the manifest's components are there and could be some, which takes no time and no engine.
    ///
    /// # Errors
    /// The first that is not.
    pub fn glance(manifest: &Manifest) -> Result<(), HostError> {
        sources(manifest).iter().try_for_each(|(role, name, path)| {
            Source { role: *role, name, path }.glance()?;
            check_folders(manifest, name)
        })
    }

    /// Compiles and checks them all, with what each was granted of others.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn compile(wasm: &Wasm, manifest: &Manifest) -> Result<Self, HostError> {
        let mut prepared = Self::default();
        for (role, name, path) in sources(manifest) {
            let source = Source { role, name, path: &path };
            let bytes = source.read()?;
            let digest = Digest::of(&bytes);
            let loaded = match prepared.compiled.get(&digest) {
                Some(compiled) => compiled.loaded.clone(),
                None => source.compile(wasm, &bytes)?,
            };
            source.fits(&loaded)?;
            let grants = manifest.grants(name).unwrap_or_default();
            check_imported(&Part { name, loaded: &loaded, grants: &grants })?;
            prepared.at.insert(path, digest);
            prepared.compiled.insert(digest, Compiled { loaded, bytes });
        }
        Ok(prepared)
    }
}
