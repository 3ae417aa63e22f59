//! Signatures: ed25519 (RFC 8032) over DSSE's pre-authentication encoding.
//!
//! The encoding binds the signature to a type, so that a signature made for one purpose proves nothing for
//! another. Verification is strict: keys of small order or in a second spelling, and malleable signatures, are refused.

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
    canonical(key)
        && VerifyingKey::from_bytes(&key.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// True if y, the low 255 bits, is below p = 2^255 − 19: the library takes y modulo p, and a key has one spelling.
fn canonical(key: &PublicKey) -> bool {
    let [first, middle @ .., last] = &key.0;
    *first < 0xed || last | 0x80 != 0xff || middle.iter().any(|byte| *byte != 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling() {
        let spelt = |first: u8, last: u8| {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (first, last);
            canonical(&PublicKey(key))
        };
        assert!(spelt(0xec, 0x7f) && spelt(0xec, 0xff) && spelt(0xed, 0x7e) && spelt(0xff, 0xfe));
        assert!(!spelt(0xed, 0x7f) && !spelt(0xed, 0xff) && !spelt(0xff, 0x7f) && !spelt(0xff, 0xff));
        // y = 3 + p is on the curve as y = 3 is: the library alone would take it for the same key.
        let three = VerifyingKey::from_bytes(&[&[3][..], &[0; 31]].concat().try_into().unwrap_or_default());
        assert!(three.is_ok() == VerifyingKey::from_bytes(&spelling_of_three()).is_ok());
        assert!(!canonical(&PublicKey(spelling_of_three())));
    }

    /// p + 3.
    fn spelling_of_three() -> [u8; 32] {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (0xf0, 0x7f);
        key
    }
}
