//! Frames: how blocks lie one after the other in a segment file.
//!
//! A segment starts with a 16-byte head, `"MANES-SEGMENT"`, the format version and two zero bytes. A frame is
//! `"MNSB"`, the payload's length (u32, little-endian), the first eight bytes of the payload's SHA-256, and the
//! payload: one encoded block. After the last frame only zeros may follow: space that was preallocated.

use crate::ids::sha256;
use thiserror::Error;

/// The first 16 bytes of a segment.
pub const SEGMENT_HEAD: [u8; 16] = *b"MANES-SEGMENT\x01\0\0";
/// The first four bytes of a frame.
pub const FRAME_MAGIC: [u8; 4] = *b"MNSB";
/// Bytes before a frame's payload.
pub const FRAME_HEAD_BYTES: usize = 16;

/// Why the bytes at an offset are no frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The segment's head is not what it must be.
    #[error("not a segment of this format")]
    Head,
    /// Neither a frame nor zeros: a torn write or damage.
    #[error("damaged or torn frame at byte {at}")]
    Damaged {
        /// Offset in the segment.
        at: usize,
    },
}

/// Wraps an encoded block into a frame.
#[must_use]
pub fn frame(payload: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok()?;
    let mut out = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len());
    out.extend(FRAME_MAGIC);
    out.extend(length.to_le_bytes());
    out.extend(sha256(payload).first_chunk::<8>().copied().unwrap_or_default());
    out.extend_from_slice(payload);
    Some(out)
}

/// One frame found in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Offset of the frame.
    pub at: usize,
    /// The encoded block.
    pub payload: &'a [u8],
}

/// Iterates over the frames of a segment's bytes; ends at the zeros after the last, or with an error.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
}

impl<'a> Frames<'a> {
    /// Begins after the segment's head.
    ///
    /// # Errors
    /// [`FrameError::Head`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.starts_with(&SEGMENT_HEAD) {
            Ok(Self { bytes, at: SEGMENT_HEAD.len(), ended: false })
        } else {
            Err(FrameError::Head)
        }
    }

    /// Begins anywhere, as recovery does when it looks for frames after a damaged one.
    #[must_use]
    pub const fn from(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, ended: false }
    }

    /// Where the next frame begins.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    fn parse(&self) -> Option<Frame<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let (magic, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (check, rest) = rest.split_first_chunk::<8>()?;
        let payload = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        (*magic == FRAME_MAGIC && sha256(payload).starts_with(check)).then_some(Frame { at: self.at, payload })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        if let Some(frame) = self.parse() {
            self.at += FRAME_HEAD_BYTES + frame.payload.len();
            return Some(Ok(frame));
        }
        self.ended = true;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) { None } else { Some(Err(FrameError::Damaged { at: self.at })) }
    }
}
