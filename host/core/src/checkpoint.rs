//! Checkpoints: the tree's head as a signed note, after C2SP `tlog-checkpoint` and `signed-note`.
//!
//! A checkpoint is a few lines of text that fit into a mail. Whoever holds one detects a ledger that was cut or
//! rolled back behind it.

use crate::ids::{Digest, LedgerId, PublicKey, sha256};
use crate::keys;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use thiserror::Error;

/// Bytes of a note that is read: one is some 300, and witnesses add a line each.
pub const NOTE_BYTES_MAX: usize = 64 << 10;

/// Signature algorithm byte of ed25519 in signed notes.
const ED25519: u8 = 1;

/// Number of blocks and the root over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Blocks in the tree.
    pub size: u64,
    /// Root over their hashes.
    pub root: Digest,
}

/// Why a text is not a checkpoint to believe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// Not a signed note of three lines.
    #[error("not a checkpoint: {0}")]
    Format(&'static str),
    /// It speaks of another log.
    #[error("the checkpoint is of {found}, not of {expected}")]
    Origin {
        /// Its first line.
        found: String,
        /// The origin of this ledger.
        expected: String,
    },
    /// No signature by the given key, or a false one.
    #[error("the checkpoint carries no valid signature of a key of this ledger")]
    Signature,
}

/// The first line of a ledger's checkpoints, and the name of its signers.
#[must_use]
pub fn origin(ledger: &LedgerId) -> String {
    format!("manes.ledger/{ledger}")
}

fn key_id(name: &str, key: &PublicKey) -> [u8; 4] {
    let mut input = name.as_bytes().to_vec();
    input.extend([b'\n', ED25519]);
    input.extend(key.0);
    sha256(&input).first_chunk::<4>().copied().unwrap_or_default()
}

fn body(ledger: &LedgerId, head: &TreeHead) -> String {
    format!("{}\n{}\n{}\n", origin(ledger), head.size, STANDARD.encode(head.root.0))
}

/// The signed note of `head`.
#[must_use]
pub fn sign(ledger: &LedgerId, head: &TreeHead, key: &SigningKey) -> String {
    let (name, text) = (origin(ledger), body(ledger, head));
    let mut signature = key_id(&name, &keys::public(key)).to_vec();
    signature.extend(key.sign(text.as_bytes()).to_bytes());
    format!("{text}\n— {name} {}\n", STANDARD.encode(signature))
}

/// The text of a note.
///
/// # Errors
/// Bytes that are not UTF-8.
pub fn text(bytes: Vec<u8>) -> Result<String, CheckpointError> {
    String::from_utf8(bytes).map_err(|_| CheckpointError::Format("not UTF-8"))
}

/// Reads the ledger and head that a note claims, without checking any signature.
///
/// # Errors
/// A text that is not a checkpoint of a Manes ledger.
pub fn parse(note: &str) -> Result<(LedgerId, TreeHead), CheckpointError> {
    let format = CheckpointError::Format;
    if note.len() > NOTE_BYTES_MAX {
        return Err(format("it is over 64 KiB"));
    }
    let (text, _) = note.split_once("\n\n").ok_or(format("no blank line before the signatures"))?;
    let mut lines = text.lines();
    let ledger = lines
        .next()
        .and_then(|line| line.strip_prefix("manes.ledger/"))
        .and_then(|hex| hex.parse().ok())
        .ok_or(format("the first line names no ledger"))?;
    let size = lines.next().ok_or(format("no tree size"))?;
    let size: u64 = size.parse().ok().filter(|n: &u64| n.to_string() == size).ok_or(format("bad tree size"))?;
    let root = lines.next().and_then(|line| STANDARD.decode(line).ok()).and_then(|b| b.try_into().ok());
    let head = TreeHead { size, root: Digest(root.ok_or(format("bad root"))?) };
    // One text has one meaning: what would be written differently is not read.
    if format!("{text}\n") == body(&ledger, &head) { Ok((ledger, head)) } else { Err(format("not in its one form")) }
}

/// Reads a note and checks that one of `trusted` signed it for `ledger`.
///
/// # Errors
/// Another log's note, a malformed one, or no valid signature.
pub fn verify<'k>(
    note: &str,
    ledger: &LedgerId,
    trusted: impl IntoIterator<Item = &'k PublicKey>,
) -> Result<TreeHead, CheckpointError> {
    let (claimed, head) = parse(note)?;
    let name = origin(ledger);
    if claimed != *ledger {
        return Err(CheckpointError::Origin { found: origin(&claimed), expected: name });
    }
    let (text, signatures) = note.split_once("\n\n").ok_or(CheckpointError::Signature)?;
    if !signatures.ends_with('\n') {
        return Err(CheckpointError::Format("no line break at the end"));
    }
    let message = format!("{text}\n");
    let trusted: Vec<_> = trusted.into_iter().collect();
    let valid = |line: &str| {
        let signature =
            line.strip_prefix("— ").and_then(|rest| rest.strip_prefix(&name)).and_then(|r| r.strip_prefix(' '));
        let bytes = signature.and_then(|base64| STANDARD.decode(base64).ok());
        let Some((id, signature)) = bytes.as_deref().and_then(<[u8]>::split_first_chunk::<4>) else { return false };
        let Ok(signature) = <&[u8; 64]>::try_from(signature) else { return false };
        trusted.iter().any(|key| key_id(&name, key) == *id && keys::verify_raw(key, message.as_bytes(), signature))
    };
    // `split_terminator`, not `lines`: a carriage return is no part of a signed note.
    let mut lines = signatures.split_terminator('\n');
    if lines.clone().any(|line| !line.starts_with("— ")) {
        return Err(CheckpointError::Format("a line after the blank one is no signature"));
    }
    if lines.any(valid) { Ok(head) } else { Err(CheckpointError::Signature) }
}

/// As [`verify`], for a note whose every byte must count: it carries one signature and nothing else. Ledger folders
/// and receipts hold such notes; one that a witness gave may carry signatures that its reader does not know.
///
/// # Errors
/// As [`verify`], and more than one signature.
pub fn verify_sole<'k>(
    note: &str,
    ledger: &LedgerId,
    trusted: impl IntoIterator<Item = &'k PublicKey>,
) -> Result<TreeHead, CheckpointError> {
    let head = verify(note, ledger, trusted)?;
    sole(note).map(|()| head)
}

/// Checks that a note which was verified carries one signature.
///
/// # Errors
/// More than one.
pub fn sole(note: &str) -> Result<(), CheckpointError> {
    // Three lines of text, the blank one, the signature.
    if note.matches('\n').count() == 5 { Ok(()) } else { Err(CheckpointError::Format("more than one signature")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_checkpoint_is_refused() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let ledger = LedgerId([3; 32]);
        let head = TreeHead { size: 12, root: Digest([9; 32]) };
        let note = sign(&ledger, &head, &key);
        let public = keys::public(&key);
        assert_eq!(verify(&note, &ledger, [&public]), Ok(head));
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bytes) {
                    assert!(verify(&text, &ledger, [&public]).is_err(), "byte {at} bit {bit}");
                }
            }
        }
        assert!(verify(&note, &LedgerId([4; 32]), [&public]).is_err());
        assert!(verify(&note, &ledger, [&PublicKey([1; 32])]).is_err());
    }
}
