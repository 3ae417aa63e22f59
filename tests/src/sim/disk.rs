//! A disk in memory that forgets, tears and reorders what was not synced when the machine is cut off.
//!
//! The machine sees what it wrote; what survives is decided when it is cut off: all that was synced, and of the rest,
//! file by file and directory by directory, any part in any order, writes in whole or torn at any byte. Nothing here is
//! kinder than a file system may be: a synced file whose name was not synced is gone. Names in one directory survive up to
//! some moment, in order, as a journal keeps them.

mod asked;

use super::machine::{Machine, Site};
use crate::Seed;
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
