//! What cannot be recorded or trusted is refused when it is loaded, with the reason, before any of it runs.

use anyhow::{Context as _, Result, ensure};
use manes_runtime::component::LoadError;
use manes_runtime::host::HostError;
use manes_tests::{TestHost, components};

/// Loads `bytes` as an agent or as a capability, and returns why it is refused.
async fn refused(kind: &str, bytes: &[u8]) -> Result<LoadError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("component.wasm");
    std::fs::write(&path, bytes)?;
    let host = match kind {
        "agent" => TestHost::new().agent_at("a", &path).subscribe("a.do"),
        _ => TestHost::new().capability_at("a", &path),
    };
    match host.refused().await? {
        HostError::Load { name, path: named, source, .. } => {
            ensure!(name == "a" && named == path, "{name} {}", named.display());
            Ok(source)
        }
        other => anyhow::bail!("{other}"),
    }
}

#[tokio::test]
async fn what_is_no_component_is_refused() -> Result<()> {
    let module = components::wat("(module)")?;
    ensure!(matches!(refused("agent", &module).await?, LoadError::CoreModule));
    ensure!(matches!(refused("capability", &module).await?, LoadError::CoreModule));
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("garbage", vec![0xfe; 4096]),
        ("text", b"(component)".to_vec()),
        ("a shell script", b"#!/bin/sh\nexit 0\n".to_vec()),
        ("a cut component", components::bytes("echo")?[..5_000].to_vec()),
    ] {
        let error = refused("agent", &bytes).await.context(what)?;
        ensure!(matches!(error, LoadError::Invalid(_)), "{what}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_component_that_is_no_agent_or_no_capability_says_what_it_lacks() -> Result<()> {
    let empty = components::wat("(component)")?;
    for (kind, part) in [("agent", "manes:agent/handler@0.1.0"), ("capability", "any interface of its own")] {
        match refused(kind, &empty).await? {
            LoadError::Missing { missing, help } => ensure!(missing.contains(part) && !help.is_empty(), "{missing}"),
            other => anyhow::bail!("{kind}: {other}"),
        }
    }
    ensure!(matches!(refused("agent", &components::bytes("echo")?).await?, LoadError::Missing { .. }));
    Ok(())
}

#[tokio::test]
async fn imports_that_cannot_be_recorded_are_refused_with_the_reason() -> Result<()> {
    let lonely = components::wat("(component (import \"lonely\" (func)))")?;
    match refused("agent", &lonely).await? {
        LoadError::Unsupported { item, reason } if item == "lonely" && reason.contains("outside an interface") => {}
        other => anyhow::bail!("{other}"),
    }
    for inner in ["(component)", "(core module)"] {
        let error = refused("agent", &components::wat(&format!("(component (import \"inner\" {inner}))"))?).await?;
        ensure!(error.to_string().contains("not supported"), "{inner}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn asynchronous_imports_are_refused_and_never_run() -> Result<()> {
    for (what, function) in [
        ("a stream", "(func (param \"s\" (stream u8)))"),
        ("a future", "(func (result (future u8)))"),
        ("an async function", "(func async)"),
    ] {
        let text = format!("(component (import \"some:streams/all@1.0.0\" (instance (export \"f\" {function}))))");
        // The parser may be newer or older than the syntax; a component that it cannot write cannot be loaded either.
        let Ok(bytes) = components::wat(&text) else { anyhow::bail!("{what}: the text is not understood") };
        let error = refused("agent", &bytes).await.context(what)?;
        let refused = matches!(error, LoadError::Unsupported { .. } | LoadError::Invalid(_));
        ensure!(refused && !error.to_string().is_empty(), "{what}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_capability_that_hands_out_anothers_resource_is_refused() -> Result<()> {
    // It exports a function that returns a pollable, which it can only have from its host.
    let text = r#"(component
        (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
        (alias export $poll "pollable" (type $pollable))
        (core module $m (func (export "f") (result i32) unreachable))
        (core instance $i (instantiate $m))
        (func $f (result (own $pollable)) (canon lift (core func $i "f")))
        (component $wrap
            (import "pollable" (type $p (sub resource)))
            (import "f" (func $f (result (own $p))))
            (export $q "pollable" (type $p))
            (export "wait" (func $f) (func (result (own $q)))))
        (instance $out (instantiate $wrap (with "pollable" (type $pollable)) (with "f" (func $f))))
        (export "some:waits/wait@0.1.0" (instance $out)))"#;
    match refused("capability", &components::wat(text)?).await? {
        LoadError::Unsupported { item, reason } => {
            ensure!(item == "some:waits/wait@0.1.0" && reason.contains("does not define"), "{item}: {reason}");
        }
        other => anyhow::bail!("{other}"),
    }
    Ok(())
}
