//! What came of a case beside what was expected of it, as text: equal text is a passed case, and the lines that differ
//! are what a person is shown.

use super::case::{Case, EventOut, canonical, text};
use super::play::Played;
use crate::render::{self, Style};
use manes_core::record::{EndStatus, Kind};
use manes_runtime::event::Event;
use manes_runtime::ledger::Entry;
use manes_runtime::query::{self, AttemptRecord, FlowRecord};
use similar::{ChangeTag, TextDiff};
use std::collections::{BTreeMap, BTreeSet};

/// The type of data where nothing else is said.
pub(super) const JSON: &str = "application/json";
/// Equal lines that are shown around a difference.
const CONTEXT_LINES: usize = 3;

/// An event that came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) topic: String,
    pub(super) agent: String,
    pub(super) data: String,
    pub(super) content_type: String,
    pub(super) delay_ms: u64,
    pub(super) extensions: BTreeMap<String, String>,
    pub(super) unrouted: bool,
}

/// An activation that was given up.
#[derive(Debug, Clone)]
pub(super) struct Gave {
    pub(super) agent: String,
    pub(super) status: String,
    pub(super) message: String,
}

/// What came, in an order that does not hang on who was faster: an event, all that followed from it, the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) events: Vec<Came>,
    pub(super) failures: Vec<Gave>,
}

impl Outcome {
    pub(super) fn of(flows: &[FlowRecord]) -> Self {
        let mut outcome = Self::default();
        for flow in flows {
            for root in flow.events.iter().filter(|event| event.envelope.cause.is_none()) {
                outcome.follow(flow, root);
            }
        }
        outcome
    }

    fn follow(&mut self, flow: &FlowRecord, event: &Entry) {
        for attempt in attempts(flow, event) {
            let later = flow.attempts.iter().any(|other| is_later(other, attempt));
            if !later && let Some(status) = attempt.status().filter(|status| *status != EndStatus::Done) {
                let (agent, message) = (attempt.agent().to_owned(), attempt.message());
                self.failures.push(Gave { agent, status: status.name().to_owned(), message });
            }
            for emitted in &attempt.emitted {
                let read = emitted.body.as_deref().and_then(|body| Event::from_record(&emitted.envelope, body));
                let Some(read) = read else { continue };
                let unrouted =
                    |note: &Entry| note.envelope.kind() == Kind::Unrouted && note.envelope.cause == Some(emitted.leaf);
                self.events.push(Came {
                    topic: read.topic,
                    agent: attempt.agent().to_owned(),
                    data: read.content.data.to_text(),
                    content_type: read.content.content_type,
                    delay_ms: read.not_before_ns.map_or(0, |at| at.saturating_sub(read.time_ns) / 1_000_000),
                    extensions: read.content.extensions,
                    unrouted: flow.notes.iter().any(unrouted),
                });
                self.follow(flow, emitted);
            }
        }
    }
}

/// Calls that policy denied, with the line that would allow each.
fn denials(flow: &FlowRecord) -> Vec<String> {
    let id = flow.events.first().and_then(|event| event.envelope.flow).unwrap_or_default();
    let activations = query::view(id, flow).activations;
    let denials = activations.iter().flat_map(|activation| {
        let denied = activation.calls.iter().filter_map(|call| call.denial.as_deref());
        denied.map(|denial| format!("{} was denied: {}", activation.agent, render::plain(denial)))
    });
    denials.collect()
}

/// Attempts that ended badly by themselves, with what they said last: those that were tried again, too.
pub(super) fn trouble(flows: &[FlowRecord]) -> String {
    let mut out = String::new();
    for denial in flows.iter().flat_map(denials).collect::<BTreeSet<_>>() {
        line(&mut out, &denial);
    }
    for attempt in flows.iter().flat_map(|flow| &flow.attempts) {
        let status = attempt.status().filter(|status| {
            matches!(status, EndStatus::Trapped | EndStatus::Exited | EndStatus::Fault | EndStatus::OutOfFuel)
        });
        let Some(status) = status else { continue };
        let number = attempt.start.envelope.attempt.unwrap_or(1);
        let message = render::plain(&attempt.message());
        line(&mut out, &format!("{}, attempt {number}: {}: {message}", attempt.agent(), status.name()));
        render::last_words(&attempt.stderr()).iter().for_each(|words| line(&mut out, &format!("  {words}")));
    }
    out
}

/// The attempts at an event, by agent.
pub(super) fn attempts<'a>(flow: &'a FlowRecord, event: &Entry) -> Vec<&'a AttemptRecord> {
    let of = |attempt: &&AttemptRecord| attempt.start.envelope.cause == Some(event.leaf);
    let mut attempts: Vec<&AttemptRecord> = flow.attempts.iter().filter(of).collect();
    attempts
        .sort_by_key(|attempt| (attempt.agent(), attempt.start.envelope.generation, attempt.start.envelope.attempt));
    attempts
}

/// True if `one` is a later attempt at the same activation.
fn is_later(one: &AttemptRecord, than: &AttemptRecord) -> bool {
    let (one, than) = (&one.start.envelope, &than.start.envelope);
    one.activation == than.activation && one.attempt > than.attempt
}

/// A case as text, and what came of it.
pub(super) struct Compared {
    expected: String,
    actual: String,
}

impl Compared {
    pub(super) fn new(case: &Case, played: &Played, outcome: &Outcome) -> Self {
        let mut actual = String::new();
        outcome.events.iter().for_each(|event| block(&mut actual, event));
        outcome.failures.iter().for_each(|gave| failure(&mut actual, &gave.agent, &gave.status, &gave.message));
        played.unexpected.iter().for_each(|call| line(&mut actual, call));
        let mut expected = String::new();
        for (place, event) in case.expect.iter().enumerate() {
            // What is not said may be anything: the event that stands in its place says it.
            let nth = case.expect.iter().take(place).filter(|other| other.topic == event.topic).count();
            let came = outcome.events.iter().filter(|came| came.topic == event.topic).nth(nth);
            block(&mut expected, &wanted(event, came));
        }
        for (place, wanted) in case.fail.iter().enumerate() {
            let same = |agent: &str, status: &str| agent == wanted.agent && status == wanted.status.get_ref();
            let nth = case.fail.iter().take(place).filter(|other| same(&other.agent, other.status.get_ref())).count();
            let gave = outcome.failures.iter().filter(|gave| same(&gave.agent, &gave.status)).nth(nth);
            let fits = |message: &&str| wanted.message.as_ref().is_none_or(|words| message.contains(words.as_str()));
            let message = gave.map(|gave| gave.message.as_str()).filter(fits);
            let message = message.or(wanted.message.as_deref()).unwrap_or("any reason");
            failure(&mut expected, &wanted.agent, wanted.status.get_ref(), message);
        }
        played.left.iter().for_each(|call| line(&mut expected, call));
        if played.stuck {
            line(&mut actual, "something is still waiting; nothing that it waits for will come");
        }
        Self { expected, actual }
    }

    pub(super) fn is_equal(&self) -> bool {
        self.expected == self.actual
    }

    /// The lines that differ, `-` expected and `+` came.
    pub(super) fn diff(&self, style: Style) -> String {
        let diff = TextDiff::from_lines(&self.expected, &self.actual);
        let mut shown = String::new();
        for (place, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
            if place > 0 {
                shown.push_str("  …\n");
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let text = render::plain(change.value().trim_end_matches('\n'));
                let text = match change.tag() {
                    ChangeTag::Delete => style.bad(&format!("- {text}")),
                    ChangeTag::Insert => style.good(&format!("+ {text}")),
                    ChangeTag::Equal => style.dim(&format!("  {text}")),
                };
                shown.push_str(&text);
                shown.push('\n');
            }
        }
        shown
    }
}

/// An expected event; what it does not say is as in the one that came.
fn wanted(event: &EventOut, came: Option<&Came>) -> Came {
    let said = |said: Option<&String>, of: fn(&Came) -> &String, none: &str| {
        said.or(came.map(of)).cloned().unwrap_or_else(|| none.to_owned())
    };
    Came {
        topic: event.topic.clone(),
        agent: said(event.agent.as_ref(), |came| &came.agent, "any agent"),
        data: said(event.data.as_ref().map(text).as_ref(), |came| &came.data, "any data"),
        content_type: said(event.content_type.as_ref(), |came| &came.content_type, JSON),
        delay_ms: event.delay_ms.or(came.map(|came| came.delay_ms)).unwrap_or_default(),
        extensions: event.extensions.clone().or(came.map(|came| came.extensions.clone())).unwrap_or_default(),
        unrouted: event.unrouted,
    }
}

fn block(out: &mut String, event: &Came) {
    let content_type = if event.content_type == JSON { String::new() } else { format!(", {}", event.content_type) };
    let delay = if event.delay_ms == 0 { String::new() } else { format!(", after {} ms", event.delay_ms) };
    let unrouted = if event.unrouted { ", which nobody takes" } else { "" };
    line(out, &format!("{} from {}{content_type}{delay}{unrouted}", event.topic, event.agent));
    event.extensions.iter().for_each(|(name, value)| line(out, &format!("  {name} = {value:?}")));
    canonical(&event.data).lines().for_each(|text| line(out, &format!("  {text}")));
}

fn failure(out: &mut String, agent: &str, status: &str, message: &str) {
    line(out, &format!("{agent} is given up, {status}: {message}"));
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}
