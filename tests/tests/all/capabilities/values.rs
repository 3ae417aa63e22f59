//! Values and resources cross unchanged.

use super::with_echo;
use anyhow::{Result, ensure};
use manes_core::cursor::Recorded;
use manes_core::function::FunctionId;
use manes_tests::{Seed, view};
use serde_json::json;

/// Values of every type that are sent.
const VALUES: usize = 300;

#[tokio::test]
pub(crate) async fn every_type_crosses_unchanged_there_and_back() -> Result<()> {
    let host = with_echo().start_memory().await?;
    let mut seed = Seed::new(7);
    let mut script: Vec<_> = (0..VALUES).map(|_| json!(["everything", seed.number() >> 1])).collect();
    script.push(json!(["report", "a.reported"]));
    let flow = host.run(&json!(script)).await?;
    view::done(&flow)?;
    // The guest compared bit by bit what it sent and what came back.
    let seen = view::reported(&flow)?;
    for (place, seen) in seen.iter().enumerate() {
        ensure!(seen == "same", "value {place} of seed 7: {seen}");
    }
    // The record agrees: the bytes of the outcome are those of the argument, and not always the same ones.
    let calls = host.record(flow.flow)?.attempts[0].recorded_calls()?;
    let all = FunctionId::new("fixture:echo/echo@0.1.0", "all");
    // NaN with a payload and a negative zero, as CBOR has them: the seed's values hold both many times.
    let (mut payloads, mut zeros) = (0, 0);
    let mut different = std::collections::BTreeSet::new();
    for call in calls.iter().filter(|call| call.function == all) {
        let Recorded::Returned(outcome) = &call.outcome else { anyhow::bail!("{call:?}") };
        // An array of one: a byte, then the argument.
        ensure!(call.args[0] == 0x81 && call.args[1..] == outcome[..], "call {}", call.number);
        payloads += contains(outcome, &[0xfb, 0xff, 0xf8, 0xde, 0xad, 0xbe, 0xef, 0x00, 0x01]);
        zeros += contains(outcome, &[0xfb, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        different.insert(outcome.clone());
    }
    ensure!(different.len() == VALUES, "{} different values", different.len());
    ensure!(payloads > 10 && zeros > 10, "{payloads} NaN with a payload, {zeros} negative zeros");
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

fn contains(bytes: &[u8], needle: &[u8]) -> usize {
    usize::from(bytes.windows(needle.len()).any(|window| window == needle))
}

#[tokio::test]
async fn resources_are_made_lent_listed_and_given_away() -> Result<()> {
    let host = with_echo().start_memory().await?;
    let script =
        json!([["counter", 5, [1, 2, -10]], ["counters", [100, 20, 3]], ["counters", []], ["report", "a.reported"]]);
    let flow = host.run(&script).await?;
    let seen = view::reported(&flow)?;
    ensure!(seen[0] == json!([[6, 8, -2], -2]) && seen[1] == 123 && seen[2] == 0, "{seen:?}");
    let activation = view::done(&flow)?;
    let dropped = view::calls(activation, "[resource-drop]counter");
    // Three of the list are dropped by their owner, the one that was given away is not.
    ensure!(dropped.len() == 3 && dropped.iter().all(|call| call.effect == "local"), "{}", dropped.len());
    let text = serde_json::to_string(&view::call(activation, "[static]counter.consume")?.args)?;
    ensure!(text.contains("fixture:echo/echo@0.1/counter") && text.contains("echo"), "{text}");
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn handles_of_one_call_are_told_apart_by_their_place() -> Result<()> {
    let host = with_echo().start_memory().await?;
    let flow = host.run(&json!([["counters", [1, 2, 3]]])).await?;
    let total = view::call(view::done(&flow)?, "[static]counter.total")?;
    let handles = serde_json::to_string(&total.args)?;
    for place in 0..3 {
        ensure!(handles.contains(&format!("1,{place}]")), "the handle at {place} in {handles}");
    }
    Ok(())
}
