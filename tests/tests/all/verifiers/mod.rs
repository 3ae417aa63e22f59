//! Goal: two verifiers that share no code agree on every ledger, whole or tampered with.
pub(crate) mod tamper;
