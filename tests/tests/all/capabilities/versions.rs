//! Versions match when they are compatible, and a type that does not fit is refused in words.

use anyhow::{Context as _, Result, ensure};
use manes_runtime::host::HostError;
use manes_tests::{TestHost, components, view};
use serde_json::json;
use std::path::PathBuf;

/// The `echo` fixture as another version of itself.
fn echo_as(folder: &tempfile::TempDir, version: &str) -> Result<PathBuf> {
    let path = folder.path().join(format!("echo-{version}.wasm"));
    let bytes = components::replaced(
        &components::bytes("echo")?,
        "fixture:echo/echo@0.1.0",
        &format!("fixture:echo/echo@{version}"),
    )?;
    std::fs::write(&path, bytes)?;
    Ok(path)
}

#[tokio::test]
async fn another_patch_level_is_the_same_interface() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::script().uses("fixture:echo/echo@0.1.7").capability_at("echo", &echo_as(&folder, "0.1.3")?);
    let host = host.start_memory().await?;
    let flow =
        host.run(&json!([["echo", "across patch levels"], ["counter", 1, [2]], ["report", "a.reported"]])).await?;
    ensure!(view::reported(&flow)?[..2] == [json!("across patch levels"), json!([[3], 3])], "{}", view::sketch(&flow));
    ensure!(view::call(view::done(&flow)?, "#text")?.function == "fixture:echo/echo@0.1#text");
    Ok(())
}

#[tokio::test]
async fn another_minor_version_below_one_is_another_interface() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::script().uses("fixture:echo/echo").capability_at("echo", &echo_as(&folder, "0.2.0")?);
    let host = host.start_memory().await?;
    let agents = host.host.agents().await?;
    ensure!(agents[0].state == "waiting", "it should wait for 0.1: {agents:?}");
    Ok(())
}

#[tokio::test]
async fn a_grant_of_another_version_is_refused_with_the_one_that_is_imported() -> Result<()> {
    let error = TestHost::script().uses("fixture:echo/echo@0.2.0").capability("echo", "echo").refused().await?;
    let text = error.to_string();
    ensure!(matches!(error, HostError::Unimported { .. }) && text.starts_with("a is granted fixture:echo/echo@0.2"));
    ensure!(text.ends_with("did you mean fixture:echo/echo@0.1?"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_grant_that_nothing_imports_is_refused_for_agents_and_capabilities() -> Result<()> {
    let error = TestHost::script().uses("fixture:echo/echo").uses("x:y/z").refused().await?.to_string();
    ensure!(error.starts_with("a is granted x:y/z") && error.contains("fixture:echo/echo@0.1, "), "{error}");
    ensure!(!error.contains("did you mean"), "{error}");
    let error = TestHost::script().capability("echo", "echo").uses("fixture:echo/echo").refused().await?.to_string();
    ensure!(error.starts_with("echo is granted ") && error.contains("It imports nothing that"), "{error}");
    Ok(())
}

/// A capability whose `relay` has another type.
fn odd_relay() -> Result<Vec<u8>> {
    components::wat(
        r#"(component
            (core module $m (func (export "relay") (param i32) (result i32) local.get 0))
            (core instance $i (instantiate $m))
            (func $relay (param "text" u32) (result u32) (canon lift (core func $i "relay")))
            (instance $out (export "relay" (func $relay)))
            (export "fixture:echo/relay@0.1.0" (instance $out)))"#,
    )
}

#[tokio::test]
async fn a_function_of_another_type_is_refused_with_both_types() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("odd.wasm");
    std::fs::write(&path, odd_relay()?)?;
    let host = TestHost::script().uses("fixture:echo/relay").capability_at("odd", &path);
    match host.refused().await? {
        HostError::Mismatch { agent, what } => {
            ensure!(agent == "a" && what.starts_with("fixture:echo/relay@0.1 differs:\n"), "{what}");
            ensure!(what.contains("string") && what.contains("u32") && what.contains("  as odd has it"), "{what}");
        }
        other => anyhow::bail!("{other}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_capability_that_lacks_a_function_is_refused_by_its_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("poor.wasm");
    let text = r#"(component
        (core module $m (func (export "f") (result i32) i32.const 1))
        (core instance $i (instantiate $m))
        (func $f (result u32) (canon lift (core func $i "f")))
        (instance $out (export "peek" (func $f)))
        (export "fixture:echo/echo@0.1.0" (instance $out)))"#;
    std::fs::write(&path, components::wat(text)?)?;
    let error = TestHost::script().uses("fixture:echo/echo").capability_at("poor", &path).refused().await?;
    ensure!(matches!(error, HostError::Mismatch { .. }) && error.to_string().contains("  as a has it"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_misfit_loaded_into_a_running_host_leaves_it_as_it_was() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("odd.wasm");
    std::fs::write(&path, odd_relay()?)?;
    let host = TestHost::script()
        .uses("fixture:echo/relay")
        .agent("b", "script")
        .subscribe("b.do")
        .capability_at("odd", &path)
        .later();
    let host = host.start_memory().await?;
    let error = host.load("odd", None).await.err().context("it was loaded")?;
    ensure!(matches!(error, HostError::Mismatch { .. }), "{error}");
    view::done(&host.send("b.do", &json!([["now"]])).await?)?;
    ensure!(host.load("nobody", None).await.is_err_and(|e| e.to_string().contains("it has: a, b, odd")));
    Ok(())
}
