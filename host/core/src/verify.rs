//! The verifier: a ledger's blocks go in one by one, and the first thing that cannot be true comes out.
//!
//! Invariant: nothing is believed that is not derived from the genesis record. The ledger's id is the hash of that
//! record, which holds the root key, which signs the host keys, which sign the blocks.

use crate::block::{Block, Header, StoredBody};
use crate::cbor::CborError;
use crate::checkpoint::{self, CheckpointError, TreeHead};
use crate::ids::{ActivationId, Digest, LedgerId, PublicKey};
use crate::keys;
use crate::record::{Commitment, Envelope, Kind};
use crate::tree::{self, Frontier};
use std::collections::{BTreeMap, HashMap, HashSet};
use thiserror::Error;

/// What a block or record claims that cannot be true. The verifier stops at the first.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("block {block}: {what}")]
pub struct Violation {
    /// Place of the block in the ledger, from 0.
    pub block: u64,
    /// What is wrong.
    pub what: Wrong,
}

/// The ways in which a block can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each message says what its case means")]
pub enum Wrong {
    #[error("the header is malformed: {0}")]
    Header(CborError),
    #[error("the ledger does not begin with a genesis record")]
    NoGenesis,
    #[error("it belongs to another ledger ({0})")]
    OtherLedger(LedgerId),
    #[error("host key {0} is not enrolled by the root key")]
    UnknownKey(PublicKey),
    #[error("host key {0} is revoked")]
    RevokedKey(PublicKey),
    #[error("the signature is not valid")]
    Signature,
    #[error("it does not follow this host's previous block (a block was removed, inserted or reordered)")]
    Link,
    #[error("incarnation {found} comes after {last}")]
    Incarnation { last: u64, found: u64 },
    #[error("its first record has index {found}, expected {expected}")]
    Index { expected: u64, found: u64 },
    #[error("the header counts {header} records, the block holds {block}")]
    Count { header: u64, block: u64 },
    #[error("the Merkle root does not match the records")]
    Root,
    #[error("the header's tree head is not a head of this ledger")]
    Head,
    #[error("record {record}: malformed: {why}")]
    Record { record: u64, why: CborError },
    #[error("record {record}: the body does not match its commitment")]
    Body { record: u64 },
    #[error("record {record}: there is a body but no commitment")]
    Uncommitted { record: u64 },
    #[error("record {record}: a {kind} record is not allowed here: {why}")]
    Misplaced { record: u64, kind: &'static str, why: &'static str },
}

/// A host key's state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HostKey {
    revoked: bool,
    incarnation: u64,
    number: u64,
    previous: Digest,
}

/// An attempt that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    activation: ActivationId,
    calls: u64,
    /// Its intents, to be forgotten with it.
    intents: Vec<Digest>,
}

/// A call that was announced by an attempt that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Announced {
    start: Digest,
    call: Option<u64>,
    answered: bool,
}

/// A verified block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its header.
    pub header: Header,
    /// Its hash.
    pub hash: Digest,
    /// Its envelopes, decoded.
    pub envelopes: Vec<Envelope>,
    /// Their leaf hashes.
    pub leaves: Vec<Digest>,
}

/// Verifies a ledger from its first block on.
#[derive(Debug, Clone, Default)]
pub struct ChainVerifier {
    ledger: Option<(LedgerId, PublicKey)>,
    hosts: BTreeMap<PublicKey, HostKey>,
    tree: Frontier,
    /// Root after each number of blocks, from none.
    roots: Vec<Digest>,
    hashes: Vec<Digest>,
    records: u64,
    bodies_absent: u64,
    events: HashSet<Digest>,
    deployments: HashSet<Digest>,
    open: HashMap<Digest, Open>,
    intents: HashMap<Digest, Announced>,
}

impl ChainVerifier {
    /// A verifier that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { roots: vec![tree::empty_root()], ..Self::default() }
    }

    /// The ledger's id, once its first block was seen.
    #[must_use]
    pub fn ledger(&self) -> Option<LedgerId> {
        self.ledger.map(|(id, _)| id)
    }

    /// Head of the tree over all blocks so far.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.tree.size(), root: self.tree.root() }
    }

    /// Number of records so far.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Records whose body is committed to but not kept.
    #[must_use]
    pub const fn bodies_absent(&self) -> u64 {
        self.bodies_absent
    }

    /// Hashes of all blocks, in order: the tree's leaves before their leaf hash.
    #[must_use]
    pub fn block_hashes(&self) -> &[Digest] {
        &self.hashes
    }

    /// Keys that the root key enrolled and did not revoke.
    pub fn hosts(&self) -> impl Iterator<Item = &PublicKey> {
        self.hosts.iter().filter(|(_, host)| !host.revoked).map(|(key, _)| key)
    }

    /// All keys that were ever enrolled, and whether each was revoked since.
    pub fn keys(&self) -> impl Iterator<Item = (&PublicKey, bool)> {
        self.hosts.iter().map(|(key, host)| (key, host.revoked))
    }

    /// The root key: it signs what is said about host keys.
    #[must_use]
    pub fn root(&self) -> Option<PublicKey> {
        self.ledger.map(|(_, root)| root)
    }

    /// State of a host's chain: incarnation, next number and last block's hash.
    #[must_use]
    pub fn host_chain(&self, key: &PublicKey) -> Option<(u64, u64, Digest)> {
        self.hosts.get(key).map(|host| (host.incarnation, host.number, host.previous))
    }

    /// The root of the tree when it had `size` blocks.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Digest> {
        usize::try_from(size).ok().and_then(|size| self.roots.get(size)).copied()
    }

    /// Attempts that began and have not ended.
    #[must_use]
    pub fn open_attempts(&self) -> usize {
        self.open.len()
    }

    /// Checks the next block. `blob` returns the content of a body that lies outside, if it is at hand.
    ///
    /// # Errors
    /// The first thing that cannot be true. The verifier must not be used after that.
    pub fn push(&mut self, block: &Block, blob: impl FnMut(&Digest) -> Option<Vec<u8>>) -> Result<Checked, Violation> {
        let place = self.tree.size();
        self.check(block, blob).map_err(|what| Violation { block: place, what })
    }

    fn check(&mut self, block: &Block, blob: impl FnMut(&Digest) -> Option<Vec<u8>>) -> Result<Checked, Wrong> {
        let header = Header::decode(&block.header).map_err(Wrong::Header)?;
        let leaves = block.leaves();
        let envelopes = self.decode(block)?;
        if header.count != leaves.len() as u64 || leaves.is_empty() {
            return Err(Wrong::Count { header: header.count, block: leaves.len() as u64 });
        }
        if header.root != tree::root(&leaves) {
            return Err(Wrong::Root);
        }
        if self.ledger.is_none() {
            self.begin(&envelopes, &leaves)?;
        }
        // Keys come first: the very first block is signed by the key that it enrols.
        for (place, envelope) in envelopes.iter().enumerate() {
            if envelope.kind() == Kind::Key {
                self.key_record(envelope, self.records + place as u64)?;
            }
        }
        self.check_header(&header, block)?;
        self.check_bodies(block, &envelopes, blob)?;
        for (place, (envelope, leaf)) in envelopes.iter().zip(&leaves).enumerate() {
            self.follow(envelope, *leaf, self.records + place as u64)?;
        }
        let hash = block.hash();
        self.tree.push(tree::leaf_hash(&hash.0));
        self.roots.push(self.tree.root());
        self.hashes.push(hash);
        self.records += header.count;
        if let Some(host) = self.hosts.get_mut(&header.host) {
            *host =
                HostKey { incarnation: header.incarnation, number: header.number + 1, previous: hash, ..host.clone() };
        }
        Ok(Checked { header, hash, envelopes, leaves })
    }

    fn decode(&self, block: &Block) -> Result<Vec<Envelope>, Wrong> {
        let decode = |(place, bytes): (usize, &Vec<u8>)| {
            Envelope::decode(bytes).map_err(|why| Wrong::Record { record: self.records + place as u64, why })
        };
        block.envelopes.iter().enumerate().map(decode).collect()
    }

    fn begin(&mut self, envelopes: &[Envelope], leaves: &[Digest]) -> Result<(), Wrong> {
        let (Some(genesis), Some(leaf)) = (envelopes.first(), leaves.first()) else { return Err(Wrong::NoGenesis) };
        match (genesis.kind(), genesis.key, genesis.nonce) {
            (Kind::Genesis, Some(root), Some(_)) => self.ledger = Some((LedgerId(leaf.0), root)),
            _ => return Err(Wrong::NoGenesis),
        }
        Ok(())
    }

    fn key_record(&mut self, envelope: &Envelope, record: u64) -> Result<(), Wrong> {
        let misplaced = |why| Wrong::Misplaced { record, kind: "key", why };
        let Some((ledger, root)) = self.ledger else { return Err(Wrong::NoGenesis) };
        let (Some(key), Some(signature), Some(status)) = (envelope.key, envelope.signature, envelope.status) else {
            return Err(misplaced("it lacks its key, status or signature"));
        };
        if !keys::verify(&root, keys::KEY, &key_statement(&ledger, status, &key), &signature) {
            return Err(misplaced("the root key did not sign it"));
        }
        match (status, self.hosts.get_mut(&key)) {
            (KEY_ENROLLED, None) => {
                let host = HostKey { revoked: false, incarnation: 0, number: 0, previous: Digest::default() };
                self.hosts.insert(key, host);
            }
            (KEY_ENROLLED, Some(_)) => return Err(misplaced("the key is already enrolled")),
            (KEY_REVOKED, Some(host)) => host.revoked = true,
            (KEY_REVOKED, None) => return Err(misplaced("the key was never enrolled")),
            _ => return Err(misplaced("its status is unknown")),
        }
        Ok(())
    }

    fn check_header(&self, header: &Header, block: &Block) -> Result<(), Wrong> {
        match self.ledger {
            Some((ledger, _)) if ledger == header.ledger => {}
            _ => return Err(Wrong::OtherLedger(header.ledger)),
        }
        let host = self.hosts.get(&header.host).ok_or(Wrong::UnknownKey(header.host))?;
        if host.revoked {
            return Err(Wrong::RevokedKey(header.host));
        }
        // Cosigners may follow later; today a seal is exactly the host's signature, so that nothing unchecked rides along.
        let [seal] = block.seal.as_slice() else { return Err(Wrong::Signature) };
        let own = seal.suite == crate::block::SUITE && seal.key == header.host;
        if !own || !keys::verify(&seal.key, keys::BLOCK, &block.header, &seal.bytes) {
            return Err(Wrong::Signature);
        }
        if (header.number, header.previous) != (host.number, host.previous) {
            return Err(Wrong::Link);
        }
        if header.incarnation < host.incarnation || header.incarnation == 0 {
            return Err(Wrong::Incarnation { last: host.incarnation, found: header.incarnation });
        }
        if header.first != self.records {
            return Err(Wrong::Index { expected: self.records, found: header.first });
        }
        if self.root_at(header.head.size) == Some(header.head.root) { Ok(()) } else { Err(Wrong::Head) }
    }

    fn check_bodies(
        &mut self,
        block: &Block,
        envelopes: &[Envelope],
        mut blob: impl FnMut(&Digest) -> Option<Vec<u8>>,
    ) -> Result<(), Wrong> {
        if block.bodies.len() != envelopes.len() {
            return Err(Wrong::Count { header: envelopes.len() as u64, block: block.bodies.len() as u64 });
        }
        for (place, (envelope, stored)) in envelopes.iter().zip(&block.bodies).enumerate() {
            let record = self.records + place as u64;
            let (salt, bytes) = match (stored, envelope.body) {
                (StoredBody::Absent, committed) => {
                    self.bodies_absent += u64::from(committed.is_some());
                    continue;
                }
                (_, None) => return Err(Wrong::Uncommitted { record }),
                (StoredBody::Inline { salt, bytes }, Some(_)) => (salt, bytes.clone()),
                (StoredBody::Blob { salt, digest }, Some(_)) => match blob(digest) {
                    Some(bytes) => (salt, bytes),
                    None => {
                        self.bodies_absent += 1;
                        continue;
                    }
                },
            };
            if envelope.body != Some(Commitment::new(salt, &bytes)) {
                return Err(Wrong::Body { record });
            }
        }
        Ok(())
    }

    /// What a record says must follow from what came before it.
    fn follow(&mut self, envelope: &Envelope, leaf: Digest, record: u64) -> Result<(), Wrong> {
        let kind = envelope.kind();
        let require = |ok: bool, why| {
            if ok { Ok(()) } else { Err(Wrong::Misplaced { record, kind: kind.name(), why }) }
        };
        let cause = envelope.cause.unwrap_or_default();
        match kind {
            Kind::Genesis => require(record == 0, "a ledger has one, and it is the first record")?,
            Kind::Event => {
                require(envelope.event.is_some() && envelope.flow.is_some(), "it lacks its event or flow")?;
                self.events.insert(leaf);
            }
            Kind::Deployment => {
                require(envelope.agent.is_some(), "it names no agent")?;
                self.deployments.insert(leaf);
            }
            Kind::Start => {
                require(self.events.contains(&cause), "its cause is no event before it")?;
                let deployment = envelope.deployment.unwrap_or_default();
                require(self.deployments.contains(&deployment), "its deployment is not in the ledger")?;
                let Some(activation) = envelope.activation else {
                    return require(false, "it names no activation");
                };
                let open = Open { activation, calls: 0, intents: Vec::new() };
                require(self.open.insert(leaf, open).is_none(), "the same attempt is already running")?;
            }
            Kind::Intent => {
                let attempt = self.open.get_mut(&cause).filter(|a| Some(a.activation) == envelope.activation);
                let Some(attempt) = attempt else { return require(false, "no such attempt is running") };
                attempt.intents.push(leaf);
                let announced = Announced { start: cause, call: envelope.call, answered: false };
                require(self.intents.insert(leaf, announced).is_none(), "the same call was already announced")?;
            }
            Kind::Outcome => self.follow_outcome(envelope, cause, record)?,
            Kind::End => {
                let attempt = self.open.remove(&cause).filter(|a| Some(a.activation) == envelope.activation);
                let Some(attempt) = attempt else { return require(false, "no such attempt is running") };
                require(Some(attempt.calls) == envelope.calls, "its calls are not all recorded")?;
                for intent in &attempt.intents {
                    self.intents.remove(intent);
                }
            }
            Kind::Unrouted | Kind::Conflict => {
                require(self.events.contains(&cause), "its cause is no event before it")?
            }
            // What these ask for is the router's business; nothing of a ledger's consistency hangs on them.
            Kind::Resumed
            | Kind::Requeue
            | Kind::Cancel
            | Kind::Pause
            | Kind::Unpause
            | Kind::Restore
            | Kind::Answer => {}
            Kind::Key | Kind::Unknown(_) => {}
        }
        Ok(())
    }

    fn follow_outcome(&mut self, envelope: &Envelope, cause: Digest, record: u64) -> Result<(), Wrong> {
        let wrong = |why| Err(Wrong::Misplaced { record, kind: "outcome", why });
        let first = envelope.part.unwrap_or_default() == 0;
        // The cause is the call's intent, or the attempt's start where no intent was needed.
        let start = match self.intents.get_mut(&cause) {
            Some(announced) if announced.call != envelope.call => {
                return wrong("it answers another call than its intent");
            }
            Some(announced) if announced.answered == first => return wrong("it comes twice, or before its first part"),
            Some(announced) => {
                announced.answered = true;
                announced.start
            }
            None => cause,
        };
        let Some(attempt) = self.open.get_mut(&start) else { return wrong("no such attempt is running") };
        if Some(attempt.activation) != envelope.activation {
            return wrong("it belongs to another activation than its attempt");
        }
        attempt.calls += u64::from(first);
        Ok(())
    }

    /// Checks that the ledger extends `note`, signed by one of its hosts or by one of `witnesses`.
    ///
    /// # Errors
    /// A note that is no checkpoint of this ledger, or a ledger that was cut, rolled back or rewritten behind it.
    pub fn extends(&self, note: &str) -> Result<TreeHead, ExtendsError> {
        let ledger = self.ledger().ok_or(ExtendsError::Empty)?;
        // Revoked keys count: a checkpoint signed before the revocation still binds.
        let head = checkpoint::verify(note, &ledger, self.hosts.keys())?;
        match self.root_at(head.size) {
            None => Err(ExtendsError::Shorter { held: head.size, found: self.tree.size() }),
            Some(root) if root == head.root => Ok(head),
            Some(_) => Err(ExtendsError::Rewritten { size: head.size }),
        }
    }
}

/// Why a ledger does not extend a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExtendsError {
    /// The ledger holds no block.
    #[error("the ledger is empty")]
    Empty,
    /// The note itself is not to be believed.
    #[error(transparent)]
    Note(#[from] CheckpointError),
    /// Blocks are missing.
    #[error("the ledger was cut or rolled back: the checkpoint covers {held} blocks, {found} are here")]
    Shorter {
        /// Size of the checkpoint.
        held: u64,
        /// Blocks found.
        found: u64,
    },
    /// The first blocks are others than those of the checkpoint.
    #[error("the ledger was rewritten: its first {size} blocks are not those of the checkpoint")]
    Rewritten {
        /// Size of the checkpoint.
        size: u64,
    },
}

/// Status of a key record that enrols a host key.
pub const KEY_ENROLLED: u64 = 0;
/// Status of a key record that revokes one.
pub const KEY_REVOKED: u64 = 1;

/// What the root key signs in a key record: CBOR `[ledger, status, key]`.
#[must_use]
pub fn key_statement(ledger: &LedgerId, status: u64, key: &PublicKey) -> Vec<u8> {
    let mut w = crate::cbor::Writer::new();
    w.array(3);
    w.bytes(&ledger.0);
    w.uint(status);
    w.bytes(&key.0);
    w.finish()
}
