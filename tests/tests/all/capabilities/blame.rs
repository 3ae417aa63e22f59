//! What a capability does to itself is its own fault, and ends only the attempt that it served.

use super::with_echo;
use anyhow::{Context as _, Result, ensure};
use manes_tests::view;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_end_of_a_capability_is_a_fault_that_names_it() -> Result<()> {
    let host = with_echo().limits("fuel = 100_000_000, memory_mib = 32").start_memory().await?;
    let fuel =
        "failed: out of fuel: the fuel was used up; raise it in [capability.echo] with: limits = { fuel = 200000000 }";
    let memory = "; raise it in [capability.echo] with: limits = { memory_mib = ";
    let ends: [(&str, Value, &str); 5] = [
        ("a trap", json!(["echo-trap"]), "failed: "),
        ("a panic", json!(["echo-panic", "oh"]), "failed: "),
        ("its fuel", json!(["echo-spin"]), fuel),
        ("its memory", json!(["echo-grow", 100]), memory),
        ("an exit", json!(["echo-exit", 1]), "failed: "),
    ];
    for (what, operation, words) in ends {
        let flow = host.run(&json!([["emit", "a.lost", "x"], operation])).await?;
        let activation = view::ended(&flow, "fault", "capability echo ").context(what)?;
        ensure!(activation.message.contains(words), "{what}: {}", activation.message);
        ensure!(activation.calls.iter().any(|call| call.provider == "echo" && call.ended.is_some()), "{what}");
        let verdicts = host.replay_all(flow.flow).await?;
        ensure!(verdicts.iter().all(|verdict| verdict.identical), "{what}: {verdicts:?}");
        view::done(&host.run(&json!([["peek"]])).await?).context(what)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_agents_limits_are_its_own_and_not_its_capabilities() -> Result<()> {
    // The agent may have 32 MiB, the capability 128: what the one may not the other may.
    let host = manes_tests::TestHost::script()
        .uses("fixture:echo/echo")
        .limits("memory_mib = 32")
        .capability("echo", "echo")
        .limits("memory_mib = 128")
        .start_memory()
        .await?;
    view::done(&host.run(&json!([["echo-grow", 100]])).await?)?;
    view::ended(
        &host.run(&json!([["hold", 100]])).await?,
        "limit",
        "raise it in [agent.a] with: limits = { memory_mib = 1",
    )?;
    Ok(())
}
