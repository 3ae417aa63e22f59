//! Goal: a failing disk loses nothing that was acknowledged and acknowledges nothing that may be lost.
//!
//! Method: every single operation of an append, a roll and a close fails once, with an input/output error and with a
//! full disk; then the folder is opened on a sound disk and compared with what was acknowledged.

use super::super::api::Ledger;
use super::super::conformance::{all, record, records};
use super::super::error::LedgerError;
use super::fault_disk::{FaultDisk, Op};
use super::{Options, Place, quiet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

/// Small enough that each round of [`work`] begins a segment.
const SEGMENT_BYTES: u64 = 2_000;

fn on(disk: &FaultDisk) -> Options {
    Options { segment_bytes: SEGMENT_BYTES, disk: Arc::new(disk.clone()), ..quiet() }
}

/// Appends with a blob and without; returns what was acknowledged, and what was refused.
async fn work(ledger: &dyn Ledger) -> (u64, Vec<LedgerError>) {
    let (mut acknowledged, mut errors) = (0, Vec::new());
    for time in 0..3 {
        let batch = match time {
            1 => vec![record(time, &[1; 100_000]), record(time, &[2; 900])],
            _ => vec![record(time, &[3; 900])],
        };
        let size = batch.len() as u64;
        match ledger.append(batch).await {
            Ok(_) => acknowledged += size,
            Err(error) => errors.push(error),
        }
    }
    (acknowledged, errors)
}

#[tokio::test]
async fn one_input_output_error_anywhere_stops_the_ledger_and_loses_nothing() {
    let operations = {
        let (place, disk) = (Place::new(), FaultDisk::new());
        let ledger = place.open_with(on(&disk)).unwrap();
        disk.arm(|_, _, _| None);
        assert!(work(&ledger).await.1.is_empty());
        disk.done()
    };
    assert!(operations.len() > 20, "this test rolls segments and writes blobs: {operations:?}");
    for (failing, (op, _)) in operations.iter().enumerate() {
        let (place, disk) = (Place::new(), FaultDisk::new());
        let ledger = place.open_with(on(&disk)).unwrap();
        let before = *ledger.durable().borrow();
        disk.arm(move |number, _, _| (number == failing).then_some(ErrorKind::Other));
        let (acknowledged, errors) = work(&ledger).await;
        let after = disk.done();
        // Removing a leftover and giving space back are no part of any promise.
        let harmless = matches!(op, Op::Truncate);
        assert_eq!(errors.is_empty(), harmless, "operation {failing}, {op:?}");
        assert!(errors.iter().all(|error| matches!(error, LedgerError::Poisoned { .. })), "{op:?}: {errors:?}");
        if !harmless {
            let more = ledger.append(records(7..8)).await.unwrap_err().to_string();
            assert_eq!(more, errors[0].to_string(), "every answer names the first failure");
            assert!(ledger.put_artifact(b"x").is_err());
            assert!(ledger.close().await.is_err());
            assert_eq!(disk.done(), after, "after operation {failing} the disk is left alone");
        }
        drop(ledger);
        let records = *place.open().unwrap().durable().borrow();
        assert!(records >= before + acknowledged, "operation {failing}, {op:?}: {records}, {before}, {acknowledged}");
        assert!(records <= before + 4);
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    // What takes room: files, directories, preallocated space. A segment's own bytes have theirs already.
    let takes_room = |op: Op, path: &Path| match op {
        Op::CreateDir | Op::Create | Op::Preallocate => true,
        Op::Write => path.extension().is_none_or(|end| end != "seg"),
        Op::Rename | Op::Remove | Op::SyncDir | Op::Truncate | Op::SyncData => false,
    };
    let (place, disk) = (Place::new(), FaultDisk::new());
    let ledger = place.open_with(on(&disk)).unwrap();
    let mut refused = 0;
    for skip in 0..6 {
        let (before, mut seen) = (*ledger.durable().borrow(), 0);
        disk.arm(move |_, op, path| {
            seen += usize::from(takes_room(op, path));
            (takes_room(op, path) && seen > skip).then_some(ErrorKind::StorageFull)
        });
        let (acknowledged, errors) = work(&ledger).await;
        assert!(errors.iter().all(|error| matches!(error, LedgerError::NoSpace { .. })), "{errors:?}");
        refused += errors.len();
        assert!(matches!(ledger.put_artifact(&[u8::try_from(skip).unwrap()]), Err(LedgerError::NoSpace { .. })));
        assert_eq!(all(&ledger).len() as u64, before + acknowledged, "it stays readable");
        disk.arm(|_, _, _| None);
        assert!(work(&ledger).await.1.is_empty(), "there is room again");
    }
    assert!(refused > 6);
    let records = *ledger.durable().borrow();
    drop(ledger);
    assert_eq!(*place.open().unwrap().durable().borrow(), records);
}

#[tokio::test]
async fn a_head_that_finds_no_room_does_not_stop_appends() {
    let (place, disk) = (Place::new(), FaultDisk::new());
    let ledger = place.open_with(on(&disk)).unwrap();
    ledger.append(records(0..1)).await.unwrap();
    for kept in ["checkpoint.new", &*format!("{}.new", ledger.id())] {
        let kept = kept.to_owned();
        disk.arm(move |_, op, path| (op == Op::Write && path.ends_with(&kept)).then_some(ErrorKind::StorageFull));
        assert!(ledger.checkpoint().await.is_err());
        ledger.append(records(1..2)).await.unwrap();
    }
    disk.arm(|_, _, _| None);
    ledger.checkpoint().await.unwrap();
    ledger.close().await.unwrap();
    place.open().unwrap();
}

/// The durable steps of an append, in order. Without any one of them a power cut could lose what was acknowledged.
#[tokio::test]
async fn what_is_durable_before_an_append_is_answered() {
    let (place, disk) = (Place::new(), FaultDisk::new());
    let roomy = Options { disk: Arc::new(disk.clone()), ..quiet() };
    let ledger = place.open_with(roomy).unwrap();
    // After the first one, for which zeros are written ahead.
    ledger.append(records(0..1)).await.unwrap();
    disk.arm(|_, _, _| None);
    ledger.append(vec![record(0, &[1; 100_000])]).await.unwrap();
    let name = manes_core::ids::Digest::of(&[1; 100_000]).to_string();
    let blobs = place.folder.join("blobs");
    let (dir, new) = (blobs.join(&name[..2]), blobs.join(&name[..2]).join(format!("{name}.new")));
    let expected: Vec<(Op, PathBuf)> = vec![
        (Op::Remove, new.clone()),
        (Op::Create, new.clone()),
        (Op::CreateDir, dir.clone()),
        (Op::SyncDir, blobs),
        (Op::Remove, new.clone()),
        (Op::Create, new.clone()),
        (Op::Write, new.clone()),
        (Op::SyncData, new),
        (Op::Rename, dir.join(&name)),
        (Op::SyncDir, dir),
        (Op::Write, place.segment(0)),
        (Op::SyncData, place.segment(0)),
    ];
    assert_eq!(disk.done(), expected);
    // A new segment's name is durable before the first block goes into it.
    let tiny = Options { segment_bytes: 1, disk: Arc::new(disk.clone()), ..quiet() };
    drop(ledger);
    let ledger = place.open_with(tiny).unwrap();
    disk.arm(|_, _, _| None);
    ledger.append(records(1..2)).await.unwrap();
    let segment = place.segment(1);
    let expected = vec![
        (Op::Remove, segment.clone()),
        (Op::Create, segment.clone()),
        (Op::Preallocate, segment.clone()),
        (Op::Write, segment.clone()),
        (Op::SyncData, segment.clone()),
        (Op::SyncDir, place.folder.join("segments")),
        (Op::Truncate, place.segment(0)),
        // Zeros ahead, and the block.
        (Op::Write, segment.clone()),
        (Op::Write, segment.clone()),
        (Op::SyncData, segment),
    ];
    assert_eq!(disk.done(), expected);
}

/// A ledger of three blocks, each in a segment of its own, the last of them torn.
async fn torn(place: &Place) {
    let ledger = place.open_with(Options { segment_bytes: SEGMENT_BYTES, ..quiet() }).unwrap();
    ledger.append(vec![record(0, &[1; 900])]).await.unwrap();
    ledger.append(vec![record(1, &[2; 900])]).await.unwrap();
    drop(ledger);
    let path = place.segment(2);
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 10..=end].fill(0);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn an_error_anywhere_in_opening_refuses_and_the_next_opening_succeeds() {
    let operations = {
        let (place, disk) = (Place::new(), FaultDisk::new());
        torn(&place).await;
        drop(place.open_with(on(&disk)).unwrap());
        disk.done()
    };
    assert!(operations.len() > 15, "{operations:?}");
    for (failing, (op, _)) in operations.iter().enumerate() {
        let (place, disk) = (Place::new(), FaultDisk::new());
        torn(&place).await;
        disk.arm(move |number, _, _| (number == failing).then_some(ErrorKind::Other));
        assert!(place.open_with(on(&disk)).is_err(), "operation {failing}, {op:?}");
        // At most what was begun is taken away.
        assert!(disk.done().iter().skip(failing + 1).all(|(op, _)| *op == Op::Remove), "operation {failing}, {op:?}");
        let ledger = place.open().unwrap();
        assert_eq!(all(&ledger).len(), 3, "operation {failing}, {op:?}");
        assert_eq!(ledger.append(records(5..6)).await.unwrap().first, 3);
    }
}

#[tokio::test]
async fn names_and_the_last_block_are_durable_before_anything_rests_on_them() {
    let (place, disk) = (Place::new(), FaultDisk::new());
    torn(&place).await;
    drop(place.open_with(on(&disk)).unwrap());
    let done = disk.done();
    let at = |op, path: &Path| done.iter().position(|(o, p)| *o == op && p == path).unwrap();
    let start = done.iter().position(|(op, path)| *op == Op::Create && path.starts_with(&place.home)).unwrap();
    for number in [0, 1, 2] {
        assert!(at(Op::SyncData, &place.segment(number)) < start);
    }
    for directory in ["segments", "blobs"] {
        assert!(at(Op::SyncDir, &place.folder.join(directory)) < start);
    }
    // And the torn end is cut only when the new start is on the disk.
    let truncated = at(Op::Truncate, &place.segment(2));
    assert!(truncated > start && done[truncated + 1] == (Op::SyncData, place.segment(2)));
    // A last block that is whole may have no more than pages: it is written once more.
    let place = Place::new();
    drop(place.open().unwrap());
    disk.arm(|_, _, _| None);
    drop(place.open_with(Options { disk: Arc::new(disk.clone()), ..quiet() }).unwrap());
    let segment = disk.done().into_iter().filter(|(_, path)| *path == place.segment(0)).map(|(op, _)| op);
    assert_eq!(segment.take(4).collect::<Vec<_>>(), [Op::SyncData, Op::Write, Op::Truncate, Op::SyncData]);
}

#[tokio::test]
async fn an_error_anywhere_in_creation_leaves_nothing_that_stands_in_the_way() {
    let operations = {
        let (place, disk) = (Place::new(), FaultDisk::new());
        drop(place.open_with(on(&disk)).unwrap());
        disk.done()
    };
    assert!(operations.len() > 30, "{operations:?}");
    for (failing, (op, path)) in operations.iter().enumerate() {
        let (place, disk) = (Place::new(), FaultDisk::new());
        disk.arm(move |number, _, _| (number == failing).then_some(ErrorKind::Other));
        assert!(place.open_with(on(&disk)).is_err(), "operation {failing}, {op:?}");
        let ledger = place.open().unwrap_or_else(|error| panic!("{failing}, {op:?} {}: {error}", path.display()));
        assert_eq!(ledger.append(records(0..1)).await.unwrap().first, 2);
    }
}

/// Appends one record and returns while the writer syncs it; sending lets it go on, then failing where `then` says.
fn held(
    ledger: &dyn Ledger,
    disk: &FaultDisk,
    mut then: impl FnMut(Op, &Path) -> Option<ErrorKind> + Send + 'static,
) -> mpsc::Sender<()> {
    let (go_on, gone_on) = mpsc::channel::<()>();
    let (enter, entered) = mpsc::channel();
    let mut waited = false;
    disk.arm(move |_, op, path| {
        if op == Op::SyncData && !waited {
            waited = true;
            enter.send(()).unwrap();
            gone_on.recv().unwrap();
            return None;
        }
        then(op, path)
    });
    drop(ledger.append(records(0..1)));
    entered.recv().unwrap();
    assert_eq!(*ledger.durable().borrow(), 2, "nothing is visible before its sync");
    assert!(ledger.read(2, 1).unwrap().is_empty());
    go_on
}

#[tokio::test]
async fn batches_that_wait_share_one_block_and_one_sync() {
    let (place, disk) = (Place::new(), FaultDisk::new());
    let ledger = place.open_with(Options { disk: Arc::new(disk.clone()), ..quiet() }).unwrap();
    let go_on = held(&ledger, &disk, |_, _| None);
    let waiting: Vec<_> = (1..20).map(|time| ledger.append(records(time..time + 2))).collect();
    go_on.send(()).unwrap();
    for (place, waiting) in waiting.into_iter().enumerate() {
        let appended = waiting.await.unwrap();
        // Its own answer was dropped, the first one was written all the same.
        assert_eq!((appended.first, appended.block), (3 + 2 * place as u64, ledger.block_hashes()[2]));
    }
    let syncs = disk.done().into_iter().filter(|(op, _)| *op == Op::SyncData).count();
    assert_eq!((ledger.block_hashes().len(), syncs), (3, 2));
}

#[tokio::test]
async fn a_failing_blob_fails_the_batches_that_wait_with_it() {
    let (place, disk) = (Place::new(), FaultDisk::new());
    let ledger = place.open_with(Options { disk: Arc::new(disk.clone()), ..quiet() }).unwrap();
    let segment = place.segment(0);
    let go_on = held(&ledger, &disk, move |op, path| (op == Op::Write && path != segment).then_some(ErrorKind::Other));
    let waiting = [records(1..2), vec![record(2, &[1; 100_000])], records(3..4)].map(|batch| ledger.append(batch));
    go_on.send(()).unwrap();
    for waiting in waiting {
        assert!(matches!(waiting.await, Err(LedgerError::Poisoned { .. })));
    }
    drop(ledger);
    assert_eq!(*place.open().unwrap().durable().borrow(), 3);
}
