//! Sizes over which nothing is read, as FORMAT.md lists them.

/// A segment. Writers preallocate far less.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// A blob or an artifact. A body is at most one call's payload (4 MiB) and some; a component may be larger.
pub const BLOB_BYTES_MAX: u64 = 1 << 30;
/// A checkpoint, in the folder or held.
pub const CHECKPOINT_BYTES_MAX: u64 = manes_core::checkpoint::NOTE_BYTES_MAX as u64;
/// A receipt: a body of the size of the largest blob in base64, with room for the rest.
pub const RECEIPT_BYTES_MAX: u64 = 2 << 30;
