//! Whoever spins gives way: others complete in the meantime.

use anyhow::{Result, ensure};
use manes_core::record::Kind;
use manes_runtime::ledger::Entry;
use manes_tests::{TestHost, view};
use serde_json::json;

fn is(kind: Kind, agent: &str, entry: &Entry) -> bool {
    entry.envelope.kind() == kind && entry.envelope.agent.as_deref() == Some(agent)
}

/// On one thread, so that nobody else can do the neighbour's work.
#[tokio::test(flavor = "current_thread")]
async fn flows_complete_while_two_other_agents_spin() -> Result<()> {
    let host = TestHost::script()
        .agent("left", "script")
        .subscribe("spin.left")
        .limits("fuel = 1_000_000_000_000")
        .agent("right", "script")
        .subscribe("spin.right")
        .limits("fuel = 1_000_000_000_000")
        .start_memory()
        .await?;
    let spin = json!([["spin"]]);
    let spinning = [host.submit("spin.left", &spin).await?, host.submit("spin.right", &spin).await?];
    // A start reaches the ledger with an attempt's first durable append, which a spinner has none of: it is under way
    // once its agent has nothing queued.
    loop {
        let running = host.host.agents().await?.iter().map(|agent| agent.running).sum::<u64>();
        if running == 2 {
            break;
        }
        tokio::task::yield_now().await;
    }
    for number in 0..3 {
        view::done(&host.run(&json!([["now"], ["emit", "a.number", number.to_string()]])).await?)?;
    }
    let ended = host.entries()?.iter().filter(|e| is(Kind::End, "left", e) || is(Kind::End, "right", e)).count();
    ensure!(ended == 0, "a spinner had ended already: this shows nothing");
    ensure!(spinning.iter().all(|submitted| submitted.new));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_traps_leaves_the_host_as_it_was() -> Result<()> {
    let host =
        TestHost::script().agent("b", "script").subscribe("b.do").publish("b.>").results("b.>").start_memory().await?;
    let bad = [
        json!([["trap"]]),
        json!([["memory", 500]]),
        json!([["recurse"]]),
        json!([["exit", 1]]),
        json!([["panic", "p"]]),
    ];
    let mut storm = Vec::new();
    for script in bad.iter().cycle().take(200) {
        storm.push(host.submit("a.do", script).await?);
    }
    view::done(&host.send("b.do", &json!([["emit", "b.calm", "x"]])).await?)?;
    for submitted in &storm {
        ensure!(view::only(&host.ended(submitted).await?)?.status != "done");
    }
    ensure!(!host.host.has_failed());
    host.stop().await?;
    Ok(())
}
