//! Signatures: ed25519 (RFC 8032) over DSSE's pre-authentication encoding.
//!
//! The encoding binds the signature to a type, so that a signature made for one purpose proves nothing for
//! another. Verification is strict: small-order keys and malleable signatures are refused.

use crate::ids::PublicKey;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// Type of a block header's signature.
pub const BLOCK: &str = "application/vnd.manes.block+cbor";
/// Type of a key record's signature.
pub const KEY: &str = "application/vnd.manes.key+cbor";

/// DSSE's pre-authentication encoding: `"DSSEv1" SP len SP type SP len SP payload`.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Signs `payload` as `payload_type`.
#[must_use]
pub fn sign(key: &SigningKey, payload_type: &str, payload: &[u8]) -> [u8; 64] {
    key.sign(&pae(payload_type, payload)).to_bytes()
}

/// The public half.
#[must_use]
pub fn public(key: &SigningKey) -> PublicKey {
    PublicKey(key.verifying_key().to_bytes())
}

/// True if `signature` on `payload` as `payload_type` was made by `key`.
#[must_use]
pub fn verify(key: &PublicKey, payload_type: &str, payload: &[u8], signature: &[u8; 64]) -> bool {
    verify_raw(key, &pae(payload_type, payload), signature)
}

/// True if `signature` on exactly `message` was made by `key`.
#[must_use]
pub fn verify_raw(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(&key.0)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}
