//! The folder of an embedded ledger: which file is where, and how a whole file becomes durable under its name.
//!
//! ```text
//! segments/00000000.seg   blocks, one frame after the other; the next file follows at the segment size
//! blobs/ab/<sha-256>      bodies over 64 KiB, durable before the block that names them
//! artifacts/<sha-256>     components and WIT
//! checkpoint              the last signed head
//! LOCK                    held by the one process that writes
//! ```
//!
//! Invariant: the folder holds no secret and nothing that only this machine knows, so that a copy verifies and
//! replays elsewhere.

use super::disk::{Access, Disk};
use manes_core::ids::Digest;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The paths of a ledger's folder, and the disk that they are on.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl Files {
    pub(super) fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self { disk, folder: folder.to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn segments(&self) -> PathBuf {
        self.folder.join("segments")
    }

    pub(super) fn segment(&self, number: u32) -> PathBuf {
        self.segments().join(format!("{number:08}.seg"))
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.folder.join("blobs")
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.blobs().join(name.get(..2).unwrap_or_default()).join(&name)
    }

    pub(super) fn artifacts(&self) -> PathBuf {
        self.folder.join("artifacts")
    }

    pub(super) fn artifact(&self, digest: &Digest) -> PathBuf {
        self.artifacts().join(digest.to_string())
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.folder.join("LOCK")
    }

    /// The numbers of the segments, ascending. Other names are none of ours.
    pub(super) fn list_segments(&self) -> io::Result<Vec<u32>> {
        let number = |name: String| name.strip_suffix(".seg").filter(|n| n.len() == 8).and_then(|n| n.parse().ok());
        let mut numbers: Vec<u32> = self.disk.list(&self.segments())?.into_iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The content of a file; `None` if there is no such file.
pub(crate) fn read_if_there(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    match disk.read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Removes a file if it is there.
pub(crate) fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Why a whole file could not be put in its place.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A sync failed: what it covered may or may not survive, and asking again proves nothing.
    pub(crate) at_sync: bool,
    /// What the operating system said.
    pub(crate) source: io::Error,
}

impl Failure {
    pub(super) fn before_sync(source: io::Error) -> Self {
        Self { at_sync: false, source }
    }

    pub(super) fn at_sync(source: io::Error) -> Self {
        Self { at_sync: true, source }
    }
}

/// Writes a whole file so that after a power cut its name shows either what it showed before or all of `bytes`.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8], access: Access) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // Left by a process that died here.
    remove_if_there(disk, &new).map_err(Failure::before_sync)?;
    let file = disk.create(&new, access).map_err(Failure::before_sync)?;
    if let Err(error) = file.write_at(0, bytes) {
        // On a full disk half a file only takes the room; if it cannot be removed, the next attempt does.
        let _ = disk.remove(&new);
        return Err(Failure::before_sync(error));
    }
    file.sync_data().map_err(Failure::at_sync)?;
    disk.rename(&new, path).map_err(Failure::before_sync)?;
    sync_parent(disk, path).map_err(Failure::at_sync)
}

/// Makes a name durable in the directory that holds it.
pub(crate) fn sync_parent(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => disk.sync_dir(Path::new(".")),
        Some(parent) => disk.sync_dir(parent),
        None => Ok(()),
    }
}

/// Makes sure that directories in one that exists do so too, durably.
pub(crate) fn ensure_dirs(disk: &dyn Disk, path: &Path, names: &[&str], access: Access) -> io::Result<()> {
    for name in names {
        match disk.create_dir(&path.join(name), access) {
            // Synced all the same: who made it may have died before that.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    disk.sync_dir(path)
}

/// Makes sure that a directory and its parents exist, durably.
pub(crate) fn ensure_dir(disk: &dyn Disk, path: &Path, access: Access) -> io::Result<()> {
    match disk.create_dir(path, access) {
        Ok(()) => {}
        // Synced all the same: who made it may have died before that.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).ok_or(error)?;
            ensure_dir(disk, parent, access)?;
            disk.create_dir(path, access)?;
        }
        Err(error) => return Err(error),
    }
    sync_parent(disk, path)
}
