//! What a capability says of its own effects.

use anyhow::{Result, ensure};
use manes_core::record::Kind;
use manes_runtime::host::HostError;
use manes_tests::{Running, TestHost, components, view};
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
    let grant =
        r#"{ interface = "fixture:echo/echo", effects = { peek = "write", idle = "read", unnamed = "local" } }"#;
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
async fn an_effect_of_no_function_is_refused_at_once_or_when_its_capability_is_loaded() -> Result<()> {
    let grant = r#"{ interface = "fixture:echo/echo", effects = { "counter.ad" = "write", peek = "write" } }"#;
    let error = granted(grant).refused().await?;
    ensure!(matches!(&error, HostError::Misnamed { function, .. } if function == "counter.ad"), "{error}");
    ensure!(error.to_string().ends_with("did you mean counter.add?"), "{error}");
    let host = granted(grant).later().start_memory().await?;
    let before = host.entries()?.len();
    let late = host.load("echo", None).await;
    ensure!(matches!(late, Err(HostError::Misnamed { .. })), "{late:?}");
    ensure!(host.entries()?.len() == before && host.host.agents().await?[0].state == "waiting");
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

#[tokio::test]
async fn a_capability_that_traps_when_it_is_asked_for_its_claims_is_kept_out() -> Result<()> {
    // The pattern in which wit-component writes an interface with a type of its own: a component that renames it.
    let text = r#"(component
        (core module $m
            (memory (export "memory") 1)
            (func (export "effects") (result i32) unreachable)
            (func (export "f") (result i32) i32.const 1))
        (core instance $i (instantiate $m))
        (type $effect (enum "local" "read" "write"))
        (func $effects (result (list (tuple string $effect)))
            (canon lift (core func $i "effects") (memory (core memory $i "memory"))))
        (func $f (result u32) (canon lift (core func $i "f")))
        (component $wrap
            (type $inner (enum "local" "read" "write"))
            (import "import-type-effect" (type $effect (eq $inner)))
            (import "import-func-effects" (func $effects (result (list (tuple string $effect)))))
            (type $again (enum "local" "read" "write"))
            (export $out "effect" (type $again))
            (export "effects" (func $effects) (func (result (list (tuple string $out))))))
        (instance $claims (instantiate $wrap
            (with "import-type-effect" (type $effect))
            (with "import-func-effects" (func $effects))))
        (instance $offered (export "f" (func $f)))
        (export "manes:agent/capability@0.1.0" (instance $claims))
        (export "some:tools/tools@0.1.0" (instance $offered)))"#;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("mute.wasm");
    std::fs::write(&path, components::wat(text)?)?;
    match TestHost::new().capability_at("mute", &path).refused().await? {
        HostError::Claims { name, message } => ensure!(name == "mute" && message.contains("unreachable"), "{message}"),
        other => anyhow::bail!("{other}"),
    }
    Ok(())
}
