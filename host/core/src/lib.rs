//! The pure heart of Manes: what a record is, how it is proved, what a grant allows, when a replay diverges.
//!
//! Architecture invariant: no clock, no randomness, no file, no socket, no thread is reached from this crate, and
//! it knows nothing of the engine. Whoever checks a ledger links this and nothing else.

pub mod block;
pub mod cbor;
pub mod checkpoint;
pub mod cursor;
pub mod diff;
pub mod fate;
pub mod function;
pub mod idempotency;
pub mod ids;
pub mod item;
pub mod keys;
pub mod lens;
pub mod limits;
pub mod policy;
pub mod receipt;
pub mod record;
pub mod segment;
pub mod topic;
pub mod tree;
pub mod value;
pub mod verify;
