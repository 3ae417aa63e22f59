//! Backlogs longer than what a host keeps in memory: nothing is lost, nothing is handled twice, order is kept.

use anyhow::{Context as _, Result, ensure};
use manes_core::record::Kind;
use manes_runtime::ledger::Entry;
use manes_tests::{TestHost, view};
use serde_json::json;
use std::collections::BTreeMap;

/// Positions of the events that the agent began, in the order of its starts.
fn begun(entries: &[Entry], agent: &str) -> Result<Vec<u64>> {
    let events: BTreeMap<_, u64> = entries
        .iter()
        .filter(|entry| entry.envelope.kind() == Kind::Event)
        .map(|entry| (entry.leaf, entry.index))
        .collect();
    let starts = entries
        .iter()
        .filter(|entry| entry.envelope.kind() == Kind::Start && entry.envelope.agent.as_deref() == Some(agent));
    let event = |entry: &Entry| entry.envelope.cause.and_then(|leaf| events.get(&leaf)).copied();
    starts.map(|entry| event(entry).context("a start without its event")).collect()
}

fn in_order_and_once(begun: &[u64], expected: usize) -> Result<()> {
    ensure!(begun.len() == expected, "{} of {expected} were handled", begun.len());
    ensure!(begun.windows(2).all(|pair| matches!(pair, [a, b] if a < b)), "order was lost");
    Ok(())
}

/// One event makes five, each of which makes five hundred, and a single agent handles them one by one.
#[tokio::test]
async fn a_fan_out_far_beyond_the_window_is_handled_once_and_in_order() -> Result<()> {
    let host = TestHost::script()
        .publish("b.>")
        .agent("b", "script")
        .subscribe("b.do")
        .publish("c.>")
        .agent("c", "script")
        .subscribe("c.do")
        .line("concurrency = 1")
        .start_memory()
        .await?;
    let burst = json!([["emit", "c.do", "[]", { "count": 500 }]]);
    let flow = host.run(&json!([["emit", "b.do", burst.to_string(), { "count": 5 }]])).await?;
    ensure!(flow.status == "done", "{}", view::sketch(&flow));
    in_order_and_once(&begun(&host.entries()?, "c")?, 2500)
}

/// Queued while their agent waited, left behind by a stop, and handled after the next start.
#[tokio::test]
async fn a_long_backlog_survives_a_stop() -> Result<()> {
    const EVENTS: usize = 1_300;
    let folder = tempfile::tempdir()?;
    let build = |loaded: bool| {
        let host = TestHost::script().uses("fixture:echo/echo").line("concurrency = 1").capability("echo", "echo");
        if loaded { host } else { host.later() }
    };
    let host = build(false).start_embedded(folder.path()).await?;
    let script = json!([]);
    let mut last = None;
    for _ in 0..EVENTS {
        last = Some(host.submit("a.do", &script).await?);
    }
    let queued = host.host.agents().await?.first().map(|agent| agent.queued);
    ensure!(queued == Some(EVENTS as u64), "{queued:?} are queued");
    drop(host.stop().await?);

    let host = build(true).start_embedded(folder.path()).await?;
    host.ended(&last.context("an event")?).await?;
    in_order_and_once(&begun(&host.entries()?, "a")?, EVENTS)?;
    host.stop().await?;
    Ok(())
}
