//! What becomes of an attempt whose host died.
//!
//! Goal: it goes on where its record ends, with what it began with, and without what was taken back since; what cannot be
//! gone on with is closed and tried again; nothing is written twice without a right to. Method: copies of a ledger's
//! folder, taken while an attempt waits for an answer, and hosts with other manifests on them.

use crate::attempts::statuses;
use crate::routing::restart::copy;
use anyhow::{Context as _, Result, ensure};
use manes_core::record::Kind;
use manes_runtime::ledger::Entry;
use manes_tests::{Server, TestHost, view};
use serde_json::json;
use std::path::Path;

/// Up to the cut the attempt gets what its first host recorded, and no write is made again; from there on it is live.
#[tokio::test]
async fn an_attempt_whose_host_died_goes_on_where_it_stopped() -> Result<()> {
    let (server, files, elsewhere) = (Server::start().await?, tempfile::tempdir()?, tempfile::tempdir()?);
    let build = |answer: &str| {
        let interface = format!("{{ interface = \"fixture:echo/echo\", on-unknown = \"{answer}\" }}");
        TestHost::script()
            .attempts(5)
            .line(&format!("capabilities = [{interface}]"))
            .capability("echo", "echo")
            .directory(files.path(), "/out", "read-write")
            .http(&format!("GET {}/", server.authority()))
    };
    let script = json!([
        ["random-u64"],
        ["store", "one.txt", "before the cut"],
        ["out", "stderr", "write-and-flush", "said once\n"],
        ["fetch", server.url("/hang")],
        ["store", "two.txt", "after the cut"],
        ["out", "stderr", "check"],
        ["report", "a.reported"]
    ]);
    let folder = tempfile::tempdir()?;
    let host = build("repeat").start_embedded(folder.path()).await?;
    let submitted = host.submit("a.do", &script).await?;
    let asked = |entry: &Entry| {
        entry.envelope.kind() == Kind::Intent
            && entry.envelope.function.as_deref().is_some_and(|f| f.ends_with("#handle"))
    };
    host.until("request", asked).await?;
    copy(folder.path(), elsewhere.path())?;
    std::fs::remove_file(files.path().join("one.txt"))?;
    let after = build("repeat").start_embedded(elsewhere.path()).await?;
    server.received(2).await?;
    server.stop().await;
    let flow = after.ended(&submitted).await?;
    ensure!(statuses(&flow) == [(1, "done")], "{}", view::sketch(&flow));
    ensure!(!files.path().join("one.txt").exists(), "a write was made again that was recorded");
    ensure!(files.path().join("two.txt").exists(), "what came after was not made");
    let entries = after.entries()?;
    ensure!(entries.iter().filter(|entry| entry.envelope.kind() == Kind::Resumed).count() == 1);
    let fetches: Vec<&str> = flow.activations[0]
        .calls
        .iter()
        .filter(|call| call.function.ends_with("#fetch"))
        .map(|call| call.status.as_str())
        .collect();
    ensure!(fetches == ["unknown", "returned"], "{fetches:?}");
    let random = flow.activations[0].calls.iter().find(|call| call.function.ends_with("get-random-u64"));
    let random = random.and_then(|call| call.outcome.clone()).context("a random number")?;
    ensure!(view::reported(&flow)?[0] == random, "it went on with another number than the recorded one");
    ensure!(after.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical), "it does not replay");
    after.stop().await?;
    Ok(())
}

/// It began under one manifest, and its host comes again with another: the attempt is the old one's, what may be done
/// is what both say.
#[tokio::test]
async fn an_attempt_goes_on_under_its_own_deployment_and_without_what_was_taken_back() -> Result<()> {
    let (server, elsewhere) = (Server::start().await?, tempfile::tempdir()?);
    let agent = |config: &str| {
        let interface = "{ interface = \"fixture:echo/echo\", on-unknown = \"repeat\" }";
        TestHost::script().attempts(5).line(&format!("capabilities = [{interface}]")).line(config)
    };
    let get = format!("GET {}/", server.authority());
    let capability = |host: TestHost| host.capability("echo", "echo").http(&get);
    let old = || capability(agent("config = { which = \"old\" }").http(&format!("PUT {}/", server.authority())));
    let new = || capability(agent("config = { which = \"new\" }"));
    let script = json!([
        ["fetch", server.url("/hang")],
        ["config", "which"],
        ["http", "PUT", server.url("/echo")],
        ["report", "a.reported"]
    ]);
    let folder = tempfile::tempdir()?;
    let host = old().start_embedded(folder.path()).await?;
    let submitted = host.submit("a.do", &script).await?;
    let asked = |entry: &Entry| {
        entry.envelope.kind() == Kind::Intent
            && entry.envelope.function.as_deref().is_some_and(|f| f.ends_with("#handle"))
    };
    host.until("request", asked).await?;
    let third = tempfile::tempdir()?;
    copy(folder.path(), elsewhere.path())?;
    copy(folder.path(), third.path())?;
    let after = new().start_embedded(elsewhere.path()).await?;
    server.received(2).await?;
    server.stop().await;
    let flow = after.ended(&submitted).await?;
    ensure!(statuses(&flow) == [(1, "done")], "{}", view::sketch(&flow));
    let reported = view::reported(&flow)?;
    ensure!(reported[1] == "old", "{reported:?}");
    ensure!(reported[2]["error"] == "HTTP-request-denied", "{reported:?}");
    let denied = flow.activations[0].calls.iter().find(|call| call.denied).context("a recorded denial")?;
    ensure!(denied.denial.as_deref().is_some_and(|denial| denial.contains("http = [\"PUT ")), "{denied:?}");
    ensure!(after.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical), "it does not replay");
    // What comes next is the new one's.
    let next = after.run(&json!([["config", "which"], ["report", "a.reported"]])).await?;
    ensure!(view::reported(&next)?[0] == "new");
    after.stop().await?;

    // Where it may not publish any more, it is not gone on with: the next attempt is the new one's altogether.
    let uses = "capabilities = [{ interface = \"fixture:echo/echo\", on-unknown = \"repeat\" }]";
    let silent = TestHost::new().agent("a", "script").subscribe("a.do").attempts(5).line(uses);
    let silent = capability(silent).start_embedded(third.path()).await?;
    let flow = silent.ended(&submitted).await?;
    ensure!(statuses(&flow)[0] == (1, "interrupted"), "{}", view::sketch(&flow));
    silent.stop().await?;
    Ok(())
}

/// The waist does not see what else was taken back: such an attempt is not gone on with.
#[tokio::test]
async fn an_attempt_is_not_gone_on_with_where_something_else_stands_behind_its_names() -> Result<()> {
    let server = Server::start().await?;
    let (secret, public, folder) = (tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?);
    let get = format!("GET {}/", server.authority());
    let build = |data: &Path| {
        let uses = "capabilities = [{ interface = \"fixture:echo/echo\", on-unknown = \"repeat\" }]";
        let agent = TestHost::script().attempts(5).directory(data, "/data", "read-write").line(uses);
        agent.capability("echo", "echo").http(&get)
    };
    let script = json!([["fetch", server.url("/hang")], ["write", "/data/note.txt", "note"], ["report", "a.reported"]]);
    let host = build(secret.path()).start_embedded(folder.path()).await?;
    let submitted = host.submit("a.do", &script).await?;
    host.until("request", |entry: &Entry| requests(entry)).await?;
    let hosts = [
        // Another folder under the same name.
        build(public.path()),
        // A capability that may do more than the one that the attempt began with.
        build(secret.path()).http(&format!("PUT {}/", server.authority())),
        build(secret.path()).line("config = { some = \"thing\" }"),
    ];
    let copies = [tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?];
    copies.iter().try_for_each(|to| copy(folder.path(), to.path()))?;
    server.stop().await;
    for (build, copy) in hosts.into_iter().zip(&copies) {
        let after = build.start_embedded(copy.path()).await?;
        let flow = after.ended(&submitted).await?;
        ensure!(statuses(&flow) == [(1, "interrupted"), (2, "done")], "{}", view::sketch(&flow));
        after.stop().await?;
    }
    ensure!(public.path().join("note.txt").exists(), "the folder in force was not used");
    Ok(())
}

/// A capability is asked again after its host died. What it wrote itself is not written again without a right to.
#[tokio::test]
async fn what_a_capability_wrote_is_not_written_again_by_an_attempt_that_goes_on() -> Result<()> {
    for call in ["fetch", "load"] {
        let (server, folder, elsewhere) = (Server::start().await?, tempfile::tempdir()?, tempfile::tempdir()?);
        let uses = "capabilities = [{ interface = \"fixture:echo/echo\", on-unknown = \"repeat\" }]";
        let build = || {
            let agent = TestHost::script().attempts(5).line(uses);
            agent.capability("echo", "echo").http(&format!("POST {}/", server.authority()))
        };
        let host = build().start_embedded(folder.path()).await?;
        let script = json!([["random-u64"], [call, format!("POST {}", server.url("/hang"))]]);
        let submitted = host.submit("a.do", &script).await?;
        host.until("request", |entry: &Entry| requests(entry)).await?;
        copy(folder.path(), elsewhere.path())?;
        server.received(1).await?;
        let after = build().start_embedded(elsewhere.path()).await?;
        let flow = after.ended(&submitted).await?;
        ensure!(statuses(&flow) == [(1, "unknown")], "{call}: {:?}", flow.activations);
        ensure!(server.seen() == ["POST /hang"], "{call}: {:?}", server.seen());
        after.stop().await?;
    }
    Ok(())
}

/// The intent of an HTTP request.
fn requests(entry: &Entry) -> bool {
    entry.envelope.kind() == Kind::Intent
        && entry.envelope.function.as_deref().is_some_and(|function| function.ends_with("#handle"))
}
