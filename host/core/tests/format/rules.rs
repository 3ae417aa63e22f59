//! Goal: each rule of the verifier refuses what breaks it. Method: a ledger that keeps all rules, with one thing changed
//! and everything above it sealed anew by the right key, so that nothing but the rule can find it.

use crate::chain::{Chain, key, verify};
use crate::sample::golden;
use ed25519_dalek::SigningKey;
use manes_core::block::{Block, Signature, StoredBody};
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId};
use manes_core::keys;
use manes_core::record::{Commitment, Envelope, Kind, Record};
use manes_core::verify::{ChainVerifier, Violation, Wrong, key_statement};
use std::collections::BTreeMap;

/// A ledger with an event, a deployment and a running attempt.
struct Story {
    chain: Chain,
    event: Digest,
    deployment: Digest,
    start: Digest,
}

const ACTIVATION: ActivationId = ActivationId([7; 32]);

fn bare(envelope: Envelope) -> Record {
    Record::new(envelope, None, true)
}

impl Story {
    fn new() -> Self {
        let mut chain = Chain::new();
        let event =
            Envelope { event: Some(EventKey([1; 32])), flow: Some(FlowId([1; 16])), ..chain.envelope(Kind::Event) };
        let deployment = Envelope { agent: Some("a".into()), ..chain.envelope(Kind::Deployment) };
        let (event, deployment) = (bare(event), bare(deployment));
        let mut story = Self { chain, event: event.leaf(), deployment: deployment.leaf(), start: Digest::default() };
        let start = bare(story.start_envelope());
        story.start = start.leaf();
        story.chain.push(&key(2), vec![event, deployment, start]);
        story
    }

    fn start_envelope(&mut self) -> Envelope {
        let (cause, deployment) = (Some(self.event), Some(self.deployment));
        Envelope { cause, deployment, activation: Some(ACTIVATION), ..self.chain.envelope(Kind::Start) }
    }

    fn of_attempt(&mut self, kind: Kind) -> Envelope {
        Envelope { cause: Some(self.start), activation: Some(ACTIVATION), ..self.chain.envelope(kind) }
    }

    fn call(&mut self, kind: Kind, call: u64) -> Envelope {
        Envelope { call: Some(call), ..self.of_attempt(kind) }
    }

    fn end(&mut self, calls: u64) -> Envelope {
        Envelope { calls: Some(calls), ..self.of_attempt(Kind::End) }
    }

    /// What the verifier says of the story with one more block of `envelopes`.
    fn then(&self, envelopes: Vec<Envelope>) -> Result<ChainVerifier, Violation> {
        let mut chain = self.chain.clone();
        chain.push(&key(2), envelopes.into_iter().map(bare).collect());
        chain.verify()
    }

    fn refuses(&self, envelopes: Vec<Envelope>, because: &str) {
        let found = self.then(envelopes).map(|_| ()).expect_err(because);
        assert!(found.to_string().contains(because), "{found}, expected: {because}");
    }
}

#[test]
fn a_story_that_keeps_the_rules_verifies() {
    let mut story = Story::new();
    let intent = story.call(Kind::Intent, 2);
    let cause = Some(bare(intent.clone()).leaf());
    let parts = [None, Some(1), Some(2)].map(|part| Envelope { cause, part, ..story.call(Kind::Outcome, 2) });
    let mut records = vec![story.call(Kind::Outcome, 1), intent];
    records.extend(parts);
    records.extend([story.call(Kind::Intent, 3), story.end(2)]);
    assert_eq!(story.then(records).map(|verifier| verifier.open_attempts()), Ok(0));
    assert_eq!(story.chain.verify().map(|verifier| verifier.open_attempts()), Ok(1));
}

#[test]
fn events_deployments_and_starts_must_be_complete_and_known() {
    let mut story = Story::new();
    let event = story.chain.envelope(Kind::Event);
    story.refuses(vec![Envelope { event: Some(EventKey([1; 32])), ..event.clone() }], "lacks its event or flow");
    story.refuses(vec![Envelope { flow: Some(FlowId([1; 16])), ..event }], "lacks its event or flow");
    let deployment = story.chain.envelope(Kind::Deployment);
    story.refuses(vec![deployment], "names no agent");
    let start = story.start_envelope();
    story.refuses(vec![Envelope { cause: None, ..start.clone() }], "no event before it");
    story.refuses(vec![Envelope { cause: Some(story.deployment), ..start.clone() }], "no event before it");
    story.refuses(vec![Envelope { deployment: Some(story.event), ..start.clone() }], "deployment is not in the ledger");
    story.refuses(vec![Envelope { deployment: None, ..start.clone() }], "deployment is not in the ledger");
    story.refuses(vec![Envelope { activation: None, ..start.clone() }], "names no activation");
    story.refuses(vec![start.clone(), start], "already running");
    let genesis =
        Envelope { key: Some(keys::public(&key(1))), nonce: Some([0; 16]), ..story.chain.envelope(Kind::Genesis) };
    story.refuses(vec![genesis], "a ledger has one");
    for kind in [Kind::Unrouted, Kind::Conflict] {
        let known = Envelope { cause: Some(story.event), ..story.chain.envelope(kind) };
        assert!(story.then(vec![known.clone()]).is_ok());
        story.refuses(vec![Envelope { cause: Some(story.start), ..known.clone() }], "no event before it");
        story.refuses(vec![Envelope { cause: None, ..known }], "no event before it");
    }
    // An event of the same block counts only if it comes before.
    let event =
        Envelope { event: Some(EventKey([2; 32])), flow: Some(FlowId([1; 16])), ..story.chain.envelope(Kind::Event) };
    let unrouted = Envelope { cause: Some(bare(event.clone()).leaf()), ..story.chain.envelope(Kind::Unrouted) };
    assert!(story.then(vec![event.clone(), unrouted.clone()]).is_ok());
    story.refuses(vec![unrouted, event], "no event before it");
}

#[test]
fn calls_and_ends_belong_to_a_running_attempt() {
    let mut story = Story::new();
    let other = Some(ActivationId([8; 32]));
    for kind in [Kind::Intent, Kind::Outcome] {
        let call = story.call(kind, 1);
        story.refuses(vec![Envelope { cause: None, ..call.clone() }], "no such attempt is running");
        story.refuses(vec![Envelope { cause: Some(story.event), ..call.clone() }], "no such attempt is running");
        let because = if kind == Kind::Intent { "no such attempt" } else { "another activation" };
        story.refuses(vec![Envelope { activation: other, ..call.clone() }], because);
        story.refuses(vec![Envelope { activation: None, ..call.clone() }], because);
        let end = story.end(0);
        story.refuses(vec![end, call], "no such attempt is running");
    }
    let (end, again) = (story.end(0), story.end(0));
    story.refuses(vec![Envelope { activation: other, ..end.clone() }], "no such attempt is running");
    story.refuses(vec![Envelope { cause: None, ..end.clone() }], "no such attempt is running");
    story.refuses(vec![end.clone(), again], "no such attempt is running");
    story.refuses(vec![Envelope { calls: None, ..end.clone() }], "not all recorded");
    story.refuses(vec![Envelope { calls: Some(1), ..end.clone() }], "not all recorded");
    let outcome = story.call(Kind::Outcome, 1);
    story.refuses(vec![outcome, end], "not all recorded");
}

#[test]
fn an_outcome_answers_its_intent_once_and_its_parts_follow() {
    let mut story = Story::new();
    let intent = story.call(Kind::Intent, 1);
    let cause = Some(bare(intent.clone()).leaf());
    let first = Envelope { cause, ..story.call(Kind::Outcome, 1) };
    let again = Envelope { cause, ..story.call(Kind::Outcome, 1) };
    let part = Envelope { cause, part: Some(1), ..story.call(Kind::Outcome, 1) };
    assert!(story.then(vec![intent.clone(), first.clone()]).is_ok());
    story.refuses(vec![intent.clone(), intent.clone()], "already announced");
    story.refuses(vec![intent.clone(), first.clone(), again], "comes twice");
    story.refuses(vec![intent.clone(), part], "before its first part");
    story.refuses(vec![intent.clone(), Envelope { call: Some(2), ..first.clone() }], "another call than its intent");
    story.refuses(vec![intent.clone(), Envelope { call: None, ..first.clone() }], "another call than its intent");
    story.refuses(vec![intent.clone(), Envelope { activation: None, ..first.clone() }], "another activation");
    story.refuses(vec![first.clone(), intent.clone()], "no such attempt is running");
    let end = story.end(0);
    story.refuses(vec![intent, end, first], "no such attempt is running");
}

fn with_keys(change: impl FnOnce(&mut Chain) -> Vec<Record>) -> Result<ChainVerifier, Violation> {
    let mut chain = Chain::new();
    let records = change(&mut chain);
    chain.push(&key(2), records);
    chain.verify()
}

#[test]
fn key_records_need_the_root_key_and_an_order() {
    let refused = |change: &dyn Fn(&mut Chain) -> Vec<Record>, because: &str| {
        let found = with_keys(change).map(|_| ()).expect_err(because);
        assert!(found.to_string().contains(because), "{found}, expected: {because}");
    };
    assert_eq!(with_keys(|chain| vec![chain.key_record(&key(3), 0)]).map(|v| v.hosts().count()), Ok(2));
    let both = |chain: &mut Chain| vec![chain.key_record(&key(3), 0), chain.key_record(&key(3), 1)];
    assert_eq!(with_keys(both).map(|v| v.hosts().count()), Ok(1));
    refused(&|chain| vec![chain.key_record(&key(2), 0)], "already enrolled");
    refused(&|chain| vec![chain.key_record(&key(3), 1)], "never enrolled");
    refused(&|chain| vec![chain.key_record(&key(3), 2)], "status is unknown");
    refused(&|chain| vec![chain.key_record(&key(2), 1)], "is revoked");
    let thrice = |chain: &mut Chain| [0, 1, 0].map(|status| chain.key_record(&key(3), status)).to_vec();
    refused(&thrice, "already enrolled");
    let altered = |change: fn(&mut Envelope)| {
        move |chain: &mut Chain| {
            let mut envelope = Envelope::decode(&chain.key_record(&key(3), 0).envelope).expect("it was made here");
            change(&mut envelope);
            vec![bare(envelope)]
        }
    };
    refused(&altered(|e| e.key = None), "lacks its key");
    refused(&altered(|e| e.status = None), "lacks its key");
    refused(&altered(|e| e.signature = None), "lacks its key");
    refused(&altered(|e| e.key = Some(keys::public(&key(4)))), "did not sign it");
    refused(&altered(|e| e.status = Some(1)), "did not sign it");
    let forged = |signer: SigningKey, payload_type: &'static str| {
        move |chain: &mut Chain| {
            let public = keys::public(&key(3));
            let statement = key_statement(&chain.ledger, 0, &public);
            let signature = Some(keys::sign(&signer, payload_type, &statement));
            vec![bare(Envelope { key: Some(public), status: Some(0), signature, ..chain.envelope(Kind::Key) })]
        }
    };
    refused(&forged(key(2), keys::KEY), "did not sign it");
    refused(&forged(key(1), keys::BLOCK), "did not sign it");
}

/// Sealed again with the last block's header or records changed.
fn last(change: impl FnOnce(&mut Block)) -> Wrong {
    let mut chain = Story::new().chain;
    chain.blocks.last_mut().map(change).expect("there are two blocks");
    chain.verify().map(|_| ()).expect_err("it was changed").what
}

fn sign(block: &mut Block) {
    let bytes = keys::sign(&key(2), keys::BLOCK, &block.header);
    block.seal = vec![Signature { suite: 1, key: keys::public(&key(2)), bytes }];
}

fn header(change: impl FnOnce(&mut manes_core::block::Header)) -> Wrong {
    last(|block| {
        let mut header = manes_core::block::Header::decode(&block.header).expect("it was made here");
        change(&mut header);
        block.header = header.encode();
        sign(block);
    })
}

#[test]
fn a_header_must_fit_the_chain_even_when_it_is_signed() {
    assert!(matches!(header(|h| h.ledger.0[0] ^= 1), Wrong::OtherLedger(_)));
    assert!(matches!(header(|h| h.host = keys::public(&key(3))), Wrong::UnknownKey(_)));
    assert_eq!(header(|h| h.number = 2), Wrong::Link);
    assert_eq!(header(|h| h.previous.0[0] ^= 1), Wrong::Link);
    assert_eq!(header(|h| h.incarnation = 0), Wrong::Incarnation { last: 1, found: 0 });
    assert_eq!(header(|h| h.first = 3), Wrong::Index { expected: 2, found: 3 });
    assert_eq!(header(|h| h.count = 2), Wrong::Count { header: 2, block: 3 });
    assert_eq!(header(|h| h.root.0[0] ^= 1), Wrong::Root);
    assert_eq!(header(|h| h.head.size = 1), Wrong::Head);
    assert_eq!(header(|h| h.head.size = 9), Wrong::Head);
    assert_eq!(header(|h| h.head.root.0[0] ^= 1), Wrong::Head);
    assert!(matches!(
        last(|block| {
            block.header.push(0);
            sign(block);
        }),
        Wrong::Header(_)
    ));
}

#[test]
fn a_seal_is_one_signature_of_the_host_for_this_type() {
    assert_eq!(last(|block| block.seal.clear()), Wrong::Signature);
    assert_eq!(last(|block| block.seal.push(block.seal[0].clone())), Wrong::Signature);
    assert_eq!(last(|block| block.seal[0].suite = 2), Wrong::Signature);
    assert_eq!(last(|block| block.seal[0].key = keys::public(&key(1))), Wrong::Signature);
    assert_eq!(last(|block| block.seal[0].bytes[63] ^= 0x80), Wrong::Signature);
    let other_type = |block: &mut Block| block.seal[0].bytes = keys::sign(&key(2), keys::KEY, &block.header);
    assert_eq!(last(other_type), Wrong::Signature);
}

#[test]
fn a_body_must_be_the_one_committed_to() {
    let mut chain = Chain::new();
    let envelope = chain.envelope(Kind::Unknown(99));
    let record = chain.record(envelope, b"body".to_vec());
    chain.push(&key(2), vec![record]);
    assert_eq!(chain.verify().map(|verifier| verifier.bodies_absent()), Ok(0));
    let with = |body: StoredBody| {
        let mut chain = chain.clone();
        chain.blocks[1].bodies[0] = body;
        chain.verify().map(|verifier| verifier.bodies_absent()).map_err(|violation| violation.what)
    };
    let salt = chain.salt();
    assert_eq!(with(StoredBody::Absent), Ok(1));
    assert_eq!(with(StoredBody::Blob { salt, digest: Digest::of(b"body") }), Ok(1));
    assert_eq!(with(StoredBody::Inline { salt, bytes: b"Body".to_vec() }), Err(Wrong::Body { record: 2 }));
    assert_eq!(with(StoredBody::Inline { salt: [0; 16], bytes: b"body".to_vec() }), Err(Wrong::Body { record: 2 }));

    let mut lying = Chain::new();
    let commitment = Commitment { length: 5, ..Commitment::new(&salt, b"body") };
    let record =
        Record { envelope: Envelope { body: Some(commitment), ..lying.envelope(Kind::Event) }.encode(), body: None };
    lying.push(&key(2), vec![record]);
    lying.blocks[1].bodies[0] = StoredBody::Inline { salt, bytes: b"body".to_vec() };
    assert_eq!(lying.verify().map(|_| ()).map_err(|v| v.what), Err(Wrong::Body { record: 2 }));
    let uncommitted = last(|block| block.bodies[0] = StoredBody::Inline { salt, bytes: vec![] });
    assert_eq!(uncommitted, Wrong::Uncommitted { record: 2 });
}

#[test]
fn a_ledger_begins_with_its_genesis() {
    let changes: [fn(&mut Envelope); 3] = [|e| e.nonce = None, |e| e.key = None, |e| e.kind = 3];
    for change in changes {
        let mut chain = Chain::new();
        let mut genesis = Envelope::decode(&chain.blocks[0].envelopes[0]).expect("it was made here");
        change(&mut genesis);
        let enrol = Record { envelope: chain.blocks[0].envelopes[1].clone(), body: None };
        chain.blocks.clear();
        chain.push(&key(2), vec![bare(genesis), enrol]);
        assert_eq!(chain.verify().map(|_| ()).map_err(|violation| violation.what), Err(Wrong::NoGenesis));
    }
    let story = Story::new();
    assert_eq!(
        verify(&story.chain.blocks[1..], &BTreeMap::new()).map(|_| ()).map_err(|v| v.what),
        Err(Wrong::NoGenesis)
    );
}

/// Every bit of every block in the golden ledger, whoever made the frame's checksum fit again.
#[test]
fn a_flipped_bit_in_any_block_is_found_without_the_frames_checksum() {
    let golden = golden();
    let mut verifier = ChainVerifier::new();
    for (place, block) in golden.chain.blocks.iter().enumerate() {
        let encoded = block.encode();
        for (at, bit) in (0..encoded.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut altered = encoded.clone();
            altered[at] ^= 1 << bit;
            let Ok(altered) = Block::decode(&altered) else { continue };
            let mut missing = false;
            let pushed = verifier.clone().push(&altered, |digest| {
                let blob = golden.chain.blobs.get(digest).cloned();
                missing |= blob.is_none();
                blob
            });
            assert!(pushed.is_err() || missing, "block {place}, byte {at}, bit {bit}");
        }
        verifier.push(block, |digest| golden.chain.blobs.get(digest).cloned()).expect("golden block");
    }
}
