//! Ledger folders as bytes, and ways to tamper with them.

use std::path::Path;

/// The files of a folder, relative to it, with `/`, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    collect(folder, "", &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, before: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("a type").is_dir() {
            collect(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

/// The files of a folder with their content.
pub(crate) fn read(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let content = |file: String| {
        let bytes = std::fs::read(folder.join(&file)).expect("a file");
        (file, bytes)
    };
    files(folder).into_iter().map(content).collect()
}

/// Bytes before the zeros at the end of a file: where a segment's last frame ends.
pub(crate) fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}
