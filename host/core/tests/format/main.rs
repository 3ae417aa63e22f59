//! The format, tested from outside: golden ledger, vectors, receipts, and properties of the codecs.
//!
//! Goal: whoever changes a byte of the format notices. Method: everything is built from fixed seeds by the crate's
//! public functions, and compared with files in the repository; `UPDATE=1` rewrites those.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod chain;
mod golden;
mod properties;
mod receipts;
mod rules;
mod sample;
mod vectors;

use std::path::{Path, PathBuf};

/// A path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Compares a file of the repository with what the code yields, or rewrites it.
fn same_or_update(path: &Path, expected: &[u8]) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folder can be made");
        std::fs::write(path, expected).expect("file can be written");
    }
    let found = std::fs::read(path).unwrap_or_default();
    let name = path.display();
    assert!(found == expected, "{name} is not what the code yields; UPDATE=1 rewrites it, if that is what you want");
}
