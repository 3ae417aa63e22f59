//! What every ledger must do, as one suite.
//!
//! Goal: whoever holds an `Arc<dyn Ledger>` cannot tell which one it is. Method: each function takes an empty ledger
//! and drives it through the trait alone; [`conformance!`] makes a test of each for one constructor. A new kind of
//! ledger joins with one line.

use super::api::{BATCH_BYTES_MAX, Entry, Ledger, READ_BYTES_MAX};
use super::error::LedgerError;
use bytes::Bytes;
use manes_core::block::{Block, Header};
use manes_core::checkpoint;
use manes_core::ids::{ActivationId, Digest};
use manes_core::record::{Commitment, Envelope, Kind, Record};
use manes_core::tree;
use manes_core::verify::ChainVerifier;
use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// An empty ledger, and what must live as long as it.
pub(crate) struct Subject {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) keep: Box<dyn Any + Send + Sync>,
}

/// Makes one test of each function of the suite for the ledgers of one constructor.
macro_rules! conformance {
    ($make:expr) => {
        conformance! { @each $make;
            begins_with_genesis_and_an_enrolled_key,
            a_batch_is_one_block_in_order,
            refuses_batches_that_are_empty_or_too_large,
            concurrent_appends_keep_batches_whole_and_each_tasks_order,
            calls_one_after_the_other_keep_their_order_without_waiting,
            reads_any_window,
            reads_stop_early_after_many_bytes,
            a_large_block_is_read_in_windows,
            bodies_of_any_size_come_back,
            an_inbox_begins_anywhere_and_follows_the_tail,
            an_inbox_ends_when_the_ledger_closes,
            artifacts_are_found_by_their_digest,
            every_record_is_proved_by_its_block_and_checkpoint,
            checkpoints_extend_each_other,
            the_verifier_takes_every_block,
            what_cannot_be_true_is_not_written,
            closes_once,
        }
    };
    (@each $make:expr; $($name:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let subject = $make;
            $crate::ledger::conformance::$name(subject.ledger.clone()).await;
            drop(subject.ledger);
            drop(subject.keep);
        }
    )*};
}
pub(crate) use conformance;

/// A record of a kind that the verifier places nowhere, told apart by `time_ns` and `body`.
pub(crate) fn record(time_ns: u64, body: &[u8]) -> Record {
    let mut salt = [7; 16];
    salt[..8].copy_from_slice(&time_ns.to_le_bytes());
    Record::new(Envelope::new(Kind::Unknown(900), time_ns), Some((salt, body.to_vec())), true)
}

/// Small records with times `range`.
pub(crate) fn records(range: std::ops::Range<u64>) -> Vec<Record> {
    range.map(|time| record(time, &time.to_le_bytes())).collect()
}

/// Everything durable.
pub(crate) fn all(ledger: &dyn Ledger) -> Vec<Entry> {
    let (durable, mut entries) = (*ledger.durable().borrow(), Vec::new());
    while (entries.len() as u64) < durable {
        let window = ledger.read(entries.len() as u64, 1_000).unwrap();
        assert!(!window.is_empty(), "a read before the end is never empty");
        entries.extend(window);
    }
    entries
}

/// All blocks in ledger order.
pub(crate) fn blocks(ledger: &dyn Ledger) -> Vec<Block> {
    let (mut index, mut blocks) = (0, Vec::new());
    while let Some((number, block)) = ledger.block_of(index).unwrap() {
        assert_eq!(number, blocks.len() as u64);
        index += block.envelopes.len() as u64;
        blocks.push(block);
    }
    blocks
}

pub(crate) async fn begins_with_genesis_and_an_enrolled_key(ledger: Arc<dyn Ledger>) {
    let entries = all(&*ledger);
    let kinds: Vec<Kind> = entries.iter().map(|entry| entry.envelope.kind()).collect();
    assert_eq!(kinds, [Kind::Genesis, Kind::Key]);
    assert_eq!(entries[0].leaf.0, ledger.id().0);
    let header = Header::decode(&blocks(&*ledger)[0].header).unwrap();
    assert_eq!(Some(header.host), entries[1].envelope.key);
    assert_eq!((header.incarnation, header.number, header.first, header.count), (1, 0, 0, 2));
}

pub(crate) async fn a_batch_is_one_block_in_order(ledger: Arc<dyn Ledger>) {
    for (place, size) in [1, 3, 100].into_iter().enumerate() {
        let start = *ledger.durable().borrow();
        let batch = records(start..start + size);
        let leaves: Vec<Digest> = batch.iter().map(Record::leaf).collect();
        let appended = ledger.append(batch).await.unwrap();
        assert_eq!(appended.first, start);
        assert_eq!(*ledger.durable().borrow(), start + size);
        assert_eq!(ledger.block_hashes()[place + 1], appended.block);
        let (number, block) = ledger.block_of(start).unwrap().unwrap();
        assert_eq!((number, block.hash(), block.leaves()), (place as u64 + 1, appended.block, leaves.clone()));
        let read: Vec<Digest> = ledger.read(start, 1_000).unwrap().iter().map(|entry| entry.leaf).collect();
        assert_eq!(read, leaves);
    }
}

pub(crate) async fn refuses_batches_that_are_empty_or_too_large(ledger: Arc<dyn Ledger>) {
    assert!(matches!(ledger.append(Vec::new()).await, Err(LedgerError::Empty)));
    let body = vec![0; usize::try_from(BATCH_BYTES_MAX).unwrap()];
    let envelope = Envelope { body: Some(Commitment { hash: Digest::default(), length: 0 }), ..Envelope::default() };
    let large = Record { envelope: envelope.encode(), body: Some(([0; 16], body)) };
    assert!(matches!(ledger.append(vec![large]).await, Err(LedgerError::TooLarge { .. })));
    // Neither left a trace.
    assert_eq!(ledger.append(records(0..1)).await.unwrap().first, 2);
}

pub(crate) async fn concurrent_appends_keep_batches_whole_and_each_tasks_order(ledger: Arc<dyn Ledger>) {
    const TASKS: u64 = 8;
    const BATCHES: u64 = 40;
    let task = |task: u64| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let mut batches = Vec::new();
            for batch in 0..BATCHES {
                let time = task * 1_000_000 + batch * 1_000;
                let size = 1 + (task + batch) % 5;
                let appended = ledger.append(records(time..time + size)).await.unwrap();
                batches.push((appended, time, size));
            }
            batches
        })
    };
    let tasks: Vec<_> = (0..TASKS).map(task).collect();
    let (mut taken, mut last) = (HashSet::new(), HashMap::new());
    for (number, task) in tasks.into_iter().enumerate() {
        for (appended, time, size) in task.await.unwrap() {
            let window = ledger.read(appended.first, usize::try_from(size).unwrap()).unwrap();
            let times: Vec<u64> = window.iter().map(|entry| entry.envelope.time_ns).collect();
            assert_eq!(times, (time..time + size).collect::<Vec<_>>());
            assert_eq!(ledger.block_of(appended.first).unwrap().unwrap().1.hash(), appended.block);
            assert_eq!(ledger.block_of(appended.first + size - 1).unwrap().unwrap().1.hash(), appended.block);
            assert!((appended.first..appended.first + size).all(|index| taken.insert(index)));
            assert!(last.insert(number, appended.first) < Some(appended.first), "a task's appends keep their order");
        }
    }
    assert_eq!(taken.len() as u64 + 2, *ledger.durable().borrow());
}

pub(crate) async fn calls_one_after_the_other_keep_their_order_without_waiting(ledger: Arc<dyn Ledger>) {
    let mut waiting: Vec<_> = (0..200).map(|time| ledger.append(records(time..time + 1))).collect();
    while let Some(last) = waiting.pop() {
        // The later call is waited for first.
        assert_eq!(last.await.unwrap().first, 2 + waiting.len() as u64);
    }
    let times: Vec<u64> = ledger.read(2, 1_000).unwrap().iter().map(|entry| entry.envelope.time_ns).collect();
    assert_eq!(times, (0..200).collect::<Vec<_>>());
}

pub(crate) async fn reads_any_window(ledger: Arc<dyn Ledger>) {
    for start in [0, 1, 4, 9, 16] {
        ledger.append(records(start..start * 2 + 1)).await.unwrap();
    }
    let entries = all(&*ledger);
    assert!(entries.iter().enumerate().all(|(place, entry)| entry.index == place as u64));
    for from in 0..entries.len() + 2 {
        for max in 0..entries.len() + 2 {
            let expected = entries.iter().skip(from).take(max).cloned().collect::<Vec<_>>();
            assert_eq!(ledger.read(from as u64, max).unwrap(), expected, "{max} from {from}");
        }
    }
    assert_eq!(ledger.read(u64::MAX, 1).unwrap(), []);
}

pub(crate) async fn reads_stop_early_after_many_bytes(ledger: Arc<dyn Ledger>) {
    let body = vec![1; READ_BYTES_MAX / 4];
    for time in 0..6 {
        ledger.append(vec![record(time, &body)]).await.unwrap();
    }
    assert_eq!(ledger.read(2, 1_000).unwrap().len(), 4);
    assert_eq!(all(&*ledger).len(), 8);
}

pub(crate) async fn a_large_block_is_read_in_windows(ledger: Arc<dyn Ledger>) {
    let body = [9; 4_096];
    ledger.append((0..6_000).map(|time| record(time, &body)).collect()).await.unwrap();
    ledger.append(records(0..1)).await.unwrap();
    let mut inbox = ledger.inbox(2);
    for index in 2..6_003 {
        assert_eq!(inbox.next().await.unwrap().index, index);
    }
}

pub(crate) async fn bodies_of_any_size_come_back(ledger: Arc<dyn Ledger>) {
    let sizes = [0, 1, 300, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1 << 20];
    let body = |size: usize| (0..size).map(|byte| (byte % 251) as u8).collect::<Vec<u8>>();
    let mut batch: Vec<Record> = sizes.iter().map(|size| record(*size as u64, &body(*size))).collect();
    // The same large body twice, one that is not kept, and a record that has none.
    batch.push(record(8, &body(1 << 20)));
    batch.push(Record::new(Envelope::new(Kind::Unknown(900), 9), Some(([9; 16], body(100_000))), false));
    batch.push(Record::new(Envelope::new(Kind::Unknown(900), 10), None, true));
    let first = ledger.append(batch).await.unwrap().first;
    let bodies: Vec<Option<Bytes>> = ledger.read(first, 100).unwrap().into_iter().map(|entry| entry.body).collect();
    let expected = sizes.iter().chain(&[1 << 20]).map(|size| Some(Bytes::from(body(*size)))).chain([None, None]);
    assert!(bodies == expected.collect::<Vec<_>>());
}

pub(crate) async fn an_inbox_begins_anywhere_and_follows_the_tail(ledger: Arc<dyn Ledger>) {
    ledger.append(records(0..700)).await.unwrap();
    for from in [0, 1, 2, 255, 256, 257, 701] {
        let mut inbox = ledger.inbox(from);
        for index in from..702 {
            let entry = inbox.next().await.unwrap();
            assert_eq!(entry.index, index);
            inbox.ack(index).await.unwrap();
        }
    }
    // From the end, and from beyond it: deliveries come as soon as there is something.
    let (mut end, mut beyond) = (ledger.inbox(702), ledger.inbox(705));
    let late = tokio::spawn(async move { beyond.next().await.unwrap().index });
    for time in 0..5 {
        ledger.append(records(time..time + 1)).await.unwrap();
        assert_eq!(end.next().await.unwrap().index, 702 + time);
    }
    assert_eq!(late.await.unwrap(), 705);
}

pub(crate) async fn an_inbox_ends_when_the_ledger_closes(ledger: Arc<dyn Ledger>) {
    let mut inbox = ledger.inbox(0);
    let follower = tokio::spawn(async move {
        let mut delivered = 0;
        loop {
            match inbox.next().await {
                Ok(_) => delivered += 1,
                Err(error) => return (delivered, error),
            }
        }
    });
    ledger.append(records(0..3)).await.unwrap();
    ledger.close().await.unwrap();
    let (delivered, error) = follower.await.unwrap();
    assert_eq!(delivered, 5, "all that is durable is delivered before the end");
    assert!(matches!(error, LedgerError::Closed));
    assert!(ledger.durable().wait_for(|durable| *durable > 5).await.is_err());
    assert_eq!(*ledger.durable().borrow(), 5);
}

pub(crate) async fn artifacts_are_found_by_their_digest(ledger: Arc<dyn Ledger>) {
    for content in [b"".to_vec(), b"component".to_vec(), vec![3; 3 << 20]] {
        let digest = Digest::of(&content);
        assert_eq!(ledger.artifact(&digest).unwrap(), None);
        assert_eq!(ledger.put_artifact(&content).unwrap(), digest);
        assert_eq!(ledger.put_artifact(&content).unwrap(), digest);
        assert!(ledger.artifact(&digest).unwrap() == Some(content.into()));
    }
}

pub(crate) async fn every_record_is_proved_by_its_block_and_checkpoint(ledger: Arc<dyn Ledger>) {
    for size in [1, 2, 7, 1, 1] {
        ledger.append(records(0..size)).await.unwrap();
    }
    let note = ledger.checkpoint().await.unwrap();
    let host = Header::decode(&blocks(&*ledger)[0].header).unwrap().host;
    let head = checkpoint::verify_sole(&note, &ledger.id(), [&host]).unwrap();
    let hashes: Vec<Digest> = ledger.block_hashes().iter().map(|hash| tree::leaf_hash(&hash.0)).collect();
    for entry in all(&*ledger) {
        let (number, block) = ledger.block_of(entry.index).unwrap().unwrap();
        let header = Header::decode(&block.header).unwrap();
        let place = entry.index - header.first;
        let path = tree::inclusion_path(&block.leaves(), usize::try_from(place).unwrap()).unwrap();
        assert_eq!(tree::root_from_inclusion(entry.leaf, place, header.count, &path), Some(header.root));
        let path = tree::inclusion_path(&hashes, usize::try_from(number).unwrap()).unwrap();
        let leaf = tree::leaf_hash(&block.hash().0);
        assert_eq!(tree::root_from_inclusion(leaf, number, head.size, &path), Some(head.root));
    }
    assert_eq!(ledger.block_of(*ledger.durable().borrow()).unwrap(), None);
}

pub(crate) async fn checkpoints_extend_each_other(ledger: Arc<dyn Ledger>) {
    let mut notes = vec![ledger.checkpoint().await.unwrap()];
    assert_eq!(ledger.checkpoint().await.unwrap(), notes[0], "without a new block it is the same head");
    for time in 0..5 {
        ledger.append(records(time..time + 1)).await.unwrap();
        notes.push(ledger.checkpoint().await.unwrap());
    }
    let mut verifier = ChainVerifier::new();
    for block in blocks(&*ledger) {
        verifier.push(&block, |_| None).unwrap();
    }
    for (place, note) in notes.iter().enumerate() {
        assert_eq!(verifier.extends(note).unwrap().size, place as u64 + 1);
    }
}

pub(crate) async fn the_verifier_takes_every_block(ledger: Arc<dyn Ledger>) {
    for size in 1..6u64 {
        let mut batch = records(0..size);
        batch.push(record(99, &vec![5; 100_000]));
        ledger.append(batch).await.unwrap();
    }
    let outside: HashMap<Digest, Vec<u8>> = [(Digest::of(&[5; 100_000]), vec![5; 100_000])].into();
    let mut verifier = ChainVerifier::new();
    for block in blocks(&*ledger) {
        verifier.push(&block, |digest| outside.get(digest).cloned()).unwrap();
    }
    assert_eq!(verifier.ledger(), Some(ledger.id()));
    assert_eq!(verifier.records(), *ledger.durable().borrow());
    assert_eq!(verifier.block_hashes(), ledger.block_hashes());
    assert_eq!(verifier.bodies_absent(), 0);
}

pub(crate) async fn what_cannot_be_true_is_not_written(ledger: Arc<dyn Ledger>) {
    ledger.append(records(0..1)).await.unwrap();
    let mut inbox = ledger.inbox(3);
    // The end of an attempt that never began.
    let end = Envelope { activation: Some(ActivationId::default()), calls: Some(0), ..Envelope::new(Kind::End, 1) };
    let refused = ledger.append(vec![Record::new(end, None, true)]).await;
    assert!(matches!(refused, Err(LedgerError::Poisoned { .. })));
    assert!(matches!(ledger.append(records(1..2)).await, Err(LedgerError::Poisoned { .. })));
    assert!(matches!(ledger.checkpoint().await, Err(LedgerError::Poisoned { .. })));
    assert!(matches!(inbox.next().await, Err(LedgerError::Poisoned { .. })));
    assert_eq!(all(&*ledger).len(), 3, "what is durable stays readable");
    assert_eq!(blocks(&*ledger).len(), 2);
}

pub(crate) async fn closes_once(ledger: Arc<dyn Ledger>) {
    let last = ledger.append(records(0..2));
    let closed = ledger.close();
    assert_eq!(last.await.unwrap().first, 2, "what was submitted before is written");
    closed.await.unwrap();
    assert!(matches!(ledger.append(records(0..1)).await, Err(LedgerError::Closed)));
    assert!(matches!(ledger.checkpoint().await, Err(LedgerError::Closed)));
    assert!(matches!(ledger.put_artifact(b"x"), Err(LedgerError::Closed)));
    assert!(matches!(ledger.close().await, Err(LedgerError::Closed)));
    assert_eq!(all(&*ledger).len(), 4, "it stays readable");
}
