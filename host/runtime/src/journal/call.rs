//! What a journal is told and asked of calls.

use crate::waist::Ended;
use manes_core::cursor::RecordedCall;
use manes_core::function::FunctionId;
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId};
use manes_core::lens::Effect;
use manes_core::record::Envelope;
use manes_core::value::Value;

/// Whose attempt this is.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The agent.
    pub agent: String,
    /// The event's flow.
    pub flow: FlowId,
    /// The event.
    pub event: EventKey,
    /// The activation.
    pub activation: ActivationId,
    /// Its attempt.
    pub attempt: u64,
    /// Leaf hash of the event's record.
    pub cause: Digest,
    /// Leaf hash of the deployment in force.
    pub deployment: Digest,
    /// How often the activation was requeued.
    pub generation: u64,
}

/// One call on its way through the waist.
#[derive(Debug, Clone)]
pub struct CallRecord<'a> {
    /// Number in its scope.
    pub number: u64,
    /// The agent's call that it serves, if a capability makes it.
    pub parent: Option<u64>,
    /// The capability that makes it.
    pub principal: Option<String>,
    /// What is called.
    pub function: &'a FunctionId,
    /// What it does.
    pub effect: Effect,
    /// The rule that decided.
    pub rule: String,
    /// Who answers.
    pub provider: String,
    /// Digest of the component that answers, if one does.
    pub component: Option<Digest>,
    /// The encoded arguments.
    pub args: &'a [u8],
    /// A write's idempotency key.
    pub key: Option<Digest>,
    /// The record of an earlier attempt that this call repeats or uses again.
    pub earlier: Option<Digest>,
}

/// How a call ended, for its record.
#[derive(Debug)]
pub enum CallEnd<'a> {
    /// It returned.
    Returned(Option<&'a Value>),
    /// It was not made: an earlier attempt's outcome is used again.
    Reused(Option<&'a Value>),
    /// It was denied: what the guest is told, and what the operator is told.
    Denied(&'a Value, &'a str),
    /// It ends the attempt.
    Ended(&'a Ended),
}

/// What a journal says about a call.
#[derive(Debug)]
pub enum Answer {
    /// As it was recorded.
    Recorded(RecordedCall),
    /// Nothing: it is to be made.
    Make,
    /// Nothing, for the first time since this attempt goes on: what its first host held died with it.
    MakeAfterRecovery,
    /// It was announced by the host that died, and has no outcome: it may have taken place.
    Unknown {
        /// Leaf hash of its intent.
        intent: Digest,
    },
}

/// What an attempt's first host left.
#[derive(Debug, Default)]
pub struct Prefix {
    /// Leaf hash of its start.
    pub start: Digest,
    /// The agent's own calls.
    pub own: Vec<RecordedCall>,
    /// Intents without an outcome.
    pub announced: Vec<(Digest, Envelope)>,
    /// Outcomes, those of capabilities included.
    pub calls: u64,
    /// Why the calls cannot be answered from the record, if they cannot.
    pub missing: Option<String>,
}
