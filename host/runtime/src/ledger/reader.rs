//! A ledger that is only read: a copy elsewhere, or the folder that another process is writing.
//!
//! Invariant: it takes no lock, needs no key and changes nothing. All that it returns was verified from the genesis
//! record on. Beside a writer it may show a block a moment before that writer's sync has returned.

use super::api::Entry;
use super::disk::{Disk, RealDisk};
use super::error::{LedgerError, OpenError};
use super::files::{Files, read_if_there};
use super::heads::extends;
use super::inbox::Source as _;
use super::index::Found;
use super::scan::{End, Scan};
use super::store::Store;
use bytes::Bytes;
use manes_core::block::Block;
use manes_core::ids::{Digest, LedgerId};
use manes_core::verify::ChainVerifier;
use std::io::ErrorKind::NotFound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The read-only side of a ledger's folder.
#[derive(Debug)]
pub struct Reader {
    store: Store,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    scan: Scan,
    end: End,
}

impl Reader {
    /// Opens the ledger in `folder`, verifying all of it. An end that is torn, or just being written, is left out.
    ///
    /// # Errors
    /// No ledger, damage, or a ledger that does not extend the folder's own checkpoint.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_on(folder, Arc::new(RealDisk))
    }

    /// As [`Reader::open`], on another disk.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_on(folder: &Path, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let files = Files::new(disk, folder);
        // Before the blocks: what it covers was durable when it was written, so it must be among them.
        let checkpoint = files.checkpoint();
        let note = read_if_there(files.disk.as_ref(), &checkpoint).map_err(OpenError::io(&checkpoint))?;
        let (mut scan, mut found) = (Scan::new(), Vec::new());
        let end = match look(&mut scan, &files, &mut found) {
            Err(OpenError::Io { path, source }) if source.kind() == NotFound && path == files.segments() => {
                return Err(OpenError::Absent { folder: folder.to_owned() });
            }
            end => end?,
        };
        let Some(id) = scan.verifier.ledger() else { return Err(OpenError::Absent { folder: folder.to_owned() }) };
        if let Some(note) = note {
            let note = String::from_utf8_lossy(&note);
            extends(&scan.verifier, &note).map_err(|error| OpenError::extends(checkpoint, error))?;
        }
        let store = Store::new(id, files, found.into_iter().collect());
        Ok(Self { store, state: Mutex::new(State { scan, end }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on where the ledger has grown; returns the number of records.
    ///
    /// # Errors
    /// Damage or a violation. What was verified before stays readable.
    pub fn refresh(&self) -> Result<u64, OpenError> {
        let mut state = self.state();
        let mut found = Vec::new();
        let end = look(&mut state.scan, &self.store.files, &mut found);
        self.store.extend(found);
        state.end = end?;
        Ok(self.store.records())
    }

    /// The ledger's id.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.store.id
    }

    /// Number of records that were verified.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.store.records()
    }

    /// Where what was verified ends: segment, and byte in it.
    pub(super) fn verified_end(&self) -> (u32, u64) {
        let state = self.state();
        (state.scan.segment, state.scan.at)
    }

    /// How the last segment ends: an incomplete block is left out, but not kept silent about.
    #[must_use]
    pub fn end(&self) -> End {
        self.state().end
    }

    /// What the verifier knows: head, keys, roots, and whether the ledger extends a checkpoint.
    pub fn verified<T>(&self, look: impl FnOnce(&ChainVerifier) -> T) -> T {
        look(&self.state().scan.verifier)
    }

    /// The folder's checkpoint, if it has one.
    ///
    /// # Errors
    /// A disk that cannot be read.
    pub fn checkpoint(&self) -> Result<Option<String>, LedgerError> {
        let path = self.store.files.checkpoint();
        let bytes = read_if_there(self.store.files.disk.as_ref(), &path).map_err(LedgerError::read(&path))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// As [`super::Ledger::read`].
    ///
    /// # Errors
    /// As [`super::Ledger::read`].
    pub fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.store.read(from, max)
    }

    /// As [`super::Ledger::artifact`].
    ///
    /// # Errors
    /// As [`super::Ledger::artifact`].
    pub fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError> {
        self.store.artifact(digest)
    }

    /// As [`super::Ledger::block_of`].
    ///
    /// # Errors
    /// As [`super::Ledger::block_of`].
    pub fn block_of(&self, index: u64) -> Result<Option<(u64, Block)>, LedgerError> {
        self.store.block_of(index)
    }

    /// As [`super::Ledger::block_hashes`].
    #[must_use]
    pub fn block_hashes(&self) -> Vec<Digest> {
        self.store.block_hashes()
    }
}

/// One look at the folder, or two: beside a writer, one read can catch a block half written and the next one whole.
/// Whole blocks after a bad one are damage only if the second look, which began after they were there, sees the same.
fn look(scan: &mut Scan, files: &Files, found: &mut Vec<Found>) -> Result<End, OpenError> {
    match scan.advance(files, found) {
        Err(OpenError::Damaged { .. }) if !scan.spent => scan.advance(files, found),
        // A segment that was begun and given up on a full disk.
        Err(OpenError::Io { source, .. }) if source.kind() == NotFound => scan.advance(files, found),
        end => end,
    }
}
