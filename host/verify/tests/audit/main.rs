//! The auditor against the golden ledger and everything that can be done to it.
//!
//! Goal: no byte, file or block of a ledger folder can be altered, removed, moved or added without being found.
//! Method: the golden folder is copied, tampered with in one way, and audited; what must be found is found by name.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]

mod blocks;
mod command;
mod files;
mod flips;
mod folder;
