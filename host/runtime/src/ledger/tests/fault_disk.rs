//! A disk that writes down what is asked of it, and fails where a test says.
//!
//! It passes no sync on: a test process is never cut off from power, so syncing would only take time.

use super::super::disk::{Access, Disk, DiskFile, Lock, Mode, RealDisk};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a disk is asked that can change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Op {
    CreateDir,
    Create,
    Rename,
    Remove,
    SyncDir,
    Write,
    Preallocate,
    Truncate,
    SyncData,
}

/// Decides about each operation by its number since the last [`FaultDisk::arm`], its kind and its path.
type Rule = Box<dyn FnMut(usize, Op, &Path) -> Option<io::ErrorKind> + Send>;

/// The real disk with faults.
#[derive(Clone)]
pub(super) struct FaultDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    done: Vec<(Op, PathBuf)>,
    rule: Rule,
}

impl std::fmt::Debug for FaultDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FaultDisk")
    }
}

impl FaultDisk {
    pub(super) fn new() -> Self {
        Self { state: Arc::new(Mutex::new(State { done: Vec::new(), rule: Box::new(|_, _, _| None) })) }
    }

    /// Forgets what was done and fails from now on where `rule` says.
    pub(super) fn arm(&self, rule: impl FnMut(usize, Op, &Path) -> Option<io::ErrorKind> + Send + 'static) {
        *self.state.lock().unwrap() = State { done: Vec::new(), rule: Box::new(rule) };
    }

    /// What was asked since the disk was armed.
    pub(super) fn done(&self) -> Vec<(Op, PathBuf)> {
        self.state.lock().unwrap().done.clone()
    }

    fn ask(&self, op: Op, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let number = state.done.len();
        state.done.push((op, path.to_owned()));
        (state.rule)(number, op, path).map_or(Ok(()), |kind| Err(kind.into()))
    }
}

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl Disk for FaultDisk {
    fn create_dir(&self, path: &Path, access: Access) -> io::Result<()> {
        self.ask(Op::CreateDir, path)?;
        RealDisk.create_dir(path, access)
    }
    fn create(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.ask(Op::Create, path)?;
        let file = RealDisk.create(path, access)?;
        Ok(Arc::new(FaultFile { disk: self.clone(), path: path.to_owned(), file }))
    }
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.open(path, mode)?;
        Ok(Arc::new(FaultFile { disk: self.clone(), path: path.to_owned(), file }))
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(Op::Rename, to)?;
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask(Op::Remove, path)?;
        RealDisk.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.ask(Op::SyncDir, path)
    }
    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.ask(Op::SyncDir, path)
    }

    fn lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn Lock>>> {
        RealDisk.lock(path, access)
    }
    fn is_private(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_private(path)
    }
}

impl DiskFile for FaultFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(at, into)
    }
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.disk.ask(Op::Write, &self.path) {
            // A failing write leaves a part behind.
            self.file.write_at(at, &bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.file.write_at(at, bytes)
    }
    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.disk.ask(Op::Preallocate, &self.path)?;
        self.file.preallocate(length)
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.ask(Op::Truncate, &self.path)?;
        self.file.truncate(length)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.disk.ask(Op::SyncData, &self.path)
    }
}
