//! A ledger in memory, made block by block from fixed seeds.

use ed25519_dalek::SigningKey;
use manes_core::block::{Block, Link, StoredBody};
use manes_core::checkpoint::{self, TreeHead};
use manes_core::ids::{Digest, LedgerId};
use manes_core::keys;
use manes_core::record::{Envelope, Kind, Record, Salt};
use manes_core::tree::{self, Frontier};
use manes_core::verify::{ChainVerifier, Violation, key_statement};
use std::collections::BTreeMap;

/// 2023-11-14T22:13:20Z, one millisecond for each record.
pub(crate) const BASE_NS: u64 = 1_700_000_000_000_000_000;

/// The key made of 32 times `byte`.
pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

/// A ledger under construction.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) root: SigningKey,
    pub(crate) ledger: LedgerId,
    pub(crate) blocks: Vec<Block>,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    /// Bodies longer than this become blobs.
    pub(crate) inline_bytes_max: usize,
    /// What the next headers name as the last known head.
    pub(crate) head: TreeHead,
    pub(crate) incarnation: u64,
    made: u64,
    records: u64,
    tree: Frontier,
    hosts: BTreeMap<[u8; 32], (u64, Digest)>,
}

impl Chain {
    /// A ledger whose first block, by key 2, holds its genesis and the enrolment of key 2 by key 1.
    pub(crate) fn new() -> Self {
        Self::with_nonce([0x0f; 16])
    }

    /// As [`Chain::new`], another ledger for each nonce.
    pub(crate) fn with_nonce(nonce: [u8; 16]) -> Self {
        let root = key(1);
        let mut chain = Self {
            root,
            ledger: LedgerId::default(),
            blocks: Vec::new(),
            blobs: BTreeMap::new(),
            inline_bytes_max: 1024,
            head: TreeHead { size: 0, root: tree::empty_root() },
            incarnation: 1,
            made: 0,
            records: 0,
            tree: Frontier::default(),
            hosts: BTreeMap::new(),
        };
        let public = keys::public(&chain.root);
        let genesis = chain.envelope(Kind::Genesis);
        let genesis = Record::new(Envelope { key: Some(public), nonce: Some(nonce), ..genesis }, None, true);
        chain.ledger = LedgerId(genesis.leaf().0);
        let enrol = chain.key_record(&key(2), 0);
        chain.push(&key(2), vec![genesis, enrol]);
        chain
    }

    /// An envelope at the next time.
    pub(crate) fn envelope(&mut self, kind: Kind) -> Envelope {
        self.made += 1;
        Envelope::new(kind, BASE_NS + self.made * 1_000_000)
    }

    /// A salt that depends on how many envelopes were made.
    pub(crate) fn salt(&self) -> Salt {
        *Digest::of(format!("salt {}", self.made).as_bytes()).0.first_chunk().expect("a digest is longer")
    }

    /// A record with a body.
    pub(crate) fn record(&self, envelope: Envelope, body: Vec<u8>) -> Record {
        Record::new(envelope, Some((self.salt(), body)), true)
    }

    /// A key record: status 0 enrols `host`, 1 revokes it.
    pub(crate) fn key_record(&mut self, host: &SigningKey, status: u64) -> Record {
        let key = keys::public(host);
        let signature = keys::sign(&self.root, keys::KEY, &key_statement(&self.ledger, status, &key));
        let envelope = self.envelope(Kind::Key);
        let envelope = Envelope { key: Some(key), status: Some(status), signature: Some(signature), ..envelope };
        Record::new(envelope, None, true)
    }

    /// Seals `records` by `host` as the next block.
    pub(crate) fn push(&mut self, host: &SigningKey, records: Vec<Record>) {
        let (number, previous) = *self.hosts.entry(keys::public(host).0).or_default();
        let (ledger, incarnation, first, head) = (self.ledger, self.incarnation, self.records, self.head);
        let link = Link { ledger, incarnation, number, previous, first, head };
        self.records += records.len() as u64;
        let (blobs, max) = (&mut self.blobs, self.inline_bytes_max);
        let block = Block::seal(&link, BASE_NS + self.made * 1_000_000, records, host, |salt, bytes| {
            if bytes.len() <= max {
                return StoredBody::Inline { salt, bytes };
            }
            let digest = Digest::of(&bytes);
            blobs.insert(digest, bytes);
            StoredBody::Blob { salt, digest }
        });
        self.hosts.insert(keys::public(host).0, (number + 1, block.hash()));
        self.tree.push(tree::leaf_hash(&block.hash().0));
        self.blocks.push(block);
    }

    /// Head of the tree over all blocks.
    pub(crate) fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.tree.size(), root: self.tree.root() }
    }

    /// A checkpoint over all blocks, by `host`.
    pub(crate) fn checkpoint(&self, host: &SigningKey) -> String {
        checkpoint::sign(&self.ledger, &self.tree_head(), host)
    }

    /// Puts all blocks through the verifier.
    pub(crate) fn verify(&self) -> Result<ChainVerifier, Violation> {
        verify(&self.blocks, &self.blobs)
    }
}

/// Puts `blocks` through the verifier.
pub(crate) fn verify(blocks: &[Block], blobs: &BTreeMap<Digest, Vec<u8>>) -> Result<ChainVerifier, Violation> {
    let mut verifier = ChainVerifier::new();
    for block in blocks {
        verifier.push(block, |digest| blobs.get(digest).cloned())?;
    }
    Ok(verifier)
}
