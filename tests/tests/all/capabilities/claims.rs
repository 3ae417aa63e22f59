//! What a capability says of its own effects.

use anyhow::{Result, ensure};
use manes_core::record::Kind;
use manes_tests::{Running, TestHost, view};
use serde_json::json;

fn granted(grant: &str) -> TestHost {
    TestHost::script().line(&format!("capabilities = [{grant}]")).capability("echo", "echo")
}

/// The recorded effect of one function, and whether it had an intent.
async fn effect(host: &Running, function: &str) -> Result<(String, bool)> {
    let flow = host.run(&json!([[function]])).await?;
    let call = view::call(view::done(&flow)?, &format!("#{function}"))?;
    let calls = &host.record(flow.flow)?.attempts[0].calls;
    Ok((call.effect.clone(), calls.iter().any(|entry| entry.envelope.kind() == Kind::Intent)))
}

fn expect(found: &(String, bool), effect: &str) -> Result<()> {
    ensure!(found.0 == effect && found.1 == (effect == "write"), "{found:?}, expected {effect}");
    Ok(())
}

#[tokio::test]
async fn a_claim_is_recorded_and_what_is_not_named_is_a_write() -> Result<()> {
    let host = granted("\"fixture:echo/echo\"").start_memory().await?;
    for (function, claimed) in [("idle", "local"), ("peek", "read"), ("unnamed", "write")] {
        expect(&effect(&host, function).await?, claimed)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_operator_raises_an_effect_and_nobody_lowers_one() -> Result<()> {
    let grant = r#"{ interface = "fixture:echo/echo", effects = { peek = "write", idle = "read", unnamed = "local" } }"#;
    let host = granted(grant).start_memory().await?;
    for (function, raised) in [("idle", "read"), ("peek", "write"), ("unnamed", "write")] {
        expect(&effect(&host, function).await?, raised)?;
    }
    let all = granted(r#"{ interface = "fixture:echo/echo", effects = { "*" = "write" } }"#).start_memory().await?;
    for function in ["idle", "peek", "unnamed"] {
        expect(&effect(&all, function).await?, "write")?;
    }
    Ok(())
}

#[tokio::test]
async fn methods_and_drops_have_their_own_effects() -> Result<()> {
    let host = granted("\"fixture:echo/echo\"").start_memory().await?;
    let flow = host.run(&json!([["counters", [1, 2]], ["counter", 1, [1]]])).await?;
    let activation = view::done(&flow)?;
    for (name, effect) in [
        ("#counters", "local"),
        ("[constructor]counter", "local"),
        ("[method]counter.add", "local"),
        ("[static]counter.total", "read"),
        ("[static]counter.consume", "write"),
    ] {
        let call = view::call(activation, name)?;
        ensure!(call.effect == effect, "{name}: {}", call.effect);
    }
    ensure!(view::calls(activation, "[resource-drop]counter").iter().all(|call| call.effect == "local"));
    Ok(())
}
