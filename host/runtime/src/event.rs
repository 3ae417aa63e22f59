//! Events: what an agent is given and emits, and how a record holds it.

use manes_core::ids::{EventKey, FlowId};
use manes_core::item::Item;
use manes_core::record::{Envelope, Kind, Record, Salt};
use std::collections::BTreeMap;

/// Bindings of the agent's contract.
pub mod bindings {
    #![expect(missing_docs, reason = "generated from wit/agent.wit")]
    wasmtime::component::bindgen!({ path: "../../wit/agent.wit", world: "agent", exports: { default: async } });
}

pub use bindings::exports::manes::agent::handler::{Draft, Event as WitEvent, Failure as WitFailure};
pub use bindings::manes::agent::types::Payload;

/// An event with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its key; in hex its CloudEvents id.
    pub key: EventKey,
    /// Its flow.
    pub flow: FlowId,
    /// CloudEvents `type`.
    pub topic: String,
    /// `agent/NAME` or `client/NAME`.
    pub source: String,
    /// Key of the event whose handling emitted this one.
    pub cause: Option<EventKey>,
    /// Events between the root event and this one.
    pub hops: u64,
    /// The host's clock.
    pub time_ns: u64,
    /// No earlier than this.
    pub not_before_ns: Option<u64>,
    /// What it carries.
    pub content: Content,
}

/// What an event carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// MIME type.
    pub content_type: String,
    /// Text or bytes.
    pub data: Data,
    /// CloudEvents extension attributes.
    pub extensions: BTreeMap<String, String>,
}

/// Text or bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// UTF-8.
    Text(String),
    /// Anything.
    Bytes(Vec<u8>),
}

impl Data {
    /// Size in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// True if there is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As text, bytes in hex.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) => manes_core::ids::hex(bytes),
        }
    }
}

impl Content {
    /// JSON text.
    #[must_use]
    pub fn json(text: impl Into<String>) -> Self {
        Self { content_type: "application/json".into(), data: Data::Text(text.into()), extensions: BTreeMap::new() }
    }

    /// What a guest's draft carries.
    #[must_use]
    pub fn of_draft(draft: &Draft) -> Self {
        let data = match &draft.data {
            Payload::Text(text) => Data::Text(text.clone()),
            Payload::Binary(bytes) => Data::Bytes(bytes.clone()),
        };
        let extensions = draft.extensions.iter().cloned().collect();
        Self { content_type: draft.content_type.clone(), data, extensions }
    }
}

impl Event {
    /// The CloudEvents attributes and the data, as one canonical map: the record's body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let text = |text: &str| Item::Text(text.to_owned());
        let data = match &self.content.data {
            Data::Text(data) => text(data),
            Data::Bytes(data) => Item::Bytes(data.clone()),
        };
        let extensions = self.content.extensions.iter().map(|(k, v)| (text(k), text(v))).collect();
        let cause = self.cause.map_or(Item::Null, |cause| text(&cause.to_string()));
        let pairs = [
            ("specversion", text("1.0")),
            ("id", text(&self.key.to_string())),
            ("source", text(&self.source)),
            ("type", text(&self.topic)),
            ("time", text(&crate::time::rfc3339(self.time_ns))),
            ("datacontenttype", text(&self.content.content_type)),
            ("cause", cause),
            ("extensions", Item::Map(extensions)),
            ("data", data),
        ];
        Item::Map(pairs.into_iter().map(|(k, v)| (text(k), v)).collect()).to_bytes()
    }

    /// The event's record.
    #[must_use]
    pub fn record(&self, salt: Salt, cause: Option<manes_core::ids::Digest>) -> Record {
        let envelope = Envelope {
            cause,
            flow: Some(self.flow),
            event: Some(self.key),
            topic: Some(self.topic.clone()),
            principal: Some(self.source.clone()),
            hops: Some(self.hops),
            not_before_ns: self.not_before_ns,
            ..Envelope::new(Kind::Event, self.time_ns)
        };
        Record::new(envelope, Some((salt, self.body())), true)
    }

    /// Reads an event back from its record.
    #[must_use]
    pub fn from_record(envelope: &Envelope, body: &[u8]) -> Option<Self> {
        let item = Item::decode(body).ok()?;
        let text = |key: &str| item.get(key).and_then(Item::as_text);
        let data = match item.get("data")? {
            Item::Text(text) => Data::Text(text.clone()),
            Item::Bytes(bytes) => Data::Bytes(bytes.clone()),
            _ => return None,
        };
        let extensions = match item.get("extensions") {
            Some(Item::Map(pairs)) => {
                pairs.iter().filter_map(|(k, v)| Some((k.as_text()?.to_owned(), v.as_text()?.to_owned()))).collect()
            }
            _ => BTreeMap::new(),
        };
        Some(Self {
            key: envelope.event?,
            flow: envelope.flow?,
            topic: envelope.topic.clone()?,
            source: text("source")?.to_owned(),
            cause: text("cause").and_then(|cause| cause.parse().ok()),
            hops: envelope.hops.unwrap_or_default(),
            time_ns: envelope.time_ns,
            not_before_ns: envelope.not_before_ns,
            content: Content { content_type: text("datacontenttype")?.to_owned(), data, extensions },
        })
    }

    /// What a submission commits to, to tell a repeated submission from a conflicting one. Time is left out.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        (&self.topic, &self.content) == (&other.topic, &other.content)
    }

    /// As the guest sees it.
    #[must_use]
    pub fn to_wit(&self) -> WitEvent {
        WitEvent {
            id: self.key.to_string(),
            topic: self.topic.clone(),
            source: self.source.clone(),
            flow: self.flow.to_string(),
            cause: self.cause.map(|cause| cause.to_string()),
            time: crate::time::rfc3339(self.time_ns),
            content_type: self.content.content_type.clone(),
            data: match &self.content.data {
                Data::Text(text) => Payload::Text(text.clone()),
                Data::Bytes(bytes) => Payload::Binary(bytes.clone()),
            },
            extensions: self.content.extensions.clone().into_iter().collect(),
        }
    }
}
