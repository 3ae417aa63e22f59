//! Goal: what changes in a running host loses and repeats nothing, and what is refused changes nothing.
//!
//! Method: components that differ in a comment alone take each other's place while events are handled; a server counts.

use anyhow::{Context as _, Result, ensure};
use manes_core::ids::Digest;
use manes_core::record::Kind;
use manes_runtime::host::HostError;
use manes_runtime::manifest::Manifest;
use manes_tests::{Running, Server, TestHost, components, view};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const EVENTS: usize = 120;
const SWAPS: usize = 10;

/// A fixture with a comment of its own: the same code under another digest.
fn variant(folder: &Path, name: &str, number: usize) -> Result<PathBuf> {
    let mut bytes = components::bytes(name)?;
    let comment = format!("variant {number}");
    // A custom section: its id, its length, the length of its name, the name.
    bytes.extend([0, u8::try_from(comment.len() + 1)?, u8::try_from(comment.len())?]);
    bytes.extend(comment.as_bytes());
    let path = folder.join(format!("{name}-{number}.wasm"));
    std::fs::write(&path, bytes)?;
    Ok(path)
}

/// Components of the attempts that were made, by how often.
fn used(host: &Running) -> Result<BTreeMap<Digest, usize>> {
    let entries = host.entries()?;
    let deployed: BTreeMap<Digest, Option<Digest>> = entries
        .iter()
        .filter(|entry| entry.envelope.kind() == Kind::Deployment)
        .map(|entry| (entry.leaf, entry.envelope.component))
        .collect();
    let mut used = BTreeMap::new();
    for start in entries.iter().filter(|entry| entry.envelope.kind() == Kind::Start) {
        let component = start.envelope.deployment.and_then(|leaf| *deployed.get(&leaf)?).context("a deployment")?;
        *used.entry(component).or_default() += 1;
    }
    Ok(used)
}

#[tokio::test]
async fn ten_swaps_under_load_drop_and_repeat_nothing() -> Result<()> {
    let (server, folder) = (Server::start().await?, tempfile::tempdir()?);
    let host = TestHost::script()
        .http(&format!("PUT {}/", server.authority()))
        .uses("fixture:echo/echo")
        .capability("echo", "echo")
        .start_memory()
        .await?;
    let mut submitted = Vec::new();
    for number in 0..EVENTS {
        let script = json!([
            ["echo", format!("{number}")],
            ["http", "PUT", server.url(&format!("/echo/{number}"))],
            ["report", "a.reported"]
        ]);
        submitted.push(host.submit("a.do", &script).await?);
        if number % (EVENTS / SWAPS) == 0 {
            let swap = number * SWAPS / EVENTS;
            for (name, fixture) in [("a", "script"), ("echo", "echo")] {
                let brought = host.load(name, Some(&variant(folder.path(), fixture, swap)?)).await?;
                ensure!(brought.changed && brought.replaced.is_some(), "{brought:?}");
            }
        }
    }
    for submitted in &submitted {
        let flow = host.ended(submitted).await?;
        ensure!(flow.status == "done" && flow.activations.len() == 1, "{}", view::sketch(&flow));
        ensure!(flow.events.iter().filter(|event| event.topic == "a.reported").count() == 1);
    }
    let seen = server.seen();
    ensure!(seen.len() == EVENTS && seen.iter().collect::<BTreeSet<_>>().len() == EVENTS, "{} requests", seen.len());
    let used = used(&host)?;
    ensure!(used.len() > 1 && used.values().sum::<usize>() == EVENTS, "{used:?}");
    let last = submitted.last().context("an event")?;
    ensure!(host.replay_all(last.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn an_attempt_under_way_ends_on_what_it_began_with() -> Result<()> {
    let (server, folder) = (Server::start().await?, tempfile::tempdir()?);
    let host = TestHost::script()
        .http(&format!("GET {}/", server.authority()))
        .uses("fixture:echo/echo")
        .capability("echo", "echo")
        .start_memory()
        .await?;
    // Two requests wait for each other: the first attempt is under way until the second has begun.
    let script = json!([["http", "GET", server.url("/together/2")], ["count"], ["report", "a.reported"]]);
    let first = host.submit("a.do", &script).await?;
    host.until("attempt", |entry| entry.envelope.kind() == Kind::Intent).await?;
    host.load("a", Some(&variant(folder.path(), "script", 1)?)).await?;
    host.load("echo", Some(&variant(folder.path(), "echo", 1)?)).await?;
    let second = host.submit("a.do", &script).await?;
    for submitted in [first, second] {
        view::done(&host.ended(&submitted).await?)?;
        ensure!(host.replay_all(submitted.flow).await?.iter().all(|verdict| verdict.identical), "it does not replay");
    }
    let used: Vec<usize> = used(&host)?.into_values().collect();
    ensure!(used == [1, 1], "{used:?}");
    Ok(())
}

#[tokio::test]
async fn an_unload_says_who_needs_it_and_by_force_they_wait() -> Result<()> {
    let host = TestHost::script().uses("fixture:echo/echo").capability("echo", "echo").start_memory().await?;
    let before = host.entries()?.len();
    let error = host.host.unload("echo", false).await.err().context("it was unloaded")?;
    ensure!(matches!(&error, HostError::Needed { by, .. } if by == "a"), "{error}");
    let error = host.host.unload("ehco", false).await.err().context("it was unloaded")?;
    ensure!(error.to_string().contains("did you mean echo?"), "{error}");
    ensure!(host.entries()?.len() == before, "what was refused was recorded");
    ensure!(host.host.unload("echo", true).await? == ["a"]);
    let submitted = host.submit("a.do", &json!([["echo", "late"], ["report", "a.reported"]])).await?;
    ensure!(host.host.agents().await?.iter().all(|agent| agent.state == "waiting"));
    ensure!(host.load("echo", None).await?.started == ["a"]);
    let flow = host.ended(&submitted).await?;
    ensure!(view::reported(&flow)?[0] == "late");
    // An agent can go, too: nobody needs it. Its queue is its name's.
    host.host.pause("a", true, "client/tests").await?;
    let queued = host.submit("a.do", &json!([["now"]])).await?;
    ensure!(host.host.unload("a", false).await?.is_empty());
    let nobody = host.send("a.do", &json!([])).await?;
    ensure!(nobody.activations.is_empty(), "{}", view::sketch(&nobody));
    host.load("a", None).await?;
    host.host.pause("a", false, "client/tests").await?;
    view::done(&host.ended(&queued).await?)?;
    Ok(())
}

#[tokio::test]
async fn a_swap_that_does_not_fit_is_refused_with_both_types() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::script().uses("fixture:echo/echo").capability("echo", "echo").start_memory().await?;
    let before = host.entries()?.len();
    let odd = folder.path().join("odd.wasm");
    let text = r#"(component
        (core module $m (func (export "f") (result i64) i64.const 1))
        (core instance $i (instantiate $m))
        (func $f (result u64) (canon lift (core func $i "f")))
        (instance $out (export "peek" (func $f)))
        (export "NAME@0.1.0" (instance $out)))"#;
    std::fs::write(&odd, components::wat(&text.replace("NAME", "fixture:echo/echo"))?)?;
    let error = host.load("echo", Some(&odd)).await.err().context("it was loaded")?.to_string();
    for line in
        ["a does not fit its capability: fixture:echo/echo@0.1 differs:", "  - peek: ", "  + peek: ", "  - text: "]
    {
        ensure!(error.contains(line), "{line:?} is not in: {error}");
    }
    std::fs::write(&odd, components::wat(&text.replace("NAME", "fixture:echo/other"))?)?;
    let error = host.load("echo", Some(&odd)).await.err().context("it was loaded")?.to_string();
    for line in ["a would have to stop", "\n  - fixture:echo/echo@0.1#peek: ", "\n  + fixture:echo/other@0.1#peek: "] {
        ensure!(error.contains(line), "{line:?} is not in: {error}");
    }
    ensure!(host.entries()?.len() == before, "what was refused was recorded");
    ensure!(host.ask(json!([["echo", "as before"]])).await?[0] == "as before");
    Ok(())
}

/// A whole manifest: one agent stays, one is new, one is gone, and what an answer is changes with it.
#[tokio::test]
async fn a_whole_manifest_comes_into_force_or_nothing_of_it() -> Result<()> {
    let agent = |host: TestHost, name: &str, topic: &str| host.agent(name, "script").subscribe(topic).publish("a.>");
    let text = |host: &TestHost| host.manifest();
    let old = agent(agent(TestHost::new(), "a", "a.do"), "gone", "a.gone");
    let new = agent(agent(TestHost::new(), "a", "a.do"), "new", "a.new").results("a.answer");
    let manifest = |text: &str| Manifest::parse(text, Path::new("/")).map_err(anyhow::Error::msg);
    let next = manifest(&text(&new))?;
    let host = old.start_memory().await?;
    let answers: Value = json!([["emit", "a.answer", "42"]]);
    ensure!(host.send("a.do", &answers).await?.events[1].unrouted.is_some());
    let broken = text(&new).replace("script.wasm", "absent.wasm");
    ensure!(host.host.apply(manifest(&broken)?).await.is_err());
    ensure!(host.host.agents().await?.iter().map(|agent| agent.name.as_str()).eq(["a", "gone"]));
    let applied = host.host.apply(next).await?;
    ensure!(applied.removed == ["gone"] && applied.changed.contains(&"new".to_owned()), "{applied:?}");
    let flow = host.send("a.do", &answers).await?;
    ensure!(flow.events[1].unrouted.is_none() && flow.events[1].result, "{}", view::sketch(&flow));
    view::done(&host.send("a.new", &json!([["now"]])).await?)?;
    ensure!(host.send("a.gone", &json!([])).await?.events[0].unrouted.is_some());
    Ok(())
}
