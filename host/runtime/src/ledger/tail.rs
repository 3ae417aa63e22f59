//! The end of the chain on the disk: where the next block goes, and the room for it.
//!
//! Invariant: a block is written by one write into zeros or behind the end, and nothing else is ever written over a block.
//! A torn write therefore touches only the bytes after the last durable block of the last segment, which is what recovery
//! relies on. What a torn write left is cut off, durably, before anything can follow it in another segment.

use super::disk::{Access, DiskFile, Mode, read_from};
use super::files::{Files, remove_if_there};
use super::health::is_full;
use super::index::Place;
use manes_core::segment::SEGMENT_HEAD;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How far ahead preallocated space is written with zeros. A write into space that was only allocated makes the file
/// system convert it in the same sync, which doubles the time of a small one; a megabyte of zeros takes one to write.
const ZEROS: &[u8] = &[0; 1 << 20];
/// Frames up to this are written into zeros. Larger ones gain nothing over what the zeros cost.
const ZEROED_FRAME_BYTES_MAX: u64 = 64 << 10;

/// Bytes of a segment's head.
pub(super) const HEAD_BYTES: u64 = SEGMENT_HEAD.len() as u64;

/// Why there is no room for a block, or why it is not durable.
#[derive(Debug)]
pub(super) enum TailError {
    /// The disk is full, and nothing was written: the chain on the disk ends where it ended.
    Full(PathBuf),
    /// Anything else. What lies after the last durable block is unknown.
    Failed(PathBuf, io::Error),
}

impl TailError {
    /// The error of a step that no promise rests on yet.
    fn unsynced(path: &Path, error: io::Error) -> Self {
        if is_full(&error) { Self::Full(path.to_owned()) } else { Self::Failed(path.to_owned(), error) }
    }
}

/// The last segment, open for writing.
#[derive(Debug)]
pub(super) struct Tail {
    files: Files,
    number: u32,
    file: Arc<dyn DiskFile>,
    /// Where the next frame goes.
    at: u64,
    /// Up to where there is room.
    room: u64,
    /// Up to where the room was written with zeros, durably or with the next block.
    zeroed: u64,
    segment_bytes: u64,
}

impl Tail {
    /// Begins segment `number`, which does not count yet: a file of that name can only be what a dying process left.
    pub(super) fn create(files: Files, number: u32, segment_bytes: u64) -> Result<Self, TailError> {
        let file = begin(&files, number, segment_bytes)?;
        Ok(Self { files, number, file, at: HEAD_BYTES, room: segment_bytes, zeroed: HEAD_BYTES, segment_bytes })
    }

    /// Goes on in segment `number` at `at`, after its last whole block. What follows there, torn or preallocated, is
    /// cut off.
    ///
    /// The ledger's `last` block may be in the page cache alone: its writer died before the sync, or the sync failed and
    /// left pages that count as clean, which no later sync writes. So it is written once more, as it is, and synced.
    /// Every block before it was synced before it was written.
    pub(super) fn resume(
        files: Files,
        number: u32,
        at: u64,
        last: Option<Place>,
        segment_bytes: u64,
    ) -> Result<Self, TailError> {
        if at < HEAD_BYTES {
            // The head itself was torn: the segment was being created.
            return Self::create(files, number, segment_bytes);
        }
        let path = files.segment(number);
        let failed = |error| TailError::Failed(path.clone(), error);
        let file = files.disk.open(&path, Mode::Write).map_err(failed)?;
        // The segment's head with the first block, or alone where none came.
        let last = last.filter(|last| last.segment == number && last.offset > HEAD_BYTES);
        let from = last.map_or(0, |last| last.offset);
        let mut bytes = read_from(file.as_ref(), from).map_err(failed)?;
        bytes.truncate(usize::try_from(at - from).unwrap_or(usize::MAX));
        file.write_at(from, &bytes).map_err(failed)?;
        file.truncate(at).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        Ok(Self { files, number, file, at, room: at, zeroed: at, segment_bytes })
    }

    /// Makes room for a frame of at most `bytes`; rolls to the next segment if this one is full.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), TailError> {
        if self.at + bytes > self.room {
            if self.at > HEAD_BYTES && self.at + bytes > self.segment_bytes {
                self.roll(bytes)?;
            } else {
                self.allocate(bytes)?;
            }
        }
        if self.at + bytes > self.zeroed && bytes <= ZEROED_FRAME_BYTES_MAX { self.zero_ahead() } else { Ok(()) }
    }

    fn allocate(&mut self, bytes: u64) -> Result<(), TailError> {
        // After opening, or for a block that is larger than a segment. The block's own sync covers it.
        let length = self.segment_bytes.max(self.at + bytes);
        let path = self.files.segment(self.number);
        self.file.preallocate(length).map_err(|error| TailError::unsynced(&path, error))?;
        self.room = length;
        Ok(())
    }

    /// Writes zeros where there is room; the next block's sync covers them.
    fn zero_ahead(&mut self) -> Result<(), TailError> {
        let from = self.zeroed.max(self.at);
        let length = usize::try_from(self.room.saturating_sub(from)).unwrap_or(usize::MAX);
        let zeros = ZEROS.get(..length).unwrap_or(ZEROS);
        let failed = |error| TailError::Failed(self.files.segment(self.number), error);
        self.file.write_at(from, zeros).map_err(failed)?;
        self.zeroed = from + zeros.len() as u64;
        Ok(())
    }

    fn roll(&mut self, bytes: u64) -> Result<(), TailError> {
        let room = self.segment_bytes.max(HEAD_BYTES + bytes);
        let number = self.number + 1;
        let next = begin(&self.files, number, room)?;
        let (old, end) = (std::mem::replace(&mut self.file, next), self.at);
        (self.number, self.at, self.room, self.zeroed) = (number, HEAD_BYTES, room, HEAD_BYTES);
        // Only gives space back: the zeros mean the same whether they are there or not.
        if let Err(error) = old.truncate(end) {
            tracing::warn!(segment = number - 1, %error, "the unused end of a full segment stays allocated");
        }
        Ok(())
    }

    /// Writes a block's frame and makes it durable. There must be room for it.
    pub(super) fn write(&mut self, frame: &[u8], first: u64) -> Result<Place, TailError> {
        let failed = |error| TailError::Failed(self.files.segment(self.number), error);
        let length = u32::try_from(frame.len()).map_err(|error| failed(io::Error::other(error)))?;
        self.file.write_at(self.at, frame).map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        let place = Place { first, segment: self.number, length, offset: self.at };
        self.at += frame.len() as u64;
        Ok(place)
    }

    /// Gives back the preallocated space. No promise rests on it: zeros mean the same whether they are there or not.
    pub(super) fn finish(&mut self) -> Result<(), TailError> {
        let failed = |error| TailError::Failed(self.files.segment(self.number), error);
        self.room = self.at;
        self.file.truncate(self.at).map_err(failed)
    }
}

/// Creates a segment with room up to `length`, durable with its name before the first block goes into it.
fn begin(files: &Files, number: u32, length: u64) -> Result<Arc<dyn DiskFile>, TailError> {
    let path = files.segment(number);
    let disk = files.disk.as_ref();
    let created = remove_if_there(disk, &path).and_then(|()| disk.create(&path, Access::Shared));
    let file = created.map_err(|error| TailError::unsynced(&path, error))?;
    let filled = file.preallocate(length).and_then(|()| file.write_at(0, &SEGMENT_HEAD));
    filled.map_err(|error| {
        // It only takes room. Where it cannot be removed, it means nothing: the next attempt removes it.
        let _ = disk.remove(&path);
        TailError::unsynced(&path, error)
    })?;
    // The head must not be lost where a block after it survives.
    let synced = file.sync_data().and_then(|()| disk.sync_dir(&files.segments()));
    synced.map_err(|error| TailError::Failed(path, error))?;
    Ok(file)
}
