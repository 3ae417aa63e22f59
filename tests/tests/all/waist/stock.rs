//! A component as stock cargo emits it runs with an empty grant list.

use anyhow::{Result, ensure};
use manes_tests::{TestHost, view};
use serde_json::json;

#[tokio::test]
pub(crate) async fn a_stock_component_runs_without_any_grant_and_replays() -> Result<()> {
    let host = TestHost::new()
        .agent("a", "stock")
        .subscribe("a.do")
        .publish("stock.counted")
        .results("stock.*")
        .start_memory()
        .await?;
    let flow = host.run(&json!("one two two three three three four five six seven")).await?;
    let activation = view::done(&flow)?;
    let counted = flow.events.iter().find(|event| event.topic == "stock.counted").and_then(|event| event.data.clone());
    let counted = counted.unwrap_or_default();
    ensure!(counted.contains("three=3") && counted.contains("0 variables"), "{counted}");
    ensure!(activation.calls.iter().all(|call| call.provider == "base"), "a second instance was made for std");
    for needed in ["insecure-seed", "get-stdout", "monotonic-clock@0.2#now", "wall-clock@0.2#now", "get-environment"] {
        ensure!(!view::calls(activation, needed).is_empty(), "std did not call {needed}");
    }
    // The order of a HashMap and the time are part of the event: equal only if the record answered for both.
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn its_panic_hook_is_heard() -> Result<()> {
    let host = TestHost::new()
        .agent("a", "stock")
        .subscribe("a.do")
        .publish("stock.counted")
        .attempts(1)
        .start_memory()
        .await?;
    let flow = host.run(&json!("please panic")).await?;
    let activation = view::ended(&flow, "trapped", "unreachable")?;
    ensure!(activation.stderr.starts_with("hooked: panicked at"), "{}", activation.stderr);
    ensure!(activation.stderr.contains("asked to panic"), "{}", activation.stderr);
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}
