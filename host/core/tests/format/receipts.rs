//! Goal: a receipt proves exactly its record. Method: every record of the golden ledger is proved; then every character,
//! number and list of a receipt is altered, and parts of two are mixed.

use crate::chain::{Chain, key};
use crate::sample::{Golden, golden};
use manes_core::block::{Block, Header, StoredBody};
use manes_core::checkpoint::{self, CheckpointError};
use manes_core::ids::{Digest, LedgerId, PublicKey};
use manes_core::keys;
use manes_core::receipt::{BuildError, Hex, ProvenBody, Receipt, ReceiptError};
use manes_core::record::{Envelope, Kind, Record};
use manes_core::tree::{self, leaf_hash};
use manes_core::verify::key_statement;
use serde_json::{Value, json};

fn receipt(golden: &Golden, index: u64, body: bool) -> Receipt {
    let blob = |digest: &Digest| golden.chain.blobs.get(digest).cloned();
    Receipt::from_blocks(&golden.chain.blocks, index, &golden.checkpoint, body, blob).expect("the record is covered")
}

fn verifies(json: &Value) -> bool {
    Receipt::from_json(&json.to_string()).and_then(|receipt| receipt.verify()).is_ok()
}

/// Number of records under the golden checkpoint.
const COVERED: u64 = 25;

#[test]
fn every_record_is_provable_with_and_without_its_body() {
    let golden = golden();
    let mut index = 0;
    for (place, block) in golden.chain.blocks[..10].iter().enumerate() {
        for (envelope, stored) in block.envelopes.iter().zip(&block.bodies) {
            let shown = Receipt::from_json(&receipt(&golden, index, true).to_json()).expect("it reads its own form");
            let proven =
                shown.verify().and_then(|proven| proven.expect_ledger(&golden.chain.ledger)).expect("it holds");
            assert_eq!((proven.index, proven.place, proven.leaf), (index, place as u64, leaf_hash(envelope)));
            assert_eq!(Envelope::decode(envelope), Ok(proven.envelope.clone()));
            let expected = match stored {
                StoredBody::Inline { bytes, .. } => ProvenBody::Verified(bytes.clone()),
                StoredBody::Blob { digest, .. } => ProvenBody::Verified(golden.chain.blobs[digest].clone()),
                StoredBody::Absent if proven.envelope.body.is_some() => ProvenBody::Withheld,
                StoredBody::Absent => ProvenBody::None,
            };
            assert_eq!(proven.body, expected);
            let hidden = receipt(&golden, index, false).verify().expect("it holds").body;
            assert_eq!(hidden == ProvenBody::Withheld, proven.envelope.body.is_some());
            index += 1;
        }
    }
    assert_eq!(index, COVERED);
}

/// Calls `visit` with the receipt after each alteration of one place below `at`.
fn alter(whole: &Value, at: &str, visit: &mut dyn FnMut(&str, &Value)) {
    let set = |new: Value| {
        let mut altered = whole.clone();
        *altered.pointer_mut(at).expect("the place exists") = new;
        altered
    };
    match whole.pointer(at).expect("the place exists") {
        Value::Object(map) => {
            for key in map.keys() {
                alter(whole, &format!("{at}/{key}"), visit);
                let mut less = map.clone();
                less.remove(key);
                visit(&format!("{at}/{key} removed"), &set(less.into()));
            }
            let mut more = map.clone();
            more.insert("more".into(), json!(1));
            visit(&format!("{at}/more added"), &set(more.into()));
        }
        Value::Array(items) => {
            for n in 0..items.len() {
                alter(whole, &format!("{at}/{n}"), visit);
                let (mut less, mut more) = (items.clone(), items.clone());
                less.remove(n);
                visit(&format!("{at}/{n} removed"), &set(less.into()));
                more.insert(n, items[n].clone());
                visit(&format!("{at}/{n} twice"), &set(more.into()));
            }
            let zeros = std::iter::once(json!("00".repeat(32)));
            visit(&format!("{at} longer"), &set(items.iter().cloned().chain(zeros).collect()));
        }
        Value::String(text) => {
            for (n, old) in text.char_indices() {
                for new in ['0', '1', 'A', 'b', '\n'].into_iter().filter(|new| *new != old) {
                    let altered: String = text.char_indices().map(|(m, c)| if m == n { new } else { c }).collect();
                    visit(&format!("{at}, character {n}"), &set(altered.into()));
                }
            }
            for altered in [String::new(), format!("{text}00"), text.to_uppercase()] {
                if altered != *text {
                    visit(&format!("{at} = {altered:?}"), &set(altered.into()));
                }
            }
        }
        Value::Number(number) => {
            let number = number.as_u64().expect("all are natural");
            for altered in [
                json!(number + 1),
                json!(number.wrapping_sub(1)),
                json!(u64::MAX),
                json!(number + 16),
                json!(-1),
                json!(1.5),
            ] {
                visit(&format!("{at} = {altered}"), &set(altered));
            }
        }
        Value::Null | Value::Bool(_) => panic!("a receipt holds no such value"),
    }
}

#[test]
fn every_altered_field_is_refused() {
    let golden = golden();
    // One of a block with several records, one alone in its block, one by the second host.
    for index in [7, 17, 2] {
        let whole = serde_json::to_value(receipt(&golden, index, true)).expect("it has a JSON form");
        assert!(verifies(&whole));
        let mut altered = 0;
        alter(&whole, "", &mut |what, json| {
            altered += 1;
            assert_eq!(verifies(json), what == "/body removed", "receipt {index}: {what}");
        });
        assert!(altered > 5_000, "{altered} alterations");
    }
}

#[test]
fn a_receipt_has_one_form() {
    let text = receipt(&golden(), 7, true).to_json();
    assert!(Receipt::from_json(&format!(" {text}\n")).is_ok());
    assert!(Receipt::from_json(&format!("{text}x")).is_err());
    assert!(matches!(
        Receipt::from_json(&text.replace("\"index\": 7", "\"index\": 7, \"index\": 7")),
        Err(ReceiptError::Json { .. })
    ));
    let ledger = golden().chain.ledger.to_string();
    let upper = text.replacen(&ledger, &ledger.to_uppercase(), 1);
    assert_eq!(Receipt::from_json(&upper), Err(ReceiptError::Form));
    let null = receipt(&golden(), 7, false).to_json().replacen('{', "{\"body\": null,", 1);
    assert_eq!(Receipt::from_json(&null), Err(ReceiptError::Form));
    let later = text.replace("manes-receipt/1", "manes-receipt/2");
    let found = "manes-receipt/2".to_owned();
    assert_eq!(Receipt::from_json(&later).and_then(|r| r.verify()), Err(ReceiptError::Format { found }));
}

#[test]
fn the_proof_of_one_record_proves_no_other() {
    let golden = golden();
    let all: Vec<Receipt> = (0..COVERED).map(|index| receipt(&golden, index, true)).collect();
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))).filter(|(a, b)| a != b) {
        let same_block = a.block == b.block;
        let record = Receipt { record: b.record.clone(), body: None, ..a.clone() };
        assert_eq!(record.verify().is_ok(), same_block, "record {} in block {}", b.record.index, a.block.place);
        let mut envelope = Receipt { body: None, ..a.clone() };
        envelope.record.envelope = b.record.envelope.clone();
        assert!(envelope.verify().is_err(), "envelope {} at {}", b.record.index, a.record.index);
        let mut index = a.clone();
        index.record.index = b.record.index;
        assert!(index.verify().is_err(), "{} at index {}", a.record.index, b.record.index);
        let mut place = a.clone();
        place.block.place = b.block.place;
        assert_eq!(place.verify().is_ok(), same_block, "block {} at {}", a.block.place, b.block.place);
        let body = Receipt { body: b.body.clone(), ..a.clone() };
        assert_eq!(body.verify().is_ok(), b.body.is_none() || a.body == b.body);
    }
}

#[test]
fn a_signature_made_for_another_type_is_refused() {
    let golden = golden();
    let good = receipt(&golden, 3, false);
    let (header, host) = (good.block.header.0.clone(), key(2));
    for payload_type in [keys::KEY, "", "application/vnd.manes.block+json"] {
        let mut bad = good.clone();
        bad.block.signature = Hex(keys::sign(&host, payload_type, &header).to_vec());
        assert_eq!(bad.verify(), Err(ReceiptError::Signature), "{payload_type}");
    }
    let statement = key_statement(&golden.chain.ledger, 0, &keys::public(&host));
    let revocation = key_statement(&golden.chain.ledger, 1, &keys::public(&host));
    let elsewhere = key_statement(&LedgerId([1; 32]), 0, &keys::public(&host));
    let block = (keys::BLOCK, statement.as_slice());
    for (payload_type, payload) in [block, (keys::KEY, revocation.as_slice()), (keys::KEY, elsewhere.as_slice())] {
        let mut bad = good.clone();
        bad.keys[0].signature = Hex(keys::sign(&key(1), payload_type, payload).to_vec());
        assert_eq!(bad.verify(), Err(ReceiptError::Keys), "{payload_type}");
    }
    let mut own = good;
    own.keys[0].signature = Hex(keys::sign(&host, keys::KEY, &statement).to_vec());
    assert_eq!(own.verify(), Err(ReceiptError::Keys), "a host does not enrol itself");
}

#[test]
fn only_the_keys_that_are_needed_are_shown() {
    let golden = golden();
    let second_host = receipt(&golden, 17, false);
    let by = |receipt: &Receipt| receipt.keys.iter().map(|e| e.key).collect::<Vec<PublicKey>>();
    assert_eq!(by(&second_host), [keys::public(&key(3)), keys::public(&key(2))]);
    let mut first_host = receipt(&golden, 3, false);
    assert_eq!(by(&first_host), [keys::public(&key(2))]);
    first_host.keys.push(second_host.keys[0].clone());
    assert!(first_host.verify().is_err(), "a needless key");
    let note = checkpoint::sign(&golden.chain.ledger, &golden.chain.tree_head(), &key(9));
    let stranger = Receipt::from_blocks(&golden.chain.blocks, 3, &note, false, |_| None);
    assert!(matches!(stranger, Err(BuildError::Invalid(_))), "{stranger:?}");
}

#[test]
fn what_cannot_be_proved_is_not_built() {
    let golden = golden();
    let build = |blocks: &[Block], index| Receipt::from_blocks(blocks, index, &golden.checkpoint, true, |_| None);
    assert!(matches!(build(&golden.chain.blocks, 26), Err(BuildError::NoRecord { records: 26, .. })));
    assert!(matches!(build(&golden.chain.blocks, 25), Err(BuildError::NotCovered { size: 10, place: 10, .. })));
    let mut altered = golden.chain.blocks.clone();
    altered[4].envelopes[0].push(0);
    assert!(build(&altered, 13).is_ok(), "another block's envelopes do not matter");
    assert!(build(&altered, 11).is_err());
}

/// The receipt of the record `index` of the golden ledger, in a block whose header says `change` and is signed again, under
/// a checkpoint over it: what only the holder of the host's key can make.
fn forged(golden: &Golden, index: u64, change: impl Fn(&mut Header)) -> Receipt {
    let mut forged = receipt(golden, index, true);
    let mut header = Header::decode(&forged.block.header.0).expect("a golden header");
    change(&mut header);
    let (host, bytes) = (key(2), header.encode());
    forged.block.signature = Hex(keys::sign(&host, keys::BLOCK, &bytes).to_vec());
    let mut leaves: Vec<Digest> = golden.chain.blocks[..10].iter().map(|block| leaf_hash(&block.hash().0)).collect();
    let place = usize::try_from(forged.block.place).expect("a small place");
    leaves[place] = leaf_hash(&Digest::of(&bytes).0);
    forged.block.header = Hex(bytes);
    forged.block.path = tree::inclusion_path(&leaves, place).expect("it is there");
    let head = checkpoint::TreeHead { size: 10, root: tree::root(&leaves) };
    forged.checkpoint = checkpoint::sign(&golden.chain.ledger, &head, &host);
    forged
}

#[test]
fn a_header_that_contradicts_its_place_is_refused() {
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Header));
    let golden = golden();
    assert!(forged(&golden, 3, |header| header.time_ns += 1).verify().is_ok());
    let changes: [Change<'_>; 7] = [
        ("its number is after its place", &|header| header.number = 3),
        ("number 0 follows a block", &|header| header.number = 0),
        ("number 2 follows none", &|header| header.previous = Digest::default()),
        ("incarnation 0", &|header| header.incarnation = 0),
        ("a head that was not yet", &|header| header.head.size = 3),
        ("another root of nothing", &|header| header.head = checkpoint::TreeHead { size: 0, root: Digest([1; 32]) }),
        ("the first record of the ledger in block 2", &|header| header.first = 0),
    ];
    for (what, change) in changes {
        let mut bad = forged(&golden, 3, change);
        let header = Header::decode(&bad.block.header.0).expect("it decodes");
        bad.record.index = header.first;
        assert_eq!(bad.verify(), Err(ReceiptError::Place { index: header.first, place: 2 }), "{what}");
    }
    // A first record that is fewer than the blocks before: each of them holds one at least.
    let mut bad = forged(&golden, 3, |header| header.first = 1);
    bad.record.index = 1;
    assert_eq!(bad.verify(), Err(ReceiptError::Place { index: 1, place: 2 }));
}

#[test]
fn only_a_key_of_the_receipt_signs_the_held_checkpoint() {
    let golden = golden();
    let proven = receipt(&golden, 3, false).verify().expect("it holds");
    let by = |byte| checkpoint::sign(&golden.chain.ledger, &proven.checkpoint, &key(byte));
    assert!(proven.clone().under(&by(2)).is_ok());
    for stranger in [1, 3, 9] {
        let found = proven.clone().under(&by(stranger));
        assert_eq!(found, Err(ReceiptError::Checkpoint(CheckpointError::Signature)), "key {stranger}");
    }
    // A bad line of its own and one of a stranger beside the good line.
    let good = by(2);
    let (text, line) = good.split_once("\n\n").expect("a note");
    let bad = by(9).split_once("\n\n").expect("a note").1.to_owned();
    assert!(proven.clone().under(&format!("{text}\n\n{bad}— witness.example AAAA\n{line}")).is_ok());
    let long = format!("{good}{}", "— witness.example AAAA\n".repeat(3_000));
    assert_eq!(proven.under(&long), Err(ReceiptError::Checkpoint(CheckpointError::Format("it is over 64 KiB"))));
}

#[test]
fn a_held_checkpoint_excludes_another_history() {
    let golden = golden();
    let proven = receipt(&golden, 3, false).verify().expect("it holds");
    assert!(proven.clone().under(&golden.checkpoint).is_ok());
    let later = golden.chain.checkpoint(&key(2));
    assert_eq!(proven.clone().under(&later), Err(ReceiptError::Size { held: 11, found: 10 }));
    let head = checkpoint::TreeHead { root: Digest([7; 32]), ..proven.checkpoint };
    let other = checkpoint::sign(&golden.chain.ledger, &head, &key(2));
    assert_eq!(proven.clone().under(&other), Err(ReceiptError::Rewritten { size: 10 }));
    let elsewhere = checkpoint::sign(&LedgerId([1; 32]), &head, &key(2));
    assert!(matches!(proven.under(&elsewhere), Err(ReceiptError::Ledger { .. })));
}

#[test]
fn a_receipt_of_another_ledger_is_told_apart_only_by_its_id() {
    let mut other = Chain::with_nonce([1; 16]);
    let envelope = other.envelope(Kind::Event);
    other.push(&key(2), vec![Record::new(envelope, None, true)]);
    let note = other.checkpoint(&key(2));
    let proven = Receipt::from_blocks(&other.blocks, 2, &note, false, |_| None).expect("it is built").verify();
    let proven = proven.expect("it proves a record of some ledger");
    assert!(matches!(proven.expect_ledger(&golden().chain.ledger), Err(ReceiptError::Ledger { .. })));
}
