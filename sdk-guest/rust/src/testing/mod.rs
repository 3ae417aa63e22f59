//! Runs handlers natively, without a host and without Wasm.
//!
//! | to test | use |
//! |---|---|
//! | one handler | [`event`], [`run`], [`json`] |
//! | what it reads of its surroundings | [`set_config`], [`set_attempt`] |
//! | what it logs | [`take_logs`] |
//! | what it calls of a capability | mocks by [`imports!`](crate::imports), [`take_calls`] |
//! | several agents and the events between them | [`Bus`] |
//!
//! Invariant: state is per thread, and `cargo test` gives each test one of its own, so that tests do not see each other;
//! a test of several parts begins anew with [`reset`]. Absent from Wasm builds.

mod bus;
mod course;
mod flow;
#[doc(hidden)]
pub mod mock;
mod time;
mod topic;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::log::Level;
use crate::{Agent, Draft, Event, Handled, Payload};

pub use bus::Bus;
pub use flow::{End, Failed, Flow};
pub use mock::{Call, calls, take_calls};

/// One line that was logged.
#[derive(Debug, Clone)]
pub struct Line {
    /// How important.
    pub level: Level,
    /// The text.
    pub message: String,
    /// The fields, as given.
    pub fields: Vec<(String, String)>,
}

/// An agent's settings.
type Config = BTreeMap<String, String>;

thread_local! {
    static CONFIG: RefCell<Config> = const { RefCell::new(BTreeMap::new()) };
    static ATTEMPT: Cell<u32> = const { Cell::new(1) };
    static LOGS: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Replaces this thread's config.
pub fn set_config(entries: &[(&str, &str)]) {
    CONFIG.set(config_of(entries));
}

/// Sets what [`crate::context::attempt`] answers on this thread.
pub fn set_attempt(attempt: u32) {
    ATTEMPT.set(attempt);
}

/// Takes the lines logged on this thread since the last call.
pub fn take_logs() -> Vec<Line> {
    LOGS.take()
}

/// Makes this thread as new: no mocks, calls, lines and config, the first attempt.
pub fn reset() {
    mock::reset();
    take_logs();
    set_config(&[]);
    set_attempt(1);
}

/// An event with a JSON payload and plausible attributes.
///
/// # Panics
///
/// If the payload has no JSON form: a mistake of the test.
#[must_use]
#[expect(clippy::expect_used, reason = "a test helper: the mistake is the test's")]
pub fn event<T: Serialize + ?Sized>(topic: &str, payload: &T) -> Event {
    Event {
        id: "event-1".to_owned(),
        topic: topic.to_owned(),
        source: "client/test".to_owned(),
        flow: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        cause: None,
        time: time::rfc3339(0),
        content_type: "application/json".to_owned(),
        data: Payload::Text(serde_json::to_string(payload).expect("payload serialises")),
        extensions: Vec::new(),
    }
}

/// The event that a host would make of a draft.
#[must_use]
pub fn delivered(draft: &Draft) -> Event {
    Event {
        topic: draft.topic.clone(),
        content_type: draft.content_type.clone(),
        data: draft.data.clone(),
        extensions: draft.extensions.clone(),
        ..event("", &())
    }
}

/// Handles one event as the component would.
///
/// # Errors
///
/// The failure that the handler, or the decoding before it, returned.
pub fn run<A: Agent>(event: &Event) -> Handled {
    crate::dispatch::<A>(event)
}

/// A draft's payload as JSON; `null` if it is not JSON.
#[must_use]
pub fn json(draft: &Draft) -> serde_json::Value {
    match &draft.data {
        Payload::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        Payload::Binary(bytes) => serde_json::from_slice(bytes).unwrap_or_default(),
    }
}

/// What one delivery sees of its surroundings. When it is over, by a panic too, the thread has its own again.
struct Surroundings {
    config: Config,
    attempt: u32,
}

impl Surroundings {
    fn enter(config: &Config, attempt: u32) -> Self {
        Self { config: CONFIG.replace(config.clone()), attempt: ATTEMPT.replace(attempt) }
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        CONFIG.set(std::mem::take(&mut self.config));
        ATTEMPT.set(self.attempt);
    }
}

fn config_of(entries: &[(&str, &str)]) -> Config {
    entries.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub(crate) fn config(key: &str) -> Option<String> {
    CONFIG.with_borrow(|config| config.get(key).cloned())
}

pub(crate) fn attempt() -> u32 {
    ATTEMPT.get()
}

pub(crate) fn log(level: Level, message: &str, fields: &[(String, String)]) {
    LOGS.with_borrow_mut(|logs| logs.push(Line { level, message: message.to_owned(), fields: fields.to_vec() }));
}
