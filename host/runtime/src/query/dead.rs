//! Dead letters: activations that were given up and not requeued since; and those that wait for an answer.

use crate::ledger::{Entry, LedgerError};
use crate::records::Records;
use crate::router::GIVEN_UP;
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, FlowId};
use manes_core::item::Item;
use manes_core::record::{EndStatus, Kind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A dead letter, or an activation that asks and may become one.
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
    Ok(letters(records)?.0)
}

/// All activations that wait for an answer, in ledger order: a write was announced, nobody knows what came of it, and
/// its grant says to ask.
///
/// # Errors
/// The ledger cannot be read.
pub fn asking(records: &impl Records) -> Result<Vec<DeadLetter>, LedgerError> {
    Ok(letters(records)?.1)
}

/// Dead letters, and activations that ask.
fn letters(records: &impl Records) -> Result<(Vec<DeadLetter>, Vec<DeadLetter>), LedgerError> {
    let (mut dead, mut asking) = (BTreeMap::new(), BTreeMap::new());
    let mut topics = HashMap::new();
    records.each(|entry| {
        let envelope = &entry.envelope;
        let same = |letter: &DeadLetter| Some(letter.activation) == envelope.activation;
        match envelope.kind() {
            Kind::Event => {
                topics.insert(envelope.event, envelope.topic.clone().unwrap_or_default());
            }
            Kind::End => {
                let topic = || topics.get(&envelope.event).cloned().unwrap_or_default();
                match envelope.fate.and_then(Fate::from_number) {
                    Some(Fate::Dead) => drop(dead.insert(entry.index, letter(&entry, topic()))),
                    Some(Fate::Asks) => drop(asking.insert(entry.index, letter(&entry, topic()))),
                    // Cancelled, without an answer.
                    Some(Fate::Final | Fate::Again) | None => asking.retain(|_, letter| !same(letter)),
                }
            }
            Kind::Answer => {
                let answered = asking.iter().find(|(_, letter)| same(letter)).map(|(index, _)| *index);
                let answered = answered.and_then(|index| asking.remove_entry(&index));
                // A dead letter from now on.
                dead.extend(answered.filter(|_| envelope.status == Some(GIVEN_UP)));
            }
            // It closes what asks; what is answered after that is not heard.
            Kind::Cancel => asking.retain(|_, letter| Some(letter.flow) != envelope.flow),
            Kind::Requeue => dead.retain(|_, letter| !same(letter)),
            _ => {}
        }
        true
    })?;
    Ok((dead.into_values().collect(), asking.into_values().collect()))
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
