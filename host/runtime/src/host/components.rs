//! Components of this host: read, compiled and checked once for each content.

use super::prepared::{Prepared, Source};
use super::{Host, HostError};
use crate::component::Loaded;
use manes_core::ids::Digest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What was compiled, by the digest of its bytes.
#[derive(Debug)]
pub(super) struct Components(Mutex<Compiled>);

#[derive(Debug, Default)]
struct Compiled {
    /// Their bytes lie with the ledger.
    kept: HashMap<Digest, Arc<Loaded>>,
    /// Compiled before the ledger was there: their bytes do not lie with it yet.
    prepared: HashMap<Digest, Arc<Loaded>>,
}

impl Components {
    pub(super) fn new(prepared: Prepared) -> Self {
        Self(Mutex::new(Compiled { kept: HashMap::new(), prepared: prepared.compiled }))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Compiled) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Host {
    /// Reads and compiles a component, and keeps its bytes with the ledger.
    pub(super) async fn component(&self, source: Source<'_>) -> Result<Arc<Loaded>, HostError> {
        let bytes = source.read()?;
        let digest = Digest::of(&bytes);
        if let Some(loaded) = self.components.with(|compiled| compiled.kept.get(&digest).cloned()) {
            source.fits(&loaded)?;
            return Ok(loaded);
        }
        let prepared = self.components.with(|compiled| compiled.prepared.get(&digest).cloned());
        let (wasm, ledger) = (self.wasm.clone(), self.context.ledger.clone());
        let owned = source.to_owned();
        // Compiling takes seconds of a core; what runs on this host must not wait for it.
        let compiling = tokio::task::spawn_blocking(move || {
            let source = owned.source();
            let loaded = match prepared {
                Some(loaded) => loaded,
                None => source.compile(&wasm, &bytes)?,
            };
            source.fits(&loaded)?;
            ledger.put_artifact(&bytes)?;
            Ok::<_, HostError>(loaded)
        });
        let loaded = compiling.await.map_err(|_| HostError::Stopped)??;
        self.components.with(|compiled| {
            compiled.prepared.remove(&digest);
            compiled.kept.insert(digest, loaded.clone());
        });
        Ok(loaded)
    }
}
