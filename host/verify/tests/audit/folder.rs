//! A copy of the golden folder, to be tampered with.

use ed25519_dalek::SigningKey;
use manes_core::block::{Block, Header, Link, StoredBody};
use manes_core::checkpoint::{self, TreeHead};
use manes_core::ids::{Digest, LedgerId};
use manes_core::record::Record;
use manes_core::segment::{Frames, SEGMENT_HEAD, frame};
use manes_core::tree::{self, Frontier};
use manes_verify::{AuditOptions, Finding, Report, audit};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const SEGMENTS: [&str; 2] = ["segments/00000000.seg", "segments/00000001.seg"];

/// The key made of 32 times `byte`: 1 is the golden root key, 2 its host's, 3 the revoked host's.
pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

/// The golden files.
pub(crate) fn golden_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn collect(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("folder is there") {
        let entry = entry.expect("entry is readable");
        let name = format!("{prefix}{}", entry.file_name().to_str().expect("name is text"));
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), into);
        } else {
            into.insert(name, fs::read(entry.path()).expect("file is readable"));
        }
    }
}

/// The golden files by path.
pub(crate) fn golden_files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(&golden_path().join("v1"), "", &mut files);
    files
}

/// The golden blocks.
pub(crate) fn golden_blocks() -> Vec<Block> {
    let files = golden_files();
    let payloads = SEGMENTS.iter().flat_map(|name| Frames::new(&files[*name]).expect("golden segment"));
    payloads.map(|frame| Block::decode(frame.expect("golden frame").payload).expect("golden block")).collect()
}

/// A ledger folder of its own.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// A copy of the golden folder.
    pub(crate) fn golden() -> Self {
        let folder = Self(tempfile::tempdir().expect("temporary folder"));
        for (path, bytes) in golden_files() {
            folder.write(&path, &bytes);
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let full = self.path().join(path);
        fs::create_dir_all(full.parent().expect("a file has a folder")).expect("folder can be made");
        fs::write(full, bytes).expect("file can be written");
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path().join(path)).expect("file can be removed");
    }

    /// Puts `blocks` into one segment in the place of those of the golden folder.
    pub(crate) fn with_blocks<'a>(self, blocks: impl IntoIterator<Item = &'a Block>) -> Self {
        let frames = blocks.into_iter().flat_map(|block| frame(&block.encode()).expect("a small block fits"));
        let segment: Vec<u8> = SEGMENT_HEAD.into_iter().chain(frames).collect();
        self.write(SEGMENTS[0], &segment);
        self.remove(SEGMENTS[1]);
        self
    }

    /// Replaces the folder's checkpoint.
    pub(crate) fn with_checkpoint(self, note: &str) -> Self {
        self.write("checkpoint", note.as_bytes());
        self
    }

    pub(crate) fn audit(&self) -> Result<Report, Finding> {
        self.audit_with(&[])
    }

    pub(crate) fn audit_with(&self, checkpoints: &[String]) -> Result<Report, Finding> {
        audit(&AuditOptions { folder: self.path().to_owned(), checkpoints: checkpoints.to_vec(), ledger: None })
    }

    /// The code of what is found.
    pub(crate) fn code(&self) -> &'static str {
        self.audit().map_or_else(|finding| finding.problem.code(), |_| "verified")
    }
}

/// Head of the tree over `blocks`.
pub(crate) fn head(blocks: &[Block]) -> TreeHead {
    let mut tree = Frontier::default();
    blocks.iter().for_each(|block| tree.push(tree::leaf_hash(&block.hash().0)));
    TreeHead { size: tree.size(), root: tree.root() }
}

/// A checkpoint over `blocks` by the golden host.
pub(crate) fn note(blocks: &[Block]) -> String {
    let ledger = Header::decode(&blocks[0].header).expect("golden header").ledger;
    checkpoint::sign(&ledger, &head(blocks), &key(2))
}

/// Seals the records of `block` again by `host`, with a header that `change` has changed.
pub(crate) fn reseal(block: &Block, host: &SigningKey, change: impl FnOnce(&mut Link, &mut Vec<Record>)) -> Block {
    let header = Header::decode(&block.header).expect("golden header");
    let Header { ledger, incarnation, number, previous, first, head, .. } = header;
    let mut link = Link { ledger, incarnation, number, previous, first, head };
    let mut records: Vec<Record> =
        block.envelopes.iter().map(|envelope| Record { envelope: envelope.clone(), body: None }).collect();
    change(&mut link, &mut records);
    let changed = Block::seal(&link, header.time_ns, records, host, |_, _| StoredBody::Absent);
    Block { bodies: block.bodies.clone(), ..changed }
}

/// The golden blocks as another ledger's: the same story under another id, by the same keys.
pub(crate) fn other_ledger() -> Vec<Block> {
    let relabel = |link: &mut Link, _: &mut Vec<Record>| link.ledger = LedgerId(Digest::of(b"another").0);
    golden_blocks().iter().map(|block| reseal(block, &key(2), relabel)).collect()
}
