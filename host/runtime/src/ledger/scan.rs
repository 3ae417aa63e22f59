//! Reading the segments from the first block on, verifying each, up to the end that a crash may have torn.
//!
//! Invariant: a block counts only if the chain verifier took it. The end of the last segment may be torn, because one
//! block may have been in flight; anything else that is not a valid block is damage and is never skipped or repaired.
//!
//! How the two are told apart: blocks are written one at a time, each synced before the next, so nothing that this
//! ledger's hosts signed can follow a torn one. A later header with a valid signature is therefore looked for by
//! itself, without trust in frames: bytes of a guest's choosing (a body that looks like a frame, a copy of an old
//! block) must not make a torn end look like damage.

use super::api::BATCH_BYTES_MAX;
use super::disk::{Mode, read_from};
use super::error::OpenError;
use super::files::{Files, read_if_there};
use super::index::{Found, Place};
use super::tail::HEAD_BYTES;
use manes_core::block::{Block, FORMAT, Header, SUITE};
use manes_core::cbor::{CborError, Reader, Writer};
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::keys;
use manes_core::segment::{FRAME_HEAD_BYTES, FRAME_MAGIC, FrameError, Frames};
use manes_core::verify::ChainVerifier;

/// More than a block in flight can be: a batch of the largest size, and what a block adds to it.
const TORN_BYTES_MAX: u64 = BATCH_BYTES_MAX * 2;

/// How the last segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a whole block, or with the head of an empty segment.
    Whole,
    /// With bytes that are no block: a write that did not finish, or one that is under way.
    Torn {
        /// The segment's number.
        segment: u32,
        /// Where they begin.
        offset: u64,
        /// How many, up to the last that is not zero.
        bytes: u64,
    },
}

/// A scan that can go on when the ledger has grown.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) verifier: ChainVerifier,
    /// The segment to go on in.
    pub(super) segment: u32,
    /// Where the next frame is expected in it; less than a head where the segment is still to begin.
    pub(super) at: u64,
    /// The verifier met a block that it did not take, or took without its bodies: it must not go on.
    pub(super) spent: bool,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self { verifier: ChainVerifier::new(), segment: 0, at: 0, spent: false }
    }

    /// Verifies what follows, adding each block to `found`.
    ///
    /// # Errors
    /// Damage, a violation or the disk's. After a violation each further look fails.
    pub(super) fn advance(&mut self, files: &Files, found: &mut Vec<Found>) -> Result<End, OpenError> {
        if self.spent {
            let what = "an earlier look found a block that cannot be true".to_owned();
            return Err(OpenError::Damaged { path: files.segment(self.segment), offset: self.at, what });
        }
        let path = files.segments();
        let numbers = files.list_segments().map_err(OpenError::io(&path))?;
        // Those that this scan has left behind are there no less than those before it.
        if let Some((missing, _)) = (0..).zip(&numbers).find(|(expected, number)| expected != *number) {
            let path = files.segment(missing);
            return Err(OpenError::Damaged { path, offset: 0, what: "the segment is missing".to_owned() });
        }
        let Some(last) = numbers.last().copied() else { return Ok(End::Whole) };
        while self.segment < last {
            match self.segment(files, found)? {
                End::Whole => (self.segment, self.at) = (self.segment + 1, 0),
                End::Torn { segment, offset, .. } => {
                    let what = "the segment ends in bytes that are no block, and another segment follows".to_owned();
                    return Err(OpenError::Damaged { path: files.segment(segment), offset, what });
                }
            }
        }
        self.segment(files, found)
    }

    /// Verifies the rest of the current segment.
    fn segment(&mut self, files: &Files, found: &mut Vec<Found>) -> Result<End, OpenError> {
        let path = files.segment(self.segment);
        let file = files.disk.open(&path, Mode::Read).map_err(OpenError::io(&path))?;
        let bytes = read_from(file.as_ref(), self.at).map_err(OpenError::io(&path))?;
        let base = self.at;
        let mut frames = if base >= HEAD_BYTES {
            Frames::from(&bytes, 0)
        } else {
            match Frames::new(&bytes) {
                Ok(frames) => {
                    self.at = HEAD_BYTES;
                    frames
                }
                Err(FrameError::Head | FrameError::Damaged { .. }) => return self.end(files, &bytes, 0, 0),
            }
        };
        while let Some(frame) = frames.next() {
            match frame {
                Ok(frame) => {
                    let offset = base + frame.at as u64;
                    found.push(self.block(files, frame.payload, offset)?);
                    self.at = base + frames.position() as u64;
                }
                Err(FrameError::Head | FrameError::Damaged { .. }) => {
                    return self.end(files, &bytes, frames.position(), base);
                }
            }
        }
        Ok(End::Whole)
    }

    fn block(&mut self, files: &Files, payload: &[u8], offset: u64) -> Result<Found, OpenError> {
        let path = || files.segment(self.segment);
        let block = Block::decode(payload).map_err(|why| {
            let what = format!("the block is malformed: {why}");
            OpenError::Damaged { path: path(), offset, what }
        })?;
        let mut unreadable = None;
        self.spent = true;
        let checked = self.verifier.push(&block, |digest| {
            blob(files, digest).unwrap_or_else(|error| {
                unreadable = Some(error);
                None
            })
        });
        if let Some(error) = unreadable {
            return Err(error);
        }
        let checked = checked.map_err(|violation| OpenError::Violation { path: path(), offset, violation })?;
        self.spent = false;
        let length = u32::try_from(FRAME_HEAD_BYTES + payload.len()).unwrap_or(u32::MAX);
        let place = Place { first: checked.header.first, segment: self.segment, length, offset };
        Ok(Found { place, hash: checked.hash, count: checked.header.count })
    }

    /// Judges what stands at `at` in `bytes`, which begin at `base` in the segment, where a frame should be.
    fn end(&self, files: &Files, bytes: &[u8], at: usize, base: u64) -> Result<End, OpenError> {
        let rest = bytes.get(at..).unwrap_or_default();
        let written = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let rest = rest.get(..written).unwrap_or_default();
        let (offset, torn) = (base + at as u64, written as u64);
        let damaged =
            |what: &str| Err(OpenError::Damaged { path: files.segment(self.segment), offset, what: what.to_owned() });
        if let Some(later) = self.later_block(rest) {
            return damaged(&format!("no block, but a valid one follows at byte {}", offset + later as u64));
        }
        if torn > TORN_BYTES_MAX {
            return damaged("more bytes that are no block than a write can leave");
        }
        Ok(End::Torn { segment: self.segment, offset, bytes: torn })
    }

    /// Where in `rest` stands a block that was written after the one that should stand at its beginning.
    ///
    /// Headers are looked for by their first bytes rather than frames by theirs, so that a frame's head that is
    /// damaged too hides nothing.
    fn later_block(&self, rest: &[u8]) -> Option<usize> {
        let Some(ledger) = self.verifier.ledger() else {
            // The genesis block itself is what is damaged: whatever looks like a frame behind it counts.
            return rest.windows(FRAME_MAGIC.len()).skip(1).position(|window| window == FRAME_MAGIC).map(|at| at + 1);
        };
        let prefix = header_prefix(&ledger);
        let places = rest.windows(prefix.len()).enumerate().filter(|(_, window)| *window == prefix);
        // Before the header stand the block's array head and the header's length, in one byte or two.
        let starts = places.flat_map(|(place, _)| [place.checked_sub(3), place.checked_sub(4)]).flatten();
        let mut later = starts.filter(|start| rest.get(*start..).is_some_and(|payload| self.is_later_block(payload)));
        later.next()
    }

    fn is_later_block(&self, payload: &[u8]) -> bool {
        let Ok((header, key, signature)) = read_sealed_header(payload) else { return false };
        let Ok(decoded) = Header::decode(header) else { return false };
        decoded.first > self.verifier.records()
            && decoded.host == key
            && self.verifier.host_chain(&key).is_some()
            && keys::verify(&key, keys::BLOCK, header, &signature)
    }
}

/// A body that lies outside its block. An erased one is not named any more, so what is named must be there.
fn blob(files: &Files, digest: &Digest) -> Result<Option<Vec<u8>>, OpenError> {
    let path = files.blob(digest);
    let damaged = |what: &str| OpenError::Damaged { path: path.clone(), offset: 0, what: what.to_owned() };
    match read_if_there(files.disk.as_ref(), &path).map_err(OpenError::io(&path))? {
        None => Err(damaged("a block names this blob, and it is missing")),
        Some(bytes) if Digest::of(&bytes) != *digest => Err(damaged("its content is not what its name says")),
        Some(bytes) => Ok(Some(bytes)),
    }
}

/// How every header of a ledger's blocks begins: twelve fields, format, suite, the ledger.
fn header_prefix(ledger: &LedgerId) -> Vec<u8> {
    let mut w = Writer::new();
    w.map(12);
    for number in [0, FORMAT, 1, SUITE, 2] {
        w.uint(number);
    }
    w.bytes(&ledger.0);
    w.finish()
}

/// The header of an encoded block and its first signature, without the rest, which may be damaged.
fn read_sealed_header(payload: &[u8]) -> Result<(&[u8], PublicKey, [u8; 64]), CborError> {
    let mut r = Reader::new(payload);
    let wrong = CborError::Type { at: 0, expected: "a sealed header" };
    if r.array()? != 4 {
        return Err(wrong);
    }
    let header = r.bytes()?;
    if r.array()? == 0 || r.array()? != 3 || r.uint()? != SUITE {
        return Err(wrong);
    }
    Ok((header, PublicKey(r.fixed()?), r.fixed()?))
}
