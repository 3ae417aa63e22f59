//! A block as readers need it: envelopes decoded, bodies ready to be shared, everything proved.
//!
//! Invariant: a [`Decoded`] is only made from a block whose hash is the one in the verified chain, whose envelopes
//! lead to that block's root and whose bodies match their commitments. What is read from the disk an hour after the
//! ledger was opened is thus as good as on the day it was written.

use super::api::Entry;
use bytes::Bytes;
use manes_core::block::{Block, Header, StoredBody};
use manes_core::ids::Digest;
use manes_core::record::{Commitment, Envelope, Salt};
use manes_core::tree;
use manes_core::verify::Checked;

/// What a decoded envelope takes in memory, roughly: its many optional fields.
const ENVELOPE_BYTES: usize = 1 << 10;

/// Where a record's body is.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// Nowhere: there is none, or only its commitment is kept.
    Nowhere,
    /// Here.
    Here(Bytes),
    /// In a blob.
    Blob { salt: Salt, digest: Digest },
}

/// A record of a block.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) envelope: Envelope,
    pub(super) leaf: Digest,
    pub(super) body: Kept,
}

/// The records of a block.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Ledger-wide index of the first.
    pub(super) first: u64,
    pub(super) lines: Vec<Line>,
}

impl Decoded {
    /// From a block that a verifier took.
    pub(super) fn checked(block: Block, checked: Checked) -> Self {
        let lines = checked.envelopes.into_iter().zip(checked.leaves).zip(block.bodies);
        let lines = lines.map(|((envelope, leaf), body)| Line { envelope, leaf, body: kept(body) }).collect();
        Self { first: checked.header.first, lines }
    }

    /// From a block that was read back, which must be the one of `hash`.
    pub(super) fn proved(block: Block, hash: &Digest) -> Result<Self, &'static str> {
        if block.hash() != *hash {
            return Err("it is another block than the one that was verified");
        }
        let header = Header::decode(&block.header).map_err(|_| "its header is malformed")?;
        let leaves = block.leaves();
        if header.root != tree::root(&leaves) || block.bodies.len() != leaves.len() {
            return Err("its records are not those that were signed");
        }
        let mut lines = Vec::with_capacity(leaves.len());
        for ((envelope, leaf), body) in block.envelopes.iter().zip(leaves).zip(block.bodies) {
            let envelope = Envelope::decode(envelope).map_err(|_| "a record is malformed")?;
            if let StoredBody::Inline { salt, bytes } = &body
                && envelope.body != Some(Commitment::new(salt, bytes))
            {
                return Err("a body does not match its commitment");
            }
            lines.push(Line { envelope, leaf, body: kept(body) });
        }
        Ok(Self { first: header.first, lines })
    }

    /// The lines from the ledger-wide index `from` on, each with its index.
    pub(super) fn from(&self, from: u64) -> impl Iterator<Item = (u64, &Line)> {
        (self.first..).zip(&self.lines).skip(usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX))
    }

    /// What it takes in memory, roughly.
    pub(super) fn cost_bytes(&self) -> usize {
        let body = |line: &Line| match &line.body {
            Kept::Here(bytes) => bytes.len(),
            Kept::Nowhere | Kept::Blob { .. } => 0,
        };
        self.lines.iter().map(|line| ENVELOPE_BYTES + body(line)).sum()
    }
}

impl Line {
    /// The entry at `index`, with the `body` that was loaded if it lies in a blob.
    pub(super) fn entry(&self, index: u64, body: Option<Bytes>) -> Entry {
        Entry { index, envelope: self.envelope.clone(), leaf: self.leaf, body }
    }
}

fn kept(body: StoredBody) -> Kept {
    match body {
        StoredBody::Absent => Kept::Nowhere,
        StoredBody::Inline { bytes, .. } => Kept::Here(bytes.into()),
        StoredBody::Blob { salt, digest } => Kept::Blob { salt, digest },
    }
}
