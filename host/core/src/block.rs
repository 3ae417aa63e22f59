//! Blocks: records appended together under one Merkle root, one link back and one signature.
//!
//! A block is stored as one canonical CBOR array `[header, seal, envelopes, bodies]`. The header is itself encoded
//! bytes, because those exact bytes are signed and hashed.

use crate::cbor::{CborError, Reader, Writer};
use crate::checkpoint::TreeHead;
use crate::ids::{Digest, LedgerId, PublicKey};
use crate::keys;
use crate::record::{Record, Salt};
use crate::tree;
use ed25519_dalek::SigningKey;

/// Version of the block format.
pub const FORMAT: u64 = 1;
/// Suite 1: SHA-256 and ed25519.
pub const SUITE: u64 = 1;

/// What is signed: everything a block says except its records, which the root binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The ledger.
    pub ledger: LedgerId,
    /// The host's key.
    pub host: PublicKey,
    /// Which start of that host; persisted, one more at each.
    pub incarnation: u64,
    /// Place in this host's chain, from 0.
    pub number: u64,
    /// Hash of this host's previous block; of zeros for number 0.
    pub previous: Digest,
    /// Ledger-wide index of the first record.
    pub first: u64,
    /// Number of records.
    pub count: u64,
    /// Merkle root over the envelopes.
    pub root: Digest,
    /// The host's clock, nanoseconds since 1970.
    pub time_ns: u64,
    /// The last head of the ledger's tree that this host knew.
    pub head: TreeHead,
}

impl Header {
    /// The canonical encoding: what is hashed and signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.map(12);
        w.uint(0);
        w.uint(FORMAT);
        w.uint(1);
        w.uint(SUITE);
        w.uint(2);
        w.bytes(&self.ledger.0);
        w.uint(3);
        w.bytes(&self.host.0);
        for (key, value) in [(4, self.incarnation), (5, self.number)] {
            w.uint(key);
            w.uint(value);
        }
        w.uint(6);
        w.bytes(&self.previous.0);
        for (key, value) in [(7, self.first), (8, self.count)] {
            w.uint(key);
            w.uint(value);
        }
        w.uint(9);
        w.bytes(&self.root.0);
        w.uint(10);
        w.uint(self.time_ns);
        w.uint(11);
        w.array(2);
        w.uint(self.head.size);
        w.bytes(&self.head.root.0);
        w.finish()
    }

    /// Reads a header of this format and suite.
    ///
    /// # Errors
    /// Bytes that are not exactly such a header.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        let wrong = |at, expected| CborError::Type { at, expected };
        if r.map()? != 12 {
            return Err(wrong(0, "a header of twelve fields"));
        }
        let mut next = 0;
        let mut key = |r: &mut Reader<'_>| {
            let at = r.position();
            let found = r.uint()?;
            next += 1;
            if found == next - 1 { Ok(()) } else { Err(wrong(at, "the header's keys in order")) }
        };
        for expected in [FORMAT, SUITE] {
            key(&mut r)?;
            let at = r.position();
            if r.uint()? != expected {
                return Err(wrong(at, "a format and suite that this version reads (1, 1)"));
            }
        }
        key(&mut r)?;
        let ledger = LedgerId(r.fixed()?);
        key(&mut r)?;
        let host = PublicKey(r.fixed()?);
        key(&mut r)?;
        let incarnation = r.uint()?;
        key(&mut r)?;
        let number = r.uint()?;
        key(&mut r)?;
        let previous = Digest(r.fixed()?);
        key(&mut r)?;
        let first = r.uint()?;
        key(&mut r)?;
        let count = r.uint()?;
        key(&mut r)?;
        let root = Digest(r.fixed()?);
        key(&mut r)?;
        let time_ns = r.uint()?;
        key(&mut r)?;
        let at = r.position();
        if r.array()? != 2 {
            return Err(wrong(at, "a tree head [size, root]"));
        }
        let head = TreeHead { size: r.uint()?, root: Digest(r.fixed()?) };
        r.end()?;
        Ok(Self { ledger, host, incarnation, number, previous, first, count, root, time_ns, head })
    }
}

/// One signature in a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Suite of this signature.
    pub suite: u64,
    /// Who signed.
    pub key: PublicKey,
    /// Over the header as [`keys::BLOCK`].
    pub bytes: [u8; 64],
}

/// A record's body as a block stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBody {
    /// There is none, or only its commitment is kept.
    Absent,
    /// In the block.
    Inline {
        /// Salt of the commitment.
        salt: Salt,
        /// The body.
        bytes: Vec<u8>,
    },
    /// In a blob of its own, named by its SHA-256.
    Blob {
        /// Salt of the commitment.
        salt: Salt,
        /// Name of the blob.
        digest: Digest,
    },
}

/// A block as it is stored and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The encoded [`Header`].
    pub header: Vec<u8>,
    /// Signatures on it; the host's own comes first.
    pub seal: Vec<Signature>,
    /// Encoded envelopes, in order.
    pub envelopes: Vec<Vec<u8>>,
    /// One body for each envelope.
    pub bodies: Vec<StoredBody>,
}

/// What a host's chain is at, and so what the next block links to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The ledger.
    pub ledger: LedgerId,
    /// This start of the host.
    pub incarnation: u64,
    /// The next block's number.
    pub number: u64,
    /// The last block's hash.
    pub previous: Digest,
    /// Index of the next record.
    pub first: u64,
    /// The last known head of the tree.
    pub head: TreeHead,
}

impl Block {
    /// Seals `records` as the next block after `link`. `store` says where each body goes.
    #[must_use]
    pub fn seal(
        link: &Link,
        time_ns: u64,
        records: Vec<Record>,
        key: &SigningKey,
        mut store: impl FnMut(Salt, Vec<u8>) -> StoredBody,
    ) -> Self {
        let leaves: Vec<Digest> = records.iter().map(Record::leaf).collect();
        let header = Header {
            ledger: link.ledger,
            host: keys::public(key),
            incarnation: link.incarnation,
            number: link.number,
            previous: link.previous,
            first: link.first,
            count: records.len() as u64,
            root: tree::root(&leaves),
            time_ns,
            head: link.head,
        }
        .encode();
        let signature = keys::sign(key, keys::BLOCK, &header);
        let (envelopes, bodies) = records
            .into_iter()
            .map(|record| {
                let body = record.body.map_or(StoredBody::Absent, |(salt, bytes)| store(salt, bytes));
                (record.envelope, body)
            })
            .unzip();
        let seal = vec![Signature { suite: SUITE, key: keys::public(key), bytes: signature }];
        Self { header, seal, envelopes, bodies }
    }

    /// The block's hash: SHA-256 of its header.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(&self.header)
    }

    /// Leaf hashes of the envelopes.
    #[must_use]
    pub fn leaves(&self) -> Vec<Digest> {
        self.envelopes.iter().map(|envelope| tree::leaf_hash(envelope)).collect()
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4);
        w.bytes(&self.header);
        w.array(self.seal.len());
        for signature in &self.seal {
            w.array(3);
            w.uint(signature.suite);
            w.bytes(&signature.key.0);
            w.bytes(&signature.bytes);
        }
        w.array(self.envelopes.len());
        self.envelopes.iter().for_each(|envelope| w.bytes(envelope));
        w.array(self.bodies.len());
        self.bodies.iter().for_each(|body| body.encode(&mut w));
        w.finish()
    }

    /// Reads the stored form. What it says is not checked; that is [`crate::verify::ChainVerifier`]'s work.
    ///
    /// # Errors
    /// Bytes that are not canonical or not of this form.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        let wrong = |expected| CborError::Type { at: 0, expected };
        if r.array()? != 4 {
            return Err(wrong("a block of four parts"));
        }
        let header = r.bytes()?.to_vec();
        let mut seal = Vec::new();
        for _ in 0..r.array()? {
            if r.array()? != 3 {
                return Err(wrong("a signature [suite, key, bytes]"));
            }
            seal.push(Signature { suite: r.uint()?, key: PublicKey(r.fixed()?), bytes: r.fixed()? });
        }
        let mut envelopes = Vec::new();
        for _ in 0..r.array()? {
            envelopes.push(r.bytes()?.to_vec());
        }
        let mut bodies = Vec::new();
        for _ in 0..r.array()? {
            bodies.push(StoredBody::decode(&mut r)?);
        }
        r.end()?;
        if bodies.len() != envelopes.len() {
            return Err(wrong("one body for each envelope"));
        }
        Ok(Self { header, seal, envelopes, bodies })
    }
}

impl StoredBody {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Absent => w.null(),
            Self::Inline { salt, bytes } => {
                w.array(2);
                w.bytes(salt);
                w.bytes(bytes);
            }
            Self::Blob { salt, digest } => {
                w.array(3);
                w.bytes(salt);
                w.bytes(&digest.0);
                // The kind of storage, so that others can follow.
                w.uint(0);
            }
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let at = r.position();
        if r.null()? {
            return Ok(Self::Absent);
        }
        let wrong = CborError::Type { at, expected: "a body: null, [salt, bytes] or [salt, digest, 0]" };
        match r.array()? {
            2 => Ok(Self::Inline { salt: r.fixed()?, bytes: r.bytes()?.to_vec() }),
            3 => {
                let body = Self::Blob { salt: r.fixed()?, digest: Digest(r.fixed()?) };
                if r.uint()? == 0 { Ok(body) } else { Err(wrong) }
            }
            _ => Err(wrong),
        }
    }
}
