//! Goal: what a ledger says of a flow's state is what the router would have left to do.
//!
//! Method: ledgers told record by record. [`Told::status`] asks `flows`, `view`, and `view` of a gathering that begins at
//! the flow's root event, and wants one answer.

use super::{EventView, FlowView, Known, flows, gather, gather_from, view};
use crate::deploy::{IN_FORCE, REMOVED, WAITING};
use crate::told::{FLOW, Told};
use manes_core::limits::HOPS_MAX;
use manes_core::record::{EndStatus, Kind};

impl Told {
    fn view(&self) -> FlowView {
        view(FLOW, &gather(self, FLOW).expect("a flow"))
    }

    #[track_caller]
    fn status(&self) -> String {
        let listed = flows(self).expect("flows");
        assert_eq!(listed.len(), 1);
        let whole = self.view();
        assert_eq!((&listed[0].status, listed[0].events), (&whole.status, whole.events.len() as u64));
        let root = self.entries.iter().position(|entry| entry.envelope.kind() == Kind::Event).expect("a root");
        let mut known = Known::default();
        let deployments = self.entries[..root].iter().filter(|entry| entry.envelope.kind() == Kind::Deployment);
        deployments.for_each(|deployment| known.learn(deployment));
        let middle = view(FLOW, &gather_from(self, FLOW, root as u64, known).expect("a flow"));
        let results = |view: &FlowView| view.events.iter().map(|event| event.result).collect::<Vec<_>>();
        assert_eq!((&middle.status, results(&middle)), (&whole.status, results(&whole)));
        whole.status
    }

    fn last_event(&self) -> EventView {
        self.view().events.pop().expect("an event")
    }
}

#[test]
fn an_event_is_open_until_all_who_take_it_have_ended() {
    let mut told = Told::default();
    told.agent("a", "x.>");
    told.agent("b", "x.y");
    told.agent("c", "z");
    let event = told.event("x.y");
    assert_eq!(told.status(), "open");
    told.handled(&event, "a");
    assert_eq!(told.status(), "open", "b has it queued");
    let start = told.start(&event, "b");
    assert_eq!(told.status(), "open", "b is at it");
    told.end(&start, EndStatus::Done);
    assert_eq!(told.status(), "done");
}

#[test]
fn one_that_failed_does_not_hide_one_that_has_not_begun() {
    let mut told = Told::default();
    told.agent("a", "x");
    told.agent("b", "x");
    let event = told.event("x");
    let start = told.start(&event, "b");
    told.end(&start, EndStatus::Rejected);
    assert_eq!(told.status(), "open");
    told.handled(&event, "a");
    assert_eq!(told.status(), "failed");
}

#[test]
fn a_conflict_settles_nothing() {
    let mut told = Told::default();
    told.agent("a", "x");
    let event = told.event("x");
    told.note(Kind::Conflict, &event);
    assert_eq!(told.status(), "open");
    told.handled(&event, "a");
    told.note(Kind::Conflict, &event);
    assert_eq!(told.status(), "done");
}

#[test]
fn what_nobody_takes_is_settled_with_its_record_or_without() {
    let mut told = Told::default();
    told.agent("a", "x");
    let event = told.event("nobody.takes");
    assert_eq!(told.status(), "done", "the host may have crashed before it said so");
    told.note(Kind::Unrouted, &event);
    assert_eq!(told.status(), "done");
}

#[test]
fn what_came_too_far_is_taken_by_nobody() {
    for (hops, status) in [(HOPS_MAX, "open"), (HOPS_MAX + 1, "done")] {
        let mut told = Told::default();
        told.agent("a", "x");
        told.event_after("x", None, hops);
        assert_eq!(told.status(), status, "{hops} hops");
    }
}

#[test]
fn what_the_router_recorded_as_unrouted_stands() {
    let mut told = Told::default();
    told.agent("a", "x");
    let event = told.event("x");
    told.note(Kind::Unrouted, &event);
    assert_eq!(told.status(), "done");
}

#[test]
fn who_takes_an_event_is_said_by_the_deployments_before_it() {
    let mut told = Told::default();
    told.deploy("agent", "a", WAITING, &["x"], &[]);
    told.deploy("capability", "c", IN_FORCE, &["y"], &[]);
    let first = told.event("x");
    assert_eq!(told.status(), "open", "who waits for a capability takes events");
    told.deploy("agent", "a", REMOVED, &["x"], &[]);
    assert_eq!(told.status(), "open", "what it had queued stays with its name");
    let second = told.event("x");
    told.handled(&first, "a");
    assert_eq!(told.status(), "done", "nobody takes the second, and a capability takes nothing");
    told.agent("b", "x");
    assert_eq!(told.status(), "done", "b came after both");
    let third = told.event("x");
    assert_eq!(told.status(), "open");
    told.agent("b", "other");
    told.handled(&third, "b");
    assert_eq!(told.status(), "done", "{second:?}");
}

#[test]
fn an_attempt_is_open_whatever_is_known_of_its_agent() {
    let mut told = Told::default();
    let event = told.event("x");
    let start = told.start(&event, "a");
    assert_eq!(told.status(), "open");
    told.end(&start, EndStatus::Done);
    assert_eq!(told.status(), "done");
}

#[test]
fn an_answer_is_what_nobody_takes_and_nobody_has_to() {
    let mut told = Told::default();
    told.agent("a", "x");
    let root = told.event("x");
    told.handled(&root, "a");
    told.event("answer.given");
    assert!(told.last_event().result);
    assert_eq!(told.status(), "done");
    told.agent("b", "answer.*");
    let taken = told.event("answer.checked");
    assert!(!told.last_event().result, "b has it queued");
    assert_eq!(told.status(), "open");
    told.handled(&taken, "b");
    assert!(!told.last_event().result);
    let unrouted = told.event_after("answer.late", None, HOPS_MAX + 1);
    told.note(Kind::Unrouted, &unrouted);
    assert!(!told.last_event().result, "it came too far");
    assert_eq!(told.status(), "done");
}

#[test]
fn attempts_have_the_events_that_they_handled_and_emitted() {
    let mut told = Told::default();
    told.agent("a", "x");
    told.agent("b", "x");
    let root = told.event("x");
    let (a, b) = (told.start(&root, "a"), told.start(&root, "b"));
    let emitted = [(&a, "a.1"), (&b, "b.1"), (&a, "a.2")].map(|(start, topic)| told.event_after(topic, Some(start), 1));
    told.end(&a, EndStatus::Done);
    told.end(&b, EndStatus::Done);
    let record = gather(&told, FLOW).expect("a flow");
    assert_eq!(record.attempts[0].emitted, [emitted[0].clone(), emitted[2].clone()]);
    assert_eq!(record.attempts[1].emitted, [emitted[1].clone()]);
    assert!(record.attempts.iter().all(|attempt| attempt.event.as_ref() == Some(&root) && attempt.end.is_some()));
}
