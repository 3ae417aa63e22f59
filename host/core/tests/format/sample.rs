//! The golden ledger's story: one agent that adds, asked three times, with everything that can be recorded.

use crate::chain::{BASE_NS, Chain, key};
use manes_core::cbor::Writer;
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId};
use manes_core::item::Item;
use manes_core::record::{CallStatus, EndStatus, Envelope, Kind, Record};
use manes_core::value::{Handle, Origin, Value};
use serde_json::json;

/// The smallest component: magic, version, layer.
pub(crate) const ARTIFACT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The golden ledger and the checkpoint in its folder, which leaves the last block out.
pub(crate) struct Golden {
    pub(crate) chain: Chain,
    /// Blocks in the first segment.
    pub(crate) first_segment: usize,
    pub(crate) checkpoint: String,
}

/// One attempt under construction.
struct Attempt {
    activation: ActivationId,
    flow: FlowId,
    event: EventKey,
    number: u64,
    start: Digest,
}

/// A JSON value as a body.
fn body(value: &serde_json::Value) -> Vec<u8> {
    Item::from_json(value).to_bytes()
}

/// A call's body.
fn call_body(args: Option<&[Value]>, end: Option<(&str, Option<Value>)>) -> Vec<u8> {
    let mut w = Writer::new();
    w.map(usize::from(args.is_some()) + usize::from(end.is_some()));
    if let Some(args) = args {
        w.text("args");
        w.array(args.len());
        args.iter().for_each(|value| value.encode(&mut w));
    }
    if let Some((key, value)) = end {
        w.text(key);
        match value {
            Some(value) => value.encode(&mut w),
            None => w.null(),
        }
    }
    w.finish()
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn deployment(chain: &mut Chain, status: u64) -> Record {
    let envelope = chain.envelope(Kind::Deployment);
    let content = body(&json!({
        "role": "agent",
        "name": "adder",
        "component": Digest::of(ARTIFACT).to_string(),
        "subscribe": ["sum.asked"],
        "grants": { "publish": ["sum.answered"] },
        "limits": { "memory_mib": 64, "deadline_ms": 30_000 },
        "config": {},
    }));
    let component = Some(Digest::of(ARTIFACT));
    let envelope = Envelope { agent: Some("adder".into()), principal: Some("agent".into()), component, ..envelope };
    let envelope = Envelope { status: Some(status), ..envelope };
    chain.record(envelope, content)
}

fn event_body(id: &EventKey, source: &str, topic: &str, data: &str, cause: Option<&EventKey>) -> Vec<u8> {
    body(&json!({
        "specversion": "1.0", "id": id, "source": source, "type": topic, "time": "2023-11-14T22:13:20Z",
        "datacontenttype": "application/json", "data": data, "cause": cause, "extensions": {},
    }))
}

/// An event from client alice.
fn asked(chain: &mut Chain, id: &str, data: &str) -> (Record, EventKey) {
    let event = EventKey::external(&chain.ledger, "client/alice", "client/alice", id);
    let content = event_body(&event, "client/alice", "sum.asked", data, None);
    let envelope = Envelope {
        flow: Some(event.flow()),
        event: Some(event),
        topic: Some("sum.asked".into()),
        principal: Some("client/alice".into()),
        hops: Some(0),
        ..chain.envelope(Kind::Event)
    };
    (chain.record(envelope, content), event)
}

impl Attempt {
    fn start(chain: &mut Chain, event: &Record, key: EventKey, deployment: Digest, number: u64) -> (Self, Record) {
        let activation = ActivationId::new(&chain.ledger, "adder", &key, 0);
        let envelope = Envelope {
            cause: Some(event.leaf()),
            flow: Some(key.flow()),
            event: Some(key),
            agent: Some("adder".into()),
            activation: Some(activation),
            attempt: Some(number),
            deployment: Some(deployment),
            ..chain.envelope(Kind::Start)
        };
        let record = Record::new(envelope, None, true);
        (Self { activation, flow: key.flow(), event: key, number, start: record.leaf() }, record)
    }

    /// An intent or outcome of call `call` of `function`, by `provider`.
    fn call(&self, chain: &mut Chain, kind: Kind, call: u64, function: &str, provider: &str, effect: u64) -> Envelope {
        Envelope {
            cause: Some(self.start),
            activation: Some(self.activation),
            attempt: Some(self.number),
            call: Some(call),
            function: Some(function.into()),
            effect: Some(effect),
            rule: Some("base".into()),
            provider: Some(provider.into()),
            decision: (kind == Kind::Outcome).then_some(0),
            status: (kind == Kind::Outcome).then_some(CallStatus::Returned.number()),
            ..chain.envelope(kind)
        }
    }

    fn end(&self, chain: &mut Chain, status: EndStatus, calls: u64, drafts: u64, message: &str) -> Record {
        let envelope = Envelope {
            cause: Some(self.start),
            flow: Some(self.flow),
            event: Some(self.event),
            agent: Some("adder".into()),
            activation: Some(self.activation),
            attempt: Some(self.number),
            status: Some(status.number()),
            fuel: Some(12_345),
            calls: Some(calls),
            drafts: Some(drafts),
            elapsed_ns: Some(98_765),
            ..chain.envelope(Kind::End)
        };
        let content = body(&json!({ "message": message, "stderr": "" }));
        chain.record(envelope, content)
    }

    /// The event that this attempt emits.
    fn emit(&self, chain: &mut Chain, index: u64, data: &str) -> Record {
        let event = EventKey::internal(&self.activation, index);
        let content = event_body(&event, "agent/adder", "sum.answered", data, Some(&self.event));
        let envelope = Envelope {
            cause: Some(self.start),
            flow: Some(self.flow),
            event: Some(event),
            topic: Some("sum.answered".into()),
            principal: Some("agent/adder".into()),
            hops: Some(1),
            not_before_ns: Some(BASE_NS + 1_000_000_000),
            ..chain.envelope(Kind::Event)
        };
        chain.record(envelope, content)
    }
}

/// Local, read and write calls, one of a capability, one in parts, one denied.
fn first_calls(chain: &mut Chain, attempt: &Attempt) -> Vec<Record> {
    let now = attempt.call(chain, Kind::Outcome, 1, "wasi:clocks/wall-clock@0.2#now", "base", 0);
    let time =
        Value::Record(vec![("seconds".into(), Value::U64(1_700_000_000)), ("nanoseconds".into(), Value::U32(5))]);
    let now = chain.record(now, call_body(Some(&[]), Some(("outcome", Some(time)))));

    let open = attempt.call(chain, Kind::Outcome, 2, "wasi:filesystem/preopens@0.2#get-directories", "wasi", 1);
    let handle = Handle {
        provider: "wasi".into(),
        resource: "wasi:filesystem/types@0.2/descriptor".into(),
        origin: Origin { call: 2, index: 0 },
    };
    let list = Value::List(vec![Value::Tuple(vec![Value::Handle(handle), text("/data")])]);
    let open = chain.record(open, call_body(Some(&[]), Some(("outcome", Some(list)))));

    let read = attempt.call(chain, Kind::Outcome, 3, "example:table/table@0.1#read", "table", 1);
    let read = Envelope { component: Some(Digest::of(ARTIFACT)), ..read };
    let bytes = Value::Bytes((0..1_500_u32).map(|n| n.to_le_bytes()[0]).collect());
    let read =
        chain.record(read, call_body(Some(&[text("penguins.csv")]), Some(("outcome", Some(Value::ok(Some(bytes)))))));

    let child = attempt.call(chain, Kind::Outcome, 1, "wasi:filesystem/types@0.2#[method]descriptor.read", "wasi", 1);
    let child = Envelope { parent: Some(3), principal: Some("capability/table".into()), ..child };
    let child = Record::new(child, Some((chain.salt(), vec![0x5a; 5_000])), false);

    let denied = attempt.call(chain, Kind::Outcome, 4, "wasi:http/outgoing-handler@0.2#handle", "wasi", 2);
    let rule = Some("http = [\"GET example.com/\"]".into());
    let denied = Envelope { decision: Some(1), rule, status: Some(CallStatus::Denied.number()), ..denied };
    let refusal = Value::err(Some(Value::Variant("HTTP-request-denied".into(), None)));
    let denied = chain.record(denied, call_body(Some(&[]), Some(("outcome", Some(refusal)))));
    vec![now, open, child, read, denied]
}

/// The two parts of a write's outcome, after its intent.
fn parts(chain: &mut Chain, attempt: &Attempt, intent: &Record) -> Vec<Record> {
    let function = "example:table/table@0.1#append";
    let part = |chain: &mut Chain, part| {
        let envelope = attempt.call(chain, Kind::Outcome, 5, function, "table", 2);
        let envelope = Envelope { cause: Some(intent.leaf()), part: Some(part), ..envelope };
        chain.record(envelope, call_body(None, Some(("outcome", Some(Value::U64(part))))))
    };
    vec![part(chain, 0), part(chain, 1)]
}

/// A record of a later version: an unknown kind, critical, with an unknown key.
fn unknown(chain: &mut Chain) -> Record {
    let known = Envelope { critical: Some(true), ..chain.envelope(Kind::Unknown(77)) }.encode();
    let Ok(Item::Map(mut pairs)) = Item::decode(&known) else { panic!("an envelope is a map") };
    pairs.push((Item::Uint(99), Item::Array(vec![Item::F32(0x7fc0_0001), Item::Null])));
    Record { envelope: Item::Map(pairs).to_bytes(), body: None }
}

/// Builds the ledger.
pub(crate) fn golden() -> Golden {
    let (a, b) = (key(2), key(3));
    let mut chain = Chain::new();
    let adder = deployment(&mut chain, 0);
    let in_force = adder.leaf();
    chain.push(&a, vec![adder]);

    let (question, event) = asked(&mut chain, "1", "{\"sum\":[1,2]}");
    let asked_leaf = question.leaf();
    let (attempt, start) = Attempt::start(&mut chain, &question, event, in_force, 1);
    chain.push(&a, vec![question.clone(), start]);
    chain.head = chain.tree_head();

    let mut records = first_calls(&mut chain, &attempt);
    let intent = attempt.call(&mut chain, Kind::Intent, 5, "example:table/table@0.1#append", "table", 2);
    let intent = chain.record(intent, call_body(Some(&[text("row")]), None));
    records.push(intent.clone());
    chain.push(&a, records);
    let outcome = parts(&mut chain, &attempt, &intent);
    chain.push(&a, outcome);
    let answer = attempt.emit(&mut chain, 0, "{\"sum\":3}");
    let answer_leaf = answer.leaf();
    let end = attempt.end(&mut chain, EndStatus::Done, 6, 1, "");
    chain.push(&a, vec![answer, end]);
    let first_segment = chain.blocks.len();

    let unrouted = Envelope { cause: Some(answer_leaf), flow: Some(event.flow()), ..chain.envelope(Kind::Unrouted) };
    let unrouted = Envelope {
        event: Some(EventKey::internal(&attempt.activation, 0)),
        topic: Some("sum.answered".into()),
        rule: Some("no agent subscribes to it".into()),
        ..unrouted
    };
    let enrol = chain.key_record(&b, 0);
    chain.push(&a, vec![Record::new(unrouted, None, true), enrol]);
    chain.head = chain.tree_head();
    let conflict = Envelope {
        cause: Some(asked_leaf),
        flow: Some(event.flow()),
        event: Some(event),
        topic: Some("sum.asked".into()),
        principal: Some("client/alice".into()),
        ..chain.envelope(Kind::Conflict)
    };
    let content = event_body(&event, "client/alice", "sum.asked", "{\"sum\":[1,3]}", None);
    let conflict = chain.record(conflict, content);
    chain.push(&b, vec![conflict]);
    let checkpoint = second_day(&mut chain, in_force);
    Golden { chain, first_segment, checkpoint }
}

/// After a restart: key 3 is revoked, an attempt traps, another stays open, the agent is taken out.
fn second_day(chain: &mut Chain, in_force: Digest) -> String {
    let (a, b) = (key(2), key(3));
    chain.incarnation = 2;
    let revoke = chain.key_record(&b, 1);
    let (question, event) = asked(chain, "2", "{\"sum\":[]}");
    let (attempt, start) = Attempt::start(chain, &question, event, in_force, 1);
    let trap = attempt.end(chain, EndStatus::Trapped, 0, 0, "wasm trap: wasm `unreachable` instruction executed");
    chain.push(&a, vec![revoke, question.clone(), start, trap]);
    chain.head = chain.tree_head();

    let (again, start) = Attempt::start(chain, &question, event, in_force, 2);
    let exit = again.call(chain, Kind::Outcome, 1, "wasi:cli/exit@0.2#exit", "base", 0);
    let exit = Envelope { status: Some(CallStatus::Ended.number()), ..exit };
    let exit =
        chain.record(exit, call_body(Some(&[Value::err(None)]), Some(("ended", Some(text("exited with code 1"))))));
    let unknown = unknown(chain);
    chain.push(&a, vec![start, exit, unknown]);
    let checkpoint = chain.checkpoint(&a);
    chain.head = chain.tree_head();

    let out = deployment(chain, 1);
    chain.push(&a, vec![out]);
    checkpoint
}
