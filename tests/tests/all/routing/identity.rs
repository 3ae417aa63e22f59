//! One submitter's id is one event.

use anyhow::{Result, ensure};
use manes_core::record::Kind;
use manes_runtime::host::HostError;
use manes_tests::{Running, TestHost, view};
use serde_json::json;

fn count(host: &Running, kind: Kind) -> Result<usize> {
    Ok(host.entries()?.iter().filter(|entry| entry.envelope.kind() == kind).count())
}

#[tokio::test]
async fn the_same_event_twice_is_one_event() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let script = json!([["emit", "a.once", "x"]]);
    let first = host.submit_as("order-7", "a.do", &script).await?;
    let again = host.submit_as("order-7", "a.do", &script).await?;
    ensure!(first.new && !again.new && first.key == again.key && first.index == again.index);
    let flow = host.ended(&again).await?;
    view::done(&flow)?;
    ensure!(flow.events.len() == 2 && count(&host, Kind::Event)? == 2 && count(&host, Kind::Conflict)? == 0);
    Ok(())
}

#[tokio::test]
async fn the_same_id_with_other_content_is_a_recorded_conflict() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let first = host.submit_as("order-8", "a.do", &json!([["emit", "a.once", "x"]])).await?;
    for (topic, script) in [("a.do", json!([["emit", "a.once", "y"]])), ("a.other", json!([["emit", "a.once", "x"]]))] {
        match host.submit_as("order-8", topic, &script).await {
            Err(HostError::Conflict { id }) if id == "order-8" => {}
            other => anyhow::bail!("{other:?}"),
        }
    }
    view::done(&host.ended(&first).await?)?;
    let conflicts: Vec<_> = host.entries()?.into_iter().filter(|e| e.envelope.kind() == Kind::Conflict).collect();
    let event = host.record(first.flow)?.events.remove(0);
    ensure!(conflicts.len() == 2, "{}", conflicts.len());
    ensure!(conflicts.iter().all(|c| c.envelope.cause == Some(event.leaf) && c.envelope.event == Some(first.key)));
    ensure!(conflicts.iter().all(|c| c.body.is_some()), "what was submitted is part of the record");
    Ok(())
}

#[tokio::test]
async fn ids_are_remembered_after_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let script = json!([["emit", "a.once", "x"]]);
    let host = TestHost::script().start_embedded(folder.path()).await?;
    let first = host.submit_as("order-9", "a.do", &script).await?;
    host.ended(&first).await?;
    host.stop().await?;
    let host = TestHost::script().start_embedded(folder.path()).await?;
    let again = host.submit_as("order-9", "a.do", &script).await?;
    ensure!(!again.new && again.index == first.index && count(&host, Kind::Start)? == 1);
    ensure!(matches!(host.submit_as("order-9", "a.do", &json!([])).await, Err(HostError::Conflict { .. })));
    host.stop().await?;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_an_event_is_refused_before_it_is_recorded() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let before = host.entries()?.len();
    for topic in ["", "a..b", "a.*", "a.>", "a b", ".a", "ä"] {
        ensure!(matches!(host.submit(topic, &json!([])).await, Err(HostError::Topic { .. })), "{topic:?}");
    }
    let large = json!("x".repeat(1_048_576));
    ensure!(matches!(host.submit("a.do", &large).await, Err(HostError::EventSize { bytes: 1_048_578 })));
    ensure!(host.entries()?.len() == before, "something of what was refused is in the ledger");
    Ok(())
}
