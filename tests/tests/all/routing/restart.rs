//! What a host that starts again knows of the one before.

use anyhow::{Context as _, Result, ensure};
use manes_core::record::{EndStatus, Kind};
use manes_runtime::ledger::Entry;
use manes_tests::{Server, TestHost, view};
use serde_json::json;
use std::path::Path;

/// An agent that waits for a capability which is loaded or not.
fn waiting(loaded: bool) -> TestHost {
    let host = TestHost::script().uses("fixture:echo/echo").capability("echo", "echo");
    if loaded { host } else { host.later() }
}

fn of_kind(entries: &[Entry], kind: Kind) -> Vec<&Entry> {
    entries.iter().filter(|entry| entry.envelope.kind() == kind).collect()
}

#[tokio::test]
async fn an_agent_waits_for_its_capability_and_starts_when_it_is_loaded() -> Result<()> {
    let host = waiting(false).start_memory().await?;
    let state = async || anyhow::Ok(host.host.agents().await?.first().map(|agent| (agent.state, agent.queued)));
    let submitted = host.submit("a.do", &json!([["echo", "at last"], ["report", "a.reported"]])).await?;
    ensure!(state().await?.is_some_and(|(state, _)| state == "waiting"));
    ensure!(of_kind(&host.entries()?, Kind::Start).is_empty(), "it began without its capability");
    ensure!(host.load("echo", None).await?.started == ["a"]);
    ensure!(view::reported(&host.ended(&submitted).await?)?[0] == "at last");
    ensure!(state().await? == Some(("ready", 0)));
    ensure!(host.load("echo", None).await?.started.is_empty(), "nobody waited any more");
    Ok(())
}

#[tokio::test]
async fn queued_events_survive_a_stop_and_run_after_the_next_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = waiting(false).start_embedded(folder.path()).await?;
    let mut submitted = Vec::new();
    for number in 0..5 {
        let script = json!([["echo", number.to_string()], ["report", "a.reported"]]);
        submitted.push(host.submit("a.do", &script).await?);
    }
    let ledger = host.stop().await?;
    ensure!(ledger.read(0, 1000)?.iter().all(|entry| entry.envelope.kind() != Kind::Start));
    drop(ledger);

    let host = waiting(true).start_embedded(folder.path()).await?;
    for (number, submitted) in submitted.iter().enumerate() {
        let flow = host.ended(submitted).await?;
        ensure!(view::reported(&flow)?[0] == *number.to_string(), "{}", view::sketch(&flow));
    }
    host.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_delay_survives_a_stop() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let build = || TestHost::script().agent("b", "script").subscribe("a.later");
    let host = build().start_embedded(folder.path()).await?;
    let submitted = host.submit("a.do", &json!([["emit", "a.later", "[]", { "delay": 500 }]])).await?;
    let later = |entry: &Entry| entry.envelope.topic.as_deref() == Some("a.later");
    let event = host.until("delayed event", later).await?;
    drop(host.stop().await?);
    let host = build().start_embedded(folder.path()).await?;
    let flow = host.ended(&submitted).await?;
    let record = host.record(flow.flow)?;
    let start = record.attempts.iter().find(|attempt| attempt.agent() == "b").context("the delayed event was lost")?;
    ensure!(Some(start.start.envelope.time_ns) >= event.envelope.not_before_ns, "it came early");
    host.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_unchanged_restart_repeats_no_deployment_and_a_changed_one_records_the_change() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let deployments = async |host: TestHost| {
        let host = host.start_embedded(folder.path()).await?;
        let entries = host.entries()?;
        host.stop().await?;
        let of = |entry: &Entry| (entry.envelope.agent.clone().unwrap_or_default(), entry.envelope.status);
        anyhow::Ok(of_kind(&entries, Kind::Deployment).into_iter().map(of).collect::<Vec<_>>())
    };
    let first = deployments(waiting(true)).await?;
    ensure!(first == [("echo".to_owned(), Some(0)), ("a".to_owned(), Some(0))], "{first:?}");
    let second = deployments(waiting(true)).await?;
    ensure!(second == first, "{second:?}");
    let changed = deployments(waiting(true).agent("b", "script").subscribe("b.do").env("PATH")).await?;
    ensure!(changed[2..] == [("b".to_owned(), Some(0))], "{changed:?}");
    let narrowed = deployments(waiting(true).agent("b", "script").subscribe("b.do")).await?;
    ensure!(narrowed[3..] == [("b".to_owned(), Some(0))], "{narrowed:?}");
    let removed = deployments(waiting(true)).await?;
    ensure!(removed[4..] == [("b".to_owned(), Some(1))], "{removed:?}");
    Ok(())
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        // On a machine of its own nobody else writes this ledger.
        if target.extension().is_some_and(|end| end == "lock") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
            continue;
        }
        match std::fs::copy(entry.path(), target) {
            // A new checkpoint took the place of the file that was just listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => drop(copied?),
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_was_cut_off_is_closed_as_interrupted_and_its_flow_ends() -> Result<()> {
    let (folder, server, elsewhere) = (tempfile::tempdir()?, Server::start().await?, tempfile::tempdir()?);
    let build = || TestHost::script().http(&format!("GET {}/", server.authority()));
    let host = build().start_embedded(folder.path()).await?;
    let cut = host.submit("a.do", &json!([["now"], ["http", "GET", server.url("/hang")]])).await?;
    let intent = |entry: &Entry| entry.envelope.kind() == Kind::Intent;
    host.until("intent", intent).await?;
    // What a power cut would leave: everything that is durable at this moment, no end.
    copy(folder.path(), elsewhere.path())?;

    let after = build().start_embedded(elsewhere.path()).await?;
    let flow = after.ended(&cut).await?;
    let activation = view::ended(&flow, "interrupted", "the host stopped")?;
    ensure!(activation.attempt == 1 && activation.emitted.is_empty(), "{activation:?}");
    let record = after.record(flow.flow)?;
    ensure!(record.attempts[0].status() == Some(EndStatus::Interrupted));
    let verdicts = after.replay_all(flow.flow).await?;
    ensure!(verdicts.len() == 1 && verdicts[0].identical, "what it did before it was cut off replays: {verdicts:?}");
    view::done(&after.run(&json!([["now"]])).await?)?;
    after.stop().await?;
    // The first host goes on undisturbed: its attempt ends when the server does.
    server.stop().await;
    view::done(&host.ended(&cut).await?)?;
    Ok(())
}
