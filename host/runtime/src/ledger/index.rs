//! Where each block is, and the last blocks decoded: what turns a record's index into its bytes.
//!
//! Invariant: the index holds durable blocks alone. It is extended after the sync and before the new length is
//! published, so whoever sees a length can read up to it.

use super::decoded::Decoded;
use manes_core::ids::Digest;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Memory for decoded blocks: a few windows of an inbox, for some readers at different places.
const CACHE_BYTES_MAX: usize = 16 << 20;

/// Where a block's frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Ledger-wide index of its first record.
    pub(super) first: u64,
    pub(super) segment: u32,
    /// Bytes of the frame, its head included.
    pub(super) length: u32,
    /// Offset of the frame in the segment.
    pub(super) offset: u64,
}

/// A block that a scan found and verified.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) hash: Digest,
    /// Number of its records.
    pub(super) count: u64,
}

/// A block's place, its number in ledger order and its hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Located {
    pub(super) number: u64,
    pub(super) place: Place,
    pub(super) hash: Digest,
}

/// All durable blocks in ledger order.
#[derive(Debug, Default)]
pub(super) struct Index {
    places: Vec<Place>,
    hashes: Vec<Digest>,
    /// Number of records.
    records: u64,
}

impl Index {
    /// Adds the next block, which holds `count` records.
    pub(super) fn push(&mut self, place: Place, hash: Digest, count: u64) {
        self.places.push(place);
        self.hashes.push(hash);
        self.records = place.first + count;
    }

    /// The last block's place.
    pub(super) fn last(&self) -> Option<Place> {
        self.places.last().copied()
    }

    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// The block that holds `record`.
    pub(super) fn find(&self, record: u64) -> Option<Located> {
        if record >= self.records {
            return None;
        }
        // The first block begins at record 0, so there is always one before.
        let number = self.places.partition_point(|place| place.first <= record).checked_sub(1)?;
        let (place, hash) = (self.places.get(number)?, self.hashes.get(number)?);
        Some(Located { number: number as u64, place: *place, hash: *hash })
    }
}

impl FromIterator<Found> for Index {
    fn from_iter<T: IntoIterator<Item = Found>>(blocks: T) -> Self {
        let mut index = Self::default();
        index.extend(blocks);
        index
    }
}

impl Extend<Found> for Index {
    fn extend<T: IntoIterator<Item = Found>>(&mut self, blocks: T) {
        blocks.into_iter().for_each(|Found { place, hash, count }| self.push(place, hash, count));
    }
}

/// Decoded blocks, first in, first out: readers follow the writer, so the newest are read next.
#[derive(Debug, Default)]
pub(super) struct Cache {
    blocks: HashMap<u64, Arc<Decoded>>,
    /// Numbers in the order they came, with what each takes.
    order: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, number: u64) -> Option<Arc<Decoded>> {
        self.blocks.get(&number).cloned()
    }

    pub(super) fn put(&mut self, number: u64, block: Arc<Decoded>) {
        let cost = block.cost_bytes();
        if self.blocks.insert(number, block).is_some() {
            return;
        }
        self.order.push_back((number, cost));
        self.bytes += cost;
        // The last one stays, whatever its size: who reads it in windows would else decode it again for each.
        while self.bytes > CACHE_BYTES_MAX
            && self.order.len() > 1
            && let Some((oldest, cost)) = self.order.pop_front()
        {
            self.blocks.remove(&oldest);
            self.bytes -= cost;
        }
    }
}
