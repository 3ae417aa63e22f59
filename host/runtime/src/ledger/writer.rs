//! The one owner of the chain's state and of the open segment: takes batches, seals them, writes them, syncs them.
//!
//! Group commit: while one block is synced the next batches queue up, and all that are waiting go into one block. Under
//! load the cost of a signature and a sync is thus shared; without load nobody waits.
//!
//! Invariant: nothing is published, answered or covered by a checkpoint before the sync of its block has returned.

use super::api::Appended;
use super::blobs::{INLINE_BYTES_MAX, put_blob};
use super::chain::{Chain, Sealed};
use super::decoded::Decoded;
use super::disk::{Access, Lock};
use super::error::LedgerError;
use super::files::replace;
use super::health::is_full;
use super::store::Store;
use super::tail::{Tail, TailError};
use crate::keystore::{Keystore, KeystoreError};
use crate::seams::Clock;
use manes_core::block::StoredBody;
use manes_core::ids::Digest;
use manes_core::record::Record;
use manes_core::segment;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Records of one group: over this a block's proofs and its reader's memory grow, and the shared cost is nothing.
const GROUP_RECORDS_MAX: usize = 4_096;
/// Bytes of one group: over this the disk is what takes the time.
const GROUP_BYTES_MAX: u64 = 8 << 20;
/// What a record takes in a frame beyond its envelope and body: CBOR heads, salt, a blob's name.
const RECORD_OVERHEAD_BYTES: u64 = 64;
/// What a block takes beyond its records: frame, header, seal, array heads.
const BLOCK_OVERHEAD_BYTES: u64 = 1_024;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Message {
    /// Append a batch.
    Append(Batch),
    /// Sign the head.
    Checkpoint(Reply<String>),
    /// Stop cleanly.
    Close(Reply<()>),
}

/// A batch that waits for its block.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    pub(super) bytes: u64,
    pub(super) reply: Reply<Appended>,
}

/// The owner of the chain.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) chain: Chain,
    pub(super) tail: Tail,
    pub(super) keystore: Keystore,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) checkpoint_every: Duration,
    /// Closes when no more appends are taken, so that those who wait for records learn it.
    pub(super) durable: Option<watch::Sender<u64>>,
    pub(super) checkpoint: Checkpoint,
    /// Held until the writer is gone.
    pub(super) _lock: Box<dyn Lock>,
}

/// The last head that was signed.
#[derive(Debug, Default)]
pub(super) struct Checkpoint {
    pub(super) note: String,
    /// Blocks that it covers.
    pub(super) size: u64,
    /// When, on the monotonic clock.
    pub(super) at_ns: u64,
}

impl Writer {
    /// Works until it is told to close or nobody is left who could ask.
    pub(super) fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| messages.blocking_recv()) {
            if self.store.health.check().is_err() {
                self.durable = None;
            }
            match message {
                Message::Append(first) => {
                    let group = gather(first, &mut messages, &mut next);
                    self.commit(group);
                    self.checkpoint_if_due();
                }
                Message::Checkpoint(reply) => answer(reply, self.sign_head()),
                Message::Close(reply) => {
                    // First the doors, then the answer: whoever reads it finds the ledger closed and the lock free.
                    messages.close();
                    let closed = self.finish();
                    drop(self);
                    return answer(reply, closed);
                }
            }
        }
    }

    /// Puts a group of batches into one block and answers all of them.
    fn commit(&mut self, group: Vec<Batch>) {
        let mut batches = Vec::with_capacity(group.len());
        let mut blobs = VecDeque::new();
        for batch in group {
            match self.store.health.check().and_then(|()| self.store_blobs(&batch)) {
                Ok(mut names) => {
                    blobs.append(&mut names);
                    batches.push(batch);
                }
                Err(error) => answer(batch.reply, Err(error)),
            }
        }
        if batches.is_empty() {
            return;
        }
        let mut records = Vec::with_capacity(batches.iter().map(|batch| batch.records.len()).sum());
        let mut replies = Vec::with_capacity(batches.len());
        for mut batch in batches {
            replies.push((records.len() as u64, batch.reply));
            records.append(&mut batch.records);
        }
        match self.write_block(records, blobs) {
            Ok(Appended { first, block }) => {
                for (offset, reply) in replies {
                    answer(reply, Ok(Appended { first: first + offset, block }));
                }
            }
            Err(error) => replies.into_iter().for_each(|(_, reply)| answer(reply, Err(error.clone()))),
        }
    }

    /// Makes the large bodies of a batch durable, in order.
    fn store_blobs(&self, batch: &Batch) -> Result<VecDeque<Digest>, LedgerError> {
        let bodies = batch.records.iter().filter_map(|record| record.body.as_ref());
        let large = bodies.filter(|(_, body)| body.len() > INLINE_BYTES_MAX);
        large.map(|(_, body)| put_blob(&self.store.files, &self.store.health, body)).collect()
    }

    /// Seals `records` as one block and makes it durable. `blobs` names those of their bodies that are too large for
    /// it, in order; they are durable already.
    pub(super) fn write_block(
        &mut self,
        records: Vec<Record>,
        mut blobs: VecDeque<Digest>,
    ) -> Result<Appended, LedgerError> {
        // Before anything is sealed: a disk without room leaves the chain where it is.
        self.tail.reserve(frame_bytes_max(&records)).map_err(|error| self.failed(error))?;
        let sealed = self.chain.seal(records, |salt, bytes| match blobs.pop_front() {
            Some(digest) if bytes.len() > INLINE_BYTES_MAX => StoredBody::Blob { salt, digest },
            Some(digest) => {
                blobs.push_front(digest);
                StoredBody::Inline { salt, bytes }
            }
            None => StoredBody::Inline { salt, bytes },
        });
        let Sealed { block, checked } = sealed.map_err(|wrong| {
            self.store.health.poison(&format!("the host tried to write what cannot be true: {wrong}"))
        })?;
        let frame = segment::frame(&block.encode());
        let frame = frame.ok_or_else(|| self.store.health.poison("a block is larger than a frame can say"))?;
        let place = self.tail.write(&frame, checked.header.first).map_err(|error| self.failed(error))?;
        // Commit point: the block is durable. Readers see it before its writer is told.
        let appended = Appended { first: checked.header.first, block: checked.hash };
        let durable = checked.header.first + checked.header.count;
        self.store.push(place, checked.hash, Decoded::checked(block, checked));
        if let Some(published) = &self.durable {
            published.send_replace(durable);
        }
        Ok(appended)
    }

    fn failed(&self, error: TailError) -> LedgerError {
        match error {
            TailError::Full(path) => LedgerError::NoSpace { path },
            TailError::Failed(path, error) => {
                self.store.health.poison(&format!("writing {} failed: {error}", path.display()))
            }
        }
    }

    fn checkpoint_if_due(&mut self) {
        let passed_ns = self.clock.monotonic_ns().saturating_sub(self.checkpoint.at_ns);
        if u128::from(passed_ns) < self.checkpoint_every.as_nanos() || self.store.health.check().is_err() {
            return;
        }
        // The blocks are durable all the same, and the next commit tries again.
        if let Err(error) = self.sign_head() {
            tracing::warn!(%error, "the ledger's head could not be stored");
        }
    }

    /// Signs the head if there are blocks that the last one does not cover; stores it in the folder and outside.
    pub(super) fn sign_head(&mut self) -> Result<String, LedgerError> {
        self.store.health.check()?;
        self.checkpoint.at_ns = self.clock.monotonic_ns();
        if self.chain.blocks() == self.checkpoint.size {
            return Ok(self.checkpoint.note.clone());
        }
        let (size, note) = self.chain.checkpoint();
        let path = self.store.files.checkpoint();
        replace(self.store.files.disk.as_ref(), &path, note.as_bytes(), Access::Shared)
            .map_err(|failure| self.store.health.write_failed(&path, &failure))?;
        self.keystore.store_head(&self.store.id, &note).map_err(|error| self.head_failed(error))?;
        (self.checkpoint.size, self.checkpoint.note) = (size, note.clone());
        Ok(note)
    }

    fn head_failed(&self, error: KeystoreError) -> LedgerError {
        match &error {
            KeystoreError::Io { source, .. } if !is_full(source) => self.store.health.poison(&error.to_string()),
            KeystoreError::Io { .. } | KeystoreError::Open { .. } | KeystoreError::Format { .. } => error.into(),
        }
    }

    fn finish(&mut self) -> Result<(), LedgerError> {
        self.sign_head()?;
        self.tail.finish().map_err(|error| self.failed(error))
    }
}

/// No less than the frame of a block of `records` takes.
fn frame_bytes_max(records: &[Record]) -> u64 {
    let inline = |record: &Record| match &record.body {
        Some((_, body)) if body.len() <= INLINE_BYTES_MAX => body.len(),
        Some(_) | None => 0,
    };
    let size = |record: &Record| (record.envelope.len() + inline(record)) as u64 + RECORD_OVERHEAD_BYTES;
    BLOCK_OVERHEAD_BYTES + records.iter().map(size).sum::<u64>()
}

/// The batches that wait, up to a group's size. A message of another kind ends the group and is left in `next`.
fn gather(first: Batch, messages: &mut mpsc::Receiver<Message>, next: &mut Option<Message>) -> Vec<Batch> {
    let (mut records, mut bytes) = (first.records.len(), first.bytes);
    let mut group = vec![first];
    while let Ok(message) = messages.try_recv() {
        match message {
            Message::Append(batch)
                if records + batch.records.len() <= GROUP_RECORDS_MAX && bytes + batch.bytes <= GROUP_BYTES_MAX =>
            {
                records += batch.records.len();
                bytes += batch.bytes;
                group.push(batch);
            }
            other @ (Message::Append(_) | Message::Checkpoint(_) | Message::Close(_)) => {
                *next = Some(other);
                break;
            }
        }
    }
    group
}

/// Answers; whoever asked may have stopped waiting.
fn answer<T>(reply: Reply<T>, result: Result<T, LedgerError>) {
    drop(reply.send(result));
}
