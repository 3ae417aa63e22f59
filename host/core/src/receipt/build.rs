//! Making receipts, from blocks that the caller read.
//!
//! Whatever is built is verified before it is handed out, so a receipt that this module returns holds.

use super::{Base64, BlockProof, BodyProof, Enrolment, FORMAT, Hex, Receipt, ReceiptError, RecordProof};
use crate::block::{Block, Header, StoredBody};
use crate::checkpoint::{self, CheckpointError};
use crate::ids::{Digest, LedgerId};
use crate::record::{Envelope, Salt};
use crate::tree;
use std::borrow::Borrow;
use thiserror::Error;

/// Why no receipt can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// No such record.
    #[error("no record has the index {index}: the ledger holds {records} records")]
    NoRecord {
        /// The index asked for.
        index: u64,
        /// Records seen.
        records: u64,
    },
    /// The checkpoint is older than the record's block.
    #[error(
        "the checkpoint covers {size} blocks and record {index} is in block {place}: sign a newer checkpoint first"
    )]
    NotCovered {
        /// The record.
        index: u64,
        /// Blocks under the checkpoint.
        size: u64,
        /// Place of the record's block.
        place: u64,
    },
    /// The checkpoint is none.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The parts do not fit together: the ledger itself would not verify, or they are of two ledgers.
    #[error("the parts do not prove the record: {0}")]
    Invalid(#[from] ReceiptError),
}

/// What a receipt is made of, for a caller that keeps these at hand and does not want to read a whole ledger again.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    /// The encoded genesis envelope.
    pub genesis: &'a [u8],
    /// Enrolments of host keys, at least those needed: [`Enrolment::of`] each key record.
    pub enrolments: &'a [Enrolment],
    /// The block that holds the record.
    pub block: &'a Block,
    /// The block's place in the ledger.
    pub place: u64,
    /// Hashes of the ledger's blocks in order, as many as the checkpoint covers or more:
    /// [`crate::verify::ChainVerifier::block_hashes`].
    pub hashes: &'a [Digest],
    /// Index of the record in the ledger.
    pub index: u64,
    /// A checkpoint that covers the block.
    pub checkpoint: &'a str,
    /// The record's body with its salt, if the receipt shall show it.
    pub body: Option<(Salt, Vec<u8>)>,
}

impl Receipt {
    /// Makes the receipt of a record from its parts.
    ///
    /// # Errors
    /// Parts that do not prove the record.
    pub fn build(parts: &Parts<'_>) -> Result<Self, BuildError> {
        let Parts { block, place, index, .. } = *parts;
        let (_, head) = checkpoint::parse(parts.checkpoint)?;
        let hashes = usize::try_from(head.size).ok().and_then(|size| parts.hashes.get(..size));
        let covered = hashes.unwrap_or(parts.hashes);
        let blocks: Vec<Digest> = covered.iter().map(|hash| tree::leaf_hash(&hash.0)).collect();
        let path =
            |leaves: &[Digest], at: u64| usize::try_from(at).ok().and_then(|at| tree::inclusion_path(leaves, at));
        let not_covered = BuildError::NotCovered { index, size: head.size, place };
        let block_path = path(&blocks, place).ok_or(not_covered)?;

        let header = Header::decode(&block.header).map_err(ReceiptError::Header)?;
        let no_record = BuildError::NoRecord { index, records: header.first.saturating_add(header.count) };
        let at = index.checked_sub(header.first);
        let record_path = at.and_then(|at| path(&block.leaves(), at)).ok_or(no_record.clone())?;
        let envelope =
            at.and_then(|at| usize::try_from(at).ok()).and_then(|at| block.envelopes.get(at)).ok_or(no_record)?;
        let signature = block.seal.first().map(|seal| seal.bytes.to_vec()).unwrap_or_default();

        let receipt = Self {
            format: FORMAT.to_owned(),
            ledger: header.ledger,
            genesis: Hex(parts.genesis.to_vec()),
            keys: needed(parts, &header)?,
            record: RecordProof { index, envelope: Hex(envelope.clone()), path: record_path },
            block: BlockProof { place, header: Hex(block.header.clone()), signature: Hex(signature), path: block_path },
            checkpoint: parts.checkpoint.to_owned(),
            body: parts
                .body
                .as_ref()
                .map(|(salt, bytes)| BodyProof { salt: Hex(salt.to_vec()), bytes: Base64(bytes.clone()) }),
        };
        receipt.verify()?;
        Ok(receipt)
    }

    /// Makes the receipt of record `index` by going once through a ledger's blocks, from the first on. With `body`,
    /// the body is shown if the ledger keeps it; `blob` returns one that lies outside its block.
    ///
    /// # Errors
    /// No such record, a checkpoint that does not cover it, or a ledger that would not verify.
    pub fn from_blocks<B: Borrow<Block>>(
        blocks: impl IntoIterator<Item = B>,
        index: u64,
        checkpoint: &str,
        body: bool,
        mut blob: impl FnMut(&Digest) -> Option<Vec<u8>>,
    ) -> Result<Self, BuildError> {
        let (mut hashes, mut enrolments, mut genesis, mut records) = (Vec::new(), Vec::new(), Vec::new(), 0_u64);
        let mut found: Option<(u64, u64, B)> = None;
        for (place, block) in (0_u64..).zip(blocks) {
            let this: &Block = block.borrow();
            hashes.push(this.hash());
            if place == 0 {
                genesis = this.envelopes.first().cloned().unwrap_or_default();
            }
            enrolments.extend(
                this.envelopes.iter().filter_map(|e| Envelope::decode(e).ok()).filter_map(|e| Enrolment::of(&e)),
            );
            let first = records;
            records += this.envelopes.len() as u64;
            if (first..records).contains(&index) {
                found = Some((place, index - first, block));
            }
        }
        let (place, at, block) = found.ok_or(BuildError::NoRecord { index, records })?;
        let stored = usize::try_from(at).ok().and_then(|at| block.borrow().bodies.get(at)).filter(|_| body);
        let body = match stored {
            Some(StoredBody::Inline { salt, bytes }) => Some((*salt, bytes.clone())),
            Some(StoredBody::Blob { salt, digest }) => blob(digest).map(|bytes| (*salt, bytes)),
            Some(StoredBody::Absent) | None => None,
        };
        let parts = Parts {
            genesis: &genesis,
            enrolments: &enrolments,
            block: block.borrow(),
            place,
            hashes: &hashes,
            index,
            checkpoint,
            body,
        };
        Self::build(&parts)
    }
}

/// The enrolments that the receipt needs: of the block's host, and of the checkpoint's signer if it is another.
fn needed(parts: &Parts<'_>, header: &Header) -> Result<Vec<Enrolment>, ReceiptError> {
    let host = parts.enrolments.iter().find(|enrolment| enrolment.key == header.host).ok_or(ReceiptError::Keys)?;
    let signs = |e: &&Enrolment| verifies(parts.checkpoint, &header.ledger, e);
    match parts.enrolments.iter().find(signs) {
        Some(signer) if signer.key != host.key => Ok(vec![host.clone(), signer.clone()]),
        Some(_) => Ok(vec![host.clone()]),
        None => Err(CheckpointError::Signature.into()),
    }
}

fn verifies(note: &str, ledger: &LedgerId, enrolment: &Enrolment) -> bool {
    checkpoint::verify_sole(note, ledger, [&enrolment.key]).is_ok()
}
