//! The SDK, the contract and the manifest's schema, carried in the binary: a project needs no checkout of Manes.

use anyhow::Context as _;
use include_dir::{Dir, DirEntry, include_dir};
use manes_core::ids::Digest;
use std::path::{Path, PathBuf};

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk-guest");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// Where it lies in a project.
const FOLDER: &str = ".manes/sdk";
/// Names what was written, so that another version of `manes` replaces it.
const MARK: &str = "DIGEST";

/// Writes it into a project.
pub(crate) fn write(project: &Path) -> anyhow::Result<()> {
    let root = project.join(FOLDER);
    for (path, bytes) in files() {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("failed to write {}", path.display()))?;
    }
    let mark = root.join(MARK);
    std::fs::write(&mark, digest().to_string()).with_context(|| format!("failed to write {}", mark.display()))
}

/// Replaces the one of another version, in a project that has one.
pub(crate) fn refresh(project: &Path) -> anyhow::Result<()> {
    let mark = project.join(FOLDER).join(MARK);
    match std::fs::read_to_string(&mark) {
        Ok(there) if there.trim() != digest().to_string() => {
            std::fs::remove_dir_all(project.join(FOLDER))?;
            write(project)
        }
        _ => Ok(()),
    }
}

fn digest() -> Digest {
    let mut all = Vec::new();
    for (path, bytes) in files() {
        all.extend_from_slice(path.to_string_lossy().as_bytes());
        all.extend_from_slice(&Digest::of(&bytes).0);
    }
    Digest::of(&all)
}

/// Files with their paths, in one order.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for (root, dir) in [("sdk-guest", &SDK), ("wit", &WIT)] {
        collect(Path::new(root), dir, &mut files);
    }
    files.push((PathBuf::from("manes.schema.json"), manes_runtime::manifest::SCHEMA.as_bytes().to_vec()));
    files.sort();
    files
}

fn collect(root: &Path, dir: &Dir<'_>, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => collect(root, dir, files),
            DirEntry::File(file) if file.path().ends_with("Cargo.toml") => {
                files.push((root.join(file.path()), alone(file.contents()).into_bytes()));
            }
            DirEntry::File(file) => files.push((root.join(file.path()), file.contents().to_vec())),
        }
    }
}

/// A crate's manifest without what ties it to the workspace that it comes from.
fn alone(manifest: &[u8]) -> String {
    let text = String::from_utf8_lossy(manifest);
    let (mut kept, mut lints) = (String::new(), false);
    for line in text.lines() {
        lints = if line.starts_with('[') { line == "[lints]" } else { lints };
        if !lints && !line.starts_with("workspace = ") && !line.starts_with("# One lock file") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}
