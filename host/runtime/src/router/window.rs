//! An agent's queue: a window over the ledger. The nearest positions are kept, the rest is read again when there is
//! room, so that a backlog costs the ledger's disk and not the host's memory. Pure.

use crate::ledger::Entry;
use manes_core::ids::{EventKey, FlowId};
use manes_core::limits::HOPS_MAX;
use manes_core::record::Kind;
use manes_core::topic::{Pattern, Topic};
use std::collections::VecDeque;

/// An event in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// Its position.
    pub index: u64,
    /// Its key.
    pub event: EventKey,
    /// Its flow.
    pub flow: FlowId,
}

/// Positions kept for one agent. Far above the attempts that it can have under way, which all come from the front.
const WINDOW: usize = 1024;

/// The events that an agent has yet to handle.
#[derive(Debug, Clone, Default)]
pub struct Window {
    near: VecDeque<Queued>,
    far: Option<Far>,
    /// Topics that the agent takes, each with the position from which it does; as far back as `far` needs.
    takes: VecDeque<(u64, Vec<Pattern>)>,
}

/// Events behind the window.
#[derive(Debug, Clone, Copy)]
struct Far {
    /// The first of them is here or later.
    from: u64,
    count: u64,
}

impl Window {
    /// From `position` on, the agent takes these topics.
    pub fn takes(&mut self, position: u64, patterns: &[Pattern]) {
        self.takes.push_back((position, patterns.to_vec()));
    }

    /// Drops what is not needed to read again what lies behind the window.
    pub fn forget(&mut self) {
        let oldest = self.far.map_or(u64::MAX, |far| far.from);
        while self.takes.get(1).is_some_and(|(from, _)| *from <= oldest) {
            self.takes.pop_front();
        }
    }

    /// Queues an event, which lies after all that were queued before.
    pub fn push(&mut self, queued: Queued) {
        match &mut self.far {
            Some(far) => far.count += 1,
            None if self.near.len() < WINDOW => self.near.push_back(queued),
            None => self.far = Some(Far { from: queued.index, count: 1 }),
        }
    }

    /// The next events, of which any may be begun before the others.
    pub fn nearest(&self) -> impl Iterator<Item = &Queued> {
        self.near.iter()
    }

    /// Where to read on to find this event, if it is queued and not among the next ones.
    #[must_use]
    pub fn behind(&self, event: &EventKey) -> Option<u64> {
        let near = self.near.iter().any(|queued| queued.event == *event);
        self.far.filter(|_| !near).map(|far| far.from)
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<Queued> {
        self.near.pop_front()
    }

    /// Takes an event out that was begun; returns its position.
    pub fn take(&mut self, event: &EventKey) -> Option<Queued> {
        let place = self.near.iter().position(|queued| queued.event == *event)?;
        self.near.remove(place)
    }

    /// Events queued.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.near.len() as u64 + self.far.map_or(0, |far| far.count)
    }

    /// Where to read on, if there is much room.
    #[must_use]
    pub fn wants(&self) -> Option<u64> {
        self.far.filter(|_| self.near.len() <= WINDOW / 2).map(|far| far.from)
    }

    /// Where to read on, if there is any room.
    #[must_use]
    pub fn wants_any(&self) -> Option<u64> {
        self.far.filter(|_| self.near.len() < WINDOW).map(|far| far.from)
    }

    /// Takes in what lies at the position that [`Window::wants`] named. False if nothing lies there, although
    /// something was queued: the ledger is not what it was.
    #[must_use]
    pub fn refill(&mut self, entries: &[Entry]) -> bool {
        self.refill_to(WINDOW, entries)
    }

    /// The same without an end, to find what was begun behind the window.
    #[must_use]
    pub fn reach(&mut self, entries: &[Entry]) -> bool {
        self.refill_to(usize::MAX, entries)
    }

    fn refill_to(&mut self, room: usize, entries: &[Entry]) -> bool {
        let Some(mut far) = self.far else { return true };
        for entry in entries {
            if far.count == 0 || self.near.len() >= room {
                break;
            }
            far.from = entry.index + 1;
            if self.took(entry)
                && let (Some(event), Some(flow)) = (entry.envelope.event, entry.envelope.flow)
            {
                self.near.push_back(Queued { index: entry.index, event, flow });
                far.count -= 1;
            }
        }
        self.far = Some(far).filter(|far| far.count > 0);
        self.forget();
        !entries.is_empty()
    }

    /// True if the agent took this event when it came, and it was not delayed.
    fn took(&self, entry: &Entry) -> bool {
        let envelope = &entry.envelope;
        if envelope.kind() != Kind::Event || envelope.not_before_ns.is_some() {
            return false;
        }
        let Ok(topic) = envelope.topic.as_deref().unwrap_or_default().parse::<Topic>() else { return false };
        let then = self.takes.iter().rev().find(|(from, _)| *from <= entry.index);
        envelope.hops.unwrap_or_default() <= HOPS_MAX
            && then.is_some_and(|(_, patterns)| patterns.iter().any(|pattern| pattern.matches(&topic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use manes_core::ids::Digest;
    use manes_core::record::Envelope;
    use std::collections::HashSet;

    fn event(index: u64, topic: &str) -> Entry {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&index.to_le_bytes());
        let event = Some(EventKey(key));
        let flow = Some(FlowId::default());
        let envelope = Envelope { topic: Some(topic.into()), event, flow, ..Envelope::new(Kind::Event, 0) };
        Entry { index, leaf: Digest::default(), envelope, body: None }
    }

    /// A ledger of events of several kinds, an agent that takes some of them and changes its mind, and a plain queue
    /// beside the window: both must yield the same, in the same order.
    #[test]
    fn a_window_yields_what_an_endless_queue_yields() {
        let mut random = 7_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let patterns: Vec<Vec<Pattern>> =
            [vec!["a.>"], vec!["a.>", "b.>"], vec![]].map(|p| p.iter().map(|p| p.parse().unwrap()).collect()).to_vec();
        let mut ledger: Vec<Entry> = Vec::new();
        let mut window = Window::default();
        let mut oracle: VecDeque<u64> = VecDeque::new();
        let mut current = &patterns[0];
        window.takes(0, current);
        let (mut seen, mut furthest) = (HashSet::new(), 0);
        for step in 0..96_000_u64 {
            let filling = (step / 12_000) % 2 == 0;
            match next(if filling { 10 } else { 60 }) {
                0 if next(50) == 0 => {
                    current = &patterns[usize::try_from(next(3)).unwrap()];
                    window.takes(ledger.len() as u64, current);
                }
                1..=9 => {
                    let mut entry =
                        event(ledger.len() as u64, ["a.x", "b.x", "c.x"][usize::try_from(next(3)).unwrap()]);
                    if next(20) == 0 {
                        entry.envelope.not_before_ns = Some(1);
                    }
                    if next(20) == 0 {
                        entry.envelope.hops = Some(HOPS_MAX + 1);
                    }
                    let topic: Topic = entry.envelope.topic.as_deref().unwrap().parse().unwrap();
                    let plain = entry.envelope.not_before_ns.is_none() && entry.envelope.hops.is_none();
                    if plain && current.iter().any(|pattern| pattern.matches(&topic)) {
                        let (event, flow) = (entry.envelope.event.unwrap(), FlowId::default());
                        window.push(Queued { index: entry.index, event, flow });
                        oracle.push_back(entry.index);
                    }
                    ledger.push(entry);
                }
                _ => {
                    if let Some(from) = window.wants() {
                        let from = usize::try_from(from).unwrap();
                        assert!(window.refill(&ledger[from..ledger.len().min(from + 100)]));
                    }
                    // Behind the window there may be more; a router asks again.
                    if window.len() > 0 && window.near.is_empty() {
                        continue;
                    }
                    let taken = window.pop().map(|queued| queued.index);
                    assert_eq!(taken, oracle.pop_front());
                    assert!(taken.is_none_or(|index| seen.insert(index)), "{taken:?} came twice");
                }
            }
            assert_eq!(window.len(), oracle.len() as u64);
            assert!(window.near.len() <= WINDOW);
            furthest = furthest.max(window.len());
        }
        assert!(furthest > 2 * WINDOW as u64, "the backlog was never longer than {furthest}");
        assert!(seen.len() > 3 * WINDOW);
    }
}
