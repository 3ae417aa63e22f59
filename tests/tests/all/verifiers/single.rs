//! One file changed, added or removed.

use super::cases::{Cases, Must};
use super::sample::Sample;
use super::tamper::{SEGMENT, used};
use manes_tests::Seed;

#[test]
fn both_accept_what_the_host_wrote_and_say_the_same_of_it() {
    let sample = Sample::new();
    let folder = sample.folder();
    for held in 0..=3 {
        let notes: Vec<&str> = sample.checkpoints[..held].iter().map(|(_, note)| note.as_str()).collect();
        let mut cases = Cases::new(&folder, &sample.image, &notes);
        cases.add(Must::Accept, "as it is", &sample.image);
        let mut zeros = sample.image.clone();
        zeros.insert(SEGMENT.into(), [&zeros[SEGMENT][..used(&zeros[SEGMENT])], &[0; 4096]].concat().into());
        cases.add(Must::Accept, "more zeros after the last frame", &zeros);
        let mut trimmed = sample.image.clone();
        trimmed.insert(SEGMENT.into(), trimmed[SEGMENT][..used(&trimmed[SEGMENT])].into());
        cases.add(Must::Accept, "no zeros after the last frame", &trimmed);
        let mut unlocked = sample.image.clone();
        unlocked.remove("LOCK");
        cases.add(Must::Accept, "no LOCK", &unlocked);
        let mut leftover = sample.image.clone();
        leftover.insert("checkpoint.new".into(), b"half a no"[..].into());
        cases.add(Must::Accept, "a checkpoint whose writing did not finish", &leftover);
        cases.judge();
    }
}

#[test]
fn both_refuse_any_flipped_bit_in_any_file() {
    let sample = Sample::new();
    let folder = sample.folder();
    let mut cases = Cases::new(&folder, &sample.image, &[]);
    let mut seed = Seed::new(41);
    for (name, bytes) in &sample.image {
        let length = if name == SEGMENT { used(bytes) } else { bytes.len() };
        let wanted = match name.split('/').next() {
            Some("segments") => 240,
            Some("checkpoint") => 80,
            _ => 25,
        };
        for number in 0..wanted.min(length * 8) {
            // First and last byte always, then anywhere.
            let place = match number {
                0 => 0,
                1 => length - 1,
                _ => seed.below(length),
            };
            let bit = seed.below(8);
            let mut altered = bytes.to_vec();
            altered[place] ^= 1 << bit;
            let mut image = sample.image.clone();
            image.insert(name.clone(), altered.into());
            cases.add(Must::Refuse, format!("{name}: bit {bit} of byte {place}"), &image);
        }
    }
    assert!(cases.len() >= 300, "only {} positions", cases.len());
    cases.judge();
}

#[test]
fn both_refuse_files_that_are_missing() {
    let sample = Sample::new();
    let folder = sample.folder();
    let mut cases = Cases::new(&folder, &sample.image, &[]);
    for name in sample.image.keys().filter(|name| *name != "LOCK") {
        let mut image = sample.image.clone();
        image.remove(name);
        cases.add(Must::Refuse, format!("without {name}"), &image);
        image.insert(name.clone(), b""[..].into());
        cases.add(Must::Refuse, format!("{name} emptied"), &image);
        let bytes = &sample.image[name];
        let length = if name == SEGMENT { used(bytes) } else { bytes.len() };
        image.insert(name.clone(), bytes[..length - 1].into());
        cases.add(Must::Refuse, format!("{name} without its last byte"), &image);
        image.insert(name.clone(), [&bytes[..length], b"\x01"].concat().into());
        cases.add(Must::Refuse, format!("{name} with a byte more"), &image);
    }
    cases.judge();
}

#[test]
fn both_refuse_files_that_were_planted() {
    let sample = Sample::new();
    let folder = sample.folder();
    let mut cases = Cases::new(&folder, &sample.image, &[]);
    let some = "ab".repeat(32);
    let names = [
        "extra",
        ".hidden",
        "README.md",
        "segments/00000001.seg",
        "segments/0.seg",
        "segments/00000000.seg.bak",
        "segments/deep/x",
        "blobs/x",
        "blobs/zz/file",
        "artifacts/x",
        "artifacts/deep/x",
        "checkpoint.old",
        "head",
        "keys/host",
        "LOCK.new",
    ];
    for name in names {
        let mut image = sample.image.clone();
        image.insert(name.into(), b"planted"[..].into());
        cases.add(Must::Refuse, format!("{name} planted"), &image);
    }
    for name in [
        format!("artifacts/{some}"),
        format!("blobs/ab/{some}"),
        format!("blobs/00/{some}"),
        format!("artifacts/{}", some.to_uppercase()),
    ] {
        let mut image = sample.image.clone();
        image.insert(name.clone(), b"not what its name says"[..].into());
        cases.add(Must::Refuse, format!("{name} planted"), &image);
    }
    let mut image = sample.image.clone();
    image.insert("LOCK".into(), b"4711"[..].into());
    cases.add(Must::Refuse, "a LOCK with content", &image);
    // What no block names but is what its name says is counted, not refused.
    let mut image = sample.image.clone();
    let bytes = b"a component that nothing names";
    image.insert(format!("artifacts/{}", manes_core::ids::Digest::of(bytes)), bytes[..].into());
    cases.add(Must::Accept, "an artifact that nothing names", &image);
    let folders = ["empty", "segments/empty", "artifacts/empty", "blobs/notes"];
    for name in folders {
        cases.add_folder(Must::Refuse, format!("folder {name} planted"), &sample.image, |folder| {
            std::fs::create_dir_all(folder.join(name)).expect("a folder");
        });
    }
    for name in sample.image.keys() {
        let original = folder.join(name);
        cases.add_folder(Must::Refuse, format!("{name} behind a symbolic link"), &sample.image, |folder| {
            std::fs::remove_file(folder.join(name)).expect("removed");
            std::os::unix::fs::symlink(&original, folder.join(name)).expect("a link");
        });
    }
    cases.judge();
}

#[test]
fn both_refuse_checkpoints_of_another_ledger_or_of_nobody() {
    let (sample, other) = (Sample::new(), Sample::new());
    let folder = sample.folder();
    let mut cases = Cases::new(&folder, &sample.image, &[]);
    let note = &sample.checkpoints[2].1;
    let (text, signature) = note.split_once("\n\n").expect("a signed note");
    let foreign = &other.checkpoints[2].1;
    let (_, foreign_signature) = foreign.split_once("\n\n").expect("a signed note");
    let bigger =
        note.replacen(&format!("\n{}\n", sample.checkpoints[2].0), &format!("\n{}\n", sample.checkpoints[2].0 + 1), 1);
    for (what, changed) in [
        ("of another ledger", foreign.clone()),
        ("with another ledger's signature", format!("{text}\n\n{foreign_signature}")),
        ("without a signature", format!("{text}\n\n")),
        ("with its signature twice", format!("{text}\n\n{signature}{signature}")),
        ("that claims a block more", bigger),
        ("with Windows line ends", note.replace('\n', "\r\n")),
        ("without its last line end", note.trim_end().to_owned()),
    ] {
        let mut image = sample.image.clone();
        image.insert("checkpoint".into(), changed.into_bytes().into());
        cases.add(Must::Refuse, format!("a checkpoint {what}"), &image);
    }
    // An older one of its own is what a crash leaves.
    for (size, note) in &sample.checkpoints[..2] {
        let mut image = sample.image.clone();
        image.insert("checkpoint".into(), note.clone().into_bytes().into());
        cases.add(Must::Accept, format!("its own checkpoint of {size} blocks"), &image);
    }
    cases.judge();
    let mut held = Cases::new(&folder, &sample.image, &[foreign]);
    held.add(Must::Refuse, "held against another ledger's checkpoint", &sample.image);
    held.judge();
}
