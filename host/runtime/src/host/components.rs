//! Components of this host: read, compiled and checked once for each content.

use super::prepared::{Compiled, Prepared, Source};
use super::{Host, HostError};
use crate::component::Loaded;
use manes_core::ids::Digest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What was compiled, by the digest of its bytes.
#[derive(Debug)]
pub(super) struct Cache(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    /// Their bytes lie with the ledger.
    kept: HashMap<Digest, Arc<Loaded>>,
    /// Nothing that is in force needs them yet, and their bytes do not lie with the ledger.
    fresh: HashMap<Digest, Compiled>,
}

impl Cache {
    pub(super) fn new(prepared: Prepared) -> Self {
        Self(Mutex::new(Contents { kept: HashMap::new(), fresh: prepared.compiled }))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Contents) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn get(&self, digest: &Digest) -> Option<Arc<Loaded>> {
        self.with(|contents| {
            let fresh = || contents.fresh.get(digest).map(|compiled| compiled.loaded.clone());
            contents.kept.get(digest).cloned().or_else(fresh)
        })
    }
}

impl Host {
    /// Reads and compiles a component.
    pub(super) async fn component(&self, source: Source<'_>) -> Result<Arc<Loaded>, HostError> {
        let bytes = source.read()?;
        if let Some(loaded) = self.cache.get(&Digest::of(&bytes)) {
            source.fits(&loaded)?;
            return Ok(loaded);
        }
        let (wasm, owned) = (self.wasm.clone(), source.to_owned());
        // Compiling takes seconds of a core; what runs on this host must not wait for it.
        let compiling = tokio::task::spawn_blocking(move || {
            let source = owned.source();
            let loaded = source.compile(&wasm, &bytes)?;
            source.fits(&loaded)?;
            Ok::<_, HostError>(Compiled { loaded, bytes })
        });
        let compiled = compiling.await.map_err(|_| HostError::Stopped)??;
        let loaded = compiled.loaded.clone();
        self.cache.with(|contents| drop(contents.fresh.insert(loaded.digest, compiled)));
        Ok(loaded)
    }

    /// Keeps the bytes of components that are about to be in force with the ledger.
    pub(super) fn keep<'a>(&self, loaded: impl Iterator<Item = &'a Arc<Loaded>>) -> Result<(), HostError> {
        for loaded in loaded {
            let fresh = self.cache.with(|contents| contents.fresh.get(&loaded.digest).map(|fresh| fresh.bytes.clone()));
            let Some(bytes) = fresh else { continue };
            self.context.ledger.put_artifact(&bytes)?;
            self.cache.with(|contents| {
                contents.fresh.remove(&loaded.digest);
                contents.kept.insert(loaded.digest, loaded.clone());
            });
        }
        Ok(())
    }
}
