//! Ledger folders as bytes, and the frames in their segments.

use manes_core::segment::{FRAME_HEAD_BYTES, Frames, SEGMENT_HEAD, frame};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// The only segment of a small ledger.
pub(crate) const SEGMENT: &str = "segments/00000000.seg";

/// A folder: files by their path in it.
pub(crate) type Image = BTreeMap<String, Rc<[u8]>>;

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
pub(crate) fn read(folder: &Path) -> Image {
    let content = |file: String| {
        let bytes = std::fs::read(folder.join(&file)).expect("a file");
        (file, bytes.into())
    };
    files(folder).into_iter().map(content).collect()
}

/// Bytes of a file that carry meaning: in a segment, those before the zeros after its last frame.
pub(crate) fn used(bytes: &[u8]) -> usize {
    if !bytes.starts_with(&SEGMENT_HEAD) {
        return bytes.len();
    }
    let last = Frames::new(bytes).expect("a segment").map(|frame| frame.expect("a whole frame")).last();
    last.map_or(SEGMENT_HEAD.len(), |frame| frame.at + FRAME_HEAD_BYTES + frame.payload.len())
}

/// The payloads of a segment's frames.
pub(crate) fn payloads(bytes: &[u8]) -> Vec<Vec<u8>> {
    Frames::new(bytes).expect("a segment").map(|frame| frame.expect("a whole frame").payload.to_vec()).collect()
}

/// A segment of these payloads, with sums that fit.
pub(crate) fn segment<'a>(payloads: impl IntoIterator<Item = &'a Vec<u8>>) -> Rc<[u8]> {
    let mut bytes = SEGMENT_HEAD.to_vec();
    for payload in payloads {
        bytes.extend(frame(payload).expect("a block of a small ledger"));
    }
    bytes.into()
}
