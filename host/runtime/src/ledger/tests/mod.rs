//! The ledgers under the suite, and what only the embedded one promises: crashes, damage, refusals, failing disks.

mod crash;
mod fault_disk;
mod faults;
mod folder;
mod keys;
mod refusal;

use super::api::Ledger;
use super::conformance::{Subject, conformance};
use super::embedded::{Embedded, Options};
use super::error::OpenError;
use super::memory::Memory;
use super::reader::Reader;
use crate::seams::Seams;
use fault_disk::FaultDisk;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

mod memory {
    use super::*;
    conformance!(Subject { ledger: Arc::new(Memory::new(Seams::system())), keep: Box::new(()) });
}

mod embedded {
    use super::*;
    conformance!({
        let place = Place::on_disk();
        Subject { ledger: Arc::new(place.open_with(Options::default()).unwrap()), keep: Box::new(place) }
    });
}

/// The suite again where nearly every block begins a segment.
mod embedded_with_tiny_segments {
    use super::*;
    conformance!({
        let place = Place::new();
        let options = Options { segment_bytes: 1_500, ..quiet() };
        Subject { ledger: Arc::new(place.open_with(options).unwrap()), keep: Box::new(place) }
    });
}

/// A folder, a home, and what stands in them.
pub(super) struct Place {
    _dir: TempDir,
    pub(super) folder: PathBuf,
    pub(super) home: PathBuf,
}

/// Options under which heads are signed only when a ledger is created, opened or closed, or a test asks. Segments are
/// small enough to be copied often, and syncs cost nothing.
pub(super) fn quiet() -> Options {
    let (segment_bytes, checkpoint_every) = (1 << 18, Duration::from_secs(3_600));
    Options { segment_bytes, checkpoint_every, disk: Arc::new(FaultDisk::new()), ..Options::default() }
}

impl Place {
    /// In memory where the system offers that: what these tests check is order and content, not the medium.
    pub(super) fn new() -> Self {
        Self::within(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    /// Where temporary files usually are.
    fn on_disk() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(dir: TempDir) -> Self {
        let (folder, home) = (dir.path().join("ledger"), dir.path().join("home"));
        Self { _dir: dir, folder, home }
    }

    pub(super) fn open(&self) -> Result<Embedded, OpenError> {
        self.open_with(quiet())
    }

    pub(super) fn open_with(&self, options: Options) -> Result<Embedded, OpenError> {
        Embedded::open(&self.folder, &self.home, Seams::system(), options)
    }

    pub(super) fn read(&self) -> Result<Reader, OpenError> {
        Reader::open(&self.folder)
    }

    pub(super) fn segment(&self, number: u32) -> PathBuf {
        self.folder.join(format!("segments/{number:08}.seg"))
    }

    pub(super) fn head(&self, ledger: &dyn Ledger) -> PathBuf {
        self.home.join("heads").join(ledger.id().to_string())
    }

    /// Another place that holds a copy of the folder and the home, as on another machine: there nobody else writes it.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::new();
        copy_dir(&self.folder, &copy.folder);
        copy_dir(&self.home, &copy.home);
        for key in fs::read_dir(copy.home.join("keys")).unwrap().map(|entry| entry.unwrap().path()) {
            if key.extension().is_some_and(|end| end == "lock") {
                fs::remove_file(key).unwrap();
            }
        }
        copy
    }
}

/// Copies a directory as `cp -a` does.
pub(super) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
