//! Goal: the vectors in FORMAT.md are what the code does. Method: their chapter is generated here and compared.

use crate::chain::{Chain, key};
use crate::sample::golden;
use crate::{repository, same_or_update};
use manes_core::ids::{ActivationId, Digest, EventKey, LedgerId, PublicKey, hash, hex, unhex};
use manes_core::item::Item;
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

/// A key A = a·B + T with T of order 8, and what it signed: whether k is reduced modulo L decides on both.
const MIXED: &str = "572727302e00128a6ac4b13774999d45c7c7ccee60ae0e59dcca75495227b567";
const SIGNED: [(&str, bool, &str); 2] = [
    (
        "0",
        true,
        "b862409fb5c4c4123df2abf7462b88f041ad36dd6864ce872fd5472be363c5b1\
         99967337bb3cf12b2fc0cb78e0e8b0cb5cb3006ed6fb906be33d6c695bb07c03",
    ),
    (
        "3",
        false,
        "16b981d0b88cdf3ab9fa87190822fe4905b475efda3aec7c34abfa92c19320f4\
         7b1085bca4cdbcdac827ac06a1c53c9cb2127b551aa275384c8cb8df66cf3600",
    ),
];

fn strict() -> String {
    let mut chapter = Chapter::new("Strict verification");
    chapter.line("a key with a component of small order", MIXED);
    for (message, accepted, signature) in SIGNED {
        let bytes = unhex(signature).and_then(|bytes| bytes.try_into().ok()).expect("64 bytes");
        let key: PublicKey = MIXED.parse().expect("a key");
        assert_eq!(keys::verify_raw(&key, message.as_bytes(), &bytes), accepted, "{message}");
        let verdict = if accepted { "accepted" } else { "refused" };
        chapter.line(&format!("its signature on {message:?}, {verdict}"), signature);
    }
    chapter.finish()
}

/// Bodies and how people see them.
fn contents() -> String {
    let mut chapter = Chapter::new("Bodies as JSON");
    let (long, short) = (format!("5841{}", "ab".repeat(65)), format!("5840{}", "ab".repeat(64)));
    for encoded in [
        "18ff",
        "1bffffffffffffffff",
        "20",
        "3b7fffffffffffffff",
        "3b8000000000000000",
        "3bffffffffffffffff",
        "40",
        "420102",
        &short,
        &long,
        "63c3bc0a",
        "f4",
        "f5",
        "f6",
        "80",
        "8201f6",
        "fa3fc00000",
        "fa7fc00001",
        "faff800000",
        "fb3ff8000000000000",
        "fb7ff0000000000000",
        "fb8000000000000000",
        "a0",
        "a2616101616202",
        // Keys that are no text; the last two become the same.
        "a2410001f502",
        "a18201616201",
        "a201016131f6",
        "a1a161620120",
        // No canonical item: shown as bytes are.
        "",
        "ff00",
        "1800",
        "0000",
    ] {
        let bytes = unhex(encoded).expect("hex");
        let json = Item::decode(&bytes).unwrap_or(Item::Bytes(bytes)).to_json();
        chapter.line(if encoded.is_empty() { "(no bytes)" } else { encoded }, json);
    }
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

/// Kinds and fields that came after the golden ledger, one envelope each.
fn later_records() -> String {
    let mut chapter = Chapter::new("Records of kinds and with fields that the golden ledger does not have");
    let (leaf, activation) = (Digest([7; 32]), ActivationId([8; 32]));
    let event = EventKey([9; 32]);
    let base =
        |kind: Kind| Envelope { principal: Some("client/cli".into()), critical: Some(true), ..Envelope::new(kind, 1) };
    let requeue = Envelope {
        cause: Some(leaf),
        flow: Some(event.flow()),
        event: Some(event),
        agent: Some("summer".into()),
        activation: Some(activation),
        generation: Some(1),
        ..base(Kind::Requeue)
    };
    let resumed = Envelope {
        cause: Some(leaf),
        activation: Some(activation),
        attempt: Some(1),
        ..Envelope::new(Kind::Resumed, 1)
    };
    let again = Envelope {
        cause: Some(leaf),
        activation: Some(activation),
        status: Some(2),
        not_before_ns: Some(1_000_000_001),
        fate: Some(1),
        ..Envelope::new(Kind::End, 1)
    };
    let answer = Envelope {
        cause: Some(leaf),
        flow: Some(event.flow()),
        event: Some(event),
        agent: Some("summer".into()),
        activation: Some(activation),
        status: Some(1),
        ..base(Kind::Answer)
    };
    let reused = Envelope {
        cause: Some(leaf),
        activation: Some(activation),
        attempt: Some(2),
        call: Some(1),
        status: Some(3),
        earlier: Some(leaf),
        ..Envelope::new(Kind::Outcome, 1)
    };
    let records = [
        resumed,
        requeue,
        Envelope { flow: Some(event.flow()), ..base(Kind::Cancel) },
        Envelope { agent: Some("summer".into()), ..base(Kind::Pause) },
        Envelope { agent: Some("summer".into()), ..base(Kind::Unpause) },
        base(Kind::Restore),
        answer,
        again,
        reused,
    ];
    for envelope in records {
        let bytes = envelope.encode();
        assert_eq!(Envelope::decode(&bytes).as_ref(), Ok(&envelope));
        chapter.line(&format!("{} (kind {})", envelope.kind().name(), envelope.kind), hex(&bytes));
        chapter.line("  leaf hash", leaf_hash(&bytes));
    }
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
    let vectors = [values(), ids(), strict(), contents(), records(), later_records(), ledger()].concat();
    same_or_update(&path, format!("{before}{BEGIN}\n{vectors}\n{END}{after}").as_bytes());
}
