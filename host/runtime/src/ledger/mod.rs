//! The ledger: the append-only sequence of blocks that is the only source of truth.
//!
//! [`Ledger`] is what the rest of the host sees; [`Embedded`] keeps it in a folder, [`Memory`] nowhere, and one suite
//! (`conformance`) holds both to the same promises. [`Reader`] reads a folder without owning it.
//!
//! | part | what it does |
//! |---|---|
//! | `api`, `error`, `inbox` | the promises, how they fail, deliveries in order |
//! | `chain`, `heads` | the state that the next block follows from, and its sealing, shared by all; signed heads |
//! | `writer`, `rekey` | one thread: group commit, the commit point; changing keys |
//! | `tail`, `blobs`, `files` | where bytes go and when they are durable |
//! | `opening`, `scan` | what is believed: verifying from the first block; a torn end against damage |
//! | `store`, `index`, `decoded` | reads, proved against the verified chain |
//! | `backup` | a verified copy, taken beside a writer |
//! | [`disk`], `health` | the seam to the operating system; the first failure is the last |
//!
//! Architecture invariants: an append is acknowledged after its sync and never before. One thread owns the chain and
//! the files that grow; everybody else reads. A failed write or sync is never retried. A folder holds no secret; keys
//! and the last head that was seen lie in the [key store](crate::keystore).

mod api;
mod backup;
mod blobs;
mod chain;
#[cfg(test)]
mod conformance;
mod decoded;
pub mod disk;
mod embedded;
mod error;
pub(crate) mod files;
mod heads;
mod health;
mod inbox;
mod index;
mod memory;
mod opening;
mod reader;
mod rekey;
mod scan;
mod store;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use api::{Appended, BATCH_BYTES_MAX, BoxFuture, Entry, KeyChange, Ledger, READ_BYTES_MAX};
pub use backup::{Backup, backup};
pub use embedded::{Accept, Embedded, Options};
pub use error::{LedgerError, OpenError};
pub use inbox::{Feed, Inbox};
pub use memory::Memory;
pub use reader::Reader;
pub use scan::End;
