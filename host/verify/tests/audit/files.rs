//! Goal: files cannot be removed, added, renamed or replaced unseen. Method: each is, alone.

use crate::folder::{Folder, SEGMENTS, golden_blocks, golden_files, note};
use manes_core::ids::Digest;
use std::fs;

#[test]
fn a_removed_file_is_found_and_named() {
    for path in golden_files().into_keys().filter(|path| path != "LOCK") {
        let folder = Folder::golden();
        folder.remove(&path);
        match folder.audit() {
            Err(found) => assert!(found.file == path || path == SEGMENTS[1], "{path}: {found}"),
            Ok(_) => panic!("{path} was removed"),
        }
    }
}

#[test]
fn a_folder_needs_no_lock_but_a_lock_holds_nothing() {
    let folder = Folder::golden();
    folder.remove("LOCK");
    assert_eq!(folder.code(), "verified");
    folder.write("LOCK", b"x");
    assert_eq!(folder.code(), "size");
}

#[test]
fn a_planted_file_is_found_and_named() {
    let digest = Digest::of(b"planted").to_string();
    let planted = [
        "notes.txt".to_owned(),
        ".hidden".to_owned(),
        "segments/00000003.seg".to_owned(),
        "segments/0000002.seg".to_owned(),
        "segments/00000000.seg.bak".to_owned(),
        "segments/+0000002.seg".to_owned(),
        "blobs/readme".to_owned(),
        format!("blobs/{digest}"),
        format!("blobs/zz/{digest}"),
        format!("blobs/{}/{}", &digest[..2], digest.to_uppercase()),
        format!("artifacts/{digest}.wasm"),
        "artifacts/more/file".to_owned(),
        "more/file".to_owned(),
    ];
    for path in planted {
        let folder = Folder::golden();
        folder.write(&path, b"planted");
        let found = folder.audit().expect_err(&path);
        assert!(matches!(found.problem.code(), "unexpected" | "missing"), "{path}: {found}");
    }
}

#[test]
fn a_file_that_nothing_names_is_counted_if_it_is_what_its_name_says() {
    let folder = Folder::golden();
    let digest = Digest::of(b"left by a crash").to_string();
    let (blob, artifact) = (format!("blobs/{}/{digest}", &digest[..2]), format!("artifacts/{digest}"));
    folder.write(&blob, b"left by a crash");
    folder.write(&artifact, b"left by a crash");
    let report = folder.audit().expect("nothing is wrong");
    assert_eq!((report.blobs_unnamed, report.artifacts_unnamed), (1, 1));
    for path in [&blob, &artifact] {
        folder.write(path, b"something else");
        let found = folder.audit().expect_err("its name lies");
        assert_eq!((&found.file, found.problem.code()), (path, "digest"));
        folder.write(path, b"left by a crash");
    }
}

#[test]
fn what_an_unfinished_write_left_is_counted_and_never_read() {
    let folder = Folder::golden();
    let digest = Digest::of(b"half").to_string();
    folder.write("checkpoint.new", b"manes.led");
    folder.write(&format!("blobs/{}/{digest}.new", &digest[..2]), b"ha");
    folder.write(&format!("artifacts/{digest}.new"), b"");
    assert_eq!(folder.audit().map(|report| (report.leftovers, report.blobs, report.artifacts)), Ok((3, 1, 1)));
    folder.write("LOCK.new", b"");
    assert_eq!(folder.code(), "unexpected");
    let folder = Folder::golden();
    let shard = if digest.starts_with("00") { "01" } else { "00" };
    folder.write(&format!("blobs/{shard}/{digest}.new"), b"ha");
    assert_eq!(folder.code(), "unexpected", "it would not become a blob of this shard");
}

#[test]
fn a_file_over_its_limit_is_found_and_not_read() {
    let blob = golden_files().into_keys().find(|path| path.starts_with("blobs/")).expect("a golden blob");
    for (path, bytes_max) in [(SEGMENTS[1], 1 << 30), (blob.as_str(), 1 << 30), ("checkpoint", 64 << 10)] {
        let folder = Folder::golden();
        let file = fs::File::options().write(true).open(folder.path().join(path)).expect("it is there");
        file.set_len(bytes_max + 1).expect("it can be sparse");
        let found = folder.audit().expect_err("it is too large");
        assert_eq!((found.file.as_str(), found.problem.code()), (path, "size"));
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_found_even_where_it_leads_to_the_right_content() {
    for path in golden_files().into_keys().chain(["segments", "blobs", "artifacts"].map(str::to_owned)) {
        let (folder, elsewhere) = (Folder::golden(), Folder::golden());
        let full = folder.path().join(&path);
        if full.is_dir() { fs::remove_dir_all(&full) } else { fs::remove_file(&full) }.expect("it can be removed");
        std::os::unix::fs::symlink(elsewhere.path().join(&path), &full).expect("link can be made");
        let found = folder.audit().expect_err("a link is no file");
        assert_eq!((found.file, found.problem.code()), (path, "unexpected"));
    }
}

#[test]
fn zeros_after_the_last_frame_count_for_nothing_and_anything_else_is_damage() {
    let folder = Folder::golden();
    for path in SEGMENTS {
        let golden = &golden_files()[path];
        let last = golden.iter().rposition(|byte| *byte != 0).expect("a segment is not all zeros") + 1;
        // The last body may itself end in zeros; one byte more is then still inside the preallocated space.
        for zeros in [golden.len() - last, 1_000] {
            folder.write(path, &[&golden[..last], vec![0; zeros].as_slice()].concat());
            assert_eq!(folder.code(), "verified", "{path} with {zeros} zeros");
        }
        folder.write(path, &[golden.as_slice(), b"x"].concat());
        let found = folder.audit().expect_err("a byte after the zeros");
        assert_eq!((found.file.as_str(), found.problem.code()), (path, "damaged"));
        folder.write(path, golden);
    }
}

#[test]
fn a_segment_cut_at_any_byte_is_found_unless_whole_blocks_of_the_tail_are_gone() {
    let (folder, blocks) = (Folder::golden(), golden_blocks());
    let held = [note(&blocks)];
    for path in SEGMENTS {
        let golden = &golden_files()[path];
        let end = golden.iter().rposition(|byte| *byte != 0).expect("a segment is not all zeros") + 1;
        for cut in (0..end).filter(|cut| path == SEGMENTS[0] || cut % 3 == 0 || *cut < 64) {
            folder.write(path, &golden[..cut]);
            assert!(folder.audit_with(&held).is_err(), "{path} cut at {cut}");
        }
        folder.write(path, golden);
    }
}

#[test]
fn an_empty_segment_between_others_is_found() {
    let folder = Folder::golden();
    let files = golden_files();
    folder.write("segments/00000002.seg", &files[SEGMENTS[1]]);
    folder.write(SEGMENTS[1], &manes_core::segment::SEGMENT_HEAD);
    assert_eq!(folder.code(), "damaged");
    let folder = Folder::golden();
    folder.write("segments/00000002.seg", &manes_core::segment::SEGMENT_HEAD);
    assert_eq!(folder.code(), "verified");
}

#[test]
fn a_checkpoint_of_more_than_one_signature_is_refused_in_the_folder_and_read_from_outside() {
    let folder = Folder::golden();
    let blocks = golden_blocks();
    let note = note(&blocks[..9]);
    let two = format!("{note}— witness.example AAAAAAAA\n");
    assert_eq!(folder.audit_with(std::slice::from_ref(&two)).map(|report| report.tier.name()), Ok("extends"));
    assert_eq!(folder.with_checkpoint(&two).code(), "checkpoint");
}
