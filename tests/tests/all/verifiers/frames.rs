//! Blocks removed, repeated, moved, spliced and cut: each frame's own sum fits, so only the chain can tell.

use super::cases::{Cases, Must};
use super::sample::Sample;
use super::tamper::{Image, SEGMENT, payloads, segment};

/// The ledger with other blocks.
fn with(image: &Image, blocks: &[Vec<u8>]) -> Image {
    let mut changed = image.clone();
    changed.insert(SEGMENT.into(), segment(blocks));
    changed
}

#[test]
fn both_refuse_every_block_removed_repeated_or_moved() {
    let sample = Sample::new();
    let folder = sample.folder();
    let blocks = payloads(&sample.image[SEGMENT]);
    let mut cases = Cases::new(&folder, &sample.image, &[]);
    cases.add(Must::Accept, "the same blocks, written again", &with(&sample.image, &blocks));
    for place in 0..blocks.len() {
        let mut without = blocks.clone();
        without.remove(place);
        cases.add(Must::Refuse, format!("block {place} removed"), &with(&sample.image, &without));
        let mut twice = blocks.clone();
        twice.insert(place, blocks[place].clone());
        cases.add(Must::Refuse, format!("block {place} repeated"), &with(&sample.image, &twice));
        let mut again = blocks.clone();
        again.push(blocks[place].clone());
        cases.add(Must::Refuse, format!("block {place} repeated at the end"), &with(&sample.image, &again));
        for other in [place + 1, blocks.len() - 1].into_iter().filter(|other| *other < blocks.len() && *other != place)
        {
            let mut swapped = blocks.clone();
            swapped.swap(place, other);
            cases.add(Must::Refuse, format!("blocks {place} and {other} swapped"), &with(&sample.image, &swapped));
        }
        let mut altered = blocks.clone();
        let middle = altered[place].len() / 2;
        altered[place][middle] ^= 0x10;
        cases.add(
            Must::Refuse,
            format!("block {place} altered, its frame's sum made to fit"),
            &with(&sample.image, &altered),
        );
    }
    let reversed: Vec<_> = blocks.iter().rev().cloned().collect();
    cases.add(Must::Refuse, "all blocks in reverse", &with(&sample.image, &reversed));
    cases.add(Must::Refuse, "no blocks", &with(&sample.image, &[]));
    cases.judge();
}

#[test]
fn both_refuse_a_block_of_another_ledger_anywhere() {
    let (sample, other) = (Sample::new(), Sample::new());
    let folder = sample.folder();
    let (blocks, foreign) = (payloads(&sample.image[SEGMENT]), payloads(&other.image[SEGMENT]));
    let mut cases = Cases::new(&folder, &sample.image, &[]);
    for place in 0..=blocks.len() {
        let alien = &foreign[place.min(foreign.len() - 1)];
        let mut inserted = blocks.clone();
        inserted.insert(place, alien.clone());
        cases.add(Must::Refuse, format!("a foreign block inserted at {place}"), &with(&sample.image, &inserted));
        if place < blocks.len() {
            let mut replaced = blocks.clone();
            replaced[place] = alien.clone();
            cases.add(
                Must::Refuse,
                format!("a foreign block in the place of {place}"),
                &with(&sample.image, &replaced),
            );
            let tail = [&blocks[..place], &foreign[place.min(foreign.len())..]].concat();
            if place > 0 {
                cases.add(
                    Must::Refuse,
                    format!("the other ledger's blocks from {place} on"),
                    &with(&sample.image, &tail),
                );
            }
        }
    }
    cases.judge();
}

#[test]
fn both_refuse_a_ledger_cut_anywhere_against_a_checkpoint_held_elsewhere() {
    let sample = Sample::new();
    let folder = sample.folder();
    let blocks = payloads(&sample.image[SEGMENT]);
    let (first, newest) = (sample.checkpoints[0].0, sample.checkpoints[2].1.as_str());
    let cut = |size: usize| {
        let mut image = with(&sample.image, &blocks[..size]);
        // Who cuts puts an older, genuine checkpoint beside it.
        let note = sample.note_within(size).unwrap_or(newest);
        image.insert("checkpoint".into(), note.as_bytes().into());
        image
    };
    let mut held = Cases::new(&folder, &sample.image, &[newest]);
    let mut alone = Cases::new(&folder, &sample.image, &[]);
    for size in 0..blocks.len() {
        held.add(Must::Refuse, format!("cut to {size} blocks, a checkpoint held"), &cut(size));
        // Without one the cut cannot show, and both must say exactly what they then know.
        let must = if size >= first { Must::Accept } else { Must::Refuse };
        alone.add(must, format!("cut to {size} blocks, nothing held"), &cut(size));
    }
    held.judge();
    alone.judge();
}

#[test]
fn both_refuse_a_file_cut_in_the_middle_of_a_frame() {
    let sample = Sample::new();
    let folder = sample.folder();
    let bytes = &sample.image[SEGMENT];
    let mut cases = Cases::new(&folder, &sample.image, &[]);
    let mut at = 16;
    for payload in payloads(bytes) {
        let end = at + 16 + payload.len();
        for length in [at + 1, at + 15, at + 16, (at + end) / 2, end - 1] {
            let mut image = sample.image.clone();
            image.insert(SEGMENT.into(), bytes[..length].into());
            cases.add(Must::Refuse, format!("cut at byte {length}"), &image);
            // A frame whose last bytes are zeros anyway is whole with them.
            if bytes[length..end].iter().all(|byte| *byte == 0) {
                continue;
            }
            image.insert(SEGMENT.into(), [&bytes[..length], &vec![0; end - length]].concat().into());
            cases.add(Must::Refuse, format!("zeros from byte {length} to the frame's end"), &image);
        }
        at = end;
    }
    cases.judge();
}
