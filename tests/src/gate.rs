//! [`Gate`]: a ledger that holds back appends with an intent, so that a test can look at the moment before an effect.

use anyhow::Result;
use bytes::Bytes;
use manes_core::block::Block;
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::record::{Envelope, Kind, Record};
use manes_runtime::ledger::{Appended, BoxFuture, Entry, Inbox, KeyChange, Ledger, LedgerError};
use std::sync::Arc;
use tokio::sync::watch;

/// A ledger in front of another one.
#[derive(Debug)]
pub struct Gate {
    inner: Arc<dyn Ledger>,
    open: watch::Sender<bool>,
    held: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate in front of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Ledger>) -> Self {
        Self { inner, open: watch::Sender::new(false), held: watch::Sender::new(0) }
    }

    /// Waits until `count` intents have been held back.
    ///
    /// # Errors
    /// None came.
    pub async fn held(&self, count: usize) -> Result<()> {
        let mut held = self.held.subscribe();
        tokio::time::timeout(crate::running::GUARD, held.wait_for(|held| *held >= count)).await??;
        Ok(())
    }

    /// Lets everything through.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

fn has_intent(batch: &[Record]) -> bool {
    let kind = |record: &Record| Envelope::decode(&record.envelope).map(|envelope| envelope.kind());
    batch.iter().any(|record| kind(record) == Ok(Kind::Intent))
}

impl Ledger for Gate {
    fn append(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        if !has_intent(&batch) {
            return self.inner.append(batch);
        }
        self.held.send_modify(|held| *held += 1);
        let mut open = self.open.subscribe();
        Box::pin(async move {
            // The sender lives as long as this ledger.
            let _ = open.wait_for(|open| *open).await;
            self.inner.append(batch).await
        })
    }

    fn append_when_room(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        self.append(batch)
    }
    fn ended(&self) -> LedgerError {
        self.inner.ended()
    }
    fn is_full(&self) -> bool {
        self.inner.is_full()
    }
    fn id(&self) -> LedgerId {
        self.inner.id()
    }
    fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.inner.read(from, max)
    }
    fn durable(&self) -> watch::Receiver<u64> {
        self.inner.durable()
    }
    fn inbox(&self, from: u64) -> Inbox {
        self.inner.inbox(from)
    }
    fn change_keys(&self, change: KeyChange) -> BoxFuture<'_, Result<PublicKey, LedgerError>> {
        self.inner.change_keys(change)
    }
    fn checkpoint(&self) -> BoxFuture<'_, Result<String, LedgerError>> {
        self.inner.checkpoint()
    }
    fn put_artifact(&self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        self.inner.put_artifact(bytes)
    }
    fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError> {
        self.inner.artifact(digest)
    }
    fn block_of(&self, index: u64) -> Result<Option<(u64, Block)>, LedgerError> {
        self.inner.block_of(index)
    }
    fn block_hashes(&self) -> Vec<Digest> {
        self.inner.block_hashes()
    }
    fn close(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.inner.close()
    }
}
