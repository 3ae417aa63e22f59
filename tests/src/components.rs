//! Components: those that `guests/` builds, edited copies of them, and small ones written as WAT.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

/// Where the burnt script of the `script` fixture begins.
const MARKER: &[u8] = b"MANES-BURNT-SCRIPT-V1:::";
/// Digits of the length after the marker.
const DIGITS: usize = 8;
/// Bytes that a burnt script may have.
const ROOM: usize = 8 * 1024;

/// The workspace's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/")).to_owned()
}

/// The file of a component in `guests/`, by its crate's name.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    root().join("guests/target/wasm32-wasip2/release").join(format!("{}.wasm", name.replace('-', "_")))
}

/// The bytes of a component in `guests/`.
///
/// # Errors
/// It was not built; the message says how to.
pub fn bytes(name: &str) -> Result<Vec<u8>> {
    let path = path(name);
    let help = "build the guests first: cd guests && cargo build --release --workspace --target wasm32-wasip2";
    std::fs::read(&path).with_context(|| format!("failed to read {}; {help}", path.display()))
}

/// The `script` fixture with `script` burnt into its data segment.
///
/// # Errors
/// A script that does not fit, or a fixture without exactly one place for it.
pub fn burnt(script: &serde_json::Value) -> Result<Vec<u8>> {
    let (mut component, text) = (bytes("script")?, script.to_string());
    let places: Vec<usize> =
        component.windows(MARKER.len()).enumerate().filter(|(_, w)| *w == MARKER).map(|(at, _)| at).collect();
    ensure!(places.len() == 1, "the marker stands at {places:?}, not at one place");
    ensure!(text.len() <= ROOM, "a burnt script has at most {ROOM} bytes, this one {}", text.len());
    let digits = places[0] + MARKER.len();
    component[digits..digits + DIGITS].copy_from_slice(format!("{:0DIGITS$}", text.len()).as_bytes());
    component[digits + DIGITS..digits + DIGITS + text.len()].copy_from_slice(text.as_bytes());
    Ok(component)
}

/// A component with every occurrence of `from` replaced by `to`, which is as long.
///
/// # Errors
/// Lengths that differ, or nothing to replace.
pub fn replaced(component: &[u8], from: &str, to: &str) -> Result<Vec<u8>> {
    ensure!(from.len() == to.len(), "{from:?} and {to:?} are not equally long");
    let (mut out, mut found) = (component.to_vec(), 0);
    for at in 0..=out.len().saturating_sub(from.len()) {
        if out[at..].starts_with(from.as_bytes()) {
            out[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    ensure!(found > 0, "the component does not mention {from:?}");
    Ok(out)
}

/// A component from its text.
///
/// # Errors
/// What the parser says, with the line.
pub fn wat(text: &str) -> Result<Vec<u8>> {
    wat::parse_str(text).context("failed to read the WAT of a test's component")
}

/// The fixtures in `guests/fixtures`.
///
/// # Errors
/// The folder cannot be read.
pub fn fixtures() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("guests/fixtures"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
