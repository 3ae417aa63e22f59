//! Receipts: one record with everything that proves it, as a JSON text that needs nothing beside it.
//!
//! The proof is a chain without gaps. The ledger's id is the leaf hash of the genesis envelope; that holds the root
//! key; the root key signed the host's key; that signed the block's header; the header binds the record by its
//! path; the block's path leads to the root of a checkpoint, signed by an enrolled key again.
//!
//! Nothing rides along unchecked: each field is either proved or compared with what is, and a receipt that could be
//! written in another way is not read. A key is shown by the statement that the root key signed, not by its record,
//! because that signature does not cover the record's other fields.
//!
//! **What a receipt cannot say**: when the root key enrolled the host's key, and whether it revoked it. It proves what
//! the key signed while the root key vouched for it. Whoever may face a stolen key compares the receipt with a
//! checkpoint that an outside party held before the theft ([`Proven::under`]), or verifies the ledger itself, where
//! revocations are records. Nor does it prove that the record follows from others: those it does not show.

mod build;

use crate::block::Header;
use crate::cbor::CborError;
use crate::checkpoint::{self, CheckpointError, TreeHead};
use crate::ids::{self, Digest, LedgerId, PublicKey};
use crate::keys;
use crate::record::{Commitment, Envelope, Kind, Salt};
use crate::tree;
use crate::verify::{KEY_ENROLLED, key_statement};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

pub use build::{BuildError, Parts};

/// The `format` field of the receipts that this version writes and reads.
pub const FORMAT: &str = "manes-receipt/1";

/// Bytes that JSON shows as lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hex(pub Vec<u8>);

/// Bytes that JSON shows as base64 (RFC 4648 §4, padded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&ids::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let bytes = ids::unhex(&String::deserialize(d)?);
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("expected hex digits in pairs"))
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        STANDARD.decode(String::deserialize(d)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A record that is provable on its own. Its fields are claims until [`Receipt::verify`] has checked them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: String,
    /// The ledger.
    pub ledger: LedgerId,
    /// The encoded genesis envelope, whose leaf hash is the ledger's id.
    pub genesis: Hex,
    /// The key that signed the block; then the one that signed the checkpoint, if it is another.
    pub keys: Vec<Enrolment>,
    /// The record in its block.
    pub record: RecordProof,
    /// The block in its ledger.
    pub block: BlockProof,
    /// A signed note over the ledger's tree that covers the block.
    pub checkpoint: String,
    /// The record's body, if the receipt shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodyProof>,
}

/// The root key's word for a host key: its signature on the [`key_statement`] that enrols it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The host key.
    pub key: PublicKey,
    /// The root key's signature, 64 bytes.
    pub signature: Hex,
}

impl Enrolment {
    /// The enrolment that a key record holds; `None` for other records and for revocations.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Option<Self> {
        let enrols = envelope.kind() == Kind::Key && envelope.status == Some(KEY_ENROLLED);
        let (key, signature) = (envelope.key?, envelope.signature?);
        enrols.then(|| Self { key, signature: Hex(signature.to_vec()) })
    }
}

/// A record and its path to the root in the block's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordProof {
    /// Index in the ledger, from 0.
    pub index: u64,
    /// The encoded envelope.
    pub envelope: Hex,
    /// Siblings from the leaf up.
    pub path: Vec<Digest>,
}

/// A block and its path to the root in the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockProof {
    /// Place in the ledger, from 0.
    pub place: u64,
    /// The encoded header.
    pub header: Hex,
    /// The host's signature on it, 64 bytes.
    pub signature: Hex,
    /// Siblings from the leaf up.
    pub path: Vec<Digest>,
}

/// A body and the salt of its commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyProof {
    /// Salt of the commitment, 16 bytes.
    pub salt: Hex,
    /// The body.
    pub bytes: Base64,
}

/// What a verified receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The keys that the receipt shows, enrolled by the root key: of the block, then of the checkpoint if it is another.
    pub keys: Vec<PublicKey>,
    /// The ledger. Compare it with the one you expect: [`Proven::expect_ledger`].
    pub ledger: LedgerId,
    /// Index of the record in the ledger.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Digest,
    /// The record.
    pub envelope: Envelope,
    /// Place of its block in the ledger.
    pub place: u64,
    /// Header of its block.
    pub header: Header,
    /// The tree that the checkpoint covers.
    pub checkpoint: TreeHead,
    /// What is proved about the body.
    pub body: ProvenBody,
}

/// What a receipt proves about its record's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvenBody {
    /// The record has no body.
    None,
    /// The record commits to a body that the receipt does not show.
    Withheld,
    /// These bytes are the record's body.
    Verified(Vec<u8>),
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// Not a JSON text of this form.
    #[error("not a receipt: {why}")]
    Json {
        /// The JSON reader's message.
        why: String,
    },
    /// A value is spelt otherwise than it would be written.
    #[error("not a receipt in its one form: write hex in lower case, base64 padded, and leave an absent body out")]
    Form,
    /// A receipt of another version.
    #[error("receipts of format {found:?} are not read here, only {FORMAT:?}")]
    Format {
        /// Its `format` field.
        found: String,
    },
    /// The genesis envelope is none, or not that of the ledger named.
    #[error("the genesis record is not the one that ledger {ledger} is named after")]
    Genesis {
        /// The ledger named.
        ledger: LedgerId,
    },
    /// A proof of another ledger than the one expected.
    #[error("the receipt is of ledger {found}, not of {expected}")]
    Ledger {
        /// The ledger expected.
        expected: LedgerId,
        /// The receipt's ledger.
        found: LedgerId,
    },
    /// A key without the root key's word, a needless one, or none for the block.
    #[error("the root key did not enrol the host keys that are needed, or there are others")]
    Keys,
    /// The block's header is malformed.
    #[error("the block's header is malformed: {0}")]
    Header(CborError),
    /// The header names another ledger, or its host did not sign it.
    #[error("the enrolled host key did not sign the block for this ledger")]
    Signature,
    /// The envelope is malformed.
    #[error("the record is malformed: {0}")]
    Record(CborError),
    /// The record is not at this index of the block.
    #[error("the block does not hold this record at index {index}")]
    RecordPath {
        /// The index claimed.
        index: u64,
    },
    /// The block is not at this place of the tree.
    #[error("the checkpoint does not cover this block at place {place}")]
    BlockPath {
        /// The place claimed.
        place: u64,
    },
    /// What header and record say of their place cannot be said there.
    #[error("record {index} of block {place} contradicts its place: its header's numbers, or a genesis record")]
    Place {
        /// The record's index.
        index: u64,
        /// The block's place.
        place: u64,
    },
    /// The checkpoint is not to be believed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A body that the record does not commit to.
    #[error("the body is not the one that the record commits to")]
    Body,
    /// The checkpoint held outside speaks of a tree of another size, so the two cannot be compared.
    #[error(
        "not comparable: the held checkpoint covers {held} blocks, the receipt's {found}; ask for a receipt under the \
         held one"
    )]
    Size {
        /// Blocks under the held checkpoint.
        held: u64,
        /// Blocks under the receipt's.
        found: u64,
    },
    /// The checkpoint held outside contradicts the receipt.
    #[error("the held checkpoint of {size} blocks has another root: one of the two ledgers was rewritten")]
    Rewritten {
        /// Size of both.
        size: u64,
    },
}

impl Receipt {
    /// Reads the JSON form. It proves nothing before [`Receipt::verify`].
    ///
    /// # Errors
    /// A text that is not a receipt of this format in its one form (white space and the order of keys are free).
    pub fn from_json(text: &str) -> Result<Self, ReceiptError> {
        let json = |error: serde_json::Error| ReceiptError::Json { why: error.to_string() };
        let receipt: Self = serde_json::from_str(text).map_err(json)?;
        let (read, written) = (serde_json::from_str(text), serde_json::to_value(&receipt));
        let (read, written): (serde_json::Value, _) = (read.map_err(json)?, written.map_err(json)?);
        if read == written { Ok(receipt) } else { Err(ReceiptError::Form) }
    }

    /// The JSON form, indented, with a line break at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists of them always have a JSON form.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Checks the whole proof, from the genesis record to the checkpoint.
    ///
    /// # Errors
    /// The first link that does not hold.
    pub fn verify(&self) -> Result<Proven, ReceiptError> {
        if self.format != FORMAT {
            return Err(ReceiptError::Format { found: self.format.clone() });
        }
        let root = self.root_key()?;
        let host = self.enrolled(&root)?;
        let header = self.check_header(host)?;
        let (leaf, envelope) = self.check_record(&header)?;
        let checkpoint = self.check_tree()?;
        self.check_place(&header, &envelope)?;
        let body = self.check_body(&envelope)?;
        let (ledger, index, place) = (self.ledger, self.record.index, self.block.place);
        let keys = self.keys.iter().map(|enrolment| enrolment.key).collect();
        Ok(Proven { keys, ledger, index, leaf, envelope, place, header, checkpoint, body })
    }

    fn root_key(&self) -> Result<PublicKey, ReceiptError> {
        let wrong = ReceiptError::Genesis { ledger: self.ledger };
        let Ok(genesis) = Envelope::decode(&self.genesis.0) else { return Err(wrong) };
        let named = tree::leaf_hash(&self.genesis.0).0 == self.ledger.0;
        match (genesis.kind(), genesis.key, genesis.nonce) {
            (Kind::Genesis, Some(root), Some(_)) if named => Ok(root),
            _ => Err(wrong),
        }
    }

    /// The block's key, after the root key's word for all keys was checked.
    fn enrolled(&self, root: &PublicKey) -> Result<PublicKey, ReceiptError> {
        let vouched = |enrolment: &Enrolment| {
            let statement = key_statement(&self.ledger, KEY_ENROLLED, &enrolment.key);
            let signature = enrolment.signature.0.as_slice().try_into();
            signature.is_ok_and(|signature| keys::verify(root, keys::KEY, &statement, signature))
        };
        match self.keys.as_slice() {
            [host] if vouched(host) => Ok(host.key),
            [host, signer] if host.key != signer.key && vouched(host) && vouched(signer) => Ok(host.key),
            _ => Err(ReceiptError::Keys),
        }
    }

    fn check_header(&self, host: PublicKey) -> Result<Header, ReceiptError> {
        let bytes = &self.block.header.0;
        let header = Header::decode(bytes).map_err(ReceiptError::Header)?;
        let signature = self.block.signature.0.as_slice().try_into();
        let signed = signature.is_ok_and(|signature| keys::verify(&host, keys::BLOCK, bytes, signature));
        let own = header.ledger == self.ledger && header.host == host;
        if own && signed { Ok(header) } else { Err(ReceiptError::Signature) }
    }

    fn check_record(&self, header: &Header) -> Result<(Digest, Envelope), ReceiptError> {
        let RecordProof { index, envelope, path } = &self.record;
        let leaf = tree::leaf_hash(&envelope.0);
        let place = index.checked_sub(header.first);
        let root = place.and_then(|place| tree::root_from_inclusion(leaf, place, header.count, path));
        if root != Some(header.root) {
            return Err(ReceiptError::RecordPath { index: *index });
        }
        Envelope::decode(&envelope.0).map(|envelope| (leaf, envelope)).map_err(ReceiptError::Record)
    }

    fn check_tree(&self) -> Result<TreeHead, ReceiptError> {
        let signer = self.keys.last().map(|enrolment| &enrolment.key);
        let head = checkpoint::verify_sole(&self.checkpoint, &self.ledger, signer)?;
        let BlockProof { place, header, path, .. } = &self.block;
        let leaf = tree::leaf_hash(&Digest::of(&header.0).0);
        let root = tree::root_from_inclusion(leaf, *place, head.size, path);
        if root == Some(head.root) { Ok(head) } else { Err(ReceiptError::BlockPath { place: *place }) }
    }

    /// What holds in every ledger of the numbers that a receipt shows.
    fn check_place(&self, header: &Header, envelope: &Envelope) -> Result<(), ReceiptError> {
        let (index, place) = (self.record.index, self.block.place);
        let genesis = envelope.kind() == Kind::Genesis;
        let possible = [
            // Each block before this one holds a record at least, and may be of another host.
            header.first >= place && (header.first == 0) == (place == 0),
            header.number <= place && (header.number == 0) == (header.previous == Digest::default()),
            header.incarnation > 0,
            header.head.size <= place && (header.head.size > 0 || header.head.root == tree::empty_root()),
            genesis == (index == 0) && (!genesis || self.record.envelope == self.genesis),
        ];
        if possible.iter().all(|holds| *holds) { Ok(()) } else { Err(ReceiptError::Place { index, place }) }
    }

    fn check_body(&self, envelope: &Envelope) -> Result<ProvenBody, ReceiptError> {
        let Some(BodyProof { salt, bytes }) = &self.body else {
            return Ok(if envelope.body.is_some() { ProvenBody::Withheld } else { ProvenBody::None });
        };
        let salt: &Salt = salt.0.as_slice().try_into().map_err(|_| ReceiptError::Body)?;
        let same = envelope.body == Some(Commitment::new(salt, &bytes.0));
        if same { Ok(ProvenBody::Verified(bytes.0.clone())) } else { Err(ReceiptError::Body) }
    }
}

impl Proven {
    /// Itself, if it is of `expected`: without this, a receipt proves a record of *some* ledger.
    ///
    /// # Errors
    /// [`ReceiptError::Ledger`].
    pub fn expect_ledger(self, expected: &LedgerId) -> Result<Self, ReceiptError> {
        let (found, expected) = (self.ledger, *expected);
        if found == expected { Ok(self) } else { Err(ReceiptError::Ledger { expected, found }) }
    }

    /// Itself, if it is proved under exactly the tree of `note`, a checkpoint that the reader holds: then no key that was
    /// stolen after that checkpoint can have made the receipt. One of the receipt's own keys must have signed the note.
    ///
    /// # Errors
    /// A note that is none, of another ledger or signed by none of these; a tree of another size or with another root.
    pub fn under(self, note: &str) -> Result<Self, ReceiptError> {
        let (ledger, held) = checkpoint::parse(note)?;
        let this = self.expect_ledger(&ledger)?;
        checkpoint::verify(note, &ledger, &this.keys)?;
        let (size, found) = (held.size, this.checkpoint.size);
        if size != found {
            return Err(ReceiptError::Size { held: size, found });
        }
        if this.checkpoint == held { Ok(this) } else { Err(ReceiptError::Rewritten { size }) }
    }
}
