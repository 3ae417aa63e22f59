//! Goal: the golden folder stays what its generator makes, and small. Method: every file is compared byte by byte.

use crate::sample::{ARTIFACT, Golden, golden};
use crate::{repository, same_or_update};
use manes_core::block::Block;
use manes_core::ids::Digest;
use manes_core::segment::{SEGMENT_HEAD, frame};
use std::collections::BTreeMap;
use std::path::Path;

/// A segment with `zeros` bytes preallocated after its last frame.
fn segment(blocks: &[Block], zeros: usize) -> Vec<u8> {
    let frames = blocks.iter().flat_map(|block| frame(&block.encode()).expect("a small block fits"));
    SEGMENT_HEAD.into_iter().chain(frames).chain(std::iter::repeat_n(0, zeros)).collect()
}

/// The folder's files by path.
fn files(golden: &Golden) -> BTreeMap<String, Vec<u8>> {
    let (first, second) = golden.chain.blocks.split_at(golden.first_segment);
    let mut files = BTreeMap::from([
        ("segments/00000000.seg".to_owned(), segment(first, 40)),
        ("segments/00000001.seg".to_owned(), segment(second, 100)),
        (format!("artifacts/{}", Digest::of(ARTIFACT)), ARTIFACT.to_vec()),
        ("checkpoint".to_owned(), golden.checkpoint.clone().into_bytes()),
        ("LOCK".to_owned(), Vec::new()),
    ]);
    for (digest, bytes) in &golden.chain.blobs {
        let name = digest.to_string();
        files.insert(format!("blobs/{}/{name}", &name[..2]), bytes.clone());
    }
    files
}

fn found(folder: &Path, prefix: &str, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("the golden folder is there") {
        let entry = entry.expect("entry is readable");
        let name = format!("{prefix}{}", entry.file_name().to_str().expect("name is text"));
        if entry.path().is_dir() { found(&entry.path(), &format!("{name}/"), into) } else { into.push(name) }
    }
}

#[test]
fn the_golden_folder_is_what_its_generator_makes() {
    let golden = golden();
    let files = files(&golden);
    let folder = repository("tests/golden/v1");
    for (path, bytes) in &files {
        same_or_update(&folder.join(path), bytes);
    }
    let mut names = Vec::new();
    found(&folder, "", &mut names);
    names.sort();
    assert_eq!(names, files.keys().cloned().collect::<Vec<_>>(), "no file but those of the generator");
    assert!(files.values().map(Vec::len).sum::<usize>() <= 20 << 10, "the golden ledger stays small");
}

#[test]
fn the_golden_ledger_verifies_and_extends_its_checkpoint() {
    let golden = golden();
    let verifier = golden.chain.verify().expect("it verifies");
    assert_eq!(verifier.head(), golden.chain.tree_head());
    assert_eq!(verifier.open_attempts(), 1);
    assert_eq!(verifier.bodies_absent(), 1);
    assert_eq!(verifier.hosts().count(), 1);
    assert_eq!(verifier.extends(&golden.checkpoint).map(|head| head.size), Ok(verifier.head().size - 1));
}
