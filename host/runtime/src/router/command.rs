//! What the router is asked, and what it ends with.

use super::view::AgentView;
use super::work::Work;
use crate::deploy::Deployment;
use crate::ledger::LedgerError;
use manes_core::ids::{ActivationId, Digest, FlowId};
use manes_core::topic::Pattern;
use std::collections::BTreeSet;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// What others ask of the router. Closed: this is all that can happen.
#[derive(Debug)]
pub enum Command {
    /// A deployment whose record is about to be appended: its code, by the record's leaf hash.
    Prepare(Arc<Deployment>),
    /// Topics whose events are answers from now on.
    Results(Vec<Pattern>),
    /// Answers when nothing of the flow is left, at the earliest after the entry at `after` was routed.
    AwaitFlow {
        /// The flow.
        flow: FlowId,
        /// Position of its root event.
        after: u64,
        /// Where the answer goes.
        reply: oneshot::Sender<()>,
    },
    /// The deployments under which open attempts began.
    Pinned(oneshot::Sender<BTreeSet<Digest>>),
    /// Lists the agents.
    Agents(oneshot::Sender<Vec<AgentView>>),
    /// True if something of the flow is left.
    IsOpen {
        /// The flow.
        flow: FlowId,
        /// Where the answer goes.
        reply: oneshot::Sender<bool>,
    },
    /// A dead letter that can be requeued, or why there is none.
    Dead {
        /// Its activation.
        activation: ActivationId,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Work, &'static str>>,
    },
    /// What an activation asks, if it does: it, and the record of the write in question.
    Asking {
        /// It.
        activation: ActivationId,
        /// Where the answer goes.
        reply: oneshot::Sender<Option<(Work, Digest)>>,
    },
    /// How many events are queued.
    Queued(oneshot::Sender<u64>),
    /// Everything is deployed: attempts may start.
    Begin,
    /// Ends after the attempts under way.
    Stop,
}

/// Why the router ended.
#[derive(Debug, Clone, Error)]
pub enum RouterError {
    /// The ledger takes no more or cannot be read.
    #[error("the ledger failed: {0}")]
    Ledger(#[from] LedgerError),
    /// Events that were queued are not found again.
    #[error("events queued for {0} are not in the ledger any more")]
    Backlog(String),
    /// An attempt could not be committed.
    #[error("an attempt could not be committed: {0}")]
    Commit(String),
}

/// Where commands go, and what the router ends with.
#[derive(Debug)]
pub struct Handle {
    /// Commands.
    pub commands: mpsc::Sender<Command>,
    /// The task.
    pub task: JoinHandle<Result<(), RouterError>>,
}
