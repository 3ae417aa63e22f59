//! A call as the entries of a package see it: names, arguments, and what is known of the handles among them.
//!
//! Every accessor answers `None` for an argument that is missing or of another type. Entries turn that into a
//! refusal, so that no shape of input can make the lens fail or guess.

use super::facts::{Effect, Facts, Seen};
use super::handle::HandleFacts;
use crate::value::{Handle, Value};
use std::collections::BTreeMap;

/// Why a call on a handle that no earlier call of this attempt returned is refused.
pub(super) const UNKNOWN_HANDLE: &str = "the handle came from no call that is known";
/// Why a call whose arguments do not fit its entry is refused.
pub(super) const ODD_ARGUMENT: &str = "an argument is not what the interface says";

/// What is known, by handle.
pub(super) type Handles = BTreeMap<Handle, HandleFacts>;

/// What a call taught: facts of a new handle, or `None` for a handle that is gone.
pub(super) type Lesson = (Handle, Option<HandleFacts>);

/// One call.
pub(super) struct Call<'a> {
    /// What earlier calls said.
    pub(super) known: &'a Handles,
    /// The interface inside its package: `streams`.
    pub(super) interface: &'a str,
    /// The function's component-model name.
    pub(super) name: &'a str,
    /// Its arguments, the method's own handle first.
    pub(super) args: &'a [Value],
}

impl<'a> Call<'a> {
    /// The handle at `place`.
    pub(super) fn handle(&self, place: usize) -> Option<&'a Handle> {
        self.args.get(place)?.as_handle()
    }

    /// What is known of the handle at `place`.
    pub(super) fn facts(&self, place: usize) -> Option<&'a HandleFacts> {
        self.known.get(self.handle(place)?)
    }

    /// The string at `place`.
    pub(super) fn text(&self, place: usize) -> Option<&'a str> {
        match self.args.get(place)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The flags at `place`.
    pub(super) fn flags(&self, place: usize) -> Option<&'a [String]> {
        match self.args.get(place)? {
            Value::Flags(set) => Some(set),
            _ => None,
        }
    }

    /// A read from the stream at `place`. Standard input is part of the base world; the rest comes from outside.
    pub(super) fn reads(&self, place: usize) -> Seen {
        match self.facts(place) {
            Some(HandleFacts::Input { from: Facts::Base }) => Seen::local(),
            Some(HandleFacts::Input { from }) => Seen { effect: Effect::Read, facts: from.clone() },
            Some(
                HandleFacts::Output { .. }
                | HandleFacts::Request(_)
                | HandleFacts::Response { .. }
                | HandleFacts::Descriptor { .. },
            )
            | None => Seen::refused(UNKNOWN_HANDLE),
        }
    }

    /// A write to the stream at `place`. The log and bodies of requests are local: a body reaches the network only
    /// by its request's `handle`, which is judged as a write.
    pub(super) fn writes(&self, place: usize) -> Seen {
        match self.facts(place) {
            Some(HandleFacts::Output { to: Facts::Base }) => Seen::local(),
            Some(HandleFacts::Output { to }) => Seen { effect: Effect::Write, facts: to.clone() },
            Some(
                HandleFacts::Input { .. }
                | HandleFacts::Request(_)
                | HandleFacts::Response { .. }
                | HandleFacts::Descriptor { .. },
            )
            | None => Seen::refused(UNKNOWN_HANDLE),
        }
    }

    /// A read that belongs to an answer, by way of the handle at `place`.
    pub(super) fn answers(&self, place: usize) -> Seen {
        match self.facts(place) {
            Some(HandleFacts::Response { of }) => Seen { effect: Effect::Read, facts: of.clone() },
            Some(
                HandleFacts::Input { .. }
                | HandleFacts::Output { .. }
                | HandleFacts::Request(_)
                | HandleFacts::Descriptor { .. },
            )
            | None => Seen::refused(UNKNOWN_HANDLE),
        }
    }
}

/// Facts for each handle in an outcome. An outcome that is an error holds none that matter.
pub(super) fn each_handle(outcome: &Value, facts: &HandleFacts) -> Vec<Lesson> {
    let mut lessons = Vec::new();
    if !matches!(outcome, Value::Result(Err(_))) {
        outcome.handles(&mut |handle| lessons.push((handle.clone(), Some(facts.clone()))));
    }
    lessons
}

/// Whether an outcome is `ok`.
pub(super) const fn is_ok(outcome: &Value) -> bool {
    matches!(outcome, Value::Result(Ok(_)))
}
