//! What must hold between two lives, and in the end.

use super::run::{HOME, LEDGER, Sim};
use super::world::Effect;
use crate::host::engine;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use manes_core::block::{Block, Header};
use manes_core::ids::{Digest, EventKey};
use manes_core::record::Kind;
use manes_core::segment::FRAME_HEAD_BYTES;
use manes_runtime::keystore::Keystore;
use manes_runtime::ledger::{Entry, OpenError, Reader};
use manes_runtime::query::{self, FlowRecord};
use manes_runtime::replay::Replayer;
use manes_runtime::seams::Seams;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

impl Sim {
    /// What every life finds: it was promised.
    pub(super) fn judge_between(&self) -> Result<()> {
        self.machine.start(None);
        let told = self.told();
        let reader = match Reader::open_on(Path::new(LEDGER), Arc::new(self.disk.clone())) {
            Err(OpenError::Absent { .. }) if told.acked.is_empty() => return Ok(()),
            reader => reader?,
        };
        let entries = entries(&reader)?;
        let keys = roots(&entries);
        for id in &told.acked {
            ensure!(keys.contains(&key(&reader, id)), "{id} was acknowledged and is gone");
        }
        let flows = query::flows(&reader)?;
        for id in &told.ended {
            let flow = key(&reader, id).flow();
            let state = flows.iter().find(|summary| summary.flow == flow).map(|summary| summary.status.clone());
            ensure!(state.is_some_and(|state| state != "open"), "the flow of {id} had ended and is open");
        }
        for entry in entries.iter().filter(|entry| entry.envelope.kind() == Kind::Deployment) {
            if let Some(component) = entry.envelope.component {
                ensure!(reader.artifact(&component)?.is_some(), "the component of record {} is gone", entry.index);
            }
        }
        let store = Keystore::new(Path::new(HOME), Arc::new(self.disk.clone()));
        ensure!(store.root(&reader.id())?.is_some(), "the root key is gone");
        let outside = store.head(&reader.id())?;
        for (place, note) in [("outside", outside), ("in the folder", reader.checkpoint()?)] {
            let size = note.map(|note| reader.verified(|verifier| verifier.extends(&note))).transpose()?;
            let size = size.map_or(0, |head| head.size);
            ensure!(size >= told.head, "a head of {} blocks was given out; the one kept {place} has {size}", told.head);
        }
        Ok(())
    }

    /// What holds when all is done.
    pub(super) fn judge(&self, replayed: bool) -> Result<()> {
        self.judge_between()?;
        ensure!(self.told().ended.len() == self.jobs.len(), "not every flow has ended");
        let reader = Reader::open_on(Path::new(LEDGER), Arc::new(self.disk.clone()))?;
        let entries = entries(&reader)?;
        ensure!(roots(&entries).len() == self.jobs.len(), "an event is there twice, or one that nobody sent");
        let answered: BTreeSet<Digest> = causes(&entries, Kind::Outcome);
        for intent in entries.iter().filter(|entry| entry.envelope.kind() == Kind::Intent) {
            ensure!(answered.contains(&intent.leaf), "the intent in record {} has no outcome", intent.index);
        }
        let ended = causes(&entries, Kind::End);
        for start in entries.iter().filter(|entry| entry.envelope.kind() == Kind::Start) {
            ensure!(ended.contains(&start.leaf), "the attempt in record {} has no end", start.index);
        }
        self.judge_effects(&reader, &entries)?;
        self.judge_blocks()?;
        if replayed { self.replay(&reader) } else { Ok(()) }
    }

    fn judge_effects(&self, reader: &Reader, entries: &[Entry]) -> Result<()> {
        let effects = self.network.effects();
        let flows = query::flows(reader)?;
        let cancelled = self.told().cancelled.clone();
        let mut keys: BTreeMap<&str, BTreeSet<&Option<String>>> = BTreeMap::new();
        for Effect { line, key } in &effects {
            ensure!(key.is_some(), "{line} came without a key");
            keys.entry(line).or_default().insert(key);
        }
        for (line, keys) in &keys {
            ensure!(keys.len() == 1, "{line} came under several keys: {keys:?}");
            let times = effects.iter().filter(|effect| effect.line == *line).count();
            ensure!(times == 1 || !line.starts_with("POST"), "{line} was carried out {times} times");
        }
        let distinct: BTreeSet<_> = keys.values().flatten().collect();
        ensure!(distinct.len() == keys.len(), "two requests came under one key");
        for job in &self.jobs {
            let flow = key(reader, &job.id).flow();
            let outs = entries
                .iter()
                .filter(|entry| entry.envelope.flow == Some(flow) && entry.envelope.topic.as_deref() == Some("a.out"));
            let (outs, status) = (outs.count(), flows.iter().find(|f| f.flow == flow).map(|f| f.status.as_str()));
            match status {
                Some("done") => {
                    ensure!(outs == job.outs, "{}: {outs} events are visible, not {}", job.id, job.outs);
                    for line in &job.requests {
                        ensure!(keys.contains_key(line.as_str()), "{}: done, and {line} never came", job.id);
                    }
                }
                // Only what asks a server that fails, or was cancelled, may come to nothing.
                Some("failed") if !job.requests.is_empty() || cancelled.contains(&job.id) => {
                    ensure!(outs <= job.outs, "{}: {outs} events are visible", job.id);
                }
                other => bail!("{} is {other:?}", job.id),
            }
        }
        Ok(())
    }

    /// No two blocks, of those that were lost too, were signed for one place of one start of the host.
    fn judge_blocks(&self) -> Result<()> {
        let mut places = BTreeMap::new();
        for frame in self.disk.blocks() {
            let payload = frame.get(FRAME_HEAD_BYTES..).context("a frame has a head")?;
            let block = Block::decode(payload).map_err(|error| anyhow!("a block cannot be read: {error}"))?;
            let header = Header::decode(&block.header)?;
            let place = (header.ledger, header.host, header.incarnation, header.number);
            let other = places.insert(place, block.hash());
            ensure!(other.is_none_or(|other| other == block.hash()), "two blocks were signed for {place:?}");
        }
        Ok(())
    }

    fn replay(&self, reader: &Reader) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let mut replayer = Replayer::new(engine().clone(), Seams::system(), None)?;
        for job in &self.jobs {
            let record: FlowRecord = query::gather(reader, key(reader, &job.id).flow())?;
            for attempt in &record.attempts {
                let verdict = runtime.block_on(replayer.replay(reader, attempt))?;
                ensure!(
                    verdict.identical,
                    "{} attempt {:?} does not replay: {verdict:?}",
                    job.id,
                    attempt.start.envelope.attempt
                );
            }
        }
        Ok(())
    }
}

fn key(reader: &Reader, id: &str) -> EventKey {
    EventKey::external(&reader.id(), "client/sim", "client/sim", id)
}

fn entries(reader: &Reader) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let more = reader.read(entries.len() as u64, 1_000)?;
        if more.is_empty() {
            return Ok(entries);
        }
        entries.extend(more);
    }
}

/// Keys of the events that came from outside; each is there once.
fn roots(entries: &[Entry]) -> Vec<EventKey> {
    let root = |entry: &&Entry| entry.envelope.kind() == Kind::Event && entry.envelope.cause.is_none();
    entries.iter().filter(root).filter_map(|entry| entry.envelope.event).collect()
}

fn causes(entries: &[Entry], kind: Kind) -> BTreeSet<Digest> {
    entries.iter().filter(|entry| entry.envelope.kind() == kind).filter_map(|entry| entry.envelope.cause).collect()
}
