//! Content that lies in files of its own, named by its hash: large bodies and artifacts.
//!
//! Invariant: a name is durable only with its whole content, and a body's blob is durable before the block that names
//! it is written. A blob that no block names is left behind by a crash and means nothing.

use super::disk::Access;
use super::error::LedgerError;
use super::files::{Failure, Files, ensure_dir, replace, sync_parent};
use super::health::Health;
use manes_core::ids::Digest;
use std::io;
use std::path::Path;

/// Bodies up to this lie in their block: one sync for all of them. Above it a file of its own costs less than a block
/// that every reader of its neighbours would have to load.
pub(super) const INLINE_BYTES_MAX: usize = 64 << 10;

/// Stores a body, durably, and returns its name.
pub(super) fn put_blob(files: &Files, health: &Health, bytes: &[u8]) -> Result<Digest, LedgerError> {
    let digest = Digest::of(bytes);
    let path = files.blob(&digest);
    put(files, &path, bytes, &digest).map_err(|failure| health.write_failed(&path, &failure))?;
    Ok(digest)
}

/// Stores an artifact, durably, and returns its name.
pub(super) fn put_artifact(files: &Files, health: &Health, bytes: &[u8]) -> Result<Digest, LedgerError> {
    let digest = Digest::of(bytes);
    let path = files.artifact(&digest);
    put(files, &path, bytes, &digest).map_err(|failure| health.write_failed(&path, &failure))?;
    Ok(digest)
}

fn put(files: &Files, path: &Path, bytes: &[u8], digest: &Digest) -> Result<(), Failure> {
    let disk = files.disk.as_ref();
    // The same content may be there already; it is not believed by its name.
    if disk.read(path).is_ok_and(|stored| Digest::of(&stored) == *digest) {
        // Who stored it may have died before its name was durable.
        return sync_parent(disk, path).map_err(Failure::at_sync);
    }
    match (replace(disk, path, bytes, Access::Shared), path.parent()) {
        // The first with these two digits.
        (Err(failure), Some(parent)) if failure.source.kind() == io::ErrorKind::NotFound => {
            ensure_dir(disk, parent, Access::Shared).map_err(Failure::before_sync)?;
            replace(disk, path, bytes, Access::Shared)
        }
        (done, _) => done,
    }
}
