//! [`Running`]: a host under test.

use crate::host::fresh_engine;
use crate::view;
use anyhow::{Context as _, Result, bail};
use manes_core::ids::FlowId;
use manes_runtime::event::{Content, Data};
use manes_runtime::host::{Brought, Host, HostError, Submission, Submitted};
use manes_runtime::ledger::{Entry, Ledger};
use manes_runtime::query::{self, FlowRecord, FlowView};
use manes_runtime::records::Records;
use manes_runtime::replay::{Replayer, Verdict};
use manes_runtime::seams::Seams;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longest wait for anything: a flow that takes this long hangs.
pub const GUARD: Duration = Duration::from_secs(120);

/// A running host and its ledger, which outlives it.
#[derive(Debug)]
pub struct Running {
    /// The host.
    pub host: Host,
    /// Its ledger.
    pub ledger: Arc<dyn Ledger>,
}

impl Running {
    pub(crate) const fn new(host: Host, ledger: Arc<dyn Ledger>) -> Self {
        Self { host, ledger }
    }

    /// Submits an event and waits for the end of its flow.
    ///
    /// # Errors
    /// The host refuses it, or the flow does not end.
    pub async fn send(&self, topic: &str, data: &Value) -> Result<FlowView> {
        let submitted = self.submit(topic, data).await?;
        self.ended(&submitted).await
    }

    /// [`send`](Self::send) to the agent of [`TestHost::script`](crate::TestHost::script).
    ///
    /// # Errors
    /// The host refuses it, or the flow does not end.
    pub async fn run(&self, script: &Value) -> Result<FlowView> {
        self.send("a.do", script).await
    }

    /// Runs a script that ends in a report, and returns what it saw.
    ///
    /// # Errors
    /// It did not come to its report.
    pub async fn ask(&self, mut script: Value) -> Result<Vec<Value>> {
        script.as_array_mut().context("a script is an array")?.push(serde_json::json!(["report", "a.reported"]));
        view::reported(&self.run(&script).await?)
    }

    /// Submits an event under an id of its own.
    ///
    /// # Errors
    /// The host refuses it.
    pub async fn submit(&self, topic: &str, data: &Value) -> Result<Submitted, HostError> {
        // Counted in the process: two hosts may have one ledger, one after the other.
        static SUBMITTED: AtomicU64 = AtomicU64::new(0);
        let id = format!("{}-{}", std::process::id(), SUBMITTED.fetch_add(1, Ordering::Relaxed));
        self.submit_as(&id, topic, data).await
    }

    /// Submits an event under `id`.
    ///
    /// # Errors
    /// The host refuses it.
    pub async fn submit_as(&self, id: &str, topic: &str, data: &Value) -> Result<Submitted, HostError> {
        let content = Content {
            content_type: "application/json".into(),
            data: Data::Text(data.to_string()),
            extensions: BTreeMap::new(),
        };
        let (id, topic) = (id.to_owned(), topic.to_owned());
        self.host.submit(Submission { submitter: "client/tests".into(), id, topic, content }).await
    }

    /// Loads what the manifest in force has under a name, from its own file or from another.
    ///
    /// # Errors
    /// As [`Host::load`].
    pub async fn load(&self, name: &str, path: Option<&Path>) -> Result<Brought, HostError> {
        self.host.load(&self.host.manifest(), name, path).await
    }

    /// Waits for the end of a flow.
    ///
    /// # Errors
    /// It does not end; the message shows it as it stands.
    pub async fn ended(&self, submitted: &Submitted) -> Result<FlowView> {
        match tokio::time::timeout(GUARD, self.host.flow_ended(submitted)).await {
            Ok(ended) => ended?,
            Err(_) => bail!("no end after {GUARD:?}: {}", view::sketch(&self.view(submitted.flow)?)),
        }
        self.view(submitted.flow)
    }

    /// A flow as commands show it.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn view(&self, flow: FlowId) -> Result<FlowView> {
        Ok(query::view(flow, &self.record(flow)?))
    }

    /// A flow's records.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn record(&self, flow: FlowId) -> Result<FlowRecord> {
        Ok(query::gather(&self.ledger, flow)?)
    }

    /// All entries of the ledger.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.ledger.each(|entry| {
            entries.push(entry);
            true
        })?;
        Ok(entries)
    }

    /// Waits until the ledger holds an entry that `wanted` says yes to.
    ///
    /// # Errors
    /// None came.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Entry) -> bool) -> Result<Entry> {
        let mut inbox = self.ledger.inbox(0);
        let look = async {
            loop {
                let entry = inbox.next().await?;
                if wanted(&entry) {
                    return Ok(entry);
                }
            }
        };
        tokio::time::timeout(GUARD, look).await.with_context(|| format!("no {what} after {GUARD:?}"))?
    }

    /// Replays every attempt of a flow, on an engine and a replayer of their own.
    ///
    /// # Errors
    /// What cannot be replayed at all.
    pub async fn replay_all(&self, flow: FlowId) -> Result<Vec<Verdict>> {
        replay(&self.ledger, &self.record(flow)?).await
    }

    /// Stops the host; the ledger can still be read.
    ///
    /// # Errors
    /// What the host ended with.
    pub async fn stop(self) -> Result<Arc<dyn Ledger>> {
        tokio::time::timeout(GUARD, self.host.stop()).await.context("the host does not stop")??;
        Ok(self.ledger)
    }
}

/// Replays every attempt of a flow from `records` alone, on an engine and a replayer of their own.
///
/// # Errors
/// What cannot be replayed at all.
pub async fn replay(records: &impl Records, flow: &FlowRecord) -> Result<Vec<Verdict>> {
    replay_with(records, flow, None).await
}

/// [`replay`], with another component: a *what if*.
///
/// # Errors
/// What cannot be replayed at all.
pub async fn replay_with(records: &impl Records, flow: &FlowRecord, instead: Option<&[u8]>) -> Result<Vec<Verdict>> {
    let mut replayer = Replayer::new(fresh_engine(), Seams::system(), instead)?;
    let mut verdicts = Vec::with_capacity(flow.attempts.len());
    for attempt in &flow.attempts {
        let verdict = replayer.replay(records, attempt).await;
        verdicts.push(verdict.with_context(|| format!("an attempt of {}", attempt.agent()))?);
    }
    Ok(verdicts)
}
