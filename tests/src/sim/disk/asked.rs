//! What a host asks of the disk.

use super::{Change, Naming, Node, Op, SimDisk, is_head, is_roll, is_segment, parent};
use crate::sim::machine::Site;
use manes_runtime::ledger::disk::{Access, Disk, DiskFile, Lock, Mode};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
