//! What lies outside a ledger's folder: its private keys, and the last head of it that was seen here.
//!
//! Invariant: none of this is ever written into the folder. Whoever copies or steals the folder can read and verify
//! it but cannot continue it, and whoever rolls the folder back cannot roll back the head that is kept here.
//!
//! ```text
//! keys/<ledger>.root          seed of the root key, hex; only key records need it
//! keys/<ledger>.host          seed of this host's key, hex
//! keys/<ledger>.host-next     seed of the key that is about to follow it, while it is rotated
//! keys/<ledger>.incarnation   how often this host opened the ledger for writing
//! keys/<ledger>.lock          held while it is; names the folder
//! heads/<ledger>              the last checkpoint seen here
//! ```
//! Directories are 0700, files 0600; a key that others may read is refused, as ssh does.

use crate::ledger::disk::{Access, Disk, Lock, Mode};
use crate::ledger::files::{ensure_dir, ensure_dirs, read_if_there, replace};
use ed25519_dalek::SigningKey;
use manes_core::ids::{LedgerId, hex, unhex};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why a key or head could not be read or stored.
#[derive(Debug, Clone, Error)]
pub enum KeystoreError {
    /// The disk failed. What was stored before is unchanged; the new content may or may not be there.
    #[error("the key store failed at {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// Others than the owner may read the key. Nothing was changed.
    #[error("{} may be read by others: chmod 600 it, and rotate the key if somebody did", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what it must be. Nothing was changed.
    #[error("{} is not {expected}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it must be.
        expected: &'static str,
    },
}

impl KeystoreError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}

/// End of the name of a key that is about to become the host's.
const STAGED: &str = "host-next";

/// The private side of the ledgers that are written on this machine.
#[derive(Debug, Clone)]
pub struct Keystore {
    home: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Keystore {
    /// The key store in `home`. Nothing is created before something is stored.
    #[must_use]
    pub fn new(home: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { home: home.to_owned(), disk }
    }

    /// Where a ledger's host key lies.
    #[must_use]
    pub fn host_path(&self, ledger: &LedgerId) -> PathBuf {
        self.key_path(ledger, "host")
    }

    /// Where a ledger's root key lies.
    #[must_use]
    pub fn root_path(&self, ledger: &LedgerId) -> PathBuf {
        self.key_path(ledger, "root")
    }

    /// Where the last seen head of a ledger lies.
    #[must_use]
    pub fn head_path(&self, ledger: &LedgerId) -> PathBuf {
        self.home.join("heads").join(ledger.to_string())
    }

    fn key_path(&self, ledger: &LedgerId, what: &str) -> PathBuf {
        self.home.join("keys").join(format!("{ledger}.{what}"))
    }

    /// Stores the keys of a new ledger. Their names are durable with the first incarnation's, which is stored before the
    /// first block.
    ///
    /// # Errors
    /// The disk's, a file that is already there among them; one of the two keys may then be stored.
    pub fn create(&self, ledger: &LedgerId, root: &SigningKey, host: &SigningKey) -> Result<(), KeystoreError> {
        let disk = self.disk.as_ref();
        let made = ensure_dir(disk, &self.home, Access::Private);
        let made = made.and_then(|()| ensure_dirs(disk, &self.home, &["keys", "heads"], Access::Private));
        made.map_err(KeystoreError::io(&self.home))?;
        for (path, key) in [(self.root_path(ledger), root), (self.host_path(ledger), host)] {
            self.create_key(&path, key).map_err(KeystoreError::io(&path))?;
        }
        Ok(())
    }

    /// Stores a key that is about to take the host's key's place, durably, beside it.
    ///
    /// # Errors
    /// The disk's. The host's key is what it was.
    pub fn stage(&self, ledger: &LedgerId, key: &SigningKey) -> Result<(), KeystoreError> {
        let path = self.key_path(ledger, STAGED);
        let text = format!("{}\n", hex(key.as_bytes()));
        replace(self.disk.as_ref(), &path, text.as_bytes(), Access::Private)
            .map_err(|failure| KeystoreError::io(&path)(failure.source))
    }

    /// The key that was staged last, if it has not taken the host's key's place.
    ///
    /// # Errors
    /// As [`Keystore::host`].
    pub fn staged(&self, ledger: &LedgerId) -> Result<Option<SigningKey>, KeystoreError> {
        self.key(self.key_path(ledger, STAGED))
    }

    /// The staged key becomes the host's key. The old one is gone then.
    ///
    /// # Errors
    /// The disk's. One of the two is then in the host's key's place.
    pub fn promote(&self, ledger: &LedgerId) -> Result<(), KeystoreError> {
        let (from, to) = (self.key_path(ledger, STAGED), self.host_path(ledger));
        // Needs no sync: after a power cut it may be staged again, and the next start promotes it again.
        self.disk.rename(&from, &to).map_err(KeystoreError::io(&to))
    }

    fn create_key(&self, path: &Path, key: &SigningKey) -> io::Result<()> {
        let file = self.disk.create(path, Access::Private)?;
        file.write_at(0, format!("{}\n", hex(key.as_bytes())).as_bytes())?;
        file.sync_data()
    }

    fn ensure(&self, directory: &str) -> Result<(), KeystoreError> {
        let path = self.home.join(directory);
        ensure_dir(self.disk.as_ref(), &path, Access::Private).map_err(KeystoreError::io(&path))
    }

    /// This host's key; `None` if it is not here.
    ///
    /// # Errors
    /// The disk's, a key that others may read, or a file that is no key.
    pub fn host(&self, ledger: &LedgerId) -> Result<Option<SigningKey>, KeystoreError> {
        self.key(self.host_path(ledger))
    }

    /// The ledger's root key; `None` if it is not here.
    ///
    /// # Errors
    /// As [`Keystore::host`].
    pub fn root(&self, ledger: &LedgerId) -> Result<Option<SigningKey>, KeystoreError> {
        self.key(self.root_path(ledger))
    }

    fn key(&self, path: PathBuf) -> Result<Option<SigningKey>, KeystoreError> {
        let Some(text) = self.text(&path)? else { return Ok(None) };
        if !self.disk.is_private(&path).map_err(KeystoreError::io(&path))? {
            return Err(KeystoreError::Open { path });
        }
        match unhex(text.trim_end()).and_then(|seed| <[u8; 32]>::try_from(seed).ok()) {
            Some(seed) => Ok(Some(SigningKey::from_bytes(&seed))),
            None => Err(KeystoreError::Format { path, expected: "a key: 64 hex digits" }),
        }
    }

    /// Takes the right to write the ledger from this machine, wherever its folder lies; `None` while somebody has it.
    ///
    /// # Errors
    /// The disk's.
    pub fn lock(&self, ledger: &LedgerId) -> Result<Option<Box<dyn Lock>>, KeystoreError> {
        let path = self.key_path(ledger, "lock");
        self.disk.lock(&path, Access::Private).map_err(KeystoreError::io(&path))
    }

    /// The folder from which the ledger was written last, if that is known.
    #[must_use]
    pub fn folder(&self, ledger: &LedgerId) -> Option<PathBuf> {
        let text = self.text(&self.key_path(ledger, "lock")).ok()??;
        Some(text.trim_end_matches('\n').into()).filter(|path: &PathBuf| !path.as_os_str().is_empty())
    }

    /// Notes the folder from which the ledger is written. Not durable at once: it guards against mistakes alone.
    ///
    /// # Errors
    /// The disk's.
    pub fn store_folder(&self, ledger: &LedgerId, folder: &Path) -> Result<(), KeystoreError> {
        let Some(text) = folder.to_str() else { return Ok(()) };
        let path = self.key_path(ledger, "lock");
        let store = || {
            let file = self.disk.open(&path, Mode::Write)?;
            file.write_at(0, format!("{text}\n").as_bytes())?;
            file.truncate(text.len() as u64 + 1)
        };
        store().map_err(KeystoreError::io(&path))
    }

    /// Begins a start of this host: the number after the last one here and the last one `seen` in the ledger.
    ///
    /// A start counts even if it writes no block, so that two starts never sign under the same number, whatever of
    /// the first one's blocks was lost.
    ///
    /// # Errors
    /// The disk's, or a file that holds no number. The ledger must then not be written.
    pub fn next_incarnation(&self, ledger: &LedgerId, seen: u64) -> Result<u64, KeystoreError> {
        let path = self.key_path(ledger, "incarnation");
        let stored = match self.text(&path)? {
            None => 0,
            Some(text) => match text.trim_end().parse() {
                Ok(number) => number,
                Err(_) => return Err(KeystoreError::Format { path, expected: "a decimal number" }),
            },
        };
        let next = seen.max(stored) + 1;
        let text = format!("{next}\n");
        replace(self.disk.as_ref(), &path, text.as_bytes(), Access::Private)
            .map_err(|failure| KeystoreError::io(&path)(failure.source))?;
        Ok(next)
    }

    /// The last head of the ledger that was seen here: a signed checkpoint.
    ///
    /// # Errors
    /// The disk's, or a file that is not text.
    pub fn head(&self, ledger: &LedgerId) -> Result<Option<String>, KeystoreError> {
        self.text(&self.head_path(ledger))
    }

    /// Stores the last seen head, durably. It must not cover a block that is not durable yet.
    ///
    /// # Errors
    /// The disk's; the head stored before or this one is then there.
    pub fn store_head(&self, ledger: &LedgerId, note: &str) -> Result<(), KeystoreError> {
        let path = self.head_path(ledger);
        let store = || replace(self.disk.as_ref(), &path, note.as_bytes(), Access::Private);
        let stored = match store() {
            Err(failure) if failure.source.kind() == io::ErrorKind::NotFound => {
                self.ensure("heads")?;
                store()
            }
            stored => stored,
        };
        stored.map_err(|failure| KeystoreError::io(&path)(failure.source))
    }

    fn text(&self, path: &Path) -> Result<Option<String>, KeystoreError> {
        let bytes = read_if_there(self.disk.as_ref(), path).map_err(KeystoreError::io(path))?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| KeystoreError::Format { path: path.to_owned(), expected: "text" })
    }
}
