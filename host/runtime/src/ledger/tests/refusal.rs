//! Goal: what a crash cannot have left is refused, with the place named, and nothing in the folder is changed.
//!
//! Method: a sound ledger is copied, altered in one way, and opened for writing and for reading.

use super::super::api::Ledger;
use super::super::conformance::{record, records};
use super::super::embedded::Embedded;
use super::super::error::OpenError;
use super::super::reader::Reader;
use super::{Options, Place, copy_dir, quiet};
use crate::keystore::KeystoreError;
use manes_core::ids::Digest;
use manes_core::segment::Frames;
use manes_core::verify::ExtendsError;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Three blocks, closed cleanly.
async fn sound() -> Place {
    let place = Place::new();
    let ledger = place.open().unwrap();
    ledger.append(records(0..2)).await.unwrap();
    ledger.append(records(2..3)).await.unwrap();
    ledger.close().await.unwrap();
    place
}

fn contents(place: &Place) -> Vec<u8> {
    fs::read(place.segment(0)).unwrap()
}

#[tokio::test]
async fn a_flipped_bit_in_every_byte() {
    let place = sound().await;
    let whole = contents(&place);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(place.segment(0), &bytes).unwrap();
        assert!(place.open().is_err(), "byte {at}");
        assert_eq!(contents(&place), bytes, "byte {at}: a refused ledger is left as it is");
        assert!(place.read().is_err(), "byte {at}");
    }
    fs::write(place.segment(0), whole).unwrap();
    place.open().unwrap();
}

#[tokio::test]
async fn damage_before_the_last_block_names_segment_and_offset() {
    let place = sound().await;
    let mut bytes = contents(&place);
    let frames: Vec<usize> = Frames::new(&bytes).unwrap().map(|frame| frame.unwrap().at).collect();
    // Without a head that covers the blocks: the valid one after the damage is enough.
    fs::remove_dir_all(place.home.join("heads")).unwrap();
    fs::remove_file(place.folder.join("checkpoint")).unwrap();
    bytes[frames[1] + 20] ^= 1;
    // The frame after it is damaged as well, in its head: its block is still recognised.
    bytes[frames[2]] ^= 1;
    fs::write(place.segment(0), bytes).unwrap();
    for error in [place.open().unwrap_err(), place.read().unwrap_err()] {
        match error {
            OpenError::Damaged { path, offset, .. } => {
                assert_eq!((path, offset), (place.segment(0), frames[1] as u64));
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_missing_segment() {
    let place = Place::new();
    let ledger = place.open_with(Options { segment_bytes: 1, ..quiet() }).unwrap();
    for time in 0..4 {
        ledger.append(records(time..time + 1)).await.unwrap();
    }
    ledger.close().await.unwrap();
    for missing in 0..5 {
        let copy = place.copy();
        fs::remove_file(copy.segment(missing)).unwrap();
        assert!(copy.open().is_err(), "segment {missing}");
        assert!(copy.read().is_err(), "segment {missing}");
        // A hole in the numbers is filled by renaming: the links do not fit.
        for later in missing + 1..5 {
            fs::rename(copy.segment(later), copy.segment(later - 1)).unwrap();
        }
        assert!(copy.open().is_err(), "segment {missing}");
    }
}

#[tokio::test]
async fn a_blob_that_is_missing_or_altered() {
    let place = sound().await;
    let body = vec![6; 100_000];
    let ledger = place.open().unwrap();
    ledger.append(vec![record(3, &body)]).await.unwrap();
    drop(ledger);
    let name = Digest::of(&body).to_string();
    let blob = place.folder.join("blobs").join(&name[..2]).join(&name);
    let named = |error: OpenError| matches!(error, OpenError::Damaged { path, .. } if path == blob);
    fs::write(&blob, vec![7; 100_000]).unwrap();
    assert!(named(place.open().unwrap_err()) && named(place.read().unwrap_err()));
    fs::remove_file(&blob).unwrap();
    assert!(named(place.open().unwrap_err()) && named(place.read().unwrap_err()));
    fs::write(&blob, &body).unwrap();
    place.open().unwrap();
}

#[tokio::test]
async fn a_folder_that_was_rolled_back() {
    let place = sound().await;
    let old = place.copy();
    let ledger = place.open().unwrap();
    ledger.append(records(3..4)).await.unwrap();
    ledger.close().await.unwrap();
    fs::remove_dir_all(&place.folder).unwrap();
    copy_dir(&old.folder, &place.folder);
    match place.open().unwrap_err() {
        OpenError::Behind { path, source: ExtendsError::Shorter { held: 4, found: 3 } } => {
            assert_eq!(path, place.head(&ledger));
        }
        other => panic!("{other}"),
    }
    // Alone it is consistent: only whoever holds a newer head can tell.
    assert_eq!(place.read().unwrap().records(), 5);
}

#[tokio::test]
async fn a_folder_that_was_cut_behind_its_own_checkpoint() {
    let place = sound().await;
    let bytes = contents(&place);
    let last = Frames::new(&bytes).unwrap().last().unwrap().unwrap().at;
    fs::write(place.segment(0), &bytes[..last]).unwrap();
    assert!(matches!(place.read().unwrap_err(), OpenError::Behind { path, .. } if path.ends_with("checkpoint")));
    fs::remove_dir_all(place.home.join("heads")).unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::Behind { path, .. } if path.ends_with("checkpoint")));
    // Emptied altogether it is not mistaken for one that was never begun.
    fs::remove_file(place.segment(0)).unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::Damaged { .. }));
}

#[tokio::test]
async fn two_histories_of_one_ledger() {
    let place = sound().await;
    let other = place.copy();
    for (place, time) in [(&place, 10), (&other, 20)] {
        let ledger = place.open().unwrap();
        ledger.append(records(time..time + 1)).await.unwrap();
        ledger.close().await.unwrap();
    }
    fs::remove_dir_all(&place.folder).unwrap();
    copy_dir(&other.folder, &place.folder);
    let error = place.open().unwrap_err();
    assert!(matches!(error, OpenError::Behind { source: ExtendsError::Rewritten { size: 4 }, .. }), "{error}");
}

#[tokio::test]
async fn a_checkpoint_that_is_none() {
    let place = sound().await;
    fs::write(place.folder.join("checkpoint"), b"nothing").unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::Checkpoint { .. }));
    assert!(matches!(place.read().unwrap_err(), OpenError::Checkpoint { .. }));
    fs::remove_file(place.folder.join("checkpoint")).unwrap();
    let ledger = place.open().unwrap();
    assert_eq!(fs::read_to_string(place.folder.join("checkpoint")).unwrap(), ledger.checkpoint().await.unwrap());
}

#[tokio::test]
async fn a_second_writer() {
    let place = sound().await;
    let first = place.open().unwrap();
    let error = place.open().unwrap_err();
    assert!(error.to_string().contains(place.folder.to_str().unwrap()), "{error}");
    assert!(matches!(error, OpenError::Locked { .. }));
    drop(first);
    let second = place.open().unwrap();
    second.close().await.unwrap();
    // The answer to a close comes when the lock is free.
    place.open().unwrap();
}

#[tokio::test]
async fn a_copy_is_read_but_not_written_elsewhere() {
    let place = sound().await;
    let elsewhere = Place::new();
    copy_dir(&place.folder, &elsewhere.folder);
    let reader = Reader::open(&elsewhere.folder).unwrap();
    assert_eq!(reader.records(), 5);
    assert_eq!(reader.read(0, 100).unwrap(), place.open().unwrap().read(0, 100).unwrap());
    assert!(matches!(elsewhere.open().unwrap_err(), OpenError::NoKey { .. }));
    assert!(Embedded::open_read_only(&elsewhere.home).is_err());
}

#[tokio::test]
async fn a_folder_of_something_else() {
    let place = Place::new();
    fs::create_dir_all(&place.folder).unwrap();
    fs::write(place.folder.join("thesis.tex"), b"").unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::NotALedger { .. }));
    assert!(matches!(place.read().unwrap_err(), OpenError::Absent { .. }));
    assert_eq!(fs::read_dir(&place.folder).unwrap().count(), 1);
}

#[tokio::test]
async fn keys_are_private_and_those_that_are_not_are_refused() {
    let place = sound().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.home.join("keys")), 0o700);
    let mut host = None;
    for entry in fs::read_dir(place.home.join("keys")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        host = Some(path).filter(|path| path.extension().is_some_and(|end| end == "host")).or(host);
    }
    let host = host.unwrap();
    fs::set_permissions(&host, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::Keystore(KeystoreError::Open { .. })));
    fs::set_permissions(&host, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&host, "00".repeat(32)).unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::NotEnrolled { .. }));
    fs::write(&host, "no key").unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::Keystore(KeystoreError::Format { .. })));
}

#[tokio::test]
async fn nothing_in_the_folder_is_a_secret() {
    let place = sound().await;
    let secrets = fs::read_dir(place.home.join("keys")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let secrets: Vec<Vec<u8>> = secrets.filter(|text| text.len() > 60).collect();
    assert_eq!(secrets.len(), 2);
    let mut all = contents(&place);
    all.extend(fs::read(place.folder.join("checkpoint")).unwrap());
    for secret in secrets {
        let seed = manes_core::ids::unhex(str::from_utf8(&secret).unwrap().trim_end()).unwrap();
        assert!(!all.windows(32).any(|window| window == seed));
        assert!(!all.windows(64).any(|window| window == secret.trim_ascii_end()));
    }
}
