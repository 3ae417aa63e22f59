//! What the ledger says of calls: order, effects, versions, and what it must never say.

use anyhow::{Context as _, Result, ensure};
use manes_core::record::Kind;
use manes_runtime::ledger::{Entry, Memory};
use manes_runtime::seams::Seams;
use manes_tests::{Gate, Running, Server, TestHost, alone, components, view};
use serde_json::json;
use std::sync::Arc;

fn function(entry: &Entry) -> &str {
    entry.envelope.function.as_deref().unwrap_or_default()
}

/// Kinds of the records of one function, in ledger order.
fn kinds(host: &Running, name: &str) -> Result<Vec<Kind>> {
    let of = |entry: &Entry| function(entry).ends_with(name).then(|| entry.envelope.kind());
    Ok(host.entries()?.iter().filter_map(of).collect())
}

#[tokio::test]
async fn a_write_has_its_intent_before_its_outcome_and_a_read_has_none() -> Result<()> {
    let (folder, server) = (tempfile::tempdir()?, Server::start().await?);
    std::fs::write(folder.path().join("there.txt"), "x")?;
    let host = TestHost::script()
        .directory(folder.path(), "/out", "read-write")
        .http(&format!("GET {}/", server.authority()))
        .uses("fixture:echo/echo")
        .capability("echo", "echo")
        .start_memory()
        .await?;
    let script = json!([
        ["write", "/out/new.txt", "content"],
        ["read", "/out/there.txt"],
        ["http", "GET", server.url("/echo")],
        ["unnamed"],
        ["peek"],
        ["idle"],
    ]);
    view::done(&host.run(&script).await?)?;
    for written in ["outgoing-handler@0.2#handle", "echo@0.1#unnamed", "mkdir"] {
        let found = kinds(&host, written)?;
        let expected: &[Kind] = if written == "mkdir" { &[] } else { &[Kind::Intent, Kind::Outcome] };
        ensure!(found == expected, "{written}: {found:?}");
    }
    let writes = kinds(&host, "descriptor.open-at")?;
    ensure!(writes.contains(&Kind::Intent), "creating a file is a write: {writes:?}");
    for read in ["echo@0.1#peek", "echo@0.1#idle", "get-directories", "incoming-body.stream"] {
        let found = kinds(&host, read)?;
        ensure!(!found.is_empty() && found.iter().all(|kind| *kind == Kind::Outcome), "{read}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn no_effect_begins_before_its_intent_is_durable() -> Result<()> {
    let (server, folder) = (Server::start().await?, tempfile::tempdir()?);
    let gate = Arc::new(Gate::new(Arc::new(Memory::new(Seams::system()))));
    let host = TestHost::script()
        .http(&format!("GET {}/", server.authority()))
        .directory(folder.path(), "/out", "read-write")
        .agent("b", "script")
        .subscribe("b.do")
        .start(gate.clone())
        .await?;
    let request = host.submit("a.do", &json!([["http", "GET", server.url("/echo")]])).await?;
    let file = host.submit("a.do", &json!([["write", "/out/new.txt", "content"]])).await?;
    gate.held(2).await?;
    // Both intents are on their way and none is durable. Meanwhile the host has all the time that others need.
    for _ in 0..20 {
        view::done(&host.send("b.do", &json!([["now"], ["burn", 100_000]])).await?)?;
    }
    ensure!(server.connections() == 0, "a request was sent before its intent was durable");
    ensure!(!folder.path().join("new.txt").exists(), "a file was made before its intent was durable");
    gate.open();
    for submitted in [&request, &file] {
        view::done(&host.ended(submitted).await?)?;
    }
    ensure!(server.connections() == 1 && folder.path().join("new.txt").exists());
    Ok(())
}

#[tokio::test]
async fn everything_emitted_lies_in_the_block_of_its_end() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let flow = host.run(&json!([["emit", "a.one", "1"], ["emit", "a.two", "2"]])).await?;
    let record = host.record(flow.flow)?;
    let attempt = &record.attempts[0];
    let end = attempt.end.as_ref().context("ended")?.index;
    let block = host.ledger.block_of(end)?.context("a block")?.0;
    ensure!(attempt.emitted.len() == 2);
    for event in &attempt.emitted {
        ensure!(event.index < end && host.ledger.block_of(event.index)?.context("a block")?.0 == block);
    }
    Ok(())
}

#[tokio::test]
async fn patch_levels_are_recorded_as_their_compatible_version() -> Result<()> {
    // The same component twice: once as built, once with every 0.2.x of its imports at another patch level.
    let built = components::bytes("script")?;
    let text = String::from_utf8_lossy(&built);
    let at = text.find("wasi:random/random@0.2.").context("the fixture imports randomness")?;
    let version: String =
        text[at + "wasi:random/random@".len()..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let other = format!("{}{}", &version[..4], "9".repeat(version.len() - 4));
    ensure!(other != version, "{version}");
    let patched =
        components::replaced(&built, &format!("wasi:random/random@{version}"), &format!("wasi:random/random@{other}"))?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("patched.wasm"), patched)?;
    for component in [components::path("script"), folder.path().join("patched.wasm")] {
        let host = TestHost::new().agent_at("a", &component).subscribe("a.do").start_memory().await?;
        let flow = host.run(&json!([["random-u64"]])).await?;
        let called = &view::call(view::done(&flow)?, "get-random-u64")?.function;
        ensure!(called == "wasi:random/random@0.2#get-random-u64", "{called}");
    }
    Ok(())
}

#[tokio::test]
async fn a_variable_that_is_not_granted_is_seen_by_nobody_and_recorded_nowhere() -> Result<()> {
    let (granted, secret) = ("a-value-that-was-granted", "a-secret-that-was-not");
    let name = "waist::records::a_variable_that_is_not_granted_is_seen_by_nobody_and_recorded_nowhere";
    if !alone(name, &[("MANES_GRANTED", granted), ("MANES_SECRET", secret)])? {
        return Ok(());
    }
    let host = TestHost::script().env("MANES_GRANTED").env("MANES_UNSET").start_memory().await?;
    let seen = host.ask(json!([["env"], ["panic", "after all"]])).await;
    ensure!(seen.is_err(), "it panics before its report");
    let seen = host.ask(json!([["env"]])).await?;
    ensure!(seen[0] == json!([["MANES_GRANTED", granted]]), "{seen:?}");
    let has = |bytes: &[u8], needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    let mut granted_in = Vec::new();
    for entry in host.entries()? {
        let mut all = entry.envelope.encode();
        all.extend_from_slice(entry.body.as_deref().unwrap_or_default());
        ensure!(!has(&all, secret), "record {} holds the value of a variable that is not granted", entry.index);
        if has(&all, granted) {
            granted_in.push(entry.envelope.kind());
        }
    }
    // A granted value is an outcome of calls, and in what the guest emitted; no deployment or end holds it.
    let expected = |kind: &Kind| matches!(kind, Kind::Outcome | Kind::Event);
    ensure!(granted_in.iter().all(expected) && granted_in.contains(&Kind::Outcome), "{granted_in:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_is_recorded_with_its_rule_its_provider_and_its_component() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::script()
        .directory(folder.path(), "/in", "read")
        .uses("fixture:echo/echo@0.1.0")
        .capability("echo", "echo")
        .start_memory()
        .await?;
    let flow = host.run(&json!([["list", "/in"], ["peek"], ["now"]])).await?;
    let record = host.record(flow.flow)?;
    let of = |name: &str| {
        let entry = record.attempts[0].calls.iter().find(|entry| function(entry).ends_with(name));
        entry.map(|entry| entry.envelope.clone()).with_context(|| format!("no call of {name}"))
    };
    let (list, peek, now) = (of("descriptor.read-directory")?, of("#peek")?, of("#now")?);
    ensure!(list.rule.as_deref() == Some("directories[0] /in") && list.provider.as_deref() == Some("wasi"), "{list:?}");
    ensure!(peek.rule.as_deref() == Some("capabilities[0] fixture:echo/echo@0.1"), "{peek:?}");
    let digest = manes_core::ids::Digest::of(&components::bytes("echo")?);
    ensure!(peek.provider.as_deref() == Some("echo") && peek.component == Some(digest), "{peek:?}");
    ensure!(now.rule.as_deref() == Some("base") && now.provider.as_deref() == Some("base"), "{now:?}");
    ensure!(now.component.is_none() && list.component.is_none(), "only components have a digest");
    Ok(())
}
