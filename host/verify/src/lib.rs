//! The auditor's verifier: reads a ledger folder or a receipt, and says what is proved or what is wrong where.
//!
//! Architecture invariant: it shares no code with the engine that wrote the ledger. What is true is decided by
//! `manes-core`; what lies in a folder is decided here, and every byte of the folder counts.

pub mod args;
pub mod audit;
pub mod finding;
mod folder;
pub mod limits;
pub mod receipt;
pub mod report;

pub use audit::{AuditOptions, Checking, audit, audit_watched};
pub use finding::{Finding, Problem};
pub use report::{Report, Tier};
