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
use crate::seams::Clock;
use manes_core::block::StoredBody;
use manes_core::ids::{Digest, PublicKey};
use manes_core::record::Record;
use manes_core::segment;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use tokio::sync::{oneshot, watch};

/// Records of one group: over this a block's proofs and its reader's memory grow, and the shared cost is nothing.
const GROUP_RECORDS_MAX: usize = 4_096;
/// Bytes of one group: over this the disk is what takes the time.
const GROUP_BYTES_MAX: u64 = 8 << 20;
/// How often a full disk is looked at while something waits for room.
const ROOM_EVERY: Duration = Duration::from_millis(500);
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
    /// On a full disk it waits for room instead of being refused.
    pub(super) waits: bool,
    pub(super) reply: Reply<Appended>,
}

/// A group for which there is no room; nothing of it was written.
struct NoRoom {
    group: Vec<Batch>,
    error: LedgerError,
}

/// The owner of the chain.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) chain: Chain,
    pub(super) tail: Tail,
    pub(super) heads: Heads,
    pub(super) clock: Arc<dyn Clock>,
    /// Batches that wait for room, in order.
    pub(super) waiting: VecDeque<Batch>,
    /// When room was last looked for, on the monotonic clock.
    pub(super) looked_ns: u64,
    /// Dropped when no more appends are taken, so that those who wait for records learn it.
    pub(super) durable: Option<watch::Sender<u64>>,
    /// The record by which opening took a ledger that does not extend the head seen last.
    pub(super) restored: Option<u64>,
    /// Held until the writer is gone.
    pub(super) _locks: [Box<dyn Lock>; 2],
}

impl Writer {
    /// Works until it is told to close or nobody is left who could ask. On a thread of its own: it blocks.
    pub(super) fn run(mut self, mut messages: Receiver<Message>) {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| self.wait(&mut messages)) {
            match self.turn(message, &mut messages, &mut next) {
                Some(writer) => self = writer,
                None => return,
            }
        }
    }

    /// The same as a task: what its disk does, it does at once. For a host whose every step is to happen in one order.
    pub(super) async fn run_as_task(mut self, mut messages: Receiver<Message>) {
        let mut next = None;
        loop {
            let due = self.due();
            let message = match next.take() {
                Some(message) => Some(message),
                None => tokio::select! {
                    biased;
                    message = messages.recv() => message,
                    () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => {
                        self.idle();
                        continue;
                    }
                },
            };
            let Some(message) = message else { return };
            match self.turn(message, &mut messages, &mut next) {
                Some(writer) => self = writer,
                None => return,
            }
        }
    }

    /// Does what one message asks; `None` when that was to close.
    fn turn(mut self, message: Message, messages: &mut Receiver<Message>, next: &mut Option<Message>) -> Option<Self> {
        match message {
            Message::Append(first) => {
                let group = gather(first, messages, next);
                self.commit(group);
                self.sign_if_due();
            }
            Message::Checkpoint(reply) => answer(reply, self.heads.sign(&self.chain, &self.store)),
            Message::Keys(change, reply) => answer(reply, self.change_keys(change)),
            Message::Close(reply) => {
                // First the doors, then the answer: whoever reads it finds the ledger closed and the lock free.
                messages.close();
                // Not written now, even if there is room: an intent would let its call begin on a closed ledger.
                for batch in self.waiting.drain(..) {
                    answer(batch.reply, Err(LedgerError::NoSpace { path: self.store.files.segments() }));
                }
                let closed = self.finish();
                drop(self);
                answer(reply, closed);
                return None;
            }
        }
        self.tell_if_failed();
        Some(self)
    }

    /// Whoever follows the ledger learns that it takes no more.
    fn tell_if_failed(&mut self) {
        if self.store.health.check().is_err() {
            self.durable = None;
        }
    }

    /// The next message; meanwhile what is due is done.
    fn wait(&mut self, messages: &mut Receiver<Message>) -> Option<Message> {
        loop {
            match messages.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => match self.due() {
                    Some(Duration::ZERO) => self.idle(),
                    Some(rest) => thread::park_timeout(rest),
                    None => thread::park(),
                },
            }
        }
    }

    /// How long it may wait for a message, if there is something to do without one.
    fn due(&self) -> Option<Duration> {
        let head = self.store.health.check().ok().and_then(|()| self.heads.due_in(&self.chain));
        let room = (!self.waiting.is_empty()).then(|| {
            let waited = self.clock.monotonic_ns().saturating_sub(self.looked_ns);
            ROOM_EVERY.saturating_sub(Duration::from_nanos(waited))
        });
        head.into_iter().chain(room).min()
    }

    /// Without a message: signs the head, so that a ledger that falls quiet is covered to its end, and looks for room.
    fn idle(&mut self) {
        self.sign_if_due();
        if !self.waiting.is_empty() {
            self.commit(Vec::new());
        }
        self.tell_if_failed();
    }

    /// Signs the head if its time has come.
    fn sign_if_due(&mut self) {
        if self.store.health.check().is_ok()
            && self.heads.due_in(&self.chain).is_some_and(|rest| rest.is_zero())
            && let Err(error) = self.heads.sign(&self.chain, &self.store)
        {
            // The blocks are durable all the same, and in a while it is tried again.
            tracing::warn!(%error, "the ledger's head could not be stored");
        }
    }

    /// Commits a group of batches, after those that wait for room. Where there is none, what may wait does, and the
    /// rest is refused: work under way comes before new work.
    fn commit(&mut self, group: Vec<Batch>) {
        let mut queue: VecDeque<Batch> = self.waiting.drain(..).chain(group).collect();
        self.looked_ns = self.clock.monotonic_ns();
        let mut full: Option<LedgerError> = None;
        let mut alone = false;
        while let Some(first) = queue.pop_front() {
            if let Some(error) = &full {
                self.turn_away(first, error);
                continue;
            }
            let group = if alone { vec![first] } else { fitting(first, &mut queue) };
            let Err(NoRoom { group, error }) = self.write_group(group) else { continue };
            if group.len() == 1 {
                group.into_iter().for_each(|batch| self.turn_away(batch, &error));
                full = Some(error);
            } else {
                // Not all of them at once; as many as there is room for, in order.
                alone = true;
                group.into_iter().rev().for_each(|batch| queue.push_front(batch));
            }
        }
        self.full(full.as_ref().filter(|_| !self.waiting.is_empty()));
    }

    fn turn_away(&mut self, batch: Batch, error: &LedgerError) {
        if batch.waits {
            self.waiting.push_back(batch);
        } else {
            answer(batch.reply, Err(error.clone()));
        }
    }

    /// Takes note of whether somebody waits for room; says so when that changes.
    fn full(&self, error: Option<&LedgerError>) {
        match (error, self.store.full.swap(error.is_some(), Ordering::Relaxed)) {
            (Some(error), false) => tracing::error!("{error}; work under way waits, new events are refused"),
            (None, true) if self.store.health.check().is_ok() => {
                tracing::warn!("there is room again: the host goes on");
            }
            (Some(_), true) | (None, _) => {}
        }
    }

    /// Puts a group of batches into one block and answers all of them; without room nothing of it is written.
    fn write_group(&mut self, mut group: Vec<Batch>) -> Result<(), NoRoom> {
        if group.is_empty() {
            return Ok(());
        }
        let blobs = match self.make_room(&group) {
            Ok(blobs) => blobs,
            Err(error @ LedgerError::NoSpace { .. }) => return Err(NoRoom { group, error }),
            Err(error) => {
                group.into_iter().for_each(|batch| answer(batch.reply, Err(error.clone())));
                return Ok(());
            }
        };
        let mut records = Vec::with_capacity(group.iter().map(|batch| batch.records.len()).sum());
        let offsets: Vec<u64> = group
            .iter_mut()
            .map(|batch| {
                let offset = records.len() as u64;
                records.append(&mut batch.records);
                offset
            })
            .collect();
        let written = self.write_block(records, blobs);
        for (batch, offset) in group.into_iter().zip(offsets) {
            let appended = |Appended { first, block }| Appended { first: first + offset, block };
            answer(batch.reply, written.clone().map(appended));
        }
        Ok(())
    }

    /// Makes the large bodies of a group durable, and room for its block.
    fn make_room(&mut self, group: &[Batch]) -> Result<VecDeque<Digest>, LedgerError> {
        self.store.health.check()?;
        let mut blobs = VecDeque::new();
        for batch in group {
            blobs.append(&mut self.store_blobs(&batch.records)?);
        }
        let bytes = frame_bytes_max(group.iter().flat_map(|batch| &batch.records));
        self.tail.reserve(bytes).map_err(|error| self.failed(error))?;
        Ok(blobs)
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
fn frame_bytes_max<'a>(records: impl IntoIterator<Item = &'a Record>) -> u64 {
    let inline = |record: &Record| match &record.body {
        Some((_, body)) if body.len() <= INLINE_BYTES_MAX => body.len(),
        Some(_) | None => 0,
    };
    let size = |record: &Record| (record.envelope.len() + inline(record)) as u64 + RECORD_OVERHEAD_BYTES;
    BLOCK_OVERHEAD_BYTES + records.into_iter().map(size).sum::<u64>()
}

/// `first` and what follows it in the queue, up to a group's size.
fn fitting(first: Batch, queue: &mut VecDeque<Batch>) -> Vec<Batch> {
    let (mut records, mut bytes) = (first.records.len(), first.bytes);
    let mut group = vec![first];
    while let Some(next) = queue.front() {
        records += next.records.len();
        bytes += next.bytes;
        if records > GROUP_RECORDS_MAX || bytes > GROUP_BYTES_MAX {
            break;
        }
        group.extend(queue.pop_front());
    }
    group
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
