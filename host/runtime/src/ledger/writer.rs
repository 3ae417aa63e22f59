//! The one owner of the chain's state and of the open segment: takes batches, seals them, writes them, syncs them.
//!
//! Group commit: while one block is synced the next batches queue up, and all that are waiting go into one block. Under
//! load the cost of a signature and a sync is thus shared; without load nobody waits.
//!
//! Invariant: nothing is published, answered or covered by a signed head before the sync of its block has returned.

use super::api::{Appended, BATCH_BYTES_MAX, KeyChange};
use super::blobs::{INLINE_BYTES_MAX, put_blob};
use super::chain::{Chain, Sealed};
use super::decoded::Decoded;
use super::disk::Lock;
use super::error::LedgerError;
use super::heads::Heads;
use super::store::Store;
use super::tail::{Tail, TailError};
use manes_core::block::StoredBody;
use manes_core::ids::{Digest, PublicKey};
use manes_core::record::Record;
use manes_core::segment;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use tokio::sync::{oneshot, watch};

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

/// What the writer is asked to do. Whoever sends unparks its thread.
#[derive(Debug)]
pub(super) enum Message {
    /// Append a batch.
    Append(Batch),
    /// Sign the head.
    Checkpoint(Reply<String>),
    /// Change keys.
    Keys(KeyChange, Reply<PublicKey>),
    /// Stop cleanly.
    Close(Reply<()>),
}

/// A batch that waits for its block.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    /// By [`batch_bytes`].
    pub(super) bytes: u64,
    pub(super) reply: Reply<Appended>,
}

/// The owner of the chain.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) chain: Chain,
    pub(super) tail: Tail,
    pub(super) heads: Heads,
    /// Dropped when no more appends are taken, so that those who wait for records learn it.
    pub(super) durable: Option<watch::Sender<u64>>,
    /// The record by which opening took a ledger that does not extend the head seen last.
    pub(super) restored: Option<u64>,
    /// Held until the writer is gone.
    pub(super) _lock: Box<dyn Lock>,
}

impl Writer {
    /// Works until it is told to close or nobody is left who could ask.
    pub(super) fn run(mut self, mut messages: Receiver<Message>) {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| self.wait(&mut messages)) {
            match message {
                Message::Append(first) => {
                    let group = gather(first, &mut messages, &mut next);
                    self.commit(group);
                    self.sign_if_due();
                }
                Message::Checkpoint(reply) => answer(reply, self.heads.sign(&self.chain, &self.store)),
                Message::Keys(change, reply) => answer(reply, self.change_keys(change)),
                Message::Close(reply) => {
                    // First the doors, then the answer: whoever reads it finds the ledger closed and the lock free.
                    messages.close();
                    let closed = self.finish();
                    drop(self);
                    return answer(reply, closed);
                }
            }
            if self.store.health.check().is_err() {
                self.durable = None;
            }
        }
    }

    /// The next message; signs the head meanwhile, so that a ledger that falls quiet is covered to its end.
    fn wait(&mut self, messages: &mut Receiver<Message>) -> Option<Message> {
        loop {
            match messages.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => match self.sign_if_due() {
                    Some(rest) => thread::park_timeout(rest),
                    None => thread::park(),
                },
            }
        }
    }

    /// Signs the head if its time has come; returns how long that may still wait, `None` if there is nothing to sign.
    fn sign_if_due(&mut self) -> Option<Duration> {
        self.store.health.check().ok()?;
        let rest = self.heads.due_in(&self.chain)?;
        if rest.is_zero()
            && let Err(error) = self.heads.sign(&self.chain, &self.store)
        {
            // The blocks are durable all the same, and in a while it is tried again.
            tracing::warn!(%error, "the ledger's head could not be stored");
        }
        self.heads.due_in(&self.chain)
    }

    /// Puts a group of batches into one block and answers all of them.
    fn commit(&mut self, group: Vec<Batch>) {
        let (mut records, mut blobs, mut replies) = (Vec::new(), VecDeque::new(), Vec::with_capacity(group.len()));
        for mut batch in group {
            // A batch whose bodies find no room is refused alone: nothing of it is in the block yet.
            match self.store.health.check().and_then(|()| self.store_blobs(&batch.records)) {
                Ok(mut names) => {
                    blobs.append(&mut names);
                    replies.push((records.len() as u64, batch.reply));
                    records.append(&mut batch.records);
                }
                Err(error) => answer(batch.reply, Err(error)),
            }
        }
        if replies.is_empty() {
            return;
        }
        // A blob of a later batch may have been what failed.
        let written = self.store.health.check().and_then(|()| self.write_block(records, blobs));
        for (offset, reply) in replies {
            let appended = |Appended { first, block }| Appended { first: first + offset, block };
            answer(reply, written.clone().map(appended));
        }
    }

    /// Makes the large bodies of a batch durable, in order.
    fn store_blobs(&self, records: &[Record]) -> Result<VecDeque<Digest>, LedgerError> {
        let bodies = records.iter().filter_map(|record| record.body.as_ref());
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
        let sealed = self.chain.seal(records, |salt, bytes| {
            let blob = if bytes.len() > INLINE_BYTES_MAX { blobs.pop_front() } else { None };
            blob.map_or(StoredBody::Inline { salt, bytes }, |digest| StoredBody::Blob { salt, digest })
        });
        let Sealed { block, checked } = sealed.map_err(|wrong| self.store.health.refused(&wrong))?;
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

    fn finish(&mut self) -> Result<(), LedgerError> {
        self.heads.sign(&self.chain, &self.store)?;
        self.tail.finish().map_err(|error| self.failed(error))
    }
}

/// What a batch takes in a frame, bodies that go elsewhere included, if it may be appended.
pub(super) fn batch_bytes(records: &[Record]) -> Result<u64, LedgerError> {
    let body = |record: &Record| record.body.as_ref().map_or(0, |(_, body)| body.len());
    let size = |record: &Record| (record.envelope.len() + body(record)) as u64 + RECORD_OVERHEAD_BYTES;
    match records.iter().map(size).sum() {
        0 => Err(LedgerError::Empty),
        bytes if bytes > BATCH_BYTES_MAX => Err(LedgerError::TooLarge { bytes, bytes_max: BATCH_BYTES_MAX }),
        bytes => Ok(bytes),
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

/// The batches that wait, up to a group's size. A message that does not fit ends the group and is left in `next`.
fn gather(first: Batch, messages: &mut Receiver<Message>, next: &mut Option<Message>) -> Vec<Batch> {
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
            other @ (Message::Append(_) | Message::Checkpoint(_) | Message::Keys(..) | Message::Close(_)) => {
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
