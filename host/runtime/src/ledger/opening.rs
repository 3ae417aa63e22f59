//! Opening a ledger's folder for writing, or creating one.
//!
//! Invariant: what cannot be trusted is not opened. Everything is verified from the genesis record on, then held against
//! the heads that were signed; nothing of the ledger is changed before all of that has passed. Only then is a new start
//! of the host begun, and the end that a crash tore cut off; and before anything can rest on the last block, that is
//! durable ([`Tail::resume`]).

use super::chain::{Chain, Genesis, enrolment};
use super::disk::{Access, Lock, Mode};
use super::embedded::{Accept, Options};
use super::error::{LedgerError, OpenError};
use super::files::{Files, ensure_dir, ensure_dirs, read_if_there};
use super::heads::Heads;
use super::index::Index;
use super::scan::{End, Scan};
use super::store::Store;
use super::tail::{Tail, TailError};
use super::writer::Writer;
use crate::keystore::Keystore;
use crate::seams::Seams;
use ed25519_dalek::SigningKey;
use manes_core::checkpoint;
use manes_core::ids::{LedgerId, PublicKey};
use manes_core::item::Item;
use manes_core::keys;
use manes_core::record::{Envelope, Kind, Record};
use manes_core::verify::ChainVerifier;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// What the format lets a segment be at most, so that a verifier can read one as a whole.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// Opens or creates the ledger in `folder`; its keys and last seen head are in `home`.
pub(super) fn open(folder: &Path, home: &Path, seams: Seams, options: &Options) -> Result<Writer, OpenError> {
    let files = Files::new(options.disk.clone(), folder);
    let keystore = Keystore::new(home, options.disk.clone());
    let lock = lay_out(&files)?;
    sync_before_trust(&files, options.accept != Accept::Nothing)?;
    let (mut scan, mut found) = (Scan::new(), Vec::new());
    let end = scan.advance(&files, &mut found)?;
    let heads = Heads::new(keystore.clone(), seams.clock.clone(), options.checkpoint_every);
    let (segment_bytes, accept) = (options.segment_bytes.min(SEGMENT_BYTES_MAX), options.accept);
    let opening = Opening { files, keystore, heads, seams, segment_bytes, accept, lock };
    match scan.verifier.ledger() {
        Some(id) => opening.resume(id, scan, found.into_iter().collect(), end),
        None => opening.create(&scan, end),
    }
}

/// Makes the folder's directories and takes its lock.
fn lay_out(files: &Files) -> Result<Box<dyn Lock>, OpenError> {
    let folder = files.folder();
    let names = match files.disk.list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        names => names.map_err(OpenError::io(folder))?,
    };
    // A crash in the middle of a ledger's creation leaves any of its parts.
    let parts = ["LOCK", "segments", "blobs", "artifacts"];
    let begun = names.iter().all(|name| parts.contains(&name.as_str()));
    if !begun && !names.iter().any(|name| name == "segments" || name == "LOCK") {
        return Err(OpenError::NotALedger { folder: folder.to_owned() });
    }
    ensure_dir(files.disk.as_ref(), folder, Access::Shared).map_err(OpenError::io(folder))?;
    let lock = files.disk.lock(&files.lock(), Access::Shared).map_err(OpenError::io(&files.lock()))?;
    let lock = lock.ok_or_else(|| OpenError::Locked { folder: folder.to_owned() })?;
    let parts = [files.segments(), files.blobs(), files.artifacts()];
    let names: Vec<&str> = parts.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    ensure_dirs(files.disk.as_ref(), folder, &names, Access::Shared).map_err(OpenError::io(folder))?;
    Ok(lock)
}

/// Syncs what an earlier process may have left in the page cache: what is found must be what survives. Of a folder that
/// was put back from elsewhere that is everything; one that was moved here without saying so has its segments synced alone.
fn sync_before_trust(files: &Files, put_back: bool) -> Result<(), OpenError> {
    if put_back {
        // A copy of which nothing need be durable.
        return files.disk.sync_all(files.folder()).map_err(OpenError::io(files.folder()));
    }
    let directory = files.segments();
    // An artifact is synced by who needs it, also where it is there already.
    for path in [&directory, &files.blobs()] {
        files.disk.sync_dir(path).map_err(OpenError::io(path))?;
    }
    for number in files.list_segments().map_err(OpenError::io(&directory))? {
        let path = files.segment(number);
        let file = files.disk.open(&path, Mode::Write).map_err(OpenError::io(&path))?;
        file.sync_data().map_err(OpenError::io(&path))?;
    }
    Ok(())
}

/// What an opener holds while it decides.
struct Opening {
    files: Files,
    keystore: Keystore,
    heads: Heads,
    seams: Seams,
    segment_bytes: u64,
    accept: Accept,
    lock: Box<dyn Lock>,
}

impl Opening {
    /// Begins a new ledger where no block is.
    fn create(self, scan: &Scan, end: End) -> Result<Writer, OpenError> {
        // A crash during creation leaves at most the first block torn, and nothing signed.
        let path = self.files.checkpoint();
        let signed = read_if_there(self.files.disk.as_ref(), &path).map_err(OpenError::io(&path))?;
        if scan.segment > 0 || signed.is_some() {
            let what = "the folder once held blocks, and none is left".to_owned();
            return Err(OpenError::Damaged { path: self.files.segments(), offset: 0, what });
        }
        self.warn_of_torn(end);
        let genesis = Genesis::new(&self.seams);
        // The keys first: a ledger that nobody can continue is worse than keys without a ledger.
        self.keystore.create(&genesis.id, &genesis.root, &genesis.host)?;
        let only = self.lock(&genesis.id)?;
        let incarnation = self.keystore.next_incarnation(&genesis.id, 0)?;
        let tail = Tail::create(self.files.clone(), 0, self.segment_bytes).map_err(tail_error)?;
        let chain = Chain::new(genesis.id, ChainVerifier::new(), genesis.host, incarnation, self.seams.clone());
        let mut writer = self.writer(genesis.id, Index::default(), chain, tail, only);
        writer.write_block(genesis.records, VecDeque::new())?;
        writer.heads.sign(&writer.chain, &writer.store)?;
        Ok(writer)
    }

    /// Goes on with the ledger that was found.
    fn resume(self, id: LedgerId, scan: Scan, index: Index, end: End) -> Result<Writer, OpenError> {
        let lost = self.heads.check(&id, &self.files, &scan.verifier, self.accept)?;
        let key = self.key(&id, &scan.verifier)?;
        let only = self.lock(&id)?;
        let mut restored: Vec<Record> = lost.iter().map(|lost| self.restored(lost)).collect();
        restored.extend(self.enrol_again(&id, &key, &scan.verifier, !restored.is_empty())?);
        let seen = scan.verifier.host_chain(&keys::public(&key)).map_or(0, |(incarnation, _, _)| incarnation);
        let incarnation = self.keystore.next_incarnation(&id, seen)?;
        // From here on nothing refuses the ledger any more, and its folder may be changed.
        self.warn_of_torn(end);
        let tail = Tail::resume(self.files.clone(), scan.segment, scan.at, index.last(), self.segment_bytes)
            .map_err(tail_error)?;
        let chain = Chain::new(id, scan.verifier, key, incarnation, self.seams.clone());
        let mut writer = self.writer(id, index, chain, tail, only);
        if !restored.is_empty() {
            writer.restored = Some(writer.write_block(restored, VecDeque::new())?.first);
        }
        // What the last start left uncovered has just been verified. A full disk may wait for its head.
        if let Err(error) = writer.heads.sign(&writer.chain, &writer.store) {
            writer.store.health.check()?;
            tracing::warn!(%error, "the ledger's head could not be stored");
        }
        Ok(writer)
    }

    /// The right to write this ledger, which no two folders of one machine have at a time, nor in turns.
    fn lock(&self, id: &LedgerId) -> Result<Box<dyn Lock>, OpenError> {
        let (here, noted) = (self.files.disk.whole(self.files.folder()), self.keystore.folder(id));
        let known = noted.as_ref() == Some(&here);
        let other = noted.filter(|_| !known);
        let folder = || self.files.folder().to_owned();
        let Some(lock) = self.keystore.lock(id)? else {
            return Err(OpenError::LockedElsewhere { folder: folder(), other });
        };
        if let Some(other) = other {
            let there = Files::new(self.files.disk.clone(), &other);
            let note = read_if_there(there.disk.as_ref(), &there.checkpoint()).ok().flatten();
            let note = note.and_then(|note| String::from_utf8(note).ok());
            if note.and_then(|note| checkpoint::parse(&note).ok()).is_some_and(|(ledger, _)| ledger == *id) {
                return Err(OpenError::Copy { folder: folder(), other });
            }
        }
        if !known {
            self.keystore.store_folder(id, &here)?;
        }
        Ok(lock)
    }

    /// This host's key. A rotation that a crash cut off is over once the ledger has enrolled the new key.
    fn key(&self, id: &LedgerId, verifier: &ChainVerifier) -> Result<SigningKey, OpenError> {
        let staged = self.keystore.staged(id)?.filter(|key| is_enrolled(verifier, &keys::public(key)));
        if let Some(key) = staged {
            self.keystore.promote(id)?;
            return Ok(key);
        }
        let key = self.keystore.host(id)?;
        key.ok_or_else(|| OpenError::NoKey { ledger: *id, path: self.keystore.host_path(id) })
    }

    /// The records that make this host's key count once more in a copy that is older than the key. In any other ledger
    /// a key that is not enrolled is refused.
    fn enrol_again(
        &self,
        id: &LedgerId,
        key: &SigningKey,
        verifier: &ChainVerifier,
        restored: bool,
    ) -> Result<Vec<Record>, OpenError> {
        let public = keys::public(key);
        if is_enrolled(verifier, &public) {
            return Ok(Vec::new());
        }
        let never = verifier.host_chain(&public).is_none();
        let root = self.keystore.root(id)?.filter(|root| Some(keys::public(root)) == verifier.root());
        match root.filter(|_| restored && never) {
            Some(root) => {
                let old: Vec<PublicKey> = verifier.hosts().copied().collect();
                let now = self.seams.clock.now_ns();
                Ok(enrolment(id, &root, public, &old, now))
            }
            None => Err(OpenError::NotEnrolled { ledger: *id, key: public }),
        }
    }

    /// The record that says which head was given up.
    fn restored(&self, lost: &str) -> Record {
        let principal = Some("client/cli".to_owned());
        let envelope =
            Envelope { principal, critical: Some(true), ..Envelope::new(Kind::Restore, self.seams.clock.now_ns()) };
        let body = Item::Map(vec![(Item::Text("head".into()), Item::Text(lost.to_owned()))]);
        Record::new(envelope, Some((self.seams.salt(), body.to_bytes())), true)
    }

    fn warn_of_torn(&self, end: End) {
        match end {
            End::Whole | End::Torn { bytes: 0, .. } => {}
            End::Torn { segment, offset, bytes } => {
                let path = self.files.segment(segment);
                tracing::warn!(path = %path.display(), offset, bytes, "cutting off a block whose write did not finish");
            }
        }
    }

    fn writer(self, id: LedgerId, index: Index, chain: Chain, tail: Tail, only: Box<dyn Lock>) -> Writer {
        let durable = Some(watch::Sender::new(index.records()));
        let (store, clock) = (Arc::new(Store::new(id, self.files, index)), self.seams.clock);
        let (waiting, looked_ns) = (VecDeque::new(), 0);
        Writer {
            clock,
            waiting,
            looked_ns,
            store,
            chain,
            tail,
            heads: self.heads,
            durable,
            restored: None,
            _locks: [self.lock, only],
        }
    }
}

fn is_enrolled(verifier: &ChainVerifier, key: &PublicKey) -> bool {
    verifier.hosts().any(|enrolled| enrolled == key)
}

fn tail_error(error: TailError) -> OpenError {
    match error {
        TailError::Full(path) => LedgerError::NoSpace { path }.into(),
        TailError::Failed(path, source) => OpenError::Io { path, source },
    }
}
