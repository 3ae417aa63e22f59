//! The ledger in a folder of this machine, written by this process alone.
//!
//! A handle and no more: messages go to the thread of the [`Writer`], reads to the [`Store`] that both share. What is
//! believed when a folder is opened stands in [`super::opening`].

use super::api::{Appended, BoxFuture, Entry, KeyChange, Ledger};
use super::blobs;
use super::disk::{Disk, RealDisk};
use super::error::{LedgerError, OpenError};
use super::inbox::{Follow, Inbox, Source as _};
use super::opening;
use super::reader::Reader;
use super::store::Store;
use super::writer::{Batch, Message, Reply, Writer, batch_bytes};
use crate::seams::Seams;
use bytes::Bytes;
use manes_core::block::Block;
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::record::Record;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

/// Batches that may wait for the writer; over it, appenders do.
const QUEUE: usize = 1_024;

/// What is taken, and recorded, although it does not extend the head that was seen last: somebody has put it there, and
/// knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// Nothing.
    Nothing,
    /// One with fewer blocks than were seen: an older copy.
    Older,
    /// Also one that has as many, and others: another history.
    Rewritten,
}

/// How an embedded ledger is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size at which a segment is full, at most 1 GiB. Preallocated at once; a larger block gets a segment of its own
    /// size.
    pub segment_bytes: u64,
    /// How much time may pass between two signed heads while blocks are written.
    pub checkpoint_every: Duration,
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
    /// What is taken although it does not extend the head that was seen last.
    pub accept: Accept,
    /// Writes in a task of the runtime that opens it, not in a thread of its own: for a simulation, in which every step
    /// happens in one order. A slow disk then stops everything.
    pub writes_in_task: bool,
}

impl Default for Options {
    fn default() -> Self {
        // 64 MiB: seldom enough to roll, small enough to be read as a whole when the ledger is opened.
        let (segment_bytes, checkpoint_every) = (64 << 20, Duration::from_secs(1));
        Self {
            segment_bytes,
            checkpoint_every,
            disk: Arc::new(RealDisk),
            accept: Accept::Nothing,
            writes_in_task: false,
        }
    }
}

/// A ledger in a folder.
#[derive(Debug)]
pub struct Embedded {
    store: Arc<Store>,
    restored: Option<u64>,
    durable: watch::Receiver<u64>,
    /// One artifact at a time: two of the same name would write the same new file.
    artifacts: Mutex<()>,
    // Dropped in this order: without a sender the thread ends, then it is waited for.
    sender: mpsc::Sender<Message>,
    thread: Joined,
}

/// A thread that is waited for when it is dropped.
#[derive(Debug)]
struct Joined(Option<JoinHandle<()>>);

impl Joined {
    /// Wakes the thread to look at its messages.
    fn wake(&self) {
        if let Some(thread) = &self.0 {
            thread.thread().unpark();
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.wake();
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's writer panicked");
        }
    }
}

impl Embedded {
    /// Opens the ledger in `folder` for writing, or creates one there with new keys in `home`.
    ///
    /// Each call is a new start of this host, with a higher incarnation, whether it appends or not. It reads and
    /// verifies all there is on the calling thread.
    ///
    /// # Errors
    /// See [`OpenError`]: another writer, damage, a folder that is older than the head kept in `home`, no key.
    pub fn open(folder: &Path, home: &Path, seams: Seams, options: Options) -> Result<Self, OpenError> {
        start(opening::open(folder, home, seams, &options)?, options.writes_in_task)
    }

    /// Opens the ledger in `folder` for reading: a copy elsewhere, or beside the process that writes it.
    ///
    /// # Errors
    /// See [`Reader::open`].
    pub fn open_read_only(folder: &Path) -> Result<Reader, OpenError> {
        Reader::open(folder)
    }

    /// The record by which this ledger was taken although it does not extend the head that was seen last; only with
    /// [`Options::accept`], and only if there was something to accept.
    #[must_use]
    pub const fn restored(&self) -> Option<u64> {
        self.restored
    }

    fn submit(&self, records: Vec<Record>, waits: bool) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        match batch_bytes(&records) {
            Ok(bytes) => self.ask(|reply| Message::Append(Batch { records, bytes, waits, reply })),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(Reply<T>) -> Message,
    ) -> BoxFuture<'_, Result<T, LedgerError>> {
        let (reply, answer) = oneshot::channel();
        // Here rather than in the future, so that calls one after the other keep their order.
        let sent = self.sender.try_send(message(reply));
        self.thread.wake();
        Box::pin(async move {
            match sent {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    self.sender.send(message).await.map_err(|_| self.store.ended())?;
                    self.thread.wake();
                }
                Err(TrySendError::Closed(_)) => return Err(self.store.ended()),
            }
            answer.await.map_err(|_| self.store.ended())?
        })
    }
}

impl Ledger for Embedded {
    fn id(&self) -> LedgerId {
        self.store.id
    }

    fn append(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        self.submit(batch, false)
    }

    fn append_when_room(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        self.submit(batch, true)
    }

    fn ended(&self) -> LedgerError {
        self.store.ended()
    }

    fn is_full(&self) -> bool {
        self.store.full.load(Ordering::Relaxed)
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.store.read(from, max)
    }

    fn durable(&self) -> watch::Receiver<u64> {
        self.durable.clone()
    }

    fn inbox(&self, from: u64) -> Inbox {
        Follow::inbox(self.store.clone(), self.durable.clone(), from)
    }

    fn checkpoint(&self) -> BoxFuture<'_, Result<String, LedgerError>> {
        self.ask(Message::Checkpoint)
    }

    fn change_keys(&self, change: KeyChange) -> BoxFuture<'_, Result<PublicKey, LedgerError>> {
        self.ask(|reply| Message::Keys(change, reply))
    }

    fn put_artifact(&self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        if self.sender.is_closed() {
            // The folder may be another process's by now.
            return Err(self.store.ended());
        }
        self.store.health.check()?;
        let _one = self.artifacts.lock().unwrap_or_else(PoisonError::into_inner);
        blobs::put_artifact(&self.store.files, &self.store.health, bytes)
    }

    fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError> {
        self.store.artifact(digest)
    }

    fn block_of(&self, index: u64) -> Result<Option<(u64, Block)>, LedgerError> {
        self.store.block_of(index)
    }

    fn block_hashes(&self) -> Vec<Digest> {
        self.store.block_hashes()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.ask(Message::Close)
    }
}

/// Gives the writer its thread.
fn start(writer: Writer, in_task: bool) -> Result<Embedded, OpenError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let (store, restored) = (writer.store.clone(), writer.restored);
    let durable = writer.durable.as_ref().map_or_else(|| watch::channel(0).1, watch::Sender::subscribe);
    if in_task {
        tokio::spawn(writer.run_as_task(receiver));
        let (artifacts, thread) = (Mutex::new(()), Joined(None));
        return Ok(Embedded { store, restored, durable, artifacts, sender, thread });
    }
    let thread = thread::Builder::new().name("manes-ledger".to_owned()).spawn(move || writer.run(receiver));
    let thread = thread.map_err(OpenError::io(store.files.folder()))?;
    Ok(Embedded { store, restored, durable, artifacts: Mutex::new(()), sender, thread: Joined(Some(thread)) })
}
