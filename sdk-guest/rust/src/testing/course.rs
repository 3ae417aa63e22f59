//! The course of one flow over a bus: what is due is delivered, what comes of it becomes due.
//!
//! Invariant: one delivery at a time, in the order of (when it is due, when it was put there), so that a flow has one
//! course. It ends, or says why it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::bus::{Bus, Member};
use super::{End, Failed, Flow, Surroundings};
use crate::{Draft, Event, Failure};

/// Attempts that a host makes by default of what asks to be tried again.
const ATTEMPTS_MAX: u32 = 5;
/// Events between the first one and another; a host delivers nothing beyond.
const HOPS_MAX: u32 = 64;
/// Deliveries in one flow: no test wants more, and what doubles with each hop gets here long before `HOPS_MAX`.
const DELIVERIES_MAX: u64 = 10_000;

/// An event and what it comes from.
struct Node {
    event: Event,
    cause: Option<Rc<Node>>,
    hops: u32,
}

/// One attempt that is to be made.
struct Delivery<'a> {
    member: &'a Member,
    node: Rc<Node>,
    attempt: u32,
}

/// A flow under way.
pub(super) struct Course<'a> {
    bus: &'a Bus,
    flow: Flow,
    /// By virtual time, then by number.
    due: BTreeMap<(u64, u64), Delivery<'a>>,
    /// Deliveries so far, waiting ones included.
    number: u64,
}

impl<'a> Course<'a> {
    pub(super) fn new(bus: &'a Bus, root: &Event) -> Self {
        let (id, events, failures, unrouted) = (root.flow.clone(), Vec::new(), Vec::new(), Vec::new());
        Self { bus, flow: Flow { id, events, failures, unrouted }, due: BTreeMap::new(), number: 0 }
    }

    /// Delivers until nothing is left.
    pub(super) fn run(mut self, root: Event) -> Flow {
        self.publish(Node { event: root, cause: None, hops: 0 }, 0);
        while let Some(((at, _), delivery)) = self.due.pop_first() {
            self.bus.wait_until(at);
            self.deliver(delivery);
        }
        self.flow
    }

    fn deliver(&mut self, delivery: Delivery<'a>) {
        let Delivery { member, node, attempt } = delivery;
        let surroundings = Surroundings::enter(&member.config, attempt);
        let handled = (member.handle)(&node.event);
        drop(surroundings);
        let (end, reason) = match handled {
            Ok(drafts) => match member.denies(&drafts) {
                None => return self.emit(member, &node, drafts),
                Some(reason) => (End::Denied, reason),
            },
            Err(Failure::Retry(retry)) if attempt < ATTEMPTS_MAX => {
                return self.put(retry.after_ms, Delivery { member, node, attempt: attempt + 1 });
            }
            Err(Failure::Retry(retry)) => (End::RetriesUsedUp, retry.reason),
            Err(Failure::Reject(reason)) => (End::Rejected, reason),
        };
        let (agent, event) = (member.name.clone(), node.event.clone());
        self.flow.failures.push(Failed { agent, event, end, reason, attempts: attempt });
    }

    fn emit(&mut self, member: &Member, cause: &Rc<Node>, drafts: Vec<Draft>) {
        for draft in drafts {
            let event = Event {
                id: self.bus.event_id(),
                topic: draft.topic,
                source: format!("agent/{}", member.name),
                flow: self.flow.id.clone(),
                cause: Some(cause.event.id.clone()),
                time: self.bus.time(),
                content_type: draft.content_type,
                data: draft.data,
                // As a host has them: sorted, and the last one of a name.
                extensions: draft.extensions.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect(),
            };
            self.publish(Node { event, cause: Some(cause.clone()), hops: cause.hops + 1 }, draft.delay_ms);
        }
    }

    /// Makes an event visible, and due with all who take it.
    fn publish(&mut self, node: Node, delay_ms: u32) {
        let place = self.flow.events.len();
        self.flow.events.push(node.event.clone());
        let (bus, node) = (self.bus, Rc::new(node));
        let before = self.number;
        for member in bus.members().iter().filter(|member| member.takes(&node.event.topic)) {
            if node.hops > HOPS_MAX {
                endless(&node, &format!("{HOPS_MAX} hops, where a host stops delivering"));
            }
            self.put(delay_ms, Delivery { member, node: node.clone(), attempt: 1 });
        }
        if self.number == before {
            self.flow.unrouted.push(place);
        }
    }

    fn put(&mut self, after_ms: u32, delivery: Delivery<'a>) {
        // Counted before they are made: what waits takes room too.
        if self.number == DELIVERIES_MAX {
            endless(&delivery.node, &format!("{DELIVERIES_MAX} deliveries"));
        }
        let at = self.bus.now_ms().saturating_add(u64::from(after_ms));
        self.due.insert((at, self.number), delivery);
        self.number += 1;
    }
}

/// Ends the test of a flow that goes on for ever.
#[expect(clippy::panic, reason = "a test helper: the agents of the test call each other without end")]
fn endless(node: &Node, after: &str) -> ! {
    panic!("the flow does not end; after {after}, {}", way(node))
}

/// By which topics an event came, from the last one on that came twice.
fn way(last: &Node) -> String {
    let mut topics = vec![last.event.topic.as_str()];
    let mut seen = BTreeSet::from([last.event.topic.as_str()]);
    let mut came = "its last event came by";
    let mut node = last.cause.as_deref();
    while let Some(cause) = node {
        topics.push(&cause.event.topic);
        if !seen.insert(&cause.event.topic) {
            came = "it goes in circles";
            break;
        }
        node = cause.cause.as_deref();
    }
    topics.reverse();
    format!("{came}: {}", topics.join(" → "))
}
