//! The one way to the disk: everything that a ledger or a key store reads, writes and syncs goes through [`Disk`].
//!
//! Invariant: nothing here syncs on its own. A caller that needs a write, a name or a length to survive a power cut
//! says so, and a simulated disk that forgets all that was not synced can therefore find the call that is missing.
//! [`RealDisk`] is the operating system's; tests bring others that fail, forget or tear.

use fs4::fs_std::FileExt as _;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who may read what is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever the process's umask lets.
    Shared,
    /// The owner alone: 0600 for files, 0700 for directories.
    Private,
}

/// What an open file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
}

/// Held as long as the value lives.
pub trait Lock: Send + Sync + Debug {}

/// Directories and names.
pub trait Disk: Send + Sync + Debug + 'static {
    /// Creates one directory; its parent exists.
    ///
    /// # Errors
    /// The operating system's; `AlreadyExists` among them.
    fn create_dir(&self, path: &Path, access: Access) -> io::Result<()>;

    /// Creates a file that does not exist yet, for reading and writing.
    ///
    /// # Errors
    /// The operating system's; `AlreadyExists` among them.
    fn create(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// The operating system's; `NotFound` among them.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>>;

    /// Names in a directory, in no order.
    ///
    /// # Errors
    /// The operating system's; `NotFound` among them.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// The one name of a path that has several: without links, from the root on.
    fn whole(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    /// Gives a file another name in the same file system, replacing what has it.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's; `NotFound` among them.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable: what was created, renamed and removed there.
    ///
    /// # Errors
    /// The operating system's. What it covered may or may not survive.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes everything in a directory durable, and what is in its directories: content and names. Takes as long as there
    /// are files.
    ///
    /// # Errors
    /// The operating system's.
    fn sync_all(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock of a file, creating it; `None` while another opener holds it.
    ///
    /// # Errors
    /// The operating system's.
    fn lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn Lock>>>;

    /// True if nobody but its owner may read or write the file.
    ///
    /// # Errors
    /// The operating system's; `NotFound` among them.
    fn is_private(&self, path: &Path) -> io::Result<bool>;

    /// A whole file.
    ///
    /// # Errors
    /// The operating system's; `NotFound` among them.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        read_from(self.open(path, Mode::Read)?.as_ref(), 0)
    }
}

/// One open file.
pub trait DiskFile: Send + Sync + Debug {
    /// Its length in bytes, preallocated space included.
    ///
    /// # Errors
    /// The operating system's.
    fn length(&self) -> io::Result<u64>;

    /// Reads at `at` as much as is there and fits.
    ///
    /// # Errors
    /// The operating system's.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `at`.
    ///
    /// # Errors
    /// The operating system's. Any part of the bytes may have been written.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file at least `length` bytes long, with room on the disk for all of them where the file system can.
    ///
    /// # Errors
    /// The operating system's; `StorageFull` among them.
    fn preallocate(&self, length: u64) -> io::Result<()>;

    /// Makes the file exactly `length` bytes long.
    ///
    /// # Errors
    /// The operating system's.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    /// The operating system's. The kernel may then have dropped the pages: calling again proves nothing.
    fn sync_data(&self) -> io::Result<()>;
}

/// Everything in `file` from `at` on.
///
/// # Errors
/// The operating system's.
pub fn read_from(file: &dyn DiskFile, at: u64) -> io::Result<Vec<u8>> {
    let left = file.length()?.saturating_sub(at);
    let mut bytes = vec![0; usize::try_from(left).map_err(io::Error::other)?];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(at + filled as u64, rest)? {
            0 => break,
            n => filled += n,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The operating system's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealLock {
    /// The lock goes with the open file.
    _file: File,
}

impl Lock for RealLock {}

const fn file_mode(access: Access) -> u32 {
    match access {
        Access::Shared => 0o666,
        Access::Private => 0o600,
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path, access: Access) -> io::Result<()> {
        let mode = match access {
            Access::Shared => 0o777,
            Access::Private => 0o700,
        };
        fs::DirBuilder::new().mode(mode).create(path)
    }

    fn create(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mode = file_mode(access);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let write = match mode {
            Mode::Read => false,
            Mode::Write => true,
        };
        Ok(Arc::new(OpenOptions::new().read(true).write(write).open(path)?))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        // A name that is no text is none of ours.
        let name =
            |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok()).transpose();
        fs::read_dir(path)?.filter_map(name).collect()
    }

    fn whole(&self, path: &Path) -> PathBuf {
        path.canonicalize().unwrap_or_else(|_| path.to_owned())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let open = File::open(path)?;
        if open.metadata()?.is_file() {
            return open.sync_all();
        }
        for entry in fs::read_dir(path)? {
            self.sync_all(&entry?.path())?;
        }
        open.sync_all()
    }

    fn lock(&self, path: &Path, access: Access) -> io::Result<Option<Box<dyn Lock>>> {
        let mode = file_mode(access);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(mode).open(path)?;
        let held = file.try_lock_exclusive()?;
        Ok(held.then(|| Box::new(RealLock { _file: file }) as Box<dyn Lock>))
    }

    fn is_private(&self, path: &Path) -> io::Result<bool> {
        Ok(fs::metadata(path)?.permissions().mode() & 0o077 == 0)
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, into, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        match self.allocate(length) {
            // A file system without preallocation: the length alone, and a full disk shows at the write.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.set_len(length.max(DiskFile::length(self)?))
            }
            done => done,
        }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }
}
