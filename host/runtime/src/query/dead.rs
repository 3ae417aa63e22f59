//! Dead letters: activations that were given up and not requeued since.

use crate::ledger::{Entry, LedgerError};
use crate::records::Records;
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, FlowId};
use manes_core::item::Item;
use manes_core::record::{EndStatus, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A dead letter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The activation.
    pub activation: ActivationId,
    /// Its agent.
    pub agent: String,
    /// Its flow.
    pub flow: FlowId,
    /// Topic of the event that it did not handle.
    pub topic: String,
    /// When it was given up, RFC 3339.
    pub time: String,
    /// Attempts that were made.
    pub attempts: u64,
    /// How the last one ended.
    pub status: String,
    /// Why.
    pub message: String,
    /// The end of its standard error.
    pub stderr: String,
    /// Index of the record of its end.
    pub record: u64,
}

/// All dead letters in ledger order.
///
/// # Errors
/// The ledger cannot be read.
pub fn dead(records: &impl Records) -> Result<Vec<DeadLetter>, LedgerError> {
    let mut found: BTreeMap<u64, DeadLetter> = BTreeMap::new();
    let mut topics = std::collections::HashMap::new();
    records.each(|entry| {
        let envelope = &entry.envelope;
        match envelope.kind() {
            Kind::Event => {
                topics.insert(envelope.event, envelope.topic.clone().unwrap_or_default());
            }
            Kind::End if envelope.fate == Some(Fate::Dead.number()) => {
                let topic = topics.get(&envelope.event).cloned().unwrap_or_default();
                found.insert(entry.index, letter(&entry, topic));
            }
            Kind::Requeue => found.retain(|_, letter| Some(letter.activation) != envelope.activation),
            _ => {}
        }
        true
    })?;
    Ok(found.into_values().collect())
}

fn letter(end: &Entry, topic: String) -> DeadLetter {
    let envelope = &end.envelope;
    let body = end.body.as_deref().and_then(|body| Item::decode(body).ok());
    let text = |key: &str| body.as_ref().and_then(|item| item.get(key)).and_then(Item::as_text).unwrap_or_default();
    DeadLetter {
        activation: envelope.activation.unwrap_or_default(),
        agent: envelope.agent.clone().unwrap_or_default(),
        flow: envelope.flow.unwrap_or_default(),
        topic,
        time: crate::time::rfc3339(envelope.time_ns),
        attempts: envelope.attempt.unwrap_or_default(),
        status: envelope.status.and_then(EndStatus::from_number).map_or("", EndStatus::name).to_owned(),
        message: text("message").to_owned(),
        stderr: text("stderr").to_owned(),
        record: end.index,
    }
}
