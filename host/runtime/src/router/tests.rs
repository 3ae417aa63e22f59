//! Goal: whatever stands in a ledger, the router reads it, and nothing of a cancelled flow is left behind.
//!
//! Method: ledgers told record by record, read as the router's task reads them, in the past of a host and in its presence.

use super::state::State;
use super::work::Phase;
use crate::ledger::Entry;
use crate::records::Records;
use crate::told::{FLOW, Told};
use manes_core::fate::Fate;
use manes_core::ids::{ActivationId, Digest, FlowId};
use manes_core::record::{EndStatus, Kind};

/// Another flow than [`FLOW`].
const OTHER: FlowId = FlowId([2; 16]);

/// Reads what a router has not read yet, as its task does.
fn read(state: &mut State, told: &Told) {
    while let Some(entry) = told.entries.get(state.next as usize) {
        while let Some((name, from)) = state.behind(entry) {
            let (name, more) = (name.to_owned(), told.window(from, 100).expect("entries"));
            assert!(state.agents.get_mut(&name).is_some_and(|agent| agent.queue.reach(&more)));
        }
        state.apply(entry);
    }
}

fn reader(told: &Told) -> State {
    let mut state = State::new(told.id(), Vec::new());
    read(&mut state, told);
    state
}

fn activation(told: &Told, event: &Entry, agent: &str) -> ActivationId {
    ActivationId::new(&told.id(), agent, &event.envelope.event.expect("an event"), 0)
}

/// A long row of one flow's events was closed at once, an attempt behind it began, and only that was durable.
#[test]
fn an_attempt_that_began_far_behind_is_found() {
    let mut told = Told::default();
    told.agent("a", "x");
    for _ in 0..5_000 {
        told.event("x");
    }
    told.flow = OTHER;
    let event = told.event("x");
    told.flow = FLOW;
    for _ in 0..2_000 {
        told.event("x");
    }
    told.flow = OTHER;
    told.start(&event, "a");
    let mut state = reader(&told);
    let open = state.begin().expect("records that fit together");
    assert_eq!(open, [activation(&told, &event, "a")]);
    assert_eq!(state.agents["a"].queued(), 7_000);
}

#[test]
fn an_attempt_at_what_was_never_queued_is_noticed() {
    let mut told = Told::default();
    told.agent("a", "x");
    let event = told.event("y");
    told.start(&event, "a");
    assert_eq!(reader(&told).begin(), Err("a".to_owned()));
}

#[test]
fn what_comes_to_a_cancelled_flow_is_closed_like_what_was_there() {
    let mut told = Told::default();
    told.agent("a", "x");
    let events: Vec<Entry> = (0..4).map(|_| told.event("x")).collect();
    let starts: Vec<Entry> = events[..3].iter().map(|event| told.start(event, "a")).collect();
    let mut state = reader(&told);
    assert_eq!(state.begin().expect("a begin").len(), 3);
    assert_eq!(state.sweep(), []);
    told.steer(Kind::Cancel, &events[0], None);
    read(&mut state, &told);
    let all: Vec<ActivationId> = events.iter().map(|event| activation(&told, event, "a")).collect();
    assert_eq!(state.sweep(), all, "under way or queued");
    assert_eq!(state.sweep(), [], "nothing came since");
    // Attempts that did not hear it any more: one is to be tried again, one asks, one emitted.
    told.end_with(&starts[0], EndStatus::Retry, Fate::Again, None);
    told.end_with(&starts[1], EndStatus::Unknown, Fate::Asks, Some(Digest([7; 32])));
    let late = told.event_after("x", Some(&starts[2]), 1);
    told.end(&starts[2], EndStatus::Done);
    read(&mut state, &told);
    assert!(state.asking(&all[1]).is_none(), "of a cancelled flow nobody is asked anything");
    assert_eq!(state.sweep(), [all[0], all[1], all[3], activation(&told, &late, "a")]);
    assert_eq!(state.agents["a"].queued(), 0);
    assert!(state.is_open(&FLOW), "nothing of it has ended yet");
}

/// Both were allowed when they were asked for; the first that is durable counts, in every reader.
#[test]
fn of_a_cancel_and_an_answer_the_first_counts() {
    for first in [Kind::Cancel, Kind::Answer] {
        let mut told = Told::default();
        told.agent("a", "x");
        let event = told.event("x");
        let start = told.start(&event, "a");
        let about = Digest([7; 32]);
        told.end_with(&start, EndStatus::Unknown, Fate::Asks, Some(about));
        let id = activation(&told, &event, "a");
        let mut state = reader(&told);
        assert!(state.begin().expect("a begin").is_empty());
        assert!(state.asking(&id).is_some());
        let mut both = [Kind::Cancel, Kind::Answer];
        if first == Kind::Answer {
            both.reverse();
        }
        both.into_iter().for_each(|kind| told.steer(kind, &start, (kind == Kind::Answer).then_some(about)));
        for mut state in [reader(&told), {
            read(&mut state, &told);
            state
        }] {
            assert_eq!(state.sweep(), [id], "it is closed either way");
            let answered = matches!(state.works[&id].phase, Phase::Waiting { .. });
            assert_eq!(answered, first == Kind::Answer);
        }
    }
}
