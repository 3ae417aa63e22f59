//! Records: the entries of the ledger.
//!
//! A record has two parts. The **envelope** is what is hashed into the Merkle tree: small, kept for ever, free of
//! content. The **body** (event data, arguments, outcomes) lies outside and is bound to the envelope by one salted
//! commitment, so that it can be chunked, encrypted or erased later without touching a proof, and so that a short
//! body cannot be guessed from its hash.
//!
//! Envelope keys are small integers whose meaning never changes. An unknown kind or key still verifies as bytes.

use crate::cbor::{CborError, Reader, Writer};
use crate::ids::{ActivationId, Digest, EventKey, FlowId, PublicKey};
use sha2::{Digest as _, Sha256};

/// What a record says. Numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The first record: the root public key and a nonce. Its leaf hash is the ledger's id.
    Genesis,
    /// A host key enrolled or revoked, signed by the root key.
    Key,
    /// An agent or capability put in force or taken out.
    Deployment,
    /// An event.
    Event,
    /// An attempt begins.
    Start,
    /// A call is about to be performed; durable before it is.
    Intent,
    /// What a call returned, or why it was denied.
    Outcome,
    /// An attempt ended; the drafts that follow in the same block become visible with it.
    End,
    /// No agent took an event.
    Unrouted,
    /// The key of an event came again with other content.
    Conflict,
    /// An open attempt goes on after its host died.
    Resumed,
    /// A dead letter is to be handled again, under a higher generation.
    Requeue,
    /// Nothing more of a flow is to be done.
    Cancel,
    /// An agent begins nothing new.
    Pause,
    /// A paused agent goes on.
    Unpause,
    /// An operator took a ledger that does not extend the head that its host saw last.
    Restore,
    /// What an operator says about a write whose outcome is unknown.
    Answer,
    /// A kind of a later version.
    Unknown(u64),
}

impl Kind {
    const NAMES: [(Self, &'static str); 17] = [
        (Self::Genesis, "genesis"),
        (Self::Key, "key"),
        (Self::Deployment, "deployment"),
        (Self::Event, "event"),
        (Self::Start, "start"),
        (Self::Intent, "intent"),
        (Self::Outcome, "outcome"),
        (Self::End, "end"),
        (Self::Unrouted, "unrouted"),
        (Self::Conflict, "conflict"),
        (Self::Resumed, "resumed"),
        (Self::Requeue, "requeue"),
        (Self::Cancel, "cancel"),
        (Self::Pause, "pause"),
        (Self::Unpause, "unpause"),
        (Self::Restore, "restore"),
        (Self::Answer, "answer"),
    ];

    /// The words people see for all kinds that are known.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(_, name)| *name)
    }

    /// The number in the format.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Unknown(number) => number,
            known => Self::NAMES.iter().position(|(kind, _)| *kind == known).unwrap_or_default() as u64,
        }
    }

    /// The kind of a number.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        let known = usize::try_from(number).ok().and_then(|n| Self::NAMES.get(n));
        known.map_or(Self::Unknown(number), |(kind, _)| *kind)
    }

    /// The word people see.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, name)| name)
    }
}

/// Binds a body to its envelope: SHA-256("manes/p1" ‖ salt ‖ body), and the body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment {
    /// The salted hash.
    pub hash: Digest,
    /// Bytes in the body.
    pub length: u64,
}

/// 16 random bytes, never used twice.
pub type Salt = [u8; 16];

impl Commitment {
    /// The commitment of `body` under `salt`.
    #[must_use]
    pub fn new(salt: &Salt, body: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"manes/p1");
        hasher.update(salt);
        hasher.update(body);
        Self { hash: Digest(hasher.finalize().into()), length: body.len() as u64 }
    }
}

/// One field's canonical form.
trait Field: Sized {
    fn put(&self, w: &mut Writer);
    fn get(r: &mut Reader<'_>) -> Result<Self, CborError>;
}

impl Field for u64 {
    fn put(&self, w: &mut Writer) {
        w.uint(*self);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.uint()
    }
}

impl Field for String {
    fn put(&self, w: &mut Writer) {
        w.text(self);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.text().map(str::to_owned)
    }
}

impl Field for bool {
    fn put(&self, w: &mut Writer) {
        w.bool(*self);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.bool()
    }
}

impl Field for Commitment {
    fn put(&self, w: &mut Writer) {
        w.array(2);
        w.bytes(&self.hash.0);
        w.uint(self.length);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let at = r.position();
        if r.array()? != 2 {
            return Err(CborError::Type { at, expected: "a commitment [hash, length]" });
        }
        Ok(Self { hash: Digest(r.fixed()?), length: r.uint()? })
    }
}

macro_rules! bytes_field {
    ($($ty:ident),*) => {$(
        impl Field for $ty {
            fn put(&self, w: &mut Writer) {
                w.bytes(&self.0);
            }
            fn get(r: &mut Reader<'_>) -> Result<Self, CborError> {
                r.fixed().map(Self)
            }
        }
    )*};
}
bytes_field!(ActivationId, Digest, EventKey, FlowId, PublicKey);

impl<const N: usize> Field for [u8; N] {
    fn put(&self, w: &mut Writer) {
        w.bytes(self);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.fixed()
    }
}

macro_rules! envelope {
    ($($key:literal $(#[$doc:meta])* $name:ident: $ty:ty,)*) => {
        /// The hashed part of a record. Fields that a kind does not use are absent. FORMAT.md says who sets what.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct Envelope {
            /// Key 0: [`Kind`] by number.
            pub kind: u64,
            /// Key 1: the host's clock, nanoseconds since 1970. A claim: order comes from the chain.
            pub time_ns: u64,
            $($(#[$doc])* pub $name: Option<$ty>,)*
        }

        impl Envelope {
            /// The canonical encoding: the Merkle leaf's content.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                let mut w = Writer::new();
                w.map(2 $(+ usize::from(self.$name.is_some()))*);
                w.uint(0);
                w.uint(self.kind);
                w.uint(1);
                w.uint(self.time_ns);
                $(if let Some(value) = &self.$name {
                    w.uint($key);
                    value.put(&mut w);
                })*
                w.finish()
            }

            fn set(&mut self, key: u64, r: &mut Reader<'_>) -> Result<(), CborError> {
                match key {
                    0 => self.kind = r.uint()?,
                    1 => self.time_ns = r.uint()?,
                    $($key => self.$name = Some(Field::get(r)?),)*
                    // A key of a later version: canonical, otherwise not ours to judge.
                    _ => drop(r.item()?),
                }
                Ok(())
            }
        }
    };
}

envelope! {
    2 /** Key 2: a reader that does not know this kind must not interpret what follows it. */ critical: bool,
    3 /** Key 3: the body's commitment. */ body: Commitment,
    4 /** Key 4: leaf hash of the record that caused this one. */ cause: Digest,
    5 /** Key 5: the flow. */ flow: FlowId,
    6 /** Key 6: the event. */ event: EventKey,
    7 /** Key 7: the event's topic. */ topic: String,
    8 /** Key 8: who acts: `client/NAME`, `agent/NAME`, `host`. */ principal: String,
    9 /** Key 9: the agent, or the capability of a deployment. */ agent: String,
    10 /** Key 10: the activation. */ activation: ActivationId,
    11 /** Key 11: the attempt, from 1. */ attempt: u64,
    12 /** Key 12: leaf hash of the deployment in force. */ deployment: Digest,
    13 /** Key 13: the call's number in its attempt, from 1. */ call: u64,
    14 /** Key 14: the part of a call's outcome that comes in parts, from 0. */ part: u64,
    15 /** Key 15: the call that this one served, for calls of a capability. */ parent: u64,
    16 /** Key 16: `interface#function`. */ function: String,
    17 /** Key 17: 0 local, 1 read, 2 write. */ effect: u64,
    18 /** Key 18: 0 allowed, 1 denied. */ decision: u64,
    19 /** Key 19: the rule that decided. */ rule: String,
    20 /** Key 20: how it ended; numbers by kind, see [`CallStatus`] and [`EndStatus`]. */ status: u64,
    21 /** Key 21: fuel used by an attempt. */ fuel: u64,
    22 /** Key 22: calls of an attempt, children included. */ calls: u64,
    23 /** Key 23: events emitted by an attempt. */ drafts: u64,
    24 /** Key 24: a public key. */ key: PublicKey,
    25 /** Key 25: the root key's signature on a key record. */ signature: [u8; 64],
    26 /** Key 26: the genesis nonce. */ nonce: [u8; 16],
    27 /** Key 27: events between the root event and this one. */ hops: u64,
    28 /** Key 28: who answered the call: `base`, `wasi` or a capability's name. */ provider: String,
    29 /** Key 29: deliver no earlier than this, nanoseconds since 1970. */ not_before_ns: u64,
    30 /** Key 30: the activation's generation; raised by a requeue. */ generation: u64,
    31 /** Key 31: digest of the component that answered the call. */ component: Digest,
    32 /** Key 32: handling took this long on the host, nanoseconds. A claim. */ elapsed_ns: u64,
    33 /** Key 33: what follows an attempt's end, see [`crate::fate::Fate`]; absent means nothing. */ fate: u64,
    34 /** Key 34: leaf hash of the record of an earlier attempt that this one repeats or uses again. */ earlier: Digest,
}

impl Envelope {
    /// A new envelope of `kind` at `time_ns`, everything else absent.
    #[must_use]
    pub fn new(kind: Kind, time_ns: u64) -> Self {
        Self { kind: kind.number(), time_ns, ..Self::default() }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_number(self.kind)
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// Bytes that are not canonical, lack the kind or the time, or hold a field of another type.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        let len = r.map()?;
        let mut envelope = Self::default();
        let mut previous: Option<&[u8]> = None;
        for place in 0..len {
            let start = r.position();
            let key = r.uint()?;
            previous = Some(r.key_order(previous, start)?);
            if place < 2 && key != place as u64 {
                return Err(CborError::Type { at: start, expected: "the record's kind and time first" });
            }
            envelope.set(key, &mut r)?;
        }
        r.end()?;
        if len < 2 {
            return Err(CborError::Short { at: bytes.len() });
        }
        Ok(envelope)
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// It returned; the body holds the outcome.
    Returned,
    /// Denied, and the guest was told so through its own error type.
    Denied,
    /// It ended the attempt: the body says how (denied without an error type, exit, limit, provider's fault).
    Ended,
    /// It was not made: an earlier attempt's outcome was used again.
    Reused,
    /// The host stopped between intent and outcome: nobody knows whether it took place.
    Unknown,
}

impl CallStatus {
    /// The number in the format.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Returned => 0,
            Self::Denied => 1,
            Self::Ended => 2,
            Self::Reused => 3,
            Self::Unknown => 4,
        }
    }

    /// The word people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Denied => "denied",
            Self::Ended => "ended",
            Self::Reused => "reused",
            Self::Unknown => "unknown",
        }
    }

    /// The status of a number.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Returned),
            1 => Some(Self::Denied),
            2 => Some(Self::Ended),
            3 => Some(Self::Reused),
            4 => Some(Self::Unknown),
            _ => None,
        }
    }
}

macro_rules! end_status {
    ($($(#[$doc:meta])* $name:ident = $number:literal $word:literal,)*) => {
        /// How an attempt ended. Who is to blame is part of the word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EndStatus { $($(#[$doc])* $name,)* }

        impl EndStatus {
            /// The number in the format.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self { $(Self::$name => $number,)* }
            }

            /// The status of a number.
            #[must_use]
            pub const fn from_number(number: u64) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// The word people see.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

end_status! {
    /** The handler returned ok; its drafts are visible. */ Done = 0 "done",
    /** The handler rejected the event. */ Rejected = 1 "rejected",
    /** The handler asked to be tried again. */ Retry = 2 "retry",
    /** The guest trapped. */ Trapped = 3 "trapped",
    /** The guest called exit. */ Exited = 4 "exited",
    /** A call was denied that has no way to say so, or a draft lay outside the publish grants. */ Denied = 5 "denied",
    /** A provider failed. */ Fault = 6 "fault",
    /** The fuel was used up. */ OutOfFuel = 7 "out of fuel",
    /** The wall deadline passed. */ Deadline = 8 "deadline",
    /** Another limit was reached. */ Limit = 9 "limit",
    /** The host stopped in the middle. */ Interrupted = 10 "interrupted",
    /** The flow was cancelled. */ Cancelled = 11 "cancelled",
    /** Nobody knows whether a write of an earlier attempt took place, and it may not be repeated. */ Unknown = 12 "unknown",
}

impl EndStatus {
    /// True where the host imposed the end, which replay takes as an input instead of reproducing it.
    #[must_use]
    pub const fn imposed(self) -> bool {
        matches!(self, Self::Deadline | Self::Interrupted | Self::OutOfFuel | Self::Limit | Self::Cancelled)
    }
}

/// A record with its body, as it waits to be put into a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The encoded envelope.
    pub envelope: Vec<u8>,
    /// The body with its salt; `None` where there is none or where only the commitment is kept.
    pub body: Option<(Salt, Vec<u8>)>,
}

impl Record {
    /// Seals `envelope`, committing to `body` if there is one. `keep` false drops the body after committing.
    #[must_use]
    pub fn new(mut envelope: Envelope, body: Option<(Salt, Vec<u8>)>, keep: bool) -> Self {
        envelope.body = body.as_ref().map(|(salt, bytes)| Commitment::new(salt, bytes));
        Self { envelope: envelope.encode(), body: body.filter(|_| keep) }
    }

    /// The leaf hash: the record's name in causes and proofs.
    #[must_use]
    pub fn leaf(&self) -> Digest {
        crate::tree::leaf_hash(&self.envelope)
    }
}
