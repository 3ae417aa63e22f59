//! The ledger in a folder of this machine, written by this process alone.
//!
//! Invariant: what cannot be trusted is not opened. Everything is synced, then verified from the genesis record on,
//! then held against the head that is kept outside the folder; only then is the end that a crash tore cut off and a
//! new start begun. See [`super::scan`] for what counts as torn and [`super::writer`] for what happens afterwards.

use super::api::{Appended, BATCH_BYTES_MAX, BoxFuture, Entry, Ledger};
use super::blobs;
use super::chain::{Chain, Genesis};
use super::disk::{Access, Disk, Lock, Mode, RealDisk};
use super::error::{LedgerError, OpenError};
use super::files::{Files, ensure_dir, read_if_there};
use super::inbox::{Follow, Inbox, Source as _};
use super::index::Index;
use super::reader::Reader;
use super::scan::{End, Scan};
use super::store::Store;
use super::tail::{Tail, TailError};
use super::writer::{Batch, Checkpoint, Message, Reply, Writer};
use crate::keystore::Keystore;
use crate::seams::Seams;
use bytes::Bytes;
use manes_core::block::Block;
use manes_core::ids::{Digest, LedgerId};
use manes_core::keys;
use manes_core::record::Record;
use manes_core::verify::ChainVerifier;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Batches that may wait for the writer; over it, appenders do.
const QUEUE: usize = 1_024;

/// How an embedded ledger is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size at which a segment is full. Preallocated at once; a larger block gets a segment of its own size.
    pub segment_bytes: u64,
    /// How much time may pass between two signed heads while blocks are written.
    pub checkpoint_every: Duration,
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Self {
        // 64 MiB: seldom enough to roll, small enough to be read as a whole when the ledger is opened.
        Self { segment_bytes: 64 << 20, checkpoint_every: Duration::from_secs(1), disk: Arc::new(RealDisk) }
    }
}

/// A ledger in a folder.
#[derive(Debug)]
pub struct Embedded {
    store: Arc<Store>,
    durable: watch::Receiver<u64>,
    /// One artifact at a time: two of the same name would write the same new file.
    artifacts: Mutex<()>,
    // Dropped in this order: without a sender the thread ends, then it is waited for.
    sender: mpsc::Sender<Message>,
    _thread: Joined,
}

/// A thread that is waited for when it is dropped.
#[derive(Debug)]
struct Joined(Option<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
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
    /// Each call is a new start of this host, with a higher incarnation, whether it appends or not.
    ///
    /// # Errors
    /// See [`OpenError`]: another writer, damage, a folder that is older than the head kept in `home`, no key.
    pub fn open(folder: &Path, home: &Path, seams: Seams, options: Options) -> Result<Self, OpenError> {
        let files = Files::new(options.disk.clone(), folder);
        let keystore = Keystore::new(home, options.disk.clone());
        let lock = lay_out(&files)?;
        sync_before_trust(&files)?;
        let (mut scan, mut found) = (Scan::new(), Vec::new());
        let end = scan.advance(&files, &mut found)?;
        let opening = Opening { files, keystore, seams, options, lock };
        match scan.verifier.ledger() {
            Some(id) => {
                let mut index = Index::default();
                found.into_iter().for_each(|(place, hash, count)| index.push(place, hash, count));
                opening.resume(id, scan, index, end)
            }
            None => opening.create(&scan, end),
        }
    }

    /// Opens the ledger in `folder` for reading: a copy elsewhere, or beside the process that writes it.
    ///
    /// # Errors
    /// See [`Reader::open`].
    pub fn open_read_only(folder: &Path) -> Result<Reader, OpenError> {
        Reader::open(folder)
    }

    fn ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(Reply<T>) -> Message,
    ) -> BoxFuture<'_, Result<T, LedgerError>> {
        let (reply, answer) = oneshot::channel();
        // Here rather than in the future, so that calls one after the other keep their order.
        let sent = self.sender.try_send(message(reply));
        Box::pin(async move {
            match sent {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(message)) => {
                    self.sender.send(message).await.map_err(|_| self.store.ended())?;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(self.store.ended()),
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
        match batch_bytes(&batch) {
            Ok(bytes) => self.ask(|reply| Message::Append(Batch { records: batch, bytes, reply })),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
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

    fn put_artifact(&self, bytes: &[u8]) -> Result<Digest, LedgerError> {
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

/// Bytes of a batch, if it may be appended.
pub(super) fn batch_bytes(batch: &[Record]) -> Result<u64, LedgerError> {
    let size = |record: &Record| record.envelope.len() + record.body.as_ref().map_or(0, |(_, body)| body.len());
    let bytes = batch.iter().map(size).sum::<usize>() as u64;
    match bytes {
        0 => Err(LedgerError::Empty),
        bytes if bytes > BATCH_BYTES_MAX => Err(LedgerError::TooLarge { bytes, bytes_max: BATCH_BYTES_MAX }),
        bytes => Ok(bytes),
    }
}

/// Makes the folder's directories and takes its lock.
fn lay_out(files: &Files) -> Result<Box<dyn Lock>, OpenError> {
    let folder = files.folder();
    let names = match files.disk.list(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(OpenError::io(folder))?,
    };
    if !names.is_empty() && !names.iter().any(|name| name == "segments" || name == "LOCK") {
        return Err(OpenError::NotALedger { folder: folder.to_owned() });
    }
    ensure_dir(files.disk.as_ref(), folder, Access::Shared).map_err(OpenError::io(folder))?;
    let lock = files.disk.lock(&files.lock()).map_err(OpenError::io(&files.lock()))?;
    let lock = lock.ok_or_else(|| OpenError::Locked { folder: folder.to_owned() })?;
    for path in [files.segments(), files.blobs(), files.artifacts()] {
        ensure_dir(files.disk.as_ref(), &path, Access::Shared).map_err(OpenError::io(&path))?;
    }
    Ok(lock)
}

/// Syncs what an earlier process may have left in the page cache: what is read must be what survives.
fn sync_before_trust(files: &Files) -> Result<(), OpenError> {
    let directory = files.segments();
    for number in files.list_segments().map_err(OpenError::io(&directory))? {
        let path = files.segment(number);
        let file = files.disk.open(&path, Mode::Write).map_err(OpenError::io(&path))?;
        file.sync_data().map_err(OpenError::io(&path))?;
    }
    for path in [directory, files.blobs(), files.artifacts()] {
        files.disk.sync_dir(&path).map_err(OpenError::io(&path))?;
    }
    Ok(())
}

/// What an opener holds while it decides.
struct Opening {
    files: Files,
    keystore: Keystore,
    seams: Seams,
    options: Options,
    lock: Box<dyn Lock>,
}

impl Opening {
    /// Begins a new ledger where no block is.
    fn create(self, scan: &Scan, end: End) -> Result<Embedded, OpenError> {
        // A crash during creation leaves at most the first block torn, and nothing signed.
        let path = self.files.checkpoint();
        let signed = read_if_there(self.files.disk.as_ref(), &path).map_err(OpenError::io(&path))?;
        if scan.segment > 0 || signed.is_some() {
            let what = "the folder once held blocks, and none is left".to_owned();
            return Err(OpenError::Damaged { path: self.files.segments(), offset: 0, what });
        }
        if let End::Torn { bytes, .. } = end {
            tracing::warn!(folder = %self.files.folder().display(), bytes, "the creation of a ledger did not finish; beginning anew");
        }
        let genesis = Genesis::new(&self.seams);
        self.keystore.create(&genesis.id, &genesis.root, &genesis.host)?;
        let incarnation = self.keystore.next_incarnation(&genesis.id, 0)?;
        let tail = Tail::create(self.files.clone(), 0, self.options.segment_bytes).map_err(tail_error)?;
        let chain = Chain::new(genesis.id, ChainVerifier::new(), genesis.host, incarnation, self.seams.clone());
        let mut writer = self.writer(genesis.id, Index::default(), chain, tail, Checkpoint::default());
        writer.write_block(genesis.records, VecDeque::new())?;
        writer.sign_head()?;
        start(writer)
    }

    /// Goes on with the ledger that was found.
    fn resume(self, id: LedgerId, scan: Scan, index: Index, end: End) -> Result<Embedded, OpenError> {
        let note = self.check_heads(&id, &scan.verifier)?;
        let Some(key) = self.keystore.host(&id)? else {
            return Err(OpenError::NoKey { ledger: id, path: self.keystore.host_path(&id) });
        };
        let public = keys::public(&key);
        if !scan.verifier.hosts().any(|host| *host == public) {
            return Err(OpenError::NotEnrolled { ledger: id, key: public });
        }
        let seen = scan.verifier.host_chain(&public).map_or(0, |(incarnation, _, _)| incarnation);
        let incarnation = self.keystore.next_incarnation(&id, seen)?;
        // Only now, when nothing can refuse the ledger any more, is anything in its folder changed.
        if let End::Torn { segment, offset, bytes } = end
            && bytes > 0
        {
            let path = self.files.segment(segment);
            tracing::warn!(path = %path.display(), offset, bytes, "cutting off a block that was not written to its end");
        }
        let tail = Tail::resume(self.files.clone(), scan.segment, scan.at, self.options.segment_bytes);
        let tail = tail.map_err(tail_error)?;
        let chain = Chain::new(id, scan.verifier, key, incarnation, self.seams.clone());
        start(self.writer(id, index, chain, tail, note))
    }

    /// Holds the folder against the head that was seen last and against its own; returns its own.
    fn check_heads(&self, id: &LedgerId, verifier: &ChainVerifier) -> Result<Checkpoint, OpenError> {
        if let Some(note) = self.keystore.head(id)? {
            verifier.extends(&note).map_err(|error| OpenError::extends(self.keystore.head_path(id), error))?;
        } else {
            tracing::warn!(ledger = %id, "no head of this ledger is kept on this machine: a rollback before today goes unseen");
        }
        let path = self.files.checkpoint();
        let Some(bytes) = read_if_there(self.files.disk.as_ref(), &path).map_err(OpenError::io(&path))? else {
            return Ok(Checkpoint::default());
        };
        let note = String::from_utf8_lossy(&bytes).into_owned();
        let head = verifier.extends(&note).map_err(|error| OpenError::extends(path, error))?;
        Ok(Checkpoint { note, size: head.size, at_ns: 0 })
    }

    fn writer(self, id: LedgerId, index: Index, chain: Chain, tail: Tail, checkpoint: Checkpoint) -> Writer {
        let durable = Some(watch::Sender::new(index.records()));
        Writer {
            store: Arc::new(Store::new(id, self.files, index)),
            chain,
            tail,
            keystore: self.keystore,
            clock: self.seams.clock,
            checkpoint_every: self.options.checkpoint_every,
            durable,
            checkpoint,
            _lock: self.lock,
        }
    }
}

/// Gives the writer its thread.
fn start(writer: Writer) -> Result<Embedded, OpenError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let store = writer.store.clone();
    let durable = writer.durable.as_ref().map_or_else(|| watch::channel(0).1, watch::Sender::subscribe);
    let thread = std::thread::Builder::new().name("manes-ledger".to_owned()).spawn(move || writer.run(receiver));
    let thread = thread.map_err(OpenError::io(store.files.folder()))?;
    Ok(Embedded { store, durable, artifacts: Mutex::new(()), sender, _thread: Joined(Some(thread)) })
}

fn tail_error(error: TailError) -> OpenError {
    match error {
        TailError::Full(path) => LedgerError::NoSpace { path }.into(),
        TailError::Failed(path, source) => OpenError::Io { path, source },
    }
}
