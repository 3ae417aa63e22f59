//! What a capability calls itself is recorded as a child of the agent's call that it serves.

use anyhow::{Context as _, Result, ensure};
use manes_core::record::Kind;
use manes_tests::{TestHost, view};
use serde_json::json;

fn with_echo() -> TestHost {
    TestHost::script().uses("fixture:echo/echo").capability("echo", "echo")
}

#[tokio::test]
async fn calls_of_a_capability_name_their_parent_and_their_principal() -> Result<()> {
    let host = with_echo().start_memory().await?;
    let flow = host.run(&json!([["now"], ["look"], ["peek"], ["look"]])).await?;
    let record = host.record(flow.flow)?;
    let activation = view::done(&flow)?;
    let looks: Vec<u64> = view::calls(activation, "#look").iter().map(|call| call.call).collect();
    ensure!(looks == [2, 4], "{looks:?}");
    for name in ["monotonic-clock@0.2#now", "log@0.1#write"] {
        let children: Vec<_> = record.attempts[0]
            .calls
            .iter()
            .filter(|entry| entry.envelope.function.as_deref().is_some_and(|f| f.ends_with(name)))
            .filter(|entry| entry.envelope.parent.is_some())
            .collect();
        let parents: Vec<_> = children.iter().filter_map(|entry| entry.envelope.parent).collect();
        ensure!(parents == looks, "{name} has the parents {parents:?}");
        ensure!(children.iter().all(|child| child.envelope.principal.as_deref() == Some("capability/echo")));
        // A child is in the ledger before the call that it serves has its outcome.
        let outcome = view::calls(activation, "#look")[0].record;
        ensure!(children[0].index < outcome, "{} and {outcome}", children[0].index);
    }
    // An agent's replay does not need them.
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn a_childs_body_over_four_kib_is_committed_to_and_not_kept() -> Result<()> {
    let host = with_echo().start_memory().await?;
    let flow = host.run(&json!([["echo-say", 100], ["echo-say", 10_000], ["echo-bytes", 10_000]])).await?;
    view::done(&flow)?;
    let record = host.record(flow.flow)?;
    let lines: Vec<_> = record.attempts[0]
        .calls
        .iter()
        .filter(|e| e.envelope.function.as_deref() == Some("manes:agent/log@0.1#write"))
        .collect();
    ensure!(lines.len() == 2, "{}", lines.len());
    let (short, long) = (lines[0], lines[1]);
    ensure!(short.body.is_some() && short.envelope.body.is_some_and(|body| body.length < 4096));
    ensure!(long.body.is_none(), "a child's body of more than 4 KiB is kept");
    ensure!(long.envelope.body.is_some_and(|body| body.length > 10_000), "its commitment is missing");
    // The agent's own are kept whatever their size.
    let own =
        record.attempts[0].calls.iter().find(|e| e.envelope.function.as_deref().is_some_and(|f| f.ends_with("#bytes")));
    ensure!(own.context("the agent's call")?.body.as_ref().is_some_and(|body| body.len() > 20_000));
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn children_count_among_the_attempts_calls_and_have_intents_of_their_own() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = with_echo().directory(folder.path(), "/out", "read-write").start_memory().await?;
    let flow = host.run(&json!([["store", "x.txt", "written by the capability"]])).await?;
    view::done(&flow)?;
    ensure!(std::fs::read_to_string(folder.path().join("x.txt"))? == "written by the capability");
    let record = host.record(flow.flow)?;
    let attempt = &record.attempts[0];
    let outcomes = attempt.calls.iter().filter(|entry| entry.envelope.kind() == Kind::Outcome).count() as u64;
    ensure!(attempt.end.as_ref().and_then(|end| end.envelope.calls) == Some(outcomes), "{outcomes} outcomes");
    let intents: Vec<_> = attempt.calls.iter().filter(|entry| entry.envelope.kind() == Kind::Intent).collect();
    ensure!(intents.iter().any(|intent| intent.envelope.parent.is_none()), "the claimed write itself");
    ensure!(intents.iter().any(|intent| intent.envelope.parent == Some(1)), "the capability's write to the file");
    Ok(())
}
