//! The state that the next block follows from, and its sealing. Every ledger of one host shares it.
//!
//! Invariant: a block that this host's own verifier would refuse is never returned, so nothing is written today that
//! cannot be opened tomorrow. The verifier is at the same time the chain's state: there is no second account of
//! numbers, links and roots that could disagree with it.

use crate::seams::Seams;
use ed25519_dalek::SigningKey;
use manes_core::block::{Block, Link, StoredBody};
use manes_core::checkpoint;
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::keys;
use manes_core::record::{Envelope, Kind, Record, Salt};
use manes_core::verify::{ChainVerifier, Checked, KEY_ENROLLED, KEY_REVOKED, Violation, key_statement};

/// The first records of a new ledger and the keys that they name.
pub(super) struct Genesis {
    pub(super) id: LedgerId,
    pub(super) root: SigningKey,
    pub(super) host: SigningKey,
    pub(super) records: Vec<Record>,
}

impl Genesis {
    /// Draws the keys, and writes the genesis record and the record that enrols the host's key.
    pub(super) fn new(seams: &Seams) -> Self {
        let (root, host) = (new_key(seams), new_key(seams));
        let now = seams.clock.now_ns();
        let genesis =
            Envelope { key: Some(keys::public(&root)), nonce: Some(seams.salt()), ..Envelope::new(Kind::Genesis, now) };
        let genesis = Record::new(genesis, None, false);
        let id = LedgerId(genesis.leaf().0);
        let public = keys::public(&host);
        let enrolment = key_record(&id, &root, KEY_ENROLLED, public, now);
        Self { id, root, host, records: vec![genesis, enrolment] }
    }
}

/// What the root key says about a host key.
fn key_record(ledger: &LedgerId, root: &SigningKey, status: u64, key: PublicKey, now: u64) -> Record {
    let envelope = Envelope {
        key: Some(key),
        status: Some(status),
        signature: Some(keys::sign(root, keys::KEY, &key_statement(ledger, status, &key))),
        ..Envelope::new(Kind::Key, now)
    };
    Record::new(envelope, None, false)
}

/// The records that make `new` a host key, in the place of those that are `old`.
pub(super) fn enrolment(
    ledger: &LedgerId,
    root: &SigningKey,
    new: PublicKey,
    old: &[PublicKey],
    now: u64,
) -> Vec<Record> {
    let revoked = old.iter().map(|key| key_record(ledger, root, KEY_REVOKED, *key, now));
    std::iter::once(key_record(ledger, root, KEY_ENROLLED, new, now)).chain(revoked).collect()
}

/// Draws a key.
fn new_key(seams: &Seams) -> SigningKey {
    let mut seed = [0; 32];
    seams.entropy.fill(&mut seed);
    SigningKey::from_bytes(&seed)
}

/// A block that is ready to be written.
pub(super) struct Sealed {
    pub(super) block: Block,
    pub(super) checked: Checked,
}

/// A host's view of the ledger it writes.
#[derive(Debug)]
pub(super) struct Chain {
    id: LedgerId,
    verifier: ChainVerifier,
    key: SigningKey,
    host: PublicKey,
    incarnation: u64,
    seams: Seams,
}

impl Chain {
    /// Goes on from what `verifier` has seen, as the `incarnation`th start of the host that holds `key`.
    pub(super) fn new(id: LedgerId, verifier: ChainVerifier, key: SigningKey, incarnation: u64, seams: Seams) -> Self {
        let host = keys::public(&key);
        Self { id, verifier, key, host, incarnation, seams }
    }

    /// Number of blocks.
    pub(super) fn blocks(&self) -> u64 {
        self.verifier.head().size
    }

    /// A key that could follow this host's.
    pub(super) fn draw(&self) -> SigningKey {
        new_key(&self.seams)
    }

    /// Seals with `key` from now on; returns the key before. The next block must enrol it, if none did.
    pub(super) fn rekey(&mut self, key: SigningKey) -> SigningKey {
        self.host = keys::public(&key);
        std::mem::replace(&mut self.key, key)
    }

    /// The records that make `new` this ledger's key for the host, in the place of those that are `old`.
    pub(super) fn enrolment(&self, root: &SigningKey, new: PublicKey, old: &[PublicKey]) -> Vec<Record> {
        enrolment(&self.id, root, new, old, self.seams.clock.now_ns())
    }

    /// The record that revokes another host's key.
    pub(super) fn revocation(&self, root: &SigningKey, key: PublicKey) -> Result<Record, &'static str> {
        if key == self.host {
            return Err("it is this host's own key; `manes key rotate` puts another in its place");
        }
        if !self.verifier.hosts().any(|host| *host == key) {
            return Err("no such key is enrolled");
        }
        Ok(key_record(&self.id, root, KEY_REVOKED, key, self.seams.clock.now_ns()))
    }

    /// This host's key.
    pub(super) const fn host(&self) -> PublicKey {
        self.host
    }

    /// What was sealed, verified.
    pub(super) const fn verifier(&self) -> &ChainVerifier {
        &self.verifier
    }

    /// Seals `records` as the next block.
    ///
    /// On an error the chain must not be used again: what the host asked for cannot follow what the ledger holds.
    pub(super) fn seal(
        &mut self,
        records: Vec<Record>,
        store: impl FnMut(Salt, Vec<u8>) -> StoredBody,
    ) -> Result<Sealed, Violation> {
        let (number, previous) =
            self.verifier.host_chain(&self.host).map_or((0, Digest::default()), |(_, number, hash)| (number, hash));
        let link = Link {
            ledger: self.id,
            incarnation: self.incarnation,
            number,
            previous,
            first: self.verifier.records(),
            head: self.verifier.head(),
        };
        let block = Block::seal(&link, self.seams.clock.now_ns(), records, &self.key, store);
        // Blobs are not read back: their bytes have just been hashed into their names.
        let checked = self.verifier.push(&block, |_| None)?;
        Ok(Sealed { block, checked })
    }

    /// The tree's head as a signed note, and the number of blocks it covers.
    pub(super) fn checkpoint(&self) -> (u64, String) {
        let head = self.verifier.head();
        (head.size, checkpoint::sign(&self.id, &head, &self.key))
    }
}
