//! What may lie in a ledger folder, and reading it without following a link out of it.

use crate::finding::{Finding, Problem};
use crate::limits::BLOB_BYTES_MAX;
use manes_core::ids::{Digest, sha256};
use std::collections::BTreeSet;
use std::fs::{self, File, FileType};
use std::io::Read as _;
use std::path::Path;

/// The files of a ledger folder, by name only.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Number of segments; they are numbered from 0.
    pub(crate) segments: u64,
    pub(crate) blobs: BTreeSet<Digest>,
    pub(crate) artifacts: BTreeSet<Digest>,
    /// Files that a writer had not yet renamed to their name when it died. Nobody reads them.
    pub(crate) leftovers: u64,
}

/// How a file is called until it is whole.
const UNFINISHED: &str = ".new";

/// Path of a segment.
pub(crate) fn segment(number: u64) -> String {
    format!("segments/{number:08}.seg")
}

/// Path of a blob.
pub(crate) fn blob(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("blobs/{}/{name}", name.get(..2).unwrap_or_default())
}

/// Path of an artifact.
pub(crate) fn artifact(digest: &Digest) -> String {
    format!("artifacts/{digest}")
}

impl Layout {
    /// Lists the folder, and refuses what does not belong there.
    pub(crate) fn read(root: &Path) -> Result<Self, Finding> {
        let mut layout = Self::default();
        for (name, kind) in entries(root, "")? {
            match name.as_str() {
                "segments" => layout.segments = segments(root, kind)?,
                "blobs" => layout.blobs(root, kind)?,
                "artifacts" => layout.artifacts = layout.digests(root, "artifacts", "", kind)?,
                "checkpoint" => plain(&name, kind, false)?,
                "checkpoint.new" => layout.leftover(&name, kind)?,
                "LOCK" => empty(root, kind)?,
                _ => return Err(Finding::of(name, Problem::Unexpected)),
            }
        }
        if layout.segments == 0 { Err(Finding::of(segment(0), Problem::Missing)) } else { Ok(layout) }
    }

    fn leftover(&mut self, path: &str, kind: FileType) -> Result<(), Finding> {
        self.leftovers += 1;
        plain(path, kind, false)
    }

    fn blobs(&mut self, root: &Path, kind: FileType) -> Result<(), Finding> {
        plain("blobs", kind, true)?;
        for (name, kind) in entries(root, "blobs")? {
            let folder = format!("blobs/{name}");
            if name.len() != 2 || name.bytes().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(Finding::of(folder, Problem::Unexpected));
            }
            let shard = self.digests(root, &folder, &name, kind)?;
            self.blobs.extend(shard);
        }
        Ok(())
    }

    /// A folder of files, whole or not, that are named after their digest, which begins with `shard`.
    fn digests(&mut self, root: &Path, folder: &str, shard: &str, kind: FileType) -> Result<BTreeSet<Digest>, Finding> {
        plain(folder, kind, true)?;
        let mut all = BTreeSet::new();
        for (name, kind) in entries(root, folder)? {
            let path = format!("{folder}/{name}");
            let whole = name.strip_suffix(UNFINISHED).unwrap_or(&name);
            // Upper-case hex would be a second name for one digest.
            let canonical = |digest: &Digest| digest.to_string() == whole && whole.starts_with(shard);
            let Some(digest) = whole.parse::<Digest>().ok().filter(canonical) else {
                return Err(Finding::of(path, Problem::Unexpected));
            };
            if whole == name {
                plain(&path, kind, false)?;
                all.insert(digest);
            } else {
                self.leftover(&path, kind)?;
            }
        }
        Ok(all)
    }
}

/// Names in a folder, sorted, with their types; links are not followed.
fn entries(root: &Path, folder: &str) -> Result<Vec<(String, FileType)>, Finding> {
    let io = |error: std::io::Error| Finding::io(folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder)).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        found.push((name, entry.file_type().map_err(io)?));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn plain(path: &str, kind: FileType, folder: bool) -> Result<(), Finding> {
    let expected = if folder { "folder" } else { "file" };
    let right = if folder { kind.is_dir() } else { kind.is_file() };
    if right { Ok(()) } else { Err(Finding::of(path, Problem::NotPlain { expected })) }
}

fn empty(root: &Path, kind: FileType) -> Result<(), Finding> {
    plain("LOCK", kind, false)?;
    match fs::symlink_metadata(root.join("LOCK")).map_err(|error| Finding::io("LOCK", &error))?.len() {
        0 => Ok(()),
        bytes => Err(Finding::of("LOCK", Problem::NotEmpty { bytes })),
    }
}

fn segments(root: &Path, kind: FileType) -> Result<u64, Finding> {
    plain("segments", kind, true)?;
    let mut next = 0;
    for (name, kind) in entries(root, "segments")? {
        let path = format!("segments/{name}");
        let number =
            name.strip_suffix(".seg").filter(|digits| digits.len() == 8).and_then(|digits| digits.parse::<u64>().ok());
        let Some(number) = number.filter(|number| segment(*number) == path) else {
            return Err(Finding::of(path, Problem::Unexpected));
        };
        plain(&path, kind, false)?;
        // Sorted names of equal length are sorted numbers.
        if number != next {
            return Err(Finding::of(segment(next), Problem::Missing));
        }
        next += 1;
    }
    Ok(next)
}

/// A plain file's content, if it is not larger than `bytes_max`.
pub(crate) fn read(root: &Path, path: &str, bytes_max: u64) -> Result<Vec<u8>, Finding> {
    let io = |error: std::io::Error| Finding::io(path, &error);
    let full = root.join(path);
    plain(path, fs::symlink_metadata(&full).map_err(io)?.file_type(), false)?;
    let mut file = File::open(full).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes > bytes_max {
        return Err(Finding::of(path, Problem::TooLarge { bytes, bytes_max }));
    }
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    // A file that grows while it is read stays bounded.
    file.by_ref().take(bytes_max).read_to_end(&mut content).map_err(io)?;
    Ok(content)
}

/// The content of a file that is named after its digest.
pub(crate) fn read_named(root: &Path, path: &str, digest: &Digest) -> Result<Vec<u8>, Finding> {
    let content = read(root, path, BLOB_BYTES_MAX)?;
    let found = Digest(sha256(&content));
    if found == *digest { Ok(content) } else { Err(Finding::of(path, Problem::Digest { found })) }
}
