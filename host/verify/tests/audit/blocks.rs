//! Goal: blocks cannot be removed, moved, repeated, spliced or sealed again unseen. Method: each way, at each place.

use crate::folder::{Folder, golden_blocks, head, key, note, other_ledger, reseal};
use manes_core::block::{Block, Header, StoredBody};
use manes_core::checkpoint;
use manes_core::item::Item;
use manes_core::record::{Envelope, Kind, Record};
use manes_verify::{Problem, Tier};

/// Audits the golden folder with other blocks under a checkpoint over just these, as somebody with the host's key could
/// make one: what is found must be found in the blocks.
fn code(blocks: &[Block]) -> &'static str {
    Folder::golden().with_blocks(blocks).with_checkpoint(&note_or_first(blocks)).code()
}

fn note_or_first(blocks: &[Block]) -> String {
    let golden = golden_blocks();
    let ledger = Header::decode(&golden[0].header).expect("golden header").ledger;
    checkpoint::sign(&ledger, &head(blocks), &key(2))
}

#[test]
fn the_golden_blocks_verify_in_one_segment() {
    assert_eq!(code(&golden_blocks()), "verified");
}

#[test]
fn a_removed_block_is_found_and_a_removed_end_where_a_checkpoint_is_held() {
    let golden = golden_blocks();
    for gone in 0..golden.len() {
        let mut blocks = golden.clone();
        blocks.remove(gone);
        let expected = if gone + 1 == golden.len() { "verified" } else { "chain" };
        assert_eq!(code(&blocks), expected, "without block {gone}");
    }
    for left in 1..golden.len() {
        let cut = Folder::golden().with_blocks(&golden[..left]).with_checkpoint(&note(&golden[..left]));
        assert_eq!(cut.code(), "verified", "the key's holder can cut what nobody holds a checkpoint of");
        for held in 1..=golden.len() {
            let found = cut.audit_with(&[note(&golden[..held])]);
            assert_eq!(found.is_err(), held > left, "{left} blocks left, {held} under the held checkpoint");
        }
        let own = Folder::golden().with_blocks(&golden[..left]);
        assert_eq!(own.code(), if left < 10 { "checkpoint" } else { "verified" }, "{left} blocks left");
    }
    let none = Folder::golden().with_blocks(&[]);
    assert_eq!(none.code(), "chain");
}

#[test]
fn what_does_not_decode_is_damage_and_what_does_not_follow_is_the_chain() {
    let golden = golden_blocks();
    let altered = |change: &dyn Fn(&mut Block)| {
        let mut blocks = golden.clone();
        change(&mut blocks[4]);
        code(&blocks)
    };
    assert_eq!(altered(&|block| block.header.push(0)), "damaged");
    assert_eq!(altered(&|block| block.header[2] = 2), "damaged", "another format");
    assert_eq!(altered(&|block| block.envelopes[0].push(0)), "damaged");
    assert_eq!(altered(&|block| block.bodies.push(StoredBody::Absent)), "damaged");
    assert_eq!(altered(&|block| block.envelopes[0][2] ^= 1), "chain", "another kind");
    assert_eq!(altered(&|block| (block.envelopes, block.bodies) = (vec![], vec![])), "chain");
    assert_eq!(altered(&|block| block.seal.clear()), "chain");
}

/// A golden folder with one more block that deploys a body, and no artifact for it.
fn deploying(component: &str) -> &'static str {
    let (golden, salt) = (golden_blocks(), [7; 16]);
    let body = Item::Map(vec![(Item::Text("component".into()), Item::Text(component.into()))]).to_bytes();
    let envelope = Envelope { agent: Some("a".into()), ..Envelope::new(Kind::Deployment, 1) };
    let mut blocks = golden.clone();
    let last = &golden[10];
    let header = Header::decode(&last.header).expect("golden header");
    let (number, first) = (header.number + 1, header.first + header.count);
    let block = reseal(last, &key(2), |link, records| {
        (link.number, link.previous, link.first) = (number, last.hash(), first);
        *records = vec![Record::new(envelope, Some((salt, body.clone())), true)];
    });
    blocks.push(Block { bodies: vec![StoredBody::Inline { salt, bytes: body }], ..block });
    Folder::golden().with_blocks(&blocks).code()
}

#[test]
fn a_deployment_names_its_artifact_in_lower_case() {
    let absent = "ab".repeat(32);
    assert_eq!(deploying(&absent), "missing");
    assert_eq!(deploying(&absent.to_uppercase()), "verified", "another form, which is not judged");
    assert_eq!(deploying(&absent[2..]), "verified");
}

#[test]
fn blocks_in_another_order_are_found() {
    let golden = golden_blocks();
    for (first, second) in (0..golden.len()).flat_map(|a| (0..a).map(move |b| (b, a))) {
        let mut blocks = golden.clone();
        blocks.swap(first, second);
        assert_eq!(code(&blocks), "chain", "blocks {first} and {second} swapped");
    }
}

#[test]
fn a_repeated_block_is_found_wherever_it_is_put() {
    let golden = golden_blocks();
    for (from, to) in (0..golden.len()).flat_map(|from| (0..=golden.len()).map(move |to| (from, to))) {
        let mut blocks = golden.clone();
        blocks.insert(to, golden[from].clone());
        assert_eq!(code(&blocks), "chain", "block {from} again at {to}");
    }
}

#[test]
fn a_block_of_another_ledger_is_found_inserted_or_in_the_place_of_one() {
    let (golden, other) = (golden_blocks(), other_ledger());
    for place in 0..golden.len() {
        let mut blocks = golden.clone();
        blocks[place] = other[place].clone();
        assert_eq!(code(&blocks), "chain", "block {place} replaced");
        let mut blocks = golden.clone();
        blocks.insert(place, other[place].clone());
        assert_eq!(code(&blocks), "chain", "block {place} inserted");
    }
}

#[test]
fn a_block_sealed_again_is_found_whoever_sealed_it() {
    let golden = golden_blocks();
    // A stranger's key, the root's, the host's that was revoked or not enrolled yet.
    for (place, wrong) in (0..golden.len()).flat_map(|place| [9, 1, 3].map(|byte| (place, key(byte)))) {
        let mut blocks = golden.clone();
        blocks[place] = reseal(&golden[place], &wrong, |_, _| {});
        let golden_seal = blocks[place] == golden[place];
        assert_eq!(code(&blocks), if golden_seal { "verified" } else { "chain" }, "block {place}");
        // A header that names the right host under a signature by the wrong key.
        let mut lying = golden.clone();
        lying[place].seal[0].bytes = blocks[place].seal[0].bytes;
        assert_eq!(code(&lying), if golden_seal { "verified" } else { "chain" }, "block {place}");
    }
}

#[test]
fn a_ledger_chained_again_from_a_block_on_by_a_strangers_key_is_found() {
    let golden = golden_blocks();
    for from in 0..golden.len() {
        let mut blocks = golden[..from].to_vec();
        for block in &golden[from..] {
            let previous = blocks.last().map(Block::hash).unwrap_or_default();
            let number = blocks.len() as u64;
            blocks.push(reseal(block, &key(9), |link, _| {
                link.number = number;
                link.previous = previous;
            }));
        }
        assert_eq!(code(&blocks), "chain", "chained again from block {from}");
    }
}

#[test]
fn a_revoked_key_seals_nothing_more() {
    let mut blocks = golden_blocks();
    let last =
        blocks.iter().rfind(|block| block.seal[0].key == manes_core::keys::public(&key(3))).expect("one by key 3");
    let event =
        Envelope { event: Some(Default::default()), flow: Some(Default::default()), ..Envelope::new(Kind::Event, 1) };
    let records = 26;
    let forged = reseal(last, &key(3), |link, all| {
        (link.number, link.previous, link.first) = (link.number + 1, last.hash(), records);
        *all = vec![Record::new(event, None, true)];
    });
    blocks.push(Block { bodies: vec![StoredBody::Absent], ..forged });
    let found = Folder::golden().with_blocks(&blocks).audit().expect_err("key 3 is revoked");
    assert!(found.to_string().contains("revoked"), "{found}");
}

#[test]
fn history_rewritten_with_the_right_key_is_found_by_whoever_holds_a_checkpoint() {
    let golden = golden_blocks();
    let mut blocks = golden[..10].to_vec();
    let last = reseal(&golden[10], &key(2), |link, _| link.incarnation += 1);
    blocks.push(last);
    let folder = Folder::golden().with_blocks(&blocks).with_checkpoint(&note(&blocks));
    assert_eq!(folder.code(), "verified", "the key's holder can rewrite what nobody holds a checkpoint of");
    let found = folder.audit_with(&[note(&golden[..9]), note(&golden)]).expect_err("the second checkpoint is held");
    assert!(matches!(*found.problem, Problem::Held { number: 2, .. }), "{found}");
    let report = folder.audit_with(&[note(&golden[..9])]).expect("the first nine blocks are the same");
    assert_eq!((report.tier, report.tail), (Tier::Extends, 0));
}

#[test]
fn an_erased_body_is_counted_and_an_invented_one_found() {
    let golden = golden_blocks();
    let before = Folder::golden().audit().expect("golden").bodies_absent;
    for place in 0..golden.len() {
        for record in 0..golden[place].bodies.len() {
            let mut blocks = golden.clone();
            blocks[place].bodies[record] = StoredBody::Absent;
            let stored = golden[place].bodies[record] != StoredBody::Absent;
            let report = Folder::golden().with_blocks(&blocks).audit().expect("a body may be erased");
            assert_eq!(report.bodies_absent, before + u64::from(stored), "body {record} of block {place}");
            blocks[place].bodies[record] = StoredBody::Inline { salt: [0; 16], bytes: b"invented".to_vec() };
            assert_eq!(code(&blocks), "chain", "body {record} of block {place}");
        }
    }
}
