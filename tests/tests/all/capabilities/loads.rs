//! A load is planned as a whole: it reaches everybody whom it concerns, or nothing changes.

use anyhow::{Context as _, Result, ensure};
use manes_core::record::Kind;
use manes_runtime::deploy::DeploymentBody;
use manes_runtime::host::HostError;
use manes_runtime::ledger::Entry;
use manes_tests::{Running, TestHost, components, view};
use serde_json::json;
use std::path::PathBuf;

/// A capability that exports `t:chain/EXPORT`, a number, made of what it imports and `add`.
fn link(folder: &tempfile::TempDir, file: &str, import: Option<&str>, export: &str, add: u32) -> Result<PathBuf> {
    let (import, with, start) = match import {
        Some(import) => (
            format!(
                r#"(import "t:chain/{import}@0.1.0" (instance $b (export "level" (func (result u32)))))
                (core func $level (canon lower (func $b "level")))"#
            ),
            r#"(with "b" (instance (export "level" (func $level))))"#,
            r#"(import "b" "level" (func $l (result i32))) (func (export "level") (result i32) (i32.add (call $l)"#,
        ),
        None => (String::new(), "", r#"(func (export "level") (result i32) (i32.add (i32.const 0)"#),
    };
    let text = format!(
        r#"(component {import}
            (core module $m {start} (i32.const {add}))))
            (core instance $i (instantiate $m {with}))
            (func $f (result u32) (canon lift (core func $i "level")))
            (instance $out (export "level" (func $f)))
            (export "t:chain/{export}@0.1.0" (instance $out)))"#
    );
    let path = folder.path().join(file);
    std::fs::write(&path, components::wat(&text)?)?;
    Ok(path)
}

fn deployments(host: &Running) -> Result<Vec<(Entry, DeploymentBody)>> {
    let entries = host.entries()?.into_iter().filter(|entry| entry.envelope.kind() == Kind::Deployment);
    entries.map(|entry| DeploymentBody::of(&entry).map(|body| (entry, body)).context("a body")).collect()
}

/// The last deployment of each name is built on the last deployment of those it uses.
fn built_on_the_last(host: &Running, user: &str, interface: &str, provider: &str) -> Result<()> {
    let all = deployments(host)?;
    let last = |name: &str| all.iter().rfind(|(_, body)| body.name == name).context("a deployment");
    let (given, provider) = (last(user)?.1.providers.get(interface), last(provider)?.0.leaf);
    ensure!(given == Some(&provider), "{user} is given {given:?}, the last one is {provider}");
    Ok(())
}

#[tokio::test]
async fn a_swap_reaches_those_who_use_it_through_others_whatever_their_names() -> Result<()> {
    for names in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
        let [top, mid, base] = names;
        let folder = tempfile::tempdir()?;
        let host = TestHost::new()
            .capability_at(top, &link(&folder, "top.wasm", Some("mid"), "top", 100)?)
            .uses("t:chain/mid")
            .capability_at(mid, &link(&folder, "mid.wasm", Some("base"), "mid", 10)?)
            .uses("t:chain/base")
            .capability_at(base, &link(&folder, "base.wasm", None, "base", 1)?)
            .start_memory()
            .await?;
        let brought = host.load(base, Some(&link(&folder, "new.wasm", None, "base", 2)?)).await?;
        ensure!(brought.started.is_empty() && brought.waits_for.is_empty(), "{brought:?}");
        built_on_the_last(&host, mid, "t:chain/base@0.1", base)?;
        built_on_the_last(&host, top, "t:chain/mid@0.1", mid)?;
        let last = deployments(&host)?.len();
        // The same again changes nothing, and says nothing.
        host.load(base, Some(&folder.path().join("new.wasm"))).await?;
        ensure!(deployments(&host)?.len() == last, "{names:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_load_that_fits_agents_but_not_a_waiting_capability_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // `mid` wants a number and would get a text.
    let odd = folder.path().join("odd.wasm");
    let text = r#"(component
        (core module $m (func (export "level") (result i64) i64.const 1))
        (core instance $i (instantiate $m))
        (func $f (result u64) (canon lift (core func $i "level")))
        (instance $out (export "level" (func $f)))
        (export "t:chain/base@0.1.0" (instance $out)))"#;
    std::fs::write(&odd, components::wat(text)?)?;
    let host = TestHost::script()
        .capability_at("mid", &link(&folder, "mid.wasm", Some("base"), "mid", 10)?)
        .uses("t:chain/base")
        .capability_at("low", &odd)
        .later()
        .start_memory()
        .await?;
    let before = host.entries()?.len();
    let error = host.load("low", None).await.err().context("it was loaded")?;
    ensure!(matches!(&error, HostError::Mismatch { agent, .. } if agent == "mid"), "{error}");
    ensure!(host.entries()?.len() == before, "a refused load was recorded");
    let states: Vec<_> = host.host.capabilities().await.into_iter().map(|c| (c.name, c.state)).collect();
    ensure!(states == [("low".into(), "unloaded"), ("mid".into(), "waiting")], "{states:?}");
    // One that fits is loaded all the same.
    let good = link(&folder, "base.wasm", None, "base", 1)?;
    ensure!(host.load("low", Some(&good)).await?.started == ["mid"]);
    view::done(&host.run(&json!([["now"]])).await?)?;
    Ok(())
}

#[tokio::test]
async fn a_load_that_would_stop_somebody_is_refused_and_says_whom() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::new()
        .capability_at("mid", &link(&folder, "mid.wasm", Some("base"), "mid", 10)?)
        .uses("t:chain/base")
        .capability_at("low", &link(&folder, "base.wasm", None, "base", 1)?)
        .start_memory()
        .await?;
    let other = link(&folder, "other.wasm", None, "other", 1)?;
    let error = host.load("low", Some(&other)).await.err().context("it was loaded")?;
    ensure!(matches!(&error, HostError::Stops { stopped, .. } if stopped == "mid"), "{error}");
    ensure!(host.host.capabilities().await.iter().all(|capability| capability.state == "ready"));
    Ok(())
}

#[tokio::test]
async fn capabilities_that_wait_for_each_other_are_refused_by_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ring = TestHost::new()
        .capability_at("one", &link(&folder, "one.wasm", Some("two"), "one", 1)?)
        .uses("t:chain/two")
        .capability_at("two", &link(&folder, "two.wasm", Some("one"), "two", 1)?)
        .uses("t:chain/one")
        .capability_at("behind", &link(&folder, "behind.wasm", Some("one"), "behind", 1)?)
        .uses("t:chain/one");
    let error = ring.refused().await?;
    ensure!(matches!(error, HostError::Ring { .. }) && error.to_string().contains("one, two"), "{error}");
    // Somebody who is not loaded may still come: that is waiting, not a ring.
    let waiting = TestHost::new()
        .capability_at("one", &link(&folder, "one.wasm", Some("two"), "one", 1)?)
        .uses("t:chain/two")
        .start_memory()
        .await?;
    ensure!(waiting.host.capabilities().await[0].waits_for == ["t:chain/two@0.1"]);
    Ok(())
}

#[tokio::test]
async fn two_exporters_are_ambiguous_whatever_their_names() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for user in ["a", "m", "z"] {
        let host = TestHost::new()
            .capability_at("b", &link(&folder, "base.wasm", None, "base", 1)?)
            .capability_at("y", &link(&folder, "same.wasm", None, "base", 2)?)
            .capability_at(user, &link(&folder, "mid.wasm", Some("base"), "mid", 1)?)
            .uses("t:chain/base");
        let error = host.refused().await?;
        ensure!(matches!(error, HostError::Ambiguous { .. }), "{user}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn an_agent_whose_name_becomes_a_capabilitys_takes_no_more_events() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ledger = tempfile::tempdir()?;
    let host = TestHost::new().agent("x", "script").subscribe("x.do").start_embedded(ledger.path()).await?;
    drop(host.stop().await?);
    let host = TestHost::new()
        .capability_at("x", &link(&folder, "base.wasm", None, "base", 1)?)
        .start_embedded(ledger.path())
        .await?;
    ensure!(host.host.agents().await?.iter().all(|agent| agent.subscribe.is_empty()), "x still takes events");
    ensure!(host.host.capabilities().await[0].state == "ready");
    let flow = host.send("x.do", &json!([])).await?;
    ensure!(flow.events[0].unrouted.is_some(), "{}", view::sketch(&flow));
    host.stop().await?;
    Ok(())
}
