//! Goal: what lies in the folder is found again by another process, now and later, and believed only if it is proved.

use super::super::api::Ledger;
use super::super::conformance::{all, record, records};
use super::super::error::{LedgerError, OpenError};
use super::{Options, Place, quiet};
use crate::seams::{Clock, Seams};
use manes_core::ids::Digest;
use manes_core::segment::Frames;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let place = Place::new();
    let ledger = place.open_with(Options { segment_bytes: 4_096, ..quiet() }).unwrap();
    for time in 0..50 {
        ledger.append(vec![record(time, &vec![1; 100 * usize::try_from(time).unwrap()])]).await.unwrap();
    }
    ledger.append(vec![record(99, &vec![2; 200_000])]).await.unwrap();
    let artifact = ledger.put_artifact(b"component").unwrap();
    let (entries, hashes) = (all(&ledger), ledger.block_hashes());
    drop(ledger);
    let ledger = place.open_with(Options { segment_bytes: 1 << 20, ..quiet() }).unwrap();
    assert!(all(&ledger) == entries);
    assert_eq!(ledger.block_hashes(), hashes);
    assert_eq!(ledger.artifact(&artifact).unwrap().as_deref(), Some(&b"component"[..]));
    assert!(place.segment(5).exists(), "this test rolls segments");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_follows_a_writer() {
    let place = Place::new();
    let ledger = place.open_with(Options { segment_bytes: 8_192, ..Options::default() }).unwrap();
    let (reader, done) = (Arc::new(place.read().unwrap()), Arc::new(AtomicBool::new(false)));
    let follower = std::thread::spawn({
        let (reader, done) = (reader.clone(), done.clone());
        move || {
            let mut looks = 0;
            while !done.load(Ordering::Acquire) {
                reader.refresh().unwrap();
                looks += 1;
            }
            looks
        }
    });
    for time in 0..500 {
        ledger.append(records(time..time + 1 + time % 3)).await.unwrap();
    }
    done.store(true, Ordering::Release);
    assert!(follower.join().unwrap() > 0);
    assert_eq!(reader.refresh().unwrap(), *ledger.durable().borrow());
    assert_eq!(reader.block_hashes(), ledger.block_hashes());
    let place_of_last = reader.records() - 1;
    assert_eq!(reader.read(place_of_last, 5).unwrap(), ledger.read(place_of_last, 5).unwrap());
    assert_eq!(reader.block_of(7).unwrap(), ledger.block_of(7).unwrap());
}

#[tokio::test]
async fn what_changes_under_an_open_ledger_is_not_returned() {
    let place = Place::new();
    let ledger = place.open().unwrap();
    ledger.append(records(0..3)).await.unwrap();
    let large = vec![4; 100_000];
    ledger.append(vec![record(3, &large)]).await.unwrap();
    let artifact = ledger.put_artifact(b"component").unwrap();
    let reader = place.read().unwrap();
    let mut bytes = fs::read(place.segment(0)).unwrap();
    bytes[400] ^= 1;
    fs::write(place.segment(0), &bytes).unwrap();
    assert!(matches!(reader.read(0, 1), Err(LedgerError::Damaged { .. })));
    assert!(matches!(ledger.block_of(0), Err(LedgerError::Damaged { .. })));
    let name = Digest::of(&large).to_string();
    let blob = place.folder.join("blobs").join(&name[..2]).join(&name);
    fs::write(&blob, vec![5; 100_000]).unwrap();
    assert!(matches!(reader.read(5, 1), Err(LedgerError::Damaged { path, .. }) if path == blob));
    fs::remove_file(&blob).unwrap();
    assert!(matches!(reader.read(5, 1), Err(LedgerError::Damaged { path, .. }) if path == blob));
    fs::write(place.folder.join("artifacts").join(artifact.to_string()), b"other").unwrap();
    assert!(matches!(ledger.artifact(&artifact), Err(LedgerError::Damaged { .. })));
    // Storing it again repairs it.
    ledger.put_artifact(b"component").unwrap();
    assert_eq!(ledger.artifact(&artifact).unwrap().as_deref(), Some(&b"component"[..]));
}

#[tokio::test]
async fn a_reader_that_met_an_altered_block_does_not_go_on() {
    let place = Place::new();
    let ledger = place.open().unwrap();
    let reader = place.read().unwrap();
    ledger.append(records(0..1)).await.unwrap();
    ledger.append(records(1..2)).await.unwrap();
    // The second block stands where the first should be: whole, but out of its place.
    let whole = fs::read(place.segment(0)).unwrap();
    let frames: Vec<usize> = Frames::new(&whole).unwrap().map(|frame| frame.unwrap().at).collect();
    let mut bytes = whole.clone();
    bytes.copy_within(frames[2].., frames[1]);
    fs::write(place.segment(0), bytes).unwrap();
    assert!(matches!(reader.refresh(), Err(OpenError::Violation { .. })));
    fs::write(place.segment(0), whole).unwrap();
    assert!(matches!(reader.refresh(), Err(OpenError::Damaged { .. })));
    assert_eq!(reader.read(0, 10).unwrap().len(), 2, "what was verified before stays readable");
    assert_eq!(place.read().unwrap().records(), 4);
}

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_signed_about_every_second() {
    let place = Place::new();
    let clock = Arc::new(Hand::default());
    let seams = Seams { clock: clock.clone(), ..Seams::system() };
    let ledger = super::Embedded::open(&place.folder, &place.home, seams, Options::default()).unwrap();
    let size = || fs::read_to_string(place.head(&ledger)).unwrap().lines().nth(1).unwrap().parse::<u64>().unwrap();
    assert_eq!(size(), 1);
    ledger.append(records(0..1)).await.unwrap();
    ledger.append(records(1..2)).await.unwrap();
    assert_eq!(size(), 1, "not before its time");
    clock.0.store(1_000_000_000, Ordering::Release);
    ledger.append(records(2..3)).await.unwrap();
    // It is signed after the append is answered, or was just before: the next answer comes after it in any case.
    ledger.append(records(3..4)).await.unwrap();
    assert!(size() >= 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_falls_quiet_is_covered_to_its_end() {
    let place = Place::new();
    let options = Options { checkpoint_every: Duration::from_millis(20), ..Options::default() };
    let ledger = place.open_with(options).unwrap();
    ledger.append(records(0..1)).await.unwrap();
    let reader = place.read().unwrap();
    // Nothing is asked of the ledger any more. Ends with the test's own time limit if no head is ever signed.
    while reader.checkpoint().unwrap().is_none_or(|note| note.lines().nth(1) != Some("2")) {
        tokio::task::yield_now().await;
    }
}
