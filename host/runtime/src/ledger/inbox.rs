//! Deliveries: the ledger as its reader meets it, one entry after the other.
//!
//! Invariant: entries come in ledger order, each at least once. A ledger in one process keeps no position for its
//! reader, who knows it from the ledger itself, so [`Inbox::ack`] has nothing to do there; a shared one delivers again
//! what was not acknowledged.

use super::api::{BoxFuture, Entry};
use super::error::LedgerError;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::watch;

/// Entries fetched at once: enough that a block's decoding is shared, few enough to stay in the cache.
const WINDOW: usize = 256;

/// Where deliveries come from: what a ledger implements for its [`Inbox`].
pub trait Feed: Send + Debug {
    /// The next delivery; waits for it. Cancelling loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Entry, LedgerError>>;
    /// The delivery of the record at `index` is done with.
    fn ack(&mut self, index: u64) -> BoxFuture<'_, Result<(), LedgerError>>;
}

/// Deliveries of a ledger.
#[derive(Debug)]
pub struct Inbox {
    feed: Box<dyn Feed>,
}

impl Inbox {
    /// An inbox that is fed by `feed`.
    #[must_use]
    pub fn new(feed: Box<dyn Feed>) -> Self {
        Self { feed }
    }

    /// The next entry in ledger order, waiting for it. Cancelling loses nothing.
    ///
    /// # Errors
    /// `Closed` or `Poisoned` when no more will come, after the last durable one was delivered; or a failed read,
    /// which can be tried again.
    pub async fn next(&mut self) -> Result<Entry, LedgerError> {
        self.feed.next().await
    }

    /// Says that the record at `index` need not be delivered again.
    ///
    /// # Errors
    /// Those of a ledger that keeps its readers' positions.
    pub async fn ack(&mut self, index: u64) -> Result<(), LedgerError> {
        self.feed.ack(index).await
    }
}

/// What a [`Follow`] reads from. Not the ledger itself, which would then never be dropped.
pub(super) trait Source: Send + Sync + Debug {
    fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError>;
    /// Why no more records will come.
    fn ended(&self) -> LedgerError;
}

/// The feed of a ledger in this process: reads what is there, then waits for the durable length to grow.
#[derive(Debug)]
pub(super) struct Follow {
    source: Arc<dyn Source>,
    durable: watch::Receiver<u64>,
    next: u64,
    window: VecDeque<Entry>,
}

impl Follow {
    pub(super) fn inbox(source: Arc<dyn Source>, durable: watch::Receiver<u64>, from: u64) -> Inbox {
        Inbox::new(Box::new(Self { source, durable, next: from, window: VecDeque::new() }))
    }

    async fn advance(&mut self) -> Result<Entry, LedgerError> {
        loop {
            if let Some(entry) = self.window.pop_front() {
                self.next = entry.index + 1;
                return Ok(entry);
            }
            self.window = self.source.read(self.next, WINDOW)?.into();
            let next = self.next;
            if self.window.is_empty() && self.durable.wait_for(|durable| *durable > next).await.is_err() {
                return Err(self.source.ended());
            }
        }
    }
}

impl Feed for Follow {
    fn next(&mut self) -> BoxFuture<'_, Result<Entry, LedgerError>> {
        Box::pin(self.advance())
    }

    fn ack(&mut self, _index: u64) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
