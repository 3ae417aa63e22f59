//! What a host is given to do, by whom, and what they were told.

use super::machine::{Machine, Site};
use crate::Seed;
use anyhow::{Context as _, Result, anyhow, bail};
use manes_core::ids::EventKey;
use manes_runtime::event::{Content, Data};
use manes_runtime::host::{Host, HostError, Submission};
use manes_runtime::ledger::{KeyChange, LedgerError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Of simulated time: longer than any flow, its retries and a clock that was put back take.
const GUARD: Duration = Duration::from_secs(3 * 3_600);

/// An event of the workload.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) script: Value,
    /// Events on `out` that its flow makes visible.
    pub(super) outs: usize,
    /// Requests that it needs, as `METHOD path`.
    pub(super) requests: Vec<String>,
}

/// What clients were told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) acked: BTreeSet<String>,
    pub(super) ended: BTreeSet<String>,
    /// Events whose flows somebody may have cancelled.
    pub(super) cancelled: BTreeSet<String>,
    /// Blocks covered by a head that somebody was given.
    pub(super) head: u64,
}

/// A few events, each of one of the shapes that work comes in.
pub(super) fn jobs(seed: &mut Seed) -> Vec<Job> {
    let count = 2 + seed.below(4);
    (0..count)
        .map(|number| {
            let url = |method: &str, name: &str| (method.to_owned(), format!("/{number}/{name}"));
            let (put, post, other) = (url("PUT", "put"), url("POST", "post"), url("PUT", "other"));
            let must = |(method, path): &(String, String)| {
                json!(["must", ["http", method, format!("http://127.0.0.1:8080{path}")]])
            };
            let emit = json!(["emit", "a.out", format!("out {number}")]);
            let line = |(method, path): &(String, String)| format!("{method} {path}");
            let (script, outs, requests) = match seed.below(7) {
                0 => (json!([must(&put), emit]), 1, vec![line(&put)]),
                1 => (json!([["random-u64"], must(&post), emit]), 1, vec![line(&post)]),
                2 => (
                    json!([must(&put), ["emit-scripts", "a.more", [[must(&other), emit], [emit]]]]),
                    2,
                    vec![line(&put), line(&other)],
                ),
                3 => (
                    json!([["emit", "a.more", json!([must(&put), emit]).to_string(), { "delay": 300 }]]),
                    1,
                    vec![line(&put)],
                ),
                4 => (
                    json!([must(&put), ["while-attempt", 1, ["retry", "once"]], must(&other), emit]),
                    1,
                    vec![line(&put), line(&other)],
                ),
                5 => {
                    (json!([["now"], ["say", 70_000 + number], ["emit", "a.out", format!("large {number}"), { "size": 10_000 }]]), 1, Vec::new())
                }
                _ => (
                    json!([must(&put), ["sleep", 20], must(&other), ["while-attempt", 1, ["trap"]], emit]),
                    1,
                    vec![line(&put), line(&other)],
                ),
            };
            Job { id: format!("job-{number}"), script, outs, requests }
        })
        .collect()
}

/// What a client may be told when its host has troubles of its own, and comes again.
pub(super) fn is_passing(error: &HostError) -> bool {
    matches!(
        error,
        HostError::Stopped
            | HostError::Ledger(LedgerError::NoSpace { .. } | LedgerError::Poisoned { .. } | LedgerError::Closed)
    )
}

/// True if it is the disk that failed, as it was told to.
pub(super) fn is_failing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<HostError>().is_some_and(is_passing) || cause.to_string().contains("os error 5")
    })
}

/// True if the disk had no room to begin or to end on.
pub(super) fn is_full(error: &anyhow::Error) -> bool {
    let no_room = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(LedgerError::NoSpace { .. }))
            || matches!(cause.downcast_ref(), Some(HostError::Ledger(LedgerError::NoSpace { .. })))
            || cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::StorageFull)
    };
    error.chain().any(no_room)
}

/// Submits an event until it is there, and waits for the end of its flow.
pub(super) async fn client(
    host: Arc<Host>,
    job: Job,
    told: Arc<Mutex<Told>>,
    machine: Machine,
    late: Duration,
) -> Result<()> {
    tokio::time::sleep(late).await;
    let submitted = loop {
        let content = Content {
            content_type: "application/json".into(),
            data: Data::Text(job.script.to_string()),
            extensions: BTreeMap::new(),
        };
        let (id, topic) = (job.id.clone(), "a.do".to_owned());
        match host.submit(Submission { submitter: "client/sim".into(), id, topic, content }).await {
            Ok(submitted) => break submitted,
            Err(HostError::Ledger(LedgerError::NoSpace { .. })) => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(error) if is_passing(&error) => return Err(error.into()),
            Err(error) => bail!("{} was refused: {error}", job.id),
        }
    };
    told.lock().unwrap_or_else(PoisonError::into_inner).acked.insert(job.id.clone());
    machine.pass(Site::AckAfter).await;
    let ended = tokio::time::timeout(GUARD, host.flow_ended(&submitted)).await;
    ended.map_err(|_| anyhow!("{} does not end", job.id))??;
    told.lock().unwrap_or_else(PoisonError::into_inner).ended.insert(job.id);
    Ok(())
}

/// Asks for a head once in a life; in some it rotates the host's key, in some it cancels a flow.
pub(super) async fn keeper(
    host: Arc<Host>,
    told: Arc<Mutex<Told>>,
    rotates: bool,
    cancels: Option<String>,
    late: u64,
) -> Result<()> {
    tokio::time::sleep(Duration::from_millis(late)).await;
    let ledger = host.ledger().clone();
    if let Some(id) = cancels {
        let flow = EventKey::external(&ledger.id(), "client/sim", "client/sim", &id).flow();
        told.lock().unwrap_or_else(PoisonError::into_inner).cancelled.insert(id);
        match host.cancel(flow, "client/sim").await {
            // It has ended, or was not sent yet.
            Ok(()) | Err(HostError::Ended { .. }) => {}
            Err(error) if is_passing(&error) => return Ok(()),
            Err(error) => bail!("a flow was not cancelled: {error}"),
        }
    }
    if rotates {
        match ledger.change_keys(KeyChange::Rotate { keep_old: false }).await {
            Err(LedgerError::Keys { why }) => bail!("the key was not rotated: {why}"),
            // A disk that fails or is full is no business of this test.
            _changed => {}
        }
    }
    let Ok(note) = ledger.checkpoint().await else { return Ok(()) };
    let size: u64 = note.lines().nth(1).and_then(|line| line.parse().ok()).context("a checkpoint has a size")?;
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.head = told.head.max(size);
    Ok(())
}
