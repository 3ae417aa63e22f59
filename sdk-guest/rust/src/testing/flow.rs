//! What came of an event on a bus: all that happened, to be asserted.
//!
//! Invariant: whatever is asked for and not there fails with the whole flow as its message.

use std::fmt;

use super::topic;
use crate::Event;

/// All that descends from one event.
///
/// Displayed as a list of its events and failures, for messages: `assert!(flow.failures().is_empty(), "{flow}")`.
#[derive(Debug, Clone)]
pub struct Flow {
    pub(super) id: String,
    pub(super) events: Vec<Event>,
    pub(super) failures: Vec<Failed>,
    /// Places in `events`.
    pub(super) unrouted: Vec<usize>,
}

/// An event that an agent did not handle: what a host keeps as a dead letter.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The agent's name.
    pub agent: String,
    /// The event.
    pub event: Event,
    /// How it ended.
    pub end: End,
    /// Why, in the words of whoever ended it.
    pub reason: String,
    /// Attempts that were made.
    pub attempts: u32,
}

/// How the handling of an event failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By [`reject`](crate::reject), or by a payload that does not fit.
    Rejected,
    /// By [`retry`](crate::retry) in the last attempt too.
    RetriesUsedUp,
    /// By a draft on a topic that the agent does not publish.
    Denied,
}

impl Flow {
    /// The flow's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// All events, the first one included, in the order in which they were recorded. One that is delayed stands where it
    /// was emitted.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events on topics that `pattern` describes.
    ///
    /// # Panics
    ///
    /// If it is no pattern.
    #[track_caller]
    #[expect(clippy::panic, reason = "a test helper: the mistake is the test's")]
    pub fn on(&self, pattern: &str) -> impl Iterator<Item = &Event> {
        if let Err(error) = topic::check_pattern(pattern) {
            panic!("{pattern:?} is no pattern: {error}");
        }
        self.events.iter().filter(move |event| topic::matches(pattern, &event.topic))
    }

    /// The one event on `topic`, which may be a pattern.
    ///
    /// # Panics
    ///
    /// If there is none or more than one; the message lists what there was.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test helper: it says what the test got wrong")]
    pub fn one(&self, topic: &str) -> &Event {
        let found: Vec<&Event> = self.on(topic).collect();
        match found.as_slice() {
            [event] => event,
            [] => panic!("no event on {topic}; {self}"),
            more => panic!("{} events on {topic}, not one; {self}", more.len()),
        }
    }

    /// The payload of the one event on `topic`. For a payload of a type of your own: `flow.one(topic).json()`.
    ///
    /// # Panics
    ///
    /// As [`one`](Self::one), and if the payload is not JSON.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test helper: it says what the test got wrong")]
    pub fn json(&self, topic: &str) -> serde_json::Value {
        match serde_json::from_slice(self.one(topic).bytes()) {
            Ok(value) => value,
            Err(error) => panic!("the payload on {topic} is not JSON: {error}; {self}"),
        }
    }

    /// What was not handled, in the order in which it was given up.
    #[must_use]
    pub fn failures(&self) -> &[Failed] {
        &self.failures
    }

    /// Events that no agent subscribes to: the flow's results, if nothing was forgotten.
    pub fn unrouted(&self) -> impl Iterator<Item = &Event> {
        self.unrouted.iter().filter_map(|&place| self.events.get(place))
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the flow was:")?;
        for event in &self.events {
            write!(f, "\n  {} from {}", event.topic, event.source)?;
        }
        for failed in &self.failures {
            write!(f, "\n  failed: {failed}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}: {}", self.agent, self.event.topic, self.end, self.reason)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "rejected",
            Self::RetriesUsedUp => "retries used up",
            Self::Denied => "denied",
        })
    }
}
