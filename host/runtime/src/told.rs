//! Ledgers for tests, told record by record.

use crate::deploy::{DeploymentBody, IN_FORCE};
use crate::ledger::{Entry, LedgerError};
use crate::records::Records;
use bytes::Bytes;
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId, LedgerId};
use manes_core::limits::Limits;
use manes_core::policy::Grants;
use manes_core::record::{EndStatus, Envelope, Kind, Record};
use std::collections::BTreeMap;

/// The flow of whatever is told, unless another one is said.
pub(crate) const FLOW: FlowId = FlowId([1; 16]);

/// A ledger as a story tells it.
pub(crate) struct Told {
    pub(crate) entries: Vec<Entry>,
    /// The flow of what is told next.
    pub(crate) flow: FlowId,
}

impl Default for Told {
    fn default() -> Self {
        Self { entries: Vec::new(), flow: FLOW }
    }
}

impl Records for Told {
    fn id(&self) -> LedgerId {
        LedgerId([7; 32])
    }
    fn window(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        Ok(self.entries.iter().skip(from as usize).take(max).cloned().collect())
    }
    fn artifact(&self, _: &Digest) -> Result<Option<Bytes>, LedgerError> {
        Ok(None)
    }
}

impl Told {
    pub(crate) fn tell(&mut self, envelope: Envelope, body: Option<Vec<u8>>) -> Entry {
        let index = self.entries.len() as u64;
        // The time makes every leaf another one.
        let envelope = Envelope { time_ns: index, ..envelope };
        let record = Record::new(envelope.clone(), body.clone().map(|body| ([0; 16], body)), true);
        let entry = Entry { index, envelope, leaf: record.leaf(), body: body.map(Bytes::from) };
        self.entries.push(entry.clone());
        entry
    }

    pub(crate) fn deploy(&mut self, role: &str, name: &str, status: u64, subscribe: &[&str], results: &[&str]) {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a pattern")).collect();
        let body = DeploymentBody {
            role: role.into(),
            name: name.into(),
            component: Digest([0; 32]),
            imports: BTreeMap::new(),
            exports: BTreeMap::new(),
            subscribe: patterns(subscribe),
            grants: Grants::default(),
            limits: Limits::default(),
            config: BTreeMap::new(),
            concurrency: 1,
            attempts: 1,
            results: patterns(results),
            providers: BTreeMap::new(),
            provider_components: BTreeMap::new(),
            engine: Digest([0; 32]),
        };
        let envelope = Envelope::decode(&body.record(status, 0, [0; 16]).envelope).expect("an envelope");
        self.tell(envelope, Some(body.encode()));
    }

    pub(crate) fn agent(&mut self, name: &str, subscribe: &str) {
        self.deploy("agent", name, IN_FORCE, &[subscribe], &["answer.>"]);
    }

    pub(crate) fn event(&mut self, topic: &str) -> Entry {
        self.event_after(topic, None, 0)
    }

    pub(crate) fn event_after(&mut self, topic: &str, cause: Option<&Entry>, hops: u64) -> Entry {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.entries.len().to_le_bytes());
        let envelope = Envelope {
            cause: cause.map(|start| start.leaf),
            flow: Some(self.flow),
            event: Some(EventKey(key)),
            topic: Some(topic.into()),
            hops: Some(hops),
            ..Envelope::new(Kind::Event, 0)
        };
        self.tell(envelope, None)
    }

    pub(crate) fn start(&mut self, event: &Entry, agent: &str) -> Entry {
        let key = event.envelope.event.expect("an event");
        let envelope = Envelope {
            cause: Some(event.leaf),
            flow: Some(self.flow),
            event: Some(key),
            agent: Some(agent.into()),
            activation: Some(ActivationId::new(&self.id(), agent, &key, 0)),
            attempt: Some(1),
            ..Envelope::new(Kind::Start, 0)
        };
        self.tell(envelope, None)
    }

    pub(crate) fn end(&mut self, start: &Entry, status: EndStatus) {
        let envelope = Envelope {
            kind: Kind::End.number(),
            cause: Some(start.leaf),
            status: Some(status.number()),
            ..start.envelope.clone()
        };
        self.tell(envelope, None);
    }

    pub(crate) fn handled(&mut self, event: &Entry, agent: &str) {
        let start = self.start(event, agent);
        self.end(&start, EndStatus::Done);
    }

    /// An end after which something follows.
    pub(crate) fn end_with(&mut self, start: &Entry, status: EndStatus, fate: Fate, about: Option<Digest>) {
        let envelope = Envelope {
            kind: Kind::End.number(),
            cause: Some(start.leaf),
            status: Some(status.number()),
            fate: Some(fate.number()),
            earlier: about,
            ..start.envelope.clone()
        };
        self.tell(envelope, None);
    }

    /// What an operator says of this flow or one of its activations.
    pub(crate) fn steer(&mut self, kind: Kind, of: &Entry, cause: Option<Digest>) {
        let envelope =
            Envelope { cause, flow: of.envelope.flow, activation: of.envelope.activation, ..Envelope::new(kind, 0) };
        self.tell(envelope, None);
    }

    /// What is said of an event beside its handling.
    pub(crate) fn note(&mut self, kind: Kind, event: &Entry) {
        let envelope = Envelope { cause: Some(event.leaf), kind: kind.number(), ..event.envelope.clone() };
        self.tell(envelope, None);
    }
}
