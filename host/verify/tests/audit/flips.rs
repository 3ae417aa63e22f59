//! Goal: every byte of every file counts. Method: in each one bit is flipped, another from byte to byte; with
//! `FLIP_EVERY_BIT=1` each bit of each, which takes minutes. (`manes-core` flips every bit of every block in memory.)

use crate::folder::{Folder, golden_files};
use std::thread;

/// Flips bits of every byte whose index is `share` modulo two, and expects each to be found.
fn flip(share: usize) {
    let folder = Folder::golden();
    let every = std::env::var_os("FLIP_EVERY_BIT").is_some();
    assert!(folder.audit().is_ok(), "the golden folder verifies");
    for (path, bytes) in golden_files() {
        for at in (0..bytes.len()).filter(|at| at % 2 == share) {
            for bit in (0..8).filter(|bit| every || at % 8 == *bit) {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                folder.write(&path, &altered);
                let found = folder.audit().expect_err(&format!("bit {bit} of byte {at} of {path} was flipped"));
                let elsewhere = found.file != path && !found.file.starts_with("blobs/");
                assert!(!elsewhere || path == "checkpoint", "{path}, byte {at}: found as {found}");
            }
        }
        folder.write(&path, &bytes);
    }
    assert!(folder.audit().is_ok(), "the golden folder verifies again");
}

#[test]
fn a_flipped_bit_in_every_byte_of_every_file_is_found_in_that_file() {
    let shares = [0, 1].map(|share| thread::spawn(move || flip(share)));
    shares.into_iter().for_each(|share| share.join().expect("each flip is found"));
}
