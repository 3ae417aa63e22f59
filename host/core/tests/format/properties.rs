//! Goal: one value has one encoding, and one encoding one value. Method: arbitrary values, compared with a simpler
//! encoder; arbitrary and damaged bytes, which must be refused or be exactly what would be written.

use manes_core::block::{Block, Header};
use manes_core::cbor::{Reader, Writer};
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId, PublicKey};
use manes_core::item::Item;
use manes_core::record::{Commitment, Envelope};
use manes_core::segment::{Frames, SEGMENT_HEAD, frame};
use manes_core::value::{Handle, Origin, Shape, Value};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

/// Names as WIT has them, of one to three letters so that lengths differ and orders collide.
fn names(max: usize) -> impl Strategy<Value = Vec<String>> {
    btree_set("[a-d]{1,3}", 1..=max).prop_map(|set| set.into_iter().collect::<Vec<_>>()).prop_shuffle()
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Bool),
        Just(Shape::S8),
        Just(Shape::U8),
        Just(Shape::S16),
        Just(Shape::U16),
        Just(Shape::S32),
        Just(Shape::U32),
        Just(Shape::S64),
        Just(Shape::U64),
        Just(Shape::F32),
        Just(Shape::F64),
        Just(Shape::Char),
        Just(Shape::String),
        Just(Shape::Bytes),
        names(4).prop_map(Shape::Enum),
        names(4).prop_map(Shape::Flags),
        Just(Shape::Own("a:b/c@1/d".into())),
        Just(Shape::Borrow("a:b/c@1/e".into())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let payloads = vec(option::of(inner.clone()), 4);
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            boxed.clone().prop_map(Shape::Option),
            vec(inner.clone(), 1..4).prop_map(Shape::Tuple),
            (option::of(boxed.clone()), option::of(boxed)).prop_map(|(ok, err)| Shape::Result(ok, err)),
            (names(4), vec(inner, 4))
                .prop_map(|(names, shapes)| Shape::Record(names.into_iter().zip(shapes).collect())),
            (names(4), payloads).prop_map(|(names, shapes)| Shape::Variant(names.into_iter().zip(shapes).collect())),
        ]
    })
}

fn payload(shape: Option<&Shape>) -> BoxedStrategy<Option<Box<Value>>> {
    shape.map_or_else(|| Just(None).boxed(), |shape| value(shape).prop_map(|value| Some(Box::new(value))).boxed())
}

fn handle(resource: &str) -> BoxedStrategy<Value> {
    let resource = resource.to_owned();
    let origin = (any::<u64>(), any::<u32>()).prop_map(|(call, index)| Origin { call, index });
    ("[a-z]{0,3}", origin)
        .prop_map(move |(provider, origin)| Value::Handle(Handle { provider, resource: resource.clone(), origin }))
        .boxed()
}

fn all(parts: impl Iterator<Item = BoxedStrategy<Value>>) -> BoxedStrategy<Vec<Value>> {
    parts.fold(Just(Vec::new()).boxed(), |all, part| {
        (all, part)
            .prop_map(|(mut all, part)| {
                all.push(part);
                all
            })
            .boxed()
    })
}

/// A value of a shape.
fn value(shape: &Shape) -> BoxedStrategy<Value> {
    match shape.clone() {
        Shape::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Shape::S8 => any::<i8>().prop_map(Value::S8).boxed(),
        Shape::U8 => any::<u8>().prop_map(Value::U8).boxed(),
        Shape::S16 => any::<i16>().prop_map(Value::S16).boxed(),
        Shape::U16 => any::<u16>().prop_map(Value::U16).boxed(),
        Shape::S32 => any::<i32>().prop_map(Value::S32).boxed(),
        Shape::U32 => any::<u32>().prop_map(Value::U32).boxed(),
        Shape::S64 => any::<i64>().prop_map(Value::S64).boxed(),
        Shape::U64 => any::<u64>().prop_map(Value::U64).boxed(),
        Shape::F32 => any::<u32>().prop_map(Value::F32).boxed(),
        Shape::F64 => any::<u64>().prop_map(Value::F64).boxed(),
        Shape::Char => any::<char>().prop_map(Value::Char).boxed(),
        Shape::String => any::<String>().prop_map(Value::String).boxed(),
        Shape::Bytes => vec(any::<u8>(), 0..40).prop_map(Value::Bytes).boxed(),
        Shape::List(item) => vec(value(&item), 0..4).prop_map(Value::List).boxed(),
        Shape::Tuple(items) => all(items.iter().map(value)).prop_map(Value::Tuple).boxed(),
        Shape::Record(fields) => all(fields.iter().map(|(_, shape)| value(shape)))
            .prop_map(move |values| Value::Record(fields.iter().map(|(name, _)| name.clone()).zip(values).collect()))
            .boxed(),
        Shape::Variant(cases) => (0..cases.len())
            .prop_flat_map(move |n| {
                payload(cases[n].1.as_ref()).prop_map({
                    let name = cases[n].0.clone();
                    move |payload| Value::Variant(name.clone(), payload)
                })
            })
            .boxed(),
        Shape::Enum(names) => (0..names.len()).prop_map(move |n| Value::Enum(names[n].clone())).boxed(),
        Shape::Flags(names) => vec(any::<bool>(), names.len())
            .prop_map(move |set| {
                Value::Flags(names.iter().zip(set).filter(|(_, set)| *set).map(|(n, _)| n.clone()).collect())
            })
            .boxed(),
        Shape::Option(inner) => option::of(value(&inner)).prop_map(|v| Value::Option(v.map(Box::new))).boxed(),
        Shape::Result(ok, err) => prop_oneof![
            payload(ok.as_deref()).prop_map(|v| Value::Result(Ok(v))),
            payload(err.as_deref()).prop_map(|v| Value::Result(Err(v))),
        ]
        .boxed(),
        Shape::Own(name) | Shape::Borrow(name) => handle(&name),
    }
}

/// The oracle: FORMAT.md's table read aloud, without lengths, heads or orders.
fn oracle(value: &Value) -> Item {
    let text = |text: &str| Item::Text(text.to_owned());
    let signed = |n: i64| {
        u64::try_from(n).map_or_else(|_| Item::Negative((-1 - i128::from(n)).try_into().expect("fits")), Item::Uint)
    };
    let case = |name: &str, payload: &Option<Box<Value>>| {
        Item::Map(vec![(text(name), payload.as_ref().map_or(Item::Null, |value| oracle(value)))])
    };
    match value {
        Value::Bool(v) => Item::Bool(*v),
        Value::S8(v) => signed((*v).into()),
        Value::S16(v) => signed((*v).into()),
        Value::S32(v) => signed((*v).into()),
        Value::S64(v) => signed(*v),
        Value::U8(v) => Item::Uint((*v).into()),
        Value::U16(v) => Item::Uint((*v).into()),
        Value::U32(v) => Item::Uint((*v).into()),
        Value::U64(v) => Item::Uint(*v),
        Value::F32(bits) => Item::F32(*bits),
        Value::F64(bits) => Item::F64(*bits),
        Value::Char(c) => Item::Text(c.to_string()),
        Value::String(v) | Value::Enum(v) => text(v),
        Value::Bytes(v) => Item::Bytes(v.clone()),
        Value::List(items) | Value::Tuple(items) => Item::Array(items.iter().map(oracle).collect()),
        Value::Record(fields) => Item::Map(fields.iter().map(|(name, value)| (text(name), oracle(value))).collect()),
        Value::Variant(name, payload) => case(name, payload),
        Value::Flags(names) => Item::Array(names.iter().map(|name| text(name)).collect()),
        Value::Option(inner) => inner.as_ref().map_or(Item::Null, |value| Item::Array(vec![oracle(value)])),
        Value::Result(Ok(payload)) => case("ok", payload),
        Value::Result(Err(payload)) => case("err", payload),
        Value::Handle(Handle { provider, resource, origin }) => {
            let parts = vec![text(provider), text(resource), Item::Uint(origin.call), Item::Uint(origin.index.into())];
            Item::Map(vec![(text("@"), Item::Array(parts))])
        }
    }
}

fn decode(shape: &Shape, bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader::new(bytes);
    let value = Value::decode(shape, &mut reader).ok()?;
    reader.end().ok().map(|()| value)
}

/// One way to damage bytes: flip a bit, cut, append, or replace a byte.
fn damage() -> impl Strategy<Value = (u8, usize, u8)> {
    (0_u8..5, any::<usize>(), any::<u8>())
}

fn damaged(bytes: &[u8], (how, at, byte): (u8, usize, u8)) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = at % bytes.len();
    match how {
        0 => bytes[at] ^= 1 << (byte % 8),
        1 => bytes.truncate(at),
        2 => bytes.push(byte),
        3 => bytes[at] = byte,
        _ => bytes.insert(at, byte),
    }
    bytes
}

fn item() -> impl Strategy<Value = Item> {
    let leaf = prop_oneof![
        any::<u64>().prop_map(Item::Uint),
        (0_u64..300).prop_map(Item::Uint),
        any::<u64>().prop_map(Item::Negative),
        vec(any::<u8>(), 0..30).prop_map(Item::Bytes),
        ".{0,30}".prop_map(Item::Text),
        any::<bool>().prop_map(Item::Bool),
        Just(Item::Null),
        any::<u32>().prop_map(Item::F32),
        any::<u64>().prop_map(Item::F64),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let unique = |pairs: Vec<(Item, Item)>| {
            let mut sorted: Vec<_> = pairs.into_iter().map(|(key, value)| (key.to_bytes(), key, value)).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            sorted.dedup_by(|a, b| a.0 == b.0);
            Item::Map(sorted.into_iter().map(|(_, key, value)| (key, value)).collect())
        };
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Item::Array), vec((inner.clone(), inner), 0..5).prop_map(unique)]
    })
}

prop_compose! {
    /// An envelope with any of its fields.
    fn envelope()(
        (kind, time_ns) in any::<(u64, u64)>(),
        (critical, body, length) in (option::of(any::<bool>()), option::of(any::<[u8; 32]>()), any::<u64>()),
        digests in vec(option::of(any::<[u8; 32]>()), 7),
        (flow, nonce) in option::of(any::<([u8; 16], [u8; 16])>()).prop_map(Option::unzip),
        texts in vec(option::of(any::<String>()), 6),
        numbers in vec(option::of(any::<u64>()), 15),
    ) -> Envelope {
        let (text, number) = (|n: usize| texts[n].clone(), |n: usize| numbers[n]);
        Envelope {
            kind, time_ns, critical,
            body: body.map(|hash| Commitment { hash: Digest(hash), length }),
            cause: digests[0].map(Digest),
            flow: flow.map(FlowId),
            event: digests[1].map(EventKey),
            topic: text(0), principal: text(1), agent: text(2),
            activation: digests[2].map(ActivationId),
            attempt: number(0),
            deployment: digests[3].map(Digest),
            call: number(1), part: number(2), parent: number(3),
            function: text(3),
            effect: number(4), decision: number(5),
            rule: text(4),
            status: number(6), fuel: number(7), calls: number(8), drafts: number(9),
            key: digests[4].map(PublicKey),
            signature: digests[4].map(|half| [half, half].concat().try_into().expect("two halves")),
            nonce,
            hops: number(10),
            provider: text(5),
            not_before_ns: number(11), generation: number(12),
            component: digests[5].map(Digest),
            elapsed_ns: number(13), fate: number(14),
            earlier: digests[6].map(Digest),
        }
    }
}

proptest! {
    #[test]
    fn a_value_is_encoded_as_the_oracle_says_and_read_back(
        (shape, value) in shape().prop_flat_map(|shape| { let value = value(&shape); (Just(shape), value) }),
    ) {
        let bytes = value.to_bytes();
        prop_assert_eq!(&bytes, &oracle(&value).to_bytes());
        prop_assert_eq!(decode(&shape, &bytes), Some(value));
    }

    #[test]
    fn two_values_of_a_type_never_share_an_encoding(
        (a, b) in shape().prop_flat_map(|shape| (value(&shape), value(&shape))),
    ) {
        prop_assert_eq!(a == b, a.to_bytes() == b.to_bytes());
    }

    #[test]
    fn damaged_bytes_of_a_value_are_refused_or_are_exactly_another_value(
        (shape, value) in shape().prop_flat_map(|shape| { let value = value(&shape); (Just(shape), value) }),
        damage in damage(),
    ) {
        let bytes = value.to_bytes();
        let other = damaged(&bytes, damage);
        if let Some(read) = decode(&shape, &other) {
            prop_assert_eq!(&read.to_bytes(), &other);
            prop_assert_eq!(read == value, other == bytes);
        }
    }

    #[test]
    fn an_item_is_read_back_and_damaged_bytes_are_refused_or_exactly_another(item in item(), damage in damage()) {
        let bytes = item.to_bytes();
        let read = Item::decode(&bytes);
        prop_assert_eq!(read.as_ref(), Ok(&item));
        let other = damaged(&bytes, damage);
        if let Ok(read) = Item::decode(&other) {
            prop_assert_eq!(read.to_bytes(), other);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_are_what_would_be_written(bytes in vec(any::<u8>(), 0..12)) {
        if let Ok(item) = Item::decode(&bytes) {
            prop_assert_eq!(item.to_bytes(), bytes.clone());
        }
        if let Ok(envelope) = Envelope::decode(&bytes) {
            prop_assert_eq!(Item::decode(&bytes).map(|item| item.to_bytes()), Ok(bytes), "{:?}", envelope);
        }
    }

    #[test]
    fn an_envelope_is_read_back_and_damaged_bytes_are_refused_or_exactly_another(
        envelope in envelope(),
        damage in damage(),
    ) {
        let bytes = envelope.encode();
        prop_assert_eq!(Envelope::decode(&bytes), Ok(envelope));
        let other = damaged(&bytes, damage);
        if let Ok(read) = Envelope::decode(&other) {
            let Ok(Item::Map(pairs)) = Item::decode(&other) else { panic!("an envelope is one canonical map") };
            let unknown = pairs.iter().any(|(key, _)| !matches!(key, Item::Uint(0..=32)));
            prop_assert!(unknown || read.encode() == other);
        }
    }

    #[test]
    fn frames_are_read_back_and_end_at_zeros(payloads in vec(vec(any::<u8>(), 0..50), 0..5), zeros in 0_usize..40) {
        let mut bytes = SEGMENT_HEAD.to_vec();
        payloads.iter().for_each(|payload| bytes.extend(frame(payload).expect("it is short")));
        bytes.resize(bytes.len() + zeros, 0);
        let read: Result<Vec<_>, _> = Frames::new(&bytes).expect("it has a head").map(|f| f.map(|f| f.payload.to_vec())).collect();
        prop_assert_eq!(read, Ok(payloads));
    }
}

/// Every integer length of a head, at its edges: the next longer form of each is refused.
#[test]
fn a_longer_head_than_needed_is_refused() {
    for (value, longer) in [
        (0_u64, vec![0x18, 0]),
        (23, vec![0x18, 23]),
        (24, vec![0x19, 0, 24]),
        (255, vec![0x19, 0, 255]),
        (256, vec![0x1a, 0, 0, 1, 0]),
        (65_535, vec![0x1a, 0, 0, 255, 255]),
        (65_536, vec![0x1b, 0, 0, 0, 0, 0, 1, 0, 0]),
        (u64::from(u32::MAX), vec![0x1b, 0, 0, 0, 0, 255, 255, 255, 255]),
    ] {
        let mut w = Writer::new();
        w.uint(value);
        assert_eq!(Item::decode(&w.finish()), Ok(Item::Uint(value)));
        for major in [0_u8, 1, 2, 3, 4, 5] {
            let mut head = longer.clone();
            head[0] |= major << 5;
            head.resize(head.len() + 300, 0x40);
            assert!(Reader::new(&head).item().is_err(), "major {major}, {value}");
        }
    }
}

#[test]
fn items_outside_the_format_are_refused() {
    let lists = |depth: usize| [vec![0x81; depth - 1], vec![0x80]].concat();
    assert!(Item::decode(&lists(64)).is_ok());
    assert!(Item::decode(&lists(65)).is_err());
    for initial in [0x1c, 0x1f, 0x5f, 0x7f, 0x9f, 0xbf, 0xc0, 0xdb, 0xe0, 0xf3, 0xf7, 0xf8, 0xf9, 0xfc, 0xff_u8] {
        assert!(Item::decode(&[initial, 0x20, 0x20, 0xff]).is_err(), "{initial:02x}");
        assert!(Item::decode(&[initial]).is_err(), "{initial:02x}");
    }
    for unsorted in ["a2616101616101", "a2616201616101", "a262616101616201", "a20101000a", "61ff", "63eda080", "01 01"]
    {
        let bytes = manes_core::ids::unhex(&unsorted.replace(' ', "")).expect("hex");
        assert!(Item::decode(&bytes).is_err(), "{unsorted}");
    }
}

#[test]
fn every_damaged_header_is_refused_or_exactly_another() {
    let chain = crate::sample::golden().chain;
    for block in &chain.blocks {
        let encoded = block.encode();
        assert_eq!(Block::decode(&encoded).as_ref(), Ok(block));
        for (at, bit) in (0..block.header.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut header = block.header.clone();
            header[at] ^= 1 << bit;
            if let Ok(read) = Header::decode(&header) {
                assert_eq!(read.encode(), header);
            }
        }
        for (at, bit) in (0..encoded.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut other = encoded.clone();
            other[at] ^= 1 << bit;
            if let Ok(read) = Block::decode(&other) {
                assert_eq!(read.encode(), other);
            }
        }
    }
}
