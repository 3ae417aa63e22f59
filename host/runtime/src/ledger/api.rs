//! What every ledger offers, whatever it is kept in.

use super::error::LedgerError;
use super::inbox::Inbox;
use bytes::Bytes;
use manes_core::block::Block;
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::record::{Envelope, Record};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

/// A future that can be kept in a box and sent.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Envelopes and bodies of one batch, with what a block adds to each: what one activation may record (64 MiB) twice over. A batch is one block, so
/// that it is visible as a whole or not at all.
pub const BATCH_BYTES_MAX: u64 = 128 << 20;

/// Body bytes after which [`Ledger::read`] stops early, so that a window of large bodies does not fill the memory.
pub const READ_BYTES_MAX: usize = 16 << 20;

/// A durable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the ledger, from 0.
    pub index: u64,
    /// What is hashed.
    pub envelope: Envelope,
    /// Its leaf hash: the record's name.
    pub leaf: Digest,
    /// Its body; `None` if it has none or the body is not kept.
    pub body: Option<Bytes>,
}

/// What is to change about the keys that sign blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyChange {
    /// This host signs with a new key from now on; its old one is revoked, unless it is to be kept.
    Rotate {
        /// The old key stays enrolled, for a copy of it that is still in use.
        keep_old: bool,
    },
    /// Another key signs no more.
    Revoke(PublicKey),
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Ledger-wide index of the batch's first record.
    pub first: u64,
    /// Hash of the block that holds the batch.
    pub block: Digest,
}

/// The append-only sequence of blocks: the only source of truth.
///
/// Reads see durable records alone. They may touch the disk, briefly, on the calling thread.
pub trait Ledger: Send + Sync + Debug + 'static {
    /// The ledger's id: the hash of its genesis record.
    fn id(&self) -> LedgerId;

    /// Appends `batch` in order, all of it in one block; resolves when it is durable.
    ///
    /// The batch is submitted by the call itself as long as the queue has room, so that calls one after the other keep
    /// their order without waiting; on a full queue, when the future is first polled. Dropping the future after that
    /// does not take the batch back.
    ///
    /// # Errors
    /// See [`LedgerError`]; on `Empty`, `TooLarge` and `NoSpace` nothing of the batch is in the ledger, on `Poisoned`
    /// it may be.
    fn append(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>>;

    /// As [`Ledger::append`], for work that is under way: on a full disk it waits for room instead of failing with
    /// `NoSpace`, and so does what is appended after it in this way. Only closing the ledger ends that.
    ///
    /// # Errors
    /// As [`Ledger::append`]; `NoSpace` where the ledger was closed first.
    fn append_when_room(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>>;

    /// True while something waits for room.
    fn is_full(&self) -> bool;

    /// Why it takes no more appends: the first failure, or that it was closed.
    fn ended(&self) -> LedgerError;

    /// Durable entries from index `from`: at most `max`, fewer at the end or after [`READ_BYTES_MAX`] of bodies, none
    /// only where there are none (or `max` is 0).
    ///
    /// # Errors
    /// Damage, or a disk that cannot be read.
    fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError>;

    /// Number of durable records; the receiver sees it grow. It closes when the ledger takes no more appends.
    fn durable(&self) -> tokio::sync::watch::Receiver<u64>;

    /// Deliveries from index `from` on: first what is there, then what comes.
    fn inbox(&self, from: u64) -> Inbox;

    /// Signs the tree's head now, stores it in the folder and as the last head seen outside of it, and returns the
    /// signed note. Where no block came since the last one, that one is returned.
    ///
    /// # Errors
    /// A disk that cannot store it.
    fn checkpoint(&self) -> BoxFuture<'_, Result<String, LedgerError>>;

    /// Changes the keys that may sign blocks of this ledger; returns the one that changed: the new key of this host, or
    /// the one that was revoked. From the block that says so, a revoked key signs no more; what it signed before stays.
    ///
    /// # Errors
    /// `Keys`, and then nothing changed; `NoSpace`, likewise; `Poisoned`: the ledger says which key counts when it is
    /// opened again.
    fn change_keys(&self, change: KeyChange) -> BoxFuture<'_, Result<PublicKey, LedgerError>>;

    /// Stores content that travels with the ledger (components, WIT) under its SHA-256; durable when it returns.
    ///
    /// # Errors
    /// `NoSpace`, and then nothing changed, or `Poisoned`.
    fn put_artifact(&self, bytes: &[u8]) -> Result<Digest, LedgerError>;

    /// What was stored under `digest`.
    ///
    /// # Errors
    /// Content that is not what the name says, or a disk that cannot be read.
    fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError>;

    /// The block that holds the record, and the block's place in the ledger; for receipts.
    ///
    /// # Errors
    /// Damage, or a disk that cannot be read.
    fn block_of(&self, index: u64) -> Result<Option<(u64, Block)>, LedgerError>;

    /// Hashes of all durable blocks in ledger order.
    fn block_hashes(&self) -> Vec<Digest>;

    /// Stops cleanly: what was submitted before is written, the head is signed, unused space is given back. Appends
    /// and artifacts after it fail with `Closed`; reads go on.
    ///
    /// # Errors
    /// The last word of a disk that failed. The ledger is closed all the same.
    fn close(&self) -> BoxFuture<'_, Result<(), LedgerError>>;
}
