//! An activation on its way: begun, parked, or about to be tried again.

use manes_core::ids::{ActivationId, Digest, EventKey, FlowId};

/// Status of an answer that gives the activation up; any other has the write made again.
pub const GIVEN_UP: u64 = 1;

/// Where an activation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It waits for this time, nanoseconds since 1970.
    Waiting {
        /// The time.
        until_ns: u64,
    },
    /// Its time has come.
    Ready,
    /// An attempt is under way, or was when its host died.
    Running,
    /// It waits for somebody's answer.
    Asking {
        /// Leaf hash of the record of the write that is asked about.
        about: Digest,
    },
}

/// An activation that was begun or waits for its time. It holds positions in the ledger, never content.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its id.
    pub id: ActivationId,
    /// Its agent.
    pub agent: String,
    /// Position of its event.
    pub index: u64,
    /// Its event.
    pub event: EventKey,
    /// Its flow.
    pub flow: FlowId,
    /// How often it was requeued.
    pub generation: u64,
    /// The attempt under way, or the next one.
    pub attempt: u64,
    /// Where it stands.
    pub phase: Phase,
    /// Position of the open attempt's start.
    pub start: Option<u64>,
    /// How often a host went on with the open attempt of one that died.
    pub resumed: u64,
    /// Positions of the open attempt's intents and outcomes.
    pub calls: Vec<u64>,
    /// Positions of the intents and outcomes of earlier attempts, and of answers about them.
    pub earlier: Vec<u64>,
}

impl Work {
    pub(super) fn new(id: ActivationId, agent: String, index: u64, event: EventKey, flow: FlowId) -> Self {
        let (calls, earlier) = (Vec::new(), Vec::new());
        Self {
            id,
            agent,
            index,
            event,
            flow,
            generation: 0,
            resumed: 0,
            attempt: 1,
            phase: Phase::Ready,
            start: None,
            calls,
            earlier,
        }
    }

    /// The attempt is over, and another one follows.
    pub(super) fn next_attempt(&mut self) {
        self.attempt += 1;
        self.start = None;
        self.resumed = 0;
        self.earlier.append(&mut self.calls);
    }
}
