//! A disk in memory that forgets, tears and reorders what was not synced when the machine is cut off.
//!
//! The machine sees what it wrote; what survives is decided when it is cut off: all that was synced, and of the rest,
//! file by file and directory by directory, any part in any order, writes in whole or torn at any byte. Nothing here is
//! kinder than a file system may be: a synced file whose name was not synced is gone. Names in one directory survive up to
//! some moment, in order, as a journal keeps them.

use super::machine::{Machine, Site};
use crate::Seed;
use manes_runtime::ledger::disk::{Access, Disk, DiskFile, Lock, Mode};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Reading.
    Read,
    /// Writing into a file,
    Write,
    /// or at its beginning.
    Begin,
    /// Making a file shorter.
    Truncate,
    /// Making a directory, or finding that it is there.
    CreateDir,
    /// Giving a file another name.
    Rename,
    /// Syncing a file.
    SyncFile,
    /// Syncing a directory.
    SyncDir,
    /// Syncing all that is in a directory.
    SyncAll,
}

/// A sync that is left out, to show that it is needed: that of a file or directory, right after something else. Paths are
/// meant whole where they begin with a slash and do not end in one, by their end where that is `.something`, else by any
/// part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// [`Op::SyncFile`], [`Op::SyncDir`] or [`Op::SyncAll`].
    pub sync: Op,
    /// The path that is synced.
    pub path: &'static str,
    /// What was asked of the disk before it,
    pub after: Op,
    /// and about what.
    pub of: &'static str,
}

impl Forgotten {
    fn is(&self, sync: Op, path: &Path, last: Option<&(Op, PathBuf)>) -> bool {
        let holds = |path: &Path, part: &str| match path.to_string_lossy() {
            path if part.starts_with('.') => path.ends_with(part),
            path if part.starts_with('/') && !(part.len() > 1 && part.ends_with('/')) => path == part,
            path => path.contains(part),
        };
        let after = last.is_some_and(|(op, of)| *op == self.after && holds(of, self.of));
        self.sync == sync && holds(path, self.path) && after
    }
}

/// One change of a file that was not synced yet.
#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Node {
    content: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    private: bool,
}

/// One change of a directory that was not synced yet.
#[derive(Debug, Clone)]
enum Naming {
    Put(PathBuf, u64),
    Gone(PathBuf),
    Moved(PathBuf, PathBuf, u64),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Put(path, node) => drop(names.insert(path.clone(), *node)),
            Self::Gone(path) => drop(names.remove(path)),
            Self::Moved(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// Files by path, as the machine sees them and as they survive.
    names: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    /// Changes of names that were not synced, by directory.
    pending: BTreeMap<PathBuf, Vec<Naming>>,
    directories: BTreeSet<PathBuf>,
    durable_directories: BTreeSet<PathBuf>,
    locked: BTreeSet<PathBuf>,
    forgotten: Option<Forgotten>,
    /// What was asked last.
    last: Option<(Op, PathBuf)>,
    left_out: u64,
    /// All blocks that were ever written, whether they survived or not.
    blocks: Vec<Vec<u8>>,
    /// Syncs left until one fails for good; and whether there is no room now.
    fails_in: Option<u64>,
    full: bool,
}

/// The disk, and the machine that it is in.
#[derive(Debug, Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    machine: Machine,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        let mut state = State::default();
        for root in ["/", "."] {
            state.directories.insert(root.into());
            state.durable_directories.insert(root.into());
        }
        Self { state: Arc::new(Mutex::new(state)), machine }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This sync does nothing from now on, and says that it did.
    pub fn forget(&self, what: Forgotten) {
        self.state().forgotten = Some(what);
    }

    /// The sync of a file that comes after so many others fails, with `EIO`.
    pub fn fail_in(&self, syncs: u64) {
        self.state().fails_in = Some(syncs);
    }

    /// From now on there is no room, or there is again.
    pub fn fill(&self, full: bool) {
        self.state().full = full;
    }

    /// How often a sync was left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.state().left_out
    }

    /// Takes note of what is asked; true if it is the sync that is left out.
    fn asked(&self, op: Op, path: &Path) -> bool {
        let mut state = self.state();
        let last = state.last.replace((op, path.to_owned()));
        let forgotten = state.forgotten.is_some_and(|forgotten| forgotten.is(op, path, last.as_ref()));
        state.left_out += u64::from(forgotten);
        forgotten
    }

    /// The host died, and its machine lives: what it wrote is there, synced or not.
    pub fn kill(&self) {
        let mut state = self.state();
        state.locked.clear();
        (state.fails_in, state.full) = (None, false);
    }

    /// The host died, and somebody copied its segments to another place and back: nothing of them need be durable.
    pub fn copied(&self) {
        self.kill();
        let mut state = self.state();
        let state = &mut *state;
        for node in state.names.iter().filter(|(path, _)| is_segment(path)).map(|(_, node)| node) {
            if let Some(node) = state.nodes.get_mut(node) {
                unsync(node);
            }
        }
    }

    /// The ledger's folder was put back from a copy: nothing in it need be durable, names neither.
    pub fn put_back(&self) {
        self.kill();
        let mut state = self.state();
        let state = &mut *state;
        let inside = |path: &Path| path.starts_with("/data/ledger");
        state.pending.retain(|directory, _| !inside(directory));
        state.durable.retain(|path, _| !inside(path));
        state.durable_directories.retain(|path| !inside(path));
        for (path, node) in state.names.iter().filter(|(path, _)| inside(path)) {
            state.pending.entry(parent(path)).or_default().push(Naming::Put(path.clone(), *node));
            if let Some(node) = state.nodes.get_mut(node) {
                unsync(node);
            }
        }
    }

    /// The machine was cut off: what was not synced survives in part, as `seed` has it.
    pub fn cut(&self, seed: &mut Seed) {
        let mut state = self.state();
        let state = &mut *state;
        for node in state.nodes.values_mut() {
            let mut content = node.durable.clone();
            for change in survivors(&node.pending, seed) {
                torn(change, seed).apply(&mut content);
            }
            (node.content, node.durable, node.pending) = (content.clone(), content, Vec::new());
        }
        for changes in std::mem::take(&mut state.pending).into_values() {
            // A journal keeps the order of names; what comes after the cut is gone.
            let kept = seed.below(changes.len() + 1);
            changes.iter().take(kept).for_each(|change| change.apply(&mut state.durable));
        }
        state.names = state.durable.clone();
        let unsynced: Vec<PathBuf> = state.directories.difference(&state.durable_directories).cloned().collect();
        for directory in unsynced {
            if seed.below(2) == 0 {
                state.directories.retain(|path| !path.starts_with(&directory));
                state.names.retain(|path, _| !path.starts_with(&directory));
            }
        }
        state.durable = state.names.clone();
        state.durable_directories = state.directories.clone();
        state.locked.clear();
        (state.fails_in, state.full) = (None, false);
    }

    /// Every file that would survive now, with its content.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let content = |node: &u64| state.nodes.get(node).map(|node| node.durable.clone()).unwrap_or_default();
        state.durable.iter().map(|(path, node)| (path.clone(), content(node))).collect()
    }

    /// The frames of all blocks that were ever written, whether they survived or not.
    #[must_use]
    pub fn blocks(&self) -> Vec<Vec<u8>> {
        self.state().blocks.clone()
    }

    /// Fails if the machine is off, also if it is cut off right here.
    fn on(&self, sites: &[Site]) -> io::Result<()> {
        let off = self.machine.is_off() || sites.iter().any(|site| self.machine.reach(*site));
        if off { Err(io::Error::other("the machine is off")) } else { Ok(()) }
    }

    /// Counts a sync; true if it is the one that fails.
    fn fails(&self) -> bool {
        let mut state = self.state();
        let failed = state.fails_in == Some(0);
        state.fails_in = state.fails_in.and_then(|left| left.checked_sub(1));
        failed
    }

    fn room(&self) -> io::Result<()> {
        if self.state().full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn rename_now(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let node = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), node);
        state.pending.entry(parent(to)).or_default().push(Naming::Moved(from.to_owned(), to.to_owned(), node));
        Ok(())
    }
}

fn unsync(node: &mut Node) {
    node.durable.clear();
    node.pending = vec![Change::Write { at: 0, bytes: node.content.clone() }];
}

/// Any of the changes, in any order.
fn survivors<'a>(changes: &'a [Change], seed: &mut Seed) -> Vec<&'a Change> {
    let mut kept: Vec<&Change> = changes.iter().filter(|_| seed.below(2) == 0).collect();
    for place in (1..kept.len()).rev() {
        kept.swap(place, seed.below(place + 1));
    }
    kept
}

/// A write in whole or in part.
fn torn(change: &Change, seed: &mut Seed) -> Change {
    match change {
        Change::Write { at, bytes } if seed.below(2) == 0 && !bytes.is_empty() => {
            let from = seed.below(bytes.len());
            let to = from + seed.below(bytes.len() - from + 1);
            Change::Write { at: at + from, bytes: bytes[from..to].to_vec() }
        }
        whole => whole.clone(),
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(|| ".".into(), Path::to_owned)
}

fn is_head(path: &Path) -> bool {
    parent(path).ends_with("heads")
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "seg")
}

/// The first segment is the ledger's beginning.
fn is_roll(path: &Path) -> bool {
    is_segment(path) && !path.ends_with("00000000.seg")
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        // Of a machine that was cut off nothing is held any more, and the next one may hold it.
        if !self.disk.machine.is_off() {
            self.disk.state().locked.remove(&self.path);
        }
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path, _access: Access) -> io::Result<()> {
        self.on(&[Site::Recovery])?;
        self.room()?;
        self.asked(Op::CreateDir, path);
        let mut state = self.state();
        if !state.directories.contains(&parent(path)) {
            return Err(ErrorKind::NotFound.into());
        }
        let new = state.directories.insert(path.to_owned());
        drop(state);
        if new && parent(path).ends_with("blobs") {
            self.on(&[Site::BlobFolder])?;
        }
        if new { Ok(()) } else { Err(ErrorKind::AlreadyExists.into()) }
    }

    fn create(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        self.on(&[Site::Recovery])?;
        if is_roll(path) {
            self.on(&[Site::RollBefore])?;
        }
        self.room()?;
        let mut state = self.state();
        if !state.directories.contains(&parent(path)) {
            return Err(ErrorKind::NotFound.into());
        }
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let node = state.next;
        state.next += 1;
        state.nodes.insert(node, Node { private: access == Access::Private, ..Node::default() });
        state.names.insert(path.to_owned(), node);
        state.pending.entry(parent(path)).or_default().push(Naming::Put(path.to_owned(), node));
        drop(state);
        Ok(Arc::new(SimFile { disk: self.clone(), node, path: path.to_owned() }))
    }

    fn open(&self, path: &Path, _mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        self.on(&[])?;
        self.asked(Op::Read, path);
        let node = *self.state().names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { disk: self.clone(), node, path: path.to_owned() }))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.on(&[])?;
        let state = self.state();
        if !state.directories.contains(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = |other: &&PathBuf| other.parent() == Some(path);
        let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        Ok(state.names.keys().chain(&state.directories).filter(inside).filter_map(name).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.on(&[Site::Recovery])?;
        if is_head(to) {
            self.on(&[Site::HeadBefore])?;
        }
        self.asked(Op::Rename, to);
        self.rename_now(from, to)?;
        match to.to_string_lossy() {
            path if path.contains("/blobs/") => self.on(&[Site::BlobNamed]),
            path if path.contains("/artifacts/") => self.on(&[Site::ArtifactNamed]),
            _ => Ok(()),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.on(&[Site::Recovery])?;
        let mut state = self.state();
        state.names.remove(path).ok_or(ErrorKind::NotFound)?;
        state.pending.entry(parent(path)).or_default().push(Naming::Gone(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.on(&[Site::Recovery])?;
        let forgotten = self.asked(Op::SyncDir, path);
        if self.fails() {
            return Err(io::Error::from_raw_os_error(5));
        }
        let mut state = self.state();
        let state = &mut *state;
        if !forgotten {
            for change in state.pending.remove(path).unwrap_or_default() {
                change.apply(&mut state.durable);
            }
            let inside = |other: &&PathBuf| other.parent() == Some(path);
            state.durable_directories.extend(state.directories.iter().filter(inside).cloned());
        }
        if path.ends_with("heads") {
            self.on(&[Site::HeadAfter])?;
        }
        Ok(())
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.on(&[Site::Recovery])?;
        if self.asked(Op::SyncAll, path) {
            return Ok(());
        }
        let mut state = self.state();
        let state = &mut *state;
        for node in state.names.iter().filter(|(name, _)| name.starts_with(path)).map(|(_, node)| node) {
            if let Some(node) = state.nodes.get_mut(node) {
                (node.durable, node.pending) = (node.content.clone(), Vec::new());
            }
        }
        let directories: Vec<PathBuf> = state.directories.iter().filter(|d| d.starts_with(path)).cloned().collect();
        for directory in directories {
            for change in state.pending.remove(&directory).unwrap_or_default() {
                change.apply(&mut state.durable);
            }
            state.durable_directories.insert(directory);
        }
        Ok(())
    }

    fn lock(&self, path: &Path, _access: Access) -> io::Result<Option<Box<dyn Lock>>> {
        self.on(&[])?;
        let mut state = self.state();
        if !state.locked.insert(path.to_owned()) {
            return Ok(None);
        }
        let next = state.next;
        if !state.names.contains_key(path) {
            state.next += 1;
            state.nodes.insert(next, Node::default());
            state.names.insert(path.to_owned(), next);
            state.pending.entry(parent(path)).or_default().push(Naming::Put(path.to_owned(), next));
        }
        Ok(Some(Box::new(SimLock { disk: self.clone(), path: path.to_owned() })))
    }

    fn is_private(&self, path: &Path) -> io::Result<bool> {
        self.on(&[])?;
        let state = self.state();
        let node = state.names.get(path).and_then(|node| state.nodes.get(node));
        node.map(|node| node.private).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    node: u64,
    path: PathBuf,
}

impl SimFile {
    fn with<T>(&self, work: impl FnOnce(&mut Node) -> T) -> T {
        work(self.disk.state().nodes.entry(self.node).or_default())
    }

    fn change(&self, change: Change) {
        self.with(|node| {
            change.apply(&mut node.content);
            node.pending.push(change);
        });
    }
}

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        self.disk.on(&[])?;
        Ok(self.with(|node| node.content.len() as u64))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.on(&[])?;
        self.with(|node| {
            let rest = node.content.get(at as usize..).unwrap_or_default();
            let length = rest.len().min(into.len());
            into[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        })
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.on(&[Site::Recovery])?;
        let starts = self.disk.machine.is_recovering();
        let block = is_segment(&self.path) && at > 0 && !starts && bytes.iter().any(|byte| *byte != 0);
        if block {
            self.disk.on(&[Site::AppendBefore])?;
            self.disk.state().blocks.push(bytes.to_vec());
        }
        let inside = self.with(|node| node.content.len() as u64) >= at + bytes.len() as u64;
        if !inside {
            self.disk.room()?;
        }
        self.disk.asked(if at == 0 { Op::Begin } else { Op::Write }, &self.path);
        self.change(Change::Write { at: at as usize, bytes: bytes.to_vec() });
        match (block, at) {
            (true, _) => self.disk.on(&[Site::AppendAfter]),
            (false, 0) if is_roll(&self.path) && !starts => self.disk.on(&[Site::RollAfter]),
            (false, _) => Ok(()),
        }
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.disk.on(&[Site::Recovery])?;
        let longer = self.with(|node| length > node.content.len() as u64);
        if longer {
            self.disk.room()?;
            self.change(Change::Length(length as usize));
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.on(&[Site::Recovery])?;
        self.disk.asked(Op::Truncate, &self.path);
        self.change(Change::Length(length as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.on(&[Site::Recovery])?;
        let segment = is_segment(&self.path);
        if segment {
            self.disk.on(&[Site::SyncBefore])?;
        }
        let forgotten = self.disk.asked(Op::SyncFile, &self.path);
        if self.disk.fails() {
            // What the kernel does: the pages are dropped as clean, and the next sync says that all is well.
            self.with(|node| node.pending.clear());
            return Err(io::Error::from_raw_os_error(5));
        }
        if !forgotten {
            self.with(|node| {
                for change in std::mem::take(&mut node.pending) {
                    change.apply(&mut node.durable);
                }
            });
        }
        if segment { self.disk.on(&[Site::SyncAfter]) } else { Ok(()) }
    }
}
