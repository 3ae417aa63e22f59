//! Goal: whatever a crash leaves at the end of the chain, what was durable is there and the ledger goes on.
//!
//! Method: a ledger's folder is brought into each state that an unfinished write can leave, then opened. The handles
//! are dropped without closing, as a killed process drops them.

use super::super::api::Ledger;
use super::super::conformance::{all, blocks, record, records};
use super::super::scan::End;
use super::{Options, Place, quiet};
use manes_core::block::Header;
use manes_core::segment::{FRAME_HEAD_BYTES, Frames};
use std::fs;

/// A place whose last block, of four, is in no head, and the frames of its only segment: offset and bytes.
async fn four_blocks(last_body: &[u8]) -> (Place, Vec<(usize, Vec<u8>)>) {
    let place = Place::new();
    let ledger = place.open().unwrap();
    ledger.append(records(0..2)).await.unwrap();
    ledger.append(records(2..3)).await.unwrap();
    ledger.append(vec![record(3, last_body)]).await.unwrap();
    drop(ledger);
    let bytes = fs::read(place.segment(0)).unwrap();
    let frames = Frames::new(&bytes).unwrap().map(|frame| frame.unwrap());
    let frames = frames.map(|frame| (frame.at, bytes[frame.at..][..FRAME_HEAD_BYTES + frame.payload.len()].to_vec()));
    let frames: Vec<_> = frames.collect();
    assert_eq!(frames.len(), 4);
    (place, frames)
}

/// Opens a place whose last block is torn: the three before it are there, and it goes on.
async fn survives(place: &Place, what: &str) {
    let reader = place.read().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(reader.records(), 5, "{what}");
    drop(reader);
    let ledger = place.open().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(all(&ledger).len(), 5, "{what}");
    assert_eq!(ledger.append(records(9..10)).await.unwrap().first, 5);
    drop(ledger);
    assert_eq!(all(&place.open().unwrap()).len(), 6, "{what}");
}

#[tokio::test]
async fn a_torn_write_at_every_byte_of_the_last_block() {
    let (place, frames) = four_blocks(b"last").await;
    let (at, last) = &frames[3];
    let whole = fs::read(place.segment(0)).unwrap();
    for cut in 0..last.len() {
        let torn = place.copy();
        // The file ends there, or the space after it was preallocated.
        let mut bytes = whole[..at + cut].to_vec();
        if cut % 2 == 0 {
            bytes.resize(whole.len(), 0);
        }
        fs::write(torn.segment(0), bytes).unwrap();
        survives(&torn, &format!("cut at {cut}")).await;
    }
}

#[tokio::test]
async fn pages_written_out_of_order() {
    let (place, frames) = four_blocks(&[3; 1_000]).await;
    let (at, last) = &frames[3];
    let whole = fs::read(place.segment(0)).unwrap();
    for hole in (0..last.len() - 1).step_by(97) {
        for length in [1, 64, 512] {
            let torn = place.copy();
            let mut bytes = whole.clone();
            let end = last.len().min(hole + length);
            if bytes[at + hole..at + end].iter().all(|byte| *byte == 0) {
                continue;
            }
            bytes[at + hole..at + end].fill(0);
            fs::write(torn.segment(0), bytes).unwrap();
            survives(&torn, &format!("{length} bytes missing at {hole}")).await;
        }
    }
}

#[tokio::test]
async fn a_body_that_looks_like_a_block_does_not_make_a_torn_end_look_like_damage() {
    let (source, frames) = four_blocks(b"last").await;
    // A guest that knows the segment by heart, put into the last block of that very ledger.
    let body: Vec<u8> = frames.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let ledger = source.open().unwrap();
    ledger.append(vec![record(4, &body)]).await.unwrap();
    drop(ledger);
    let mut bytes = fs::read(source.segment(0)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end] ^= 1;
    fs::write(source.segment(0), bytes).unwrap();
    // The head that opening signed covers the four blocks, not the torn fifth.
    let ledger = source.open().unwrap();
    assert_eq!(all(&ledger).len(), 6);
}

#[tokio::test]
async fn a_crash_while_a_segment_begins() {
    let place = Place::new();
    let tiny = Options { segment_bytes: 1, ..quiet() };
    let ledger = place.open_with(tiny.clone()).unwrap();
    ledger.append(records(0..1)).await.unwrap();
    drop(ledger);
    // Created; preallocated; its head torn; its head whole.
    for left in [&b""[..], &[0; 4_096], b"MANES-SEG", b"MANES-SEGMENT\x01\0\0"] {
        let torn = place.copy();
        fs::write(torn.segment(2), left).unwrap();
        assert_eq!(torn.read().unwrap().records(), 3);
        let ledger = torn.open_with(tiny.clone()).unwrap();
        assert_eq!(ledger.append(records(1..2)).await.unwrap().first, 3);
        drop(ledger);
        assert_eq!(all(&torn.open_with(tiny.clone()).unwrap()).len(), 4);
    }
}

#[tokio::test]
async fn a_crash_while_the_ledger_is_created() {
    let whole = Place::new();
    drop(whole.open().unwrap());
    let segment = fs::read(whole.segment(0)).unwrap();
    let first_block = 16 + segment[16..].iter().rposition(|byte| *byte != 0).unwrap();
    for written in [None, Some(0), Some(5), Some(16), Some(40), Some(first_block)] {
        let place = Place::new();
        fs::create_dir_all(place.folder.join("segments")).unwrap();
        fs::write(place.folder.join("LOCK"), b"").unwrap();
        if let Some(written) = written {
            fs::write(place.segment(0), &segment[..written]).unwrap();
        }
        assert!(place.read().is_err());
        let ledger = place.open().unwrap();
        assert_eq!(ledger.append(records(0..1)).await.unwrap().first, 2);
    }
}

#[tokio::test]
async fn each_start_counts_even_without_a_block() {
    let place = Place::new();
    let incarnation = |ledger: &dyn Ledger| Header::decode(&blocks(ledger).last().unwrap().header).unwrap().incarnation;
    let ledger = place.open().unwrap();
    assert_eq!(incarnation(&ledger), 1);
    drop(ledger);
    drop(place.open().unwrap());
    let ledger = place.open().unwrap();
    ledger.append(records(0..1)).await.unwrap();
    assert_eq!(incarnation(&ledger), 3);
    let counter = place.home.join("keys").join(format!("{}.incarnation", ledger.id()));
    drop(ledger);
    // A home that was brought back from an older copy does not lead behind what the ledger has seen.
    fs::remove_file(counter).unwrap();
    let ledger = place.open().unwrap();
    ledger.append(records(0..1)).await.unwrap();
    assert_eq!(incarnation(&ledger), 4);
}

#[tokio::test]
async fn a_clean_stop_leaves_no_unused_space_and_a_head_over_everything() {
    let place = Place::new();
    let ledger = place.open().unwrap();
    ledger.append(records(0..10)).await.unwrap();
    assert!(fs::metadata(place.segment(0)).unwrap().len() >= quiet().segment_bytes);
    ledger.close().await.unwrap();
    let bytes = fs::read(place.segment(0)).unwrap();
    let last = Frames::new(&bytes).unwrap().last().unwrap().unwrap();
    assert_eq!(last.at + FRAME_HEAD_BYTES + last.payload.len(), bytes.len());
    let reader = place.read().unwrap();
    assert_eq!(reader.end(), End::Whole);
    let note = fs::read_to_string(place.head(&ledger)).unwrap();
    assert_eq!(reader.checkpoint().unwrap().as_deref(), Some(&*note));
    assert_eq!(reader.verified(|verifier| verifier.extends(&note).unwrap()).size, 2);
    // Full segments give theirs back when the next one begins.
    let place = Place::new();
    let ledger = place.open_with(Options { segment_bytes: 1 << 20, ..quiet() }).unwrap();
    for time in 0..40 {
        ledger.append(vec![record(time, &[0xff; 60_000])]).await.unwrap();
    }
    assert!(place.segment(2).exists());
    assert!(fs::metadata(place.segment(0)).unwrap().len() < 1 << 20);
}
