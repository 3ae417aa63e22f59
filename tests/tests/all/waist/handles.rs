//! Handles belong to their provider: passed to another one, nothing is lowered and the guest is to blame.

use anyhow::{Result, ensure};
use manes_core::record::Kind;
use manes_tests::{TestHost, view};
use serde_json::json;

fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("from.txt"), "from a file")?;
    Ok(folder)
}

#[tokio::test]
async fn a_handle_of_wasi_is_refused_by_the_base_world() -> Result<()> {
    let folder = folder()?;
    let host = TestHost::script().directory(folder.path(), "/in", "read").start_memory().await?;
    let flow = host.run(&json!([["splice", "/in/from.txt", "stdout"]])).await?;
    let activation = view::ended(&flow, "trapped", "passed to provider base, which does not own it")?;
    let call = view::call(activation, "output-stream.splice")?;
    ensure!(call.provider == "base" && call.ended.is_some() && call.outcome.is_none(), "{call:?}");
    Ok(())
}

#[tokio::test]
async fn a_handle_of_the_base_world_is_refused_by_wasi_and_nothing_reaches_the_file() -> Result<()> {
    let folder = folder()?;
    let host = TestHost::script().directory(folder.path(), "/out", "read-write").start_memory().await?;
    let flow = host.run(&json!([["splice", "stdin", "/out/to.txt"]])).await?;
    let activation = view::ended(&flow, "trapped", "passed to provider wasi, which does not own it")?;
    let call = view::call(activation, "output-stream.splice")?;
    ensure!(call.provider == "wasi" && call.ended.is_some(), "{call:?}");
    ensure!(std::fs::read(folder.path().join("to.txt"))?.is_empty());
    // Refused before it was lowered: nothing was about to be performed.
    let of_the_splice = |entry: &manes_runtime::ledger::Entry| {
        entry.envelope.function.as_deref().is_some_and(|function| function.ends_with("splice"))
    };
    let intents = host.entries()?.into_iter().filter(|e| e.envelope.kind() == Kind::Intent && of_the_splice(e)).count();
    ensure!(intents == 0, "{intents} intents of a call that was never performed");
    Ok(())
}

#[tokio::test]
async fn a_mixed_poll_is_answered_by_the_base_world_and_does_not_wait() -> Result<()> {
    let folder = folder()?;
    let host = TestHost::script().directory(folder.path(), "/in", "read").start_memory().await?;
    // An hour's timer beside a pollable that is always ready: whoever waited for it would not come back.
    let script = json!([
        ["poll", ["timer:3600000", "stdout", "timer:3600000", "stdin"]],
        ["poll", ["timer:1"]],
        ["poll", ["file:/in/from.txt", "timer:3600000"]],
        ["report", "a.reported"],
    ]);
    let flow = host.run(&script).await?;
    let seen = view::reported(&flow)?;
    ensure!(seen[0] == json!([1, 3]) && seen[1] == json!([0]) && seen[2] == json!([0]), "{seen:?}");
    let polls = view::calls(view::done(&flow)?, "poll@0.2#poll");
    let providers: Vec<_> = polls.iter().map(|call| call.provider.as_str()).collect();
    ensure!(providers == ["base", "wasi", "wasi"], "{providers:?}");
    Ok(())
}

#[tokio::test]
async fn pollables_of_the_base_world_are_always_ready() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let seen =
        host.ask(json!([["ready", "stdin"], ["ready", "stdout"], ["block", "stderr"], ["poll", ["stdin"]]])).await?;
    ensure!(seen[0] == true && seen[1] == true && seen[3] == json!([0]), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_poll_of_nothing_is_the_guests_fault() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let flow = host.run(&json!([["poll", []]])).await?;
    view::ended(&flow, "trapped", "")?;
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn a_timer_waits_live_and_not_in_replay() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let flow = host.run(&json!([["now"], ["sleep", 300], ["now"], ["report", "a.reported"]])).await?;
    let seen = view::reported(&flow)?;
    let (before, after) = (seen[0].as_u64().unwrap_or(u64::MAX), seen[2].as_u64().unwrap_or_default());
    ensure!(after >= before + 300_000_000, "it came back after {} ns", after.saturating_sub(before));
    // The record answers: the mirror that could wait is never made in a replay.
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn timers_of_no_time_and_of_all_time_hurt_nobody() -> Result<()> {
    let host = TestHost::script().limits("deadline_ms = 200").start_memory().await?;
    let forever = u64::MAX / 1_000_000;
    let script =
        json!([["sleep", 0], ["poll", ["timer:0"]], ["until-now"], ["poll", [format!("timer:{forever}"), "stdout"]]]);
    view::done(&host.run(&script).await?)?;
    view::ended(&host.run(&json!([["sleep", forever]])).await?, "deadline", "deadline_ms = 400")?;
    Ok(())
}

#[tokio::test]
async fn a_handle_is_named_by_the_call_that_made_it_the_same_in_every_run() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let script = json!([["log", "info", "x"], ["out", "stdout", "check"]]);
    let handles = async || {
        let flow = host.run(&script).await?;
        let check = view::call(view::done(&flow)?, "check-write")?.args.clone();
        anyhow::Ok(serde_json::to_string(&check)?)
    };
    let (first, second) = (handles().await?, handles().await?);
    ensure!(first == second && first.contains("output-stream") && first.contains("base"), "{first} and {second}");
    Ok(())
}
