//! A ledger that comes to its sites: before and after intents, ends and submitted events.

use super::machine::{Machine, Site};
use bytes::Bytes;
use manes_core::block::Block;
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::record::{Envelope, Kind, Record};
use manes_runtime::ledger::{Appended, BoxFuture, Entry, Inbox, KeyChange, Ledger, LedgerError};
use std::sync::Arc;
use tokio::sync::watch;

/// The ledger of a simulated host.
#[derive(Debug)]
pub struct Sited {
    inner: Arc<dyn Ledger>,
    machine: Machine,
}

impl Sited {
    /// `inner`, on `machine`.
    #[must_use]
    pub fn new(inner: Arc<dyn Ledger>, machine: Machine) -> Self {
        Self { inner, machine }
    }
}

/// Where a batch comes by: an intent, an end, or an event from outside.
fn sites(batch: &[Record]) -> (Option<Site>, Option<Site>) {
    let kinds: Vec<Kind> =
        batch.iter().filter_map(|record| Envelope::decode(&record.envelope).ok()).map(|e| e.kind()).collect();
    if kinds.contains(&Kind::End) {
        (Some(Site::EndBefore), Some(Site::EndAfter))
    } else if kinds.contains(&Kind::Intent) {
        (Some(Site::IntentBefore), Some(Site::IntentAfter))
    } else if kinds == [Kind::Event] {
        (None, Some(Site::AckBefore))
    } else {
        (None, None)
    }
}

impl Sited {
    fn pass<'a>(
        &'a self,
        batch: Vec<Record>,
        append: impl FnOnce(Vec<Record>) -> BoxFuture<'a, Result<Appended, LedgerError>>,
    ) -> BoxFuture<'a, Result<Appended, LedgerError>> {
        let (before, after) = sites(&batch);
        if before.is_some_and(|site| self.machine.reach(site)) {
            return Box::pin(std::future::pending());
        }
        let appended = append(batch);
        Box::pin(async move {
            let appended = appended.await;
            if let Some(site) = after {
                self.machine.pass(site).await;
            }
            appended
        })
    }
}

impl Ledger for Sited {
    fn append(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        self.pass(batch, |batch| self.inner.append(batch))
    }
    fn append_when_room(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        self.pass(batch, |batch| self.inner.append_when_room(batch))
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
