//! Changing the keys that sign blocks.
//!
//! Invariant: at every moment the key that counts lies in the key store, so that no crash leaves a ledger that nobody
//! can continue. A new key is stored beside the old one, then the block that enrols it is made durable, sealed by the
//! new key itself; only then does it take the old one's place. Opening finishes what a crash cut off.

use super::api::KeyChange;
use super::error::LedgerError;
use super::writer::Writer;
use ed25519_dalek::SigningKey;
use manes_core::ids::PublicKey;
use manes_core::keys;
use manes_core::record::Record;
use std::collections::VecDeque;

impl Writer {
    /// Does what is asked, and signs the head under whatever key counts then.
    pub(super) fn change_keys(&mut self, change: KeyChange) -> Result<PublicKey, LedgerError> {
        self.store.health.check()?;
        let changed = match change {
            KeyChange::Rotate { keep_old } => self.rotate(keep_old)?,
            KeyChange::Revoke(key) => {
                let record = self.chain.revocation(&self.root()?, key);
                let record = record.map_err(|why| LedgerError::Keys { why: why.to_owned() })?;
                self.write_block(vec![record], VecDeque::new())?;
                key
            }
        };
        if let Err(error) = self.heads.sign(&self.chain, &self.store) {
            self.store.health.check()?;
            tracing::warn!(%error, "the ledger's head could not be stored");
        }
        Ok(changed)
    }

    fn rotate(&mut self, keep_old: bool) -> Result<PublicKey, LedgerError> {
        let root = self.root()?;
        let old = if keep_old { Vec::new() } else { vec![self.chain.host()] };
        let keystore = self.heads.keystore();
        let staged = keystore.staged(&self.store.id)?;
        if staged.is_some_and(|staged| keys::public(&staged) == self.chain.host()) {
            // The last rotation could not put it in its place, and this is its only copy.
            keystore.promote(&self.store.id)?;
        }
        let key = self.chain.draw();
        self.heads.keystore().stage(&self.store.id, &key)?;
        let records = self.chain.enrolment(&root, keys::public(&key), &old);
        self.seal_with(key, records)?;
        if let Err(error) = self.heads.keystore().promote(&self.store.id) {
            // The block counts; the next start finds the staged key enrolled, and puts it in its place.
            tracing::warn!(%error, "the new key is in force, and could not be put in the old one's place");
        }
        Ok(self.chain.host())
    }

    /// Writes a block that enrols the key that it is sealed with.
    pub(super) fn seal_with(&mut self, key: SigningKey, records: Vec<Record>) -> Result<(), LedgerError> {
        let before = self.chain.rekey(key);
        let written = self.write_block(records, VecDeque::new());
        if let Err(LedgerError::NoSpace { .. }) = &written {
            self.chain.rekey(before);
        }
        written.map(|_| ())
    }

    /// The root key, if it is here and this ledger's.
    fn root(&self) -> Result<SigningKey, LedgerError> {
        let path = self.heads.keystore().root_path(&self.store.id);
        let root = self.heads.keystore().root(&self.store.id)?;
        let root = root.filter(|root| Some(keys::public(root)) == self.chain.verifier().root());
        root.ok_or_else(|| LedgerError::Keys {
            why: format!("this needs the ledger's root key, which is not in {}; put it there", path.display()),
        })
    }
}
