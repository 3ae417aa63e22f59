//! Components of this host: read, compiled and checked once for each content.

use super::{Host, HostError};
use crate::component::{LoadError, Loaded};
use manes_core::ids::Digest;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What was compiled, by the digest of its bytes.
#[derive(Debug, Default)]
pub(super) struct Components(Mutex<HashMap<Digest, Arc<Loaded>>>);

impl Components {
    fn get(&self, digest: &Digest) -> Option<Arc<Loaded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn put(&self, loaded: &Arc<Loaded>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(loaded.digest, loaded.clone());
    }
}

impl Host {
    /// Reads and compiles a component, and keeps its bytes with the ledger.
    pub(super) async fn component(
        &self,
        name: &str,
        path: &Path,
        check: fn(&Loaded) -> Result<(), LoadError>,
    ) -> Result<Arc<Loaded>, HostError> {
        let bytes = tokio::fs::read(path).await.map_err(|source| HostError::Read { path: path.to_owned(), source })?;
        let failed = |source| HostError::Load { name: name.to_owned(), path: path.to_owned(), source };
        if let Some(loaded) = self.components.get(&Digest::of(&bytes)) {
            // What was compiled as an agent need not be a capability, nor the reverse.
            check(&loaded).map_err(failed)?;
            return Ok(loaded);
        }
        let (wasm, ledger) = (self.wasm.clone(), self.context.ledger.clone());
        // Compiling takes seconds of a core; what runs on this host must not wait for it.
        let compiling = tokio::task::spawn_blocking(move || {
            let loaded = Loaded::new(&wasm, &bytes).and_then(|loaded| check(&loaded).map(|()| loaded));
            if loaded.is_ok() {
                ledger.put_artifact(&bytes)?;
            }
            Ok::<_, HostError>(loaded)
        });
        let loaded = compiling.await.map_err(|_| HostError::Stopped)??.map_err(failed)?;
        self.components.put(&loaded);
        Ok(loaded)
    }
}
