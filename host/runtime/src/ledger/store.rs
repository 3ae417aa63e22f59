//! Reading: what an embedded ledger and a read-only opener share.
//!
//! The writer adds durable blocks; everybody else only reads. The lock around the index is held for a look-up or a
//! push, never during input or output.

use super::api::{Entry, READ_BYTES_MAX};
use super::decoded::{Decoded, Kept, Line};
use super::disk::Mode;
use super::error::LedgerError;
use super::files::{Files, read_if_there};
use super::health::Health;
use super::inbox::Source;
use super::index::{Cache, Found, Index, Located, Place};
use bytes::Bytes;
use manes_core::block::Block;
use manes_core::ids::{Digest, LedgerId};
use manes_core::record::Commitment;
use manes_core::segment::Frames;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The readable side of a ledger's folder.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) id: LedgerId,
    pub(super) files: Files,
    pub(super) health: Health,
    /// True while something waits for room on the disk.
    pub(super) full: AtomicBool,
    index: RwLock<Index>,
    cache: Mutex<Cache>,
}

impl Store {
    pub(super) fn new(id: LedgerId, files: Files, index: Index) -> Self {
        let (health, full) = (Health::default(), AtomicBool::new(false));
        Self { id, files, health, full, index: RwLock::new(index), cache: Mutex::default() }
    }

    /// Adds a block that is durable. `decoded` spares the next reader the work.
    pub(super) fn push(&self, place: Place, hash: Digest, decoded: Decoded) {
        let count = decoded.lines.len() as u64;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let number = index.hashes().len() as u64;
        index.push(place, hash, count);
        drop(index);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(number, Arc::new(decoded));
    }

    /// Adds blocks that a scan found, in order.
    pub(super) fn extend(&self, blocks: Vec<Found>) {
        self.index.write().unwrap_or_else(PoisonError::into_inner).extend(blocks);
    }

    pub(super) fn records(&self) -> u64 {
        self.index.read().unwrap_or_else(PoisonError::into_inner).records()
    }

    pub(super) fn block_hashes(&self) -> Vec<Digest> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).hashes().to_vec()
    }

    fn find(&self, record: u64) -> Option<Located> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).find(record)
    }

    pub(super) fn block_of(&self, record: u64) -> Result<Option<(u64, Block)>, LedgerError> {
        let Some(located) = self.find(record) else { return Ok(None) };
        let block = self.load(&located)?;
        // Proved, then dropped: the caller wants the bytes that the proof is about.
        self.prove(block.clone(), &located)?;
        Ok(Some((located.number, block)))
    }

    pub(super) fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError> {
        let path = self.files.artifact(digest);
        let Some(bytes) = self.read_file(&path)? else { return Ok(None) };
        if Digest::of(&bytes) != *digest {
            return Err(LedgerError::damaged(path, 0, "its content is not what its name says"));
        }
        Ok(Some(bytes.into()))
    }

    fn decoded(&self, located: &Located) -> Result<Arc<Decoded>, LedgerError> {
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(located.number);
        if let Some(block) = cached {
            return Ok(block);
        }
        let block = Arc::new(self.prove(self.load(located)?, located)?);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).put(located.number, block.clone());
        Ok(block)
    }

    fn prove(&self, block: Block, located: &Located) -> Result<Decoded, LedgerError> {
        Decoded::proved(block, &located.hash).map_err(|what| self.damaged(&located.place, what))
    }

    fn load(&self, located: &Located) -> Result<Block, LedgerError> {
        let path = self.files.segment(located.place.segment);
        let file = self.files.disk.open(&path, Mode::Read).map_err(LedgerError::read(&path))?;
        let mut frame = vec![0; located.place.length as usize];
        let mut filled = 0;
        while let Some(rest) = frame.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(located.place.offset + filled as u64, rest).map_err(LedgerError::read(&path))? {
                0 => break,
                n => filled += n,
            }
        }
        let payload = match Frames::from(&frame, 0).next() {
            Some(Ok(found)) => found.payload,
            Some(Err(_)) | None => return Err(self.damaged(&located.place, "the block is no longer what was verified")),
        };
        Block::decode(payload).map_err(|_| self.damaged(&located.place, "the block is malformed"))
    }

    fn damaged(&self, place: &Place, what: &str) -> LedgerError {
        LedgerError::damaged(self.files.segment(place.segment), place.offset, what)
    }

    fn body(&self, line: &Line) -> Result<Option<Bytes>, LedgerError> {
        let (salt, digest) = match &line.body {
            Kept::Nowhere => return Ok(None),
            Kept::Here(bytes) => return Ok(Some(bytes.clone())),
            Kept::Blob { salt, digest } => (salt, digest),
        };
        let path = self.files.blob(digest);
        match self.read_file(&path)? {
            // An erased body is not named any more.
            None => Err(LedgerError::damaged(path, 0, "a block names this blob, and it is missing")),
            Some(bytes) if line.envelope.body != Some(Commitment::new(salt, &bytes)) => {
                Err(LedgerError::damaged(path, 0, "the body does not match its commitment"))
            }
            Some(bytes) => Ok(Some(bytes.into())),
        }
    }

    fn read_file(&self, path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
        read_if_there(self.files.disk.as_ref(), path).map_err(LedgerError::read(path))
    }
}

impl Source for Store {
    fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        let (mut entries, mut next, mut bytes) = (Vec::new(), from, 0);
        while entries.len() < max && bytes < READ_BYTES_MAX {
            let Some(located) = self.find(next) else { break };
            let block = self.decoded(&located)?;
            for (index, line) in block.from(next).take(max - entries.len()) {
                let body = self.body(line)?;
                bytes += body.as_ref().map_or(0, Bytes::len);
                entries.push(line.entry(index, body));
                next = index + 1;
                if bytes >= READ_BYTES_MAX {
                    break;
                }
            }
        }
        Ok(entries)
    }

    fn ended(&self) -> LedgerError {
        self.health.check().err().unwrap_or(LedgerError::Closed)
    }
}
