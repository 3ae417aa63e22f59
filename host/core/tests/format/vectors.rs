//! Goal: the vectors in FORMAT.md are what the code does. Method: their chapter is generated here and compared.

use crate::chain::{Chain, key};
use crate::sample::golden;
use crate::{repository, same_or_update};
use manes_core::cbor::Item;
use manes_core::ids::{ActivationId, EventKey, LedgerId, hash, hex};
use manes_core::keys;
use manes_core::receipt::Receipt;
use manes_core::record::{Commitment, Envelope, Kind};
use manes_core::segment::{SEGMENT_HEAD, frame};
use manes_core::tree::{self, leaf_hash};
use manes_core::value::{Handle, Origin, Value};
use serde_json::json;
use std::fmt::Write as _;

const BEGIN: &str = "<!-- vectors:begin -->";
const END: &str = "<!-- vectors:end -->";

/// A Markdown chapter of `name = value` lines.
struct Chapter(String);

impl Chapter {
    fn new(title: &str) -> Self {
        Self(format!("\n### {title}\n\n```\n"))
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        writeln!(self.0, "{name} = {value}").expect("a string takes everything");
    }

    fn finish(self) -> String {
        self.0 + "```\n"
    }
}

fn one(value: Value) -> Option<Box<Value>> {
    Some(Box::new(value))
}

/// A value of each type, with the type and the value in WIT's notation.
fn value_samples() -> Vec<(&'static str, Value)> {
    let text = |s: &str| Value::String(s.into());
    let handle = Handle {
        provider: "wasi".into(),
        resource: "wasi:io/streams@0.2/input-stream".into(),
        origin: Origin { call: 7, index: 1 },
    };
    vec![
        ("bool: true", Value::Bool(true)),
        ("u8: 255", Value::U8(255)),
        ("u16: 256", Value::U16(256)),
        ("u32: 65536", Value::U32(65_536)),
        ("u64: 18446744073709551615", Value::U64(u64::MAX)),
        ("s8: -1", Value::S8(-1)),
        ("s16: -257", Value::S16(-257)),
        ("s32: 23", Value::S32(23)),
        ("s64: -9223372036854775808", Value::S64(i64::MIN)),
        ("f32: 1.5", Value::F32(1.5_f32.to_bits())),
        ("f32: NaN with payload 1", Value::F32(0x7fc0_0001)),
        ("f64: -0.0", Value::F64((-0.0_f64).to_bits())),
        ("char: 'ü'", Value::Char('ü')),
        ("string: \"\"", text("")),
        ("list<u8>: []", Value::Bytes(vec![])),
        ("list<u8>: [1, 2]", Value::Bytes(vec![1, 2])),
        ("list<u16>: []", Value::List(vec![])),
        ("list<u16>: [1, 1000]", Value::List(vec![Value::U16(1), Value::U16(1000)])),
        ("tuple<u8, string>: (1, \"a\")", Value::Tuple(vec![Value::U8(1), text("a")])),
        (
            "record { name: string, id: u32 }: { name: \"x\", id: 5 }",
            Value::Record(vec![("name".into(), text("x")), ("id".into(), Value::U32(5))]),
        ),
        ("variant { none, some-text(string) }: none", Value::Variant("none".into(), None)),
        ("variant { none, some-text(string) }: some-text(\"t\")", Value::Variant("some-text".into(), one(text("t")))),
        ("enum { red, green }: green", Value::Enum("green".into())),
        ("flags { read, write, exec }: { read, exec }", Value::Flags(vec!["read".into(), "exec".into()])),
        ("option<u8>: none", Value::Option(None)),
        ("option<u8>: some(0)", Value::Option(one(Value::U8(0)))),
        ("option<option<u8>>: some(none)", Value::Option(one(Value::Option(None)))),
        ("result<u8, string>: ok(1)", Value::ok(Some(Value::U8(1)))),
        ("result<_, string>: ok", Value::ok(None)),
        ("result<u8, string>: err(\"no\")", Value::err(Some(text("no")))),
        ("own<input-stream>: second handle of call 7", Value::Handle(handle)),
    ]
}

fn values() -> String {
    let mut chapter = Chapter::new("Values");
    for (name, value) in value_samples() {
        chapter.line(name, hex(&value.to_bytes()));
    }
    chapter.finish()
}

fn ids() -> String {
    let mut chapter = Chapter::new("Hashes, ids, signatures");
    let ledger = LedgerId([0x4c; 32]);
    let external = EventKey::external(&ledger, "client/alice", "/desk", "1");
    let activation = ActivationId::new(&ledger, "adder", &external, 0);
    let commitment = Commitment::new(&[0x5a; 16], b"hello");
    let statement = manes_core::verify::key_statement(&ledger, 0, &keys::public(&key(2)));
    chapter.line("H(\"ext\", \"ab\", \"c\")", hex(&hash("ext", &[b"ab", b"c"])));
    chapter.line("ledger, for the following", ledger);
    chapter.line("event key, from outside: client/alice, /desk, 1", external);
    chapter.line("its flow", external.flow());
    chapter.line("activation: adder, that event, generation 0", activation);
    chapter.line("event key, emitted: that activation, index 3", EventKey::internal(&activation, 3));
    chapter.line("commitment of \"hello\" under 16 x 5a", commitment.hash);
    chapter.line("root of no leaves", tree::empty_root());
    chapter.line("leaf(\"\")", leaf_hash(b""));
    let leaves: Vec<_> = (0_u8..5).map(|n| leaf_hash(&[n])).collect();
    chapter.line("root of leaves 00, 01, 02, 03, 04", tree::root(&leaves));
    for (n, sibling) in tree::inclusion_path(&leaves, 3).expect("there is a leaf 3").iter().enumerate() {
        chapter.line(&format!("path of leaf 3 of these 5, sibling {n}"), sibling);
    }
    for (name, seed) in [("root", 1), ("host", 2), ("second host", 3)] {
        chapter.line(&format!("public key, {name}"), keys::public(&key(seed)));
    }
    chapter.line("PAE(\"t\", \"hello\")", hex(&keys::pae("t", b"hello")));
    chapter.line("key statement: that ledger, status 0, host", hex(&statement));
    chapter.line("its signature by the root key", hex(&keys::sign(&key(1), keys::KEY, &statement)));
    chapter.finish()
}

/// The first record of each kind in the golden ledger.
fn records() -> String {
    let mut chapter = Chapter::new("Records: the first of each kind in the golden ledger");
    let golden = golden();
    let mut seen = Vec::new();
    let envelopes = golden.chain.blocks.iter().flat_map(|block| &block.envelopes);
    for (index, bytes) in envelopes.enumerate() {
        let kind = Envelope::decode(bytes).expect("golden records decode").kind();
        if seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        chapter.line(&format!("{} (kind {}), record {index}", kind.name(), kind.number()), hex(bytes));
        chapter.line("  leaf hash", leaf_hash(bytes));
    }
    assert_eq!(seen.len(), 11, "ten kinds and an unknown one");
    chapter.finish()
}

/// A ledger of two blocks: genesis and key, then one event.
fn ledger() -> String {
    let mut chain = Chain::new();
    let event = EventKey::external(&chain.ledger, "client/alice", "/desk", "1");
    let envelope = Envelope { event: Some(event), flow: Some(event.flow()), ..chain.envelope(Kind::Event) };
    let envelope = Envelope { topic: Some("sum.asked".into()), principal: Some("client/alice".into()), ..envelope };
    let body = Item::from_json(&json!({ "data": "hello", "type": "sum.asked" })).to_bytes();
    let record = chain.record(envelope, body);
    chain.head = chain.tree_head();
    chain.push(&key(2), vec![record]);
    let checkpoint = chain.checkpoint(&key(2));
    let verifier = chain.verify().expect("the sample verifies");
    let receipt = Receipt::from_blocks(&chain.blocks, 2, &checkpoint, true, |_| None).expect("the sample is provable");

    let mut chapter = Chapter::new("A ledger of two blocks");
    chapter.line("ledger id", chain.ledger);
    for (place, block) in chain.blocks.iter().enumerate() {
        let encoded = block.encode();
        let framed = frame(&encoded).expect("a small block fits");
        chapter.line(&format!("block {place}"), hex(&encoded));
        chapter.line("  header", hex(&block.header));
        chapter.line("  hash", block.hash());
        chapter.line("  root over its envelopes", tree::root(&block.leaves()));
        chapter.line("  tree's root with it", verifier.root_at(place as u64 + 1).expect("it was pushed"));
        chapter.line("  frame, before the payload", hex(&framed[..16]));
    }
    chapter.line("segment head", hex(&SEGMENT_HEAD));
    let note = format!("\n### Its checkpoint\n\n```\n{checkpoint}```\n");
    let receipt = format!("\n### The receipt of its record 2\n\n```json\n{}```\n", receipt.to_json());
    chapter.finish() + &note + &receipt
}

#[test]
fn the_vectors_in_the_document_are_what_the_code_yields() {
    let path = repository("FORMAT.md");
    let text = std::fs::read_to_string(&path).expect("FORMAT.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("the vectors begin");
    let (_, after) = rest.split_once(END).expect("the vectors end");
    let vectors = [values(), ids(), records(), ledger()].concat();
    same_or_update(&path, format!("{before}{BEGIN}\n{vectors}\n{END}{after}").as_bytes());
}
