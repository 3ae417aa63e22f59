//! A copy of a ledger's folder, taken while its host runs: what is copied was verified, ends with a whole block, and
//! extends its own checkpoint.

use super::disk::{Access, Disk, RealDisk};
use super::error::OpenError;
use super::files::{Failure, Files, ensure_dir, replace};
use super::reader::Reader;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// Records in the copy.
    pub records: u64,
    /// Blocks in the copy.
    pub blocks: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// Copies the ledger in `folder` to `target`, which must be new or empty.
///
/// Order matters beside a writer: first the checkpoint, then the blocks that it covers and more, then the bodies that
/// blocks name, which were durable before them.
///
/// # Errors
/// A ledger that does not verify, a target that holds something, the disk's. What was written then is no backup.
pub fn backup(folder: &Path, target: &Path) -> Result<Backup, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let reader = Reader::open(folder)?;
    let note = reader.checkpoint()?;
    let records = reader.refresh()?;
    if disk.list(target).is_ok_and(|names| !names.is_empty()) {
        return Err(OpenError::NotALedger { folder: target.to_owned() });
    }
    let (from, to) = (Files::new(disk.clone(), folder), Files::new(disk.clone(), target));
    let mut copy = Copy { disk, bytes: 0 };
    copy.folder(&to.segments())?;
    let (last, end) = reader.verified_end();
    for number in 0..=last {
        if number == last && end == 0 {
            // Begun and without its head yet: the next backup has it.
            break;
        }
        let (source, place) = (from.segment(number), to.segment(number));
        copy.file(&source, &place, (number == last).then_some(end))?;
    }
    copy.all(&from.artifacts(), &to.artifacts())?;
    copy.blobs(&from, &to)?;
    if let Some(note) = note {
        copy.put(&to.checkpoint(), note.as_bytes())?;
    }
    // Read back from the first byte: a backup that was never opened is none.
    let written = Reader::open(target)?;
    let blocks = written.block_hashes().len() as u64;
    if written.records() != records {
        let what = format!("{} of {records} records are in the copy", written.records());
        return Err(OpenError::Damaged { path: target.to_owned(), offset: 0, what });
    }
    Ok(Backup { records, blocks, bytes: copy.bytes })
}

struct Copy {
    disk: Arc<dyn Disk>,
    bytes: u64,
}

impl Copy {
    fn folder(&self, path: &Path) -> Result<(), OpenError> {
        ensure_dir(self.disk.as_ref(), path, Access::Shared).map_err(OpenError::io(path))
    }

    fn put(&mut self, path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
        let failed = |Failure { source, .. }| OpenError::Io { path: path.to_owned(), source };
        replace(self.disk.as_ref(), path, bytes, Access::Shared).map_err(failed)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Copies a file, or as much of it as is wanted.
    fn file(&mut self, from: &Path, to: &Path, length: Option<u64>) -> Result<(), OpenError> {
        let mut bytes = self.disk.read(from).map_err(OpenError::io(from))?;
        if let Some(length) = length {
            bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
        self.put(to, &bytes)
    }

    /// Copies the whole files of a folder; those that are being written have other names.
    fn all(&mut self, from: &Path, to: &Path) -> Result<(), OpenError> {
        let names = match self.disk.list(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            names => names.map_err(OpenError::io(from))?,
        };
        self.folder(to)?;
        for name in names.into_iter().filter(|name| name.len() == 64) {
            self.file(&from.join(&name), &to.join(&name), None)?;
        }
        Ok(())
    }

    fn blobs(&mut self, from: &Files, to: &Files) -> Result<(), OpenError> {
        let folder: PathBuf = from.blobs();
        let names = match self.disk.list(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            names => names.map_err(OpenError::io(&folder))?,
        };
        for name in names {
            self.all(&folder.join(&name), &to.blobs().join(&name))?;
        }
        Ok(())
    }
}
