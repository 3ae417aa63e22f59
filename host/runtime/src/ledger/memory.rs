//! A ledger that lives as long as its value: for tests and for runs whose record nobody keeps.
//!
//! It seals, signs and verifies as the embedded one does, through the same [`Chain`]; only "durable" means nothing
//! here. Its keys are drawn at the beginning and never leave it.

use super::api::{Appended, BoxFuture, Entry, KeyChange, Ledger, READ_BYTES_MAX};
use super::chain::{Chain, Genesis, Sealed};
use super::decoded::{Decoded, Kept};
use super::error::LedgerError;
use super::health::Health;
use super::inbox::{Follow, Inbox, Source};
use super::writer::batch_bytes;
use crate::seams::Seams;
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use manes_core::block::{Block, StoredBody};
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::keys;
use manes_core::record::Record;
use manes_core::verify::ChainVerifier;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A ledger in memory.
#[derive(Debug)]
pub struct Memory {
    id: LedgerId,
    shared: Arc<Shared>,
    durable: watch::Receiver<u64>,
}

#[derive(Debug)]
struct Shared {
    health: Health,
    root: SigningKey,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chain: Chain,
    blocks: Vec<(Block, Decoded, Digest)>,
    records: u64,
    artifacts: HashMap<Digest, Bytes>,
    /// None once closed.
    durable: Option<watch::Sender<u64>>,
}

impl Memory {
    /// A new ledger with keys of its own.
    #[must_use]
    pub fn new(seams: Seams) -> Self {
        let genesis = Genesis::new(&seams);
        let chain = Chain::new(genesis.id, ChainVerifier::new(), genesis.host, 1, seams);
        let (sender, durable) = watch::channel(0);
        let state = State { chain, blocks: Vec::new(), records: 0, artifacts: HashMap::new(), durable: Some(sender) };
        let shared = Arc::new(Shared { health: Health::default(), root: genesis.root, state: Mutex::new(state) });
        // Its verifier has no reason to refuse it. If it did, the ledger would take no appends and say why.
        let _ = shared.append(genesis.records);
        Self { id: genesis.id, shared, durable }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, records: Vec<Record>) -> Result<Appended, LedgerError> {
        self.append_to(&mut self.state(), records)
    }

    fn append_to(&self, state: &mut State, records: Vec<Record>) -> Result<Appended, LedgerError> {
        self.health.check()?;
        if state.durable.is_none() {
            return Err(LedgerError::Closed);
        }
        let sealed = state.chain.seal(records, |salt, bytes| StoredBody::Inline { salt, bytes });
        let Sealed { block, checked } = match sealed {
            Ok(sealed) => sealed,
            Err(wrong) => {
                state.durable = None;
                return Err(self.health.refused(&wrong));
            }
        };
        let appended = Appended { first: checked.header.first, block: checked.hash };
        state.records = checked.header.first + checked.header.count;
        state.blocks.push((block.clone(), Decoded::checked(block, checked), appended.block));
        let records = state.records;
        if let Some(durable) = &state.durable {
            durable.send_replace(records);
        }
        Ok(appended)
    }
}

impl Shared {
    fn change_keys(&self, change: KeyChange) -> Result<PublicKey, LedgerError> {
        let mut state = self.state();
        if state.durable.is_none() {
            return Err(self.ended());
        }
        let (records, changed) = match change {
            KeyChange::Rotate { keep_old } => {
                let (old, key) = (state.chain.host(), state.chain.draw());
                let old: &[PublicKey] = if keep_old { &[] } else { &[old] };
                let records = state.chain.enrolment(&self.root, keys::public(&key), old);
                state.chain.rekey(key);
                (records, state.chain.host())
            }
            KeyChange::Revoke(key) => {
                let record = state.chain.revocation(&self.root, key);
                (vec![record.map_err(|why| LedgerError::Keys { why: why.to_owned() })?], key)
            }
        };
        self.append_to(&mut state, records).map(|_| changed)
    }
}

impl State {
    /// Place of the block that holds `record`.
    fn find(&self, record: u64) -> Option<usize> {
        if record >= self.records {
            return None;
        }
        self.blocks.partition_point(|(_, decoded, _)| decoded.first <= record).checked_sub(1)
    }
}

impl Source for Shared {
    fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        let state = self.state();
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let blocks = state.find(from).and_then(|place| state.blocks.get(place..)).unwrap_or_default();
        for (index, line) in blocks.iter().flat_map(|(_, decoded, _)| decoded.from(from)) {
            if entries.len() >= max || bytes >= READ_BYTES_MAX {
                break;
            }
            let body = match &line.body {
                Kept::Here(body) => Some(body.clone()),
                Kept::Nowhere | Kept::Blob { .. } => None,
            };
            bytes += body.as_ref().map_or(0, Bytes::len);
            entries.push(line.entry(index, body));
        }
        Ok(entries)
    }

    fn ended(&self) -> LedgerError {
        self.health.check().err().unwrap_or(LedgerError::Closed)
    }
}

fn ready<T: Send + 'static>(result: Result<T, LedgerError>) -> BoxFuture<'static, Result<T, LedgerError>> {
    Box::pin(std::future::ready(result))
}

impl Ledger for Memory {
    fn id(&self) -> LedgerId {
        self.id
    }

    fn append(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        ready(batch_bytes(&batch).and_then(|_| self.shared.append(batch)))
    }

    fn append_when_room(&self, batch: Vec<Record>) -> BoxFuture<'_, Result<Appended, LedgerError>> {
        self.append(batch)
    }

    fn ended(&self) -> LedgerError {
        self.shared.ended()
    }

    fn is_full(&self) -> bool {
        false
    }

    fn read(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.shared.read(from, max)
    }

    fn durable(&self) -> watch::Receiver<u64> {
        self.durable.clone()
    }

    fn inbox(&self, from: u64) -> Inbox {
        Follow::inbox(self.shared.clone(), self.durable.clone(), from)
    }

    fn checkpoint(&self) -> BoxFuture<'_, Result<String, LedgerError>> {
        let state = self.shared.state();
        let open = if state.durable.is_some() { Ok(()) } else { Err(self.shared.ended()) };
        ready(open.map(|()| state.chain.checkpoint().1))
    }

    fn change_keys(&self, change: KeyChange) -> BoxFuture<'_, Result<PublicKey, LedgerError>> {
        ready(self.shared.change_keys(change))
    }

    fn put_artifact(&self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        let (digest, mut state) = (Digest::of(bytes), self.shared.state());
        if state.durable.is_none() {
            return Err(self.shared.ended());
        }
        state.artifacts.entry(digest).or_insert_with(|| Bytes::copy_from_slice(bytes));
        Ok(digest)
    }

    fn artifact(&self, digest: &Digest) -> Result<Option<Bytes>, LedgerError> {
        Ok(self.shared.state().artifacts.get(digest).cloned())
    }

    fn block_of(&self, index: u64) -> Result<Option<(u64, Block)>, LedgerError> {
        let state = self.shared.state();
        let block = |place: usize| state.blocks.get(place).map(|(block, _, _)| (place as u64, block.clone()));
        Ok(state.find(index).and_then(block))
    }

    fn block_hashes(&self) -> Vec<Digest> {
        self.shared.state().blocks.iter().map(|(_, _, hash)| *hash).collect()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        let closed = self.shared.state().durable.take();
        ready(if closed.is_some() { Ok(()) } else { Err(self.shared.ended()) })
    }
}
