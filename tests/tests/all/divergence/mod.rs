//! A run that is not what was recorded is reported at its first different call, and nowhere else.
//!
//! Goal: reorder, drop, insert or change a call of a component, and replay names that call, what was expected, what
//! came, the first argument that differs and both digests. Method: the `script` fixture carries its script in its
//! data segment, so a component is edited by writing over bytes of the binary; each operation used here is exactly
//! one call, so that an oracle of a few lines ([`edits`]) knows where the two scripts part. [`exact`] replays edited
//! components strictly, [`what_if`] as `manes replay --component` does.

mod edits;
mod exact;
mod what_if;

use anyhow::{Context as _, Result, ensure};
use manes_core::ids::Digest;
use manes_runtime::deploy::DeploymentBody;
use manes_runtime::ledger::{Entry, LedgerError};
use manes_runtime::query::AttemptRecord;
use manes_runtime::records::Records;
use manes_tests::{Running, TestHost, components};
use serde_json::{Value, json};

/// The script that is recorded: each operation is one call, but for the last one, which is an event.
fn original() -> Vec<Value> {
    vec![
        json!(["log", "info", "alpha"]),
        json!(["random-u64"]),
        json!(["echo", "one"]),
        json!(["store", "first.txt", "content"]),
        json!(["now"]),
        json!(["echo", "two"]),
        json!(["config", "colour"]),
        json!(["peek"]),
        json!(["store", "second.txt", "more content"]),
        json!(["log", "warn", "omega"]),
        json!(["attempt"]),
        json!(["idle"]),
        json!(["emit", "a.out", "payload"]),
    ]
}

/// One attempt of a component into which `script` is burnt, on a host that is kept for its ledger.
async fn record(script: &[Value]) -> Result<(Running, AttemptRecord)> {
    let folder = tempfile::tempdir()?;
    let component = folder.path().join("burnt.wasm");
    std::fs::write(&component, components::burnt(&Value::Array(script.to_vec()))?)?;
    let host = TestHost::new()
        .agent_at("a", &component)
        .subscribe("a.do")
        .publish("a.>")
        .results("a.>")
        .uses("fixture:echo/echo")
        .line("config = { colour = \"red\" }")
        .capability("echo", "echo")
        .directory(folder.path(), "/out", "read-write")
        .start_memory()
        .await?;
    let flow = host.run(&json!("the script is burnt, this is not read")).await?;
    manes_tests::view::done(&flow)?;
    let attempt = host.record(flow.flow)?.attempts.pop().context("one attempt")?;
    let own = attempt.recorded_calls()?.len();
    ensure!(own >= script.len() - 1, "{own} calls for {} operations", script.len());
    Ok((host, attempt))
}

/// A ledger beside which an edited component lies.
struct Beside<'a> {
    records: &'a Running,
    component: Vec<u8>,
}

impl Records for Beside<'_> {
    fn id(&self) -> manes_core::ids::LedgerId {
        self.records.ledger.id()
    }
    fn window(&self, from: u64, max: usize) -> Result<Vec<Entry>, LedgerError> {
        self.records.ledger.window(from, max)
    }
    fn artifact(&self, digest: &Digest) -> Result<Option<bytes::Bytes>, LedgerError> {
        match *digest == Digest::of(&self.component) {
            true => Ok(Some(self.component.clone().into())),
            false => self.records.ledger.artifact(digest),
        }
    }
}

/// The attempt as if `component` had been deployed: what makes an exact replay run something else.
fn as_if_deployed(attempt: &AttemptRecord, component: &[u8]) -> Result<AttemptRecord> {
    let mut attempt = attempt.clone();
    let deployment = attempt.deployment.as_mut().context("recorded")?;
    let body = deployment.body.as_deref().and_then(DeploymentBody::decode).context("a body")?;
    deployment.body = Some(DeploymentBody { component: Digest::of(component), ..body }.encode().into());
    Ok(attempt)
}
