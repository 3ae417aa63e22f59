//! What becomes of an attempt that failed.
//!
//! Goal: attempts are counted in the ledger; what succeeded is not done again, what may have been done is not repeated
//! without a right to; what is given up can be looked at and requeued; a flow can be cancelled and an agent paused.
//! Method: scripts that fail in their first attempts, a capability that writes files, a server that counts, and hosts
//! that are cut off: copies of a ledger's folder, taken while an attempt waits for an answer.

use crate::routing::restart::copy;
use anyhow::{Context as _, Result, ensure};
use manes_core::fate::Fate;
use manes_core::record::{CallStatus, Kind};
use manes_runtime::host::HostError;
use manes_runtime::ledger::Entry;
use manes_runtime::query::{self, FlowView};
use manes_tests::{Running, Server, TestHost, view};
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn statuses(flow: &FlowView) -> Vec<(u64, &str)> {
    flow.activations.iter().map(|a| (a.attempt, a.status.as_str())).collect()
}

/// An agent with all its attempts, and a capability that writes files.
fn writing(folder: &Path) -> TestHost {
    TestHost::script().attempts(5).uses("fixture:echo/echo").capability("echo", "echo").directory(
        folder,
        "/out",
        "read-write",
    )
}

#[tokio::test]
async fn an_agent_that_asks_for_it_is_tried_again_until_it_succeeds() -> Result<()> {
    let host = TestHost::script().attempts(5).start_memory().await?;
    let script = json!([["while-attempt", 2, ["retry", "not yet"]], ["attempt"], ["report", "a.reported"]]);
    let flow = host.run(&script).await?;
    ensure!(statuses(&flow) == [(1, "retry"), (2, "retry"), (3, "done")], "{}", view::sketch(&flow));
    ensure!(flow.status == "done" && view::reported(&flow)?[1] == 3, "{}", view::sketch(&flow));
    let fates: Vec<&str> = flow.activations.iter().map(|a| a.fate.as_str()).collect();
    ensure!(fates == ["again", "again", ""], "{fates:?}");
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical), "an attempt does not replay");
    Ok(())
}

#[tokio::test]
async fn attempts_are_limited_by_what_ended_the_last_one_and_by_the_manifest() -> Result<()> {
    let host = TestHost::script().attempts(5).start_memory().await?;
    let ends = async |script: Value| -> Result<(Vec<String>, String)> {
        let flow = host.run(&script).await?;
        let last = flow.activations.last().map(|a| a.fate.clone()).unwrap_or_default();
        ensure!(flow.status == "failed", "{}", view::sketch(&flow));
        Ok((flow.activations.iter().map(|a| a.status.clone()).collect(), last))
    };
    let expected = |status: &str, attempts: usize| (vec![status.to_owned(); attempts], "dead".to_owned());
    ensure!(ends(json!([["retry", "never"]])).await? == expected("retry", 5));
    ensure!(ends(json!([["trap"]])).await? == expected("trapped", 2));
    ensure!(ends(json!([["reject", "no"]])).await? == expected("rejected", 1));
    ensure!(ends(json!([["emit", "elsewhere", ""]])).await? == expected("denied", 1));
    let host = TestHost::script().attempts(2).start_memory().await?;
    let flow = host.run(&json!([["retry", "never"]])).await?;
    ensure!(statuses(&flow) == [(1, "retry"), (2, "retry")], "{}", view::sketch(&flow));
    Ok(())
}

#[tokio::test]
async fn a_write_that_succeeded_is_not_made_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = writing(folder.path()).start_memory().await?;
    let script = json!([
        ["store", "one.txt", "first"],
        ["while-attempt", 1, ["retry", "once"]],
        ["store", "one.txt", "first"],
        ["store", "two.txt", "second"],
        ["report", "a.reported"]
    ]);
    let flow = host.run(&script).await?;
    ensure!(statuses(&flow) == [(1, "retry"), (2, "done")], "{}", view::sketch(&flow));
    let stores: Vec<Vec<&str>> = flow
        .activations
        .iter()
        .map(|a| a.calls.iter().filter(|c| c.function.ends_with("#store")).map(|c| c.status.as_str()).collect())
        .collect();
    // The same write a second time in one attempt is another one.
    ensure!(stores == [vec!["returned"], vec!["reused", "returned", "returned"]], "{stores:?}");
    let reused: Vec<Entry> =
        host.entries()?.into_iter().filter(|e| e.envelope.status == Some(CallStatus::Reused.number())).collect();
    let reused: Vec<&Entry> = reused.iter().filter(|e| e.envelope.kind() == Kind::Outcome).collect();
    let [reused] = reused.as_slice() else { anyhow::bail!("{} outcomes are reused", reused.len()) };
    let entries = host.entries()?;
    let earlier = entries.iter().find(|entry| Some(entry.leaf) == reused.envelope.earlier).context("the first")?;
    ensure!(earlier.envelope.attempt == Some(1) && earlier.envelope.kind() == Kind::Outcome, "{earlier:?}");
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical), "an attempt does not replay");
    Ok(())
}

/// What a power cut would leave while the agent waits for an answer, and the host that finds it.
async fn cut_off(
    server: &Server,
    build: impl Fn() -> TestHost,
    script: &Value,
    elsewhere: &Path,
) -> Result<(Running, manes_runtime::host::Submitted, tempfile::TempDir, Running)> {
    let folder = tempfile::tempdir()?;
    let host = build().start_embedded(folder.path()).await?;
    let before = server.seen().len();
    let submitted = host.submit("a.do", script).await?;
    server.received(before + 1).await?;
    copy(folder.path(), elsewhere)?;
    let after = build().start_embedded(elsewhere).await?;
    Ok((after, submitted, folder, host))
}

#[tokio::test]
async fn a_request_whose_outcome_is_unknown_is_repeated_only_if_its_method_allows() -> Result<()> {
    let server = Server::start().await?;
    let build = || {
        TestHost::script()
            .attempts(5)
            .http(&format!("PUT {}/", server.authority()))
            .http(&format!("POST {}/", server.authority()))
    };
    // POST: given up, and reported as unknown.
    let elsewhere = tempfile::tempdir()?;
    let post = json!([["http", "POST", server.url("/hang")]]);
    let (after, submitted, _folder, _host) = cut_off(&server, build, &post, elsewhere.path()).await?;
    let flow = after.ended(&submitted).await?;
    ensure!(statuses(&flow) == [(1, "interrupted"), (2, "unknown")], "{}", view::sketch(&flow));
    ensure!(server.seen() == ["POST /hang"], "it was sent again: {:?}", server.seen());
    // Cut off before or after the call that hands it over had returned: both times nobody knows its answer.
    let last = |attempt: usize| flow.activations[attempt].calls.last();
    let handed = last(0).is_some_and(|call| ["unknown", "returned"].contains(&call.status.as_str()));
    let refused = last(1).and_then(|call| call.ended.as_deref()).is_some_and(|ended| ended.starts_with("unknown: "));
    ensure!(handed && refused, "the unknown outcome is not in the record: {}", view::sketch(&flow));
    let dead = query::dead(&after.ledger)?;
    ensure!(dead.len() == 1 && dead[0].status == "unknown" && dead[0].attempts == 2, "{dead:?}");
    after.stop().await?;
    // PUT: sent again, under the same key.
    let elsewhere = tempfile::tempdir()?;
    let put = json!([["http", "PUT", server.url("/hang")]]);
    let (after, submitted, _folder, _host) = cut_off(&server, build, &put, elsewhere.path()).await?;
    let second = |entry: &Entry| {
        entry.envelope.kind() == Kind::Intent && entry.envelope.attempt == Some(2) && entry.envelope.earlier.is_some()
    };
    after.until("repeated intent", second).await?;
    server.received(3).await?;
    let keys: Vec<Option<String>> = server.keys();
    ensure!(keys.len() == 3 && keys.iter().all(Option::is_some), "{keys:?}");
    ensure!(keys[1] == keys[2] && keys[0] != keys[1], "{keys:?}");
    // Cancelled in the middle, it ends at once.
    after.host.cancel(submitted.flow, "client/tests").await?;
    let flow = after.ended(&submitted).await?;
    ensure!(statuses(&flow) == [(1, "interrupted"), (2, "cancelled")], "{}", view::sketch(&flow));
    after.stop().await?;
    Ok(())
}

/// A POST that hangs, at a host that dies, under a grant that says `on-unknown = CHOICE`.
async fn posted(server: &Server, choice: &str, elsewhere: &Path) -> Result<(Running, manes_runtime::host::Submitted)> {
    let request = format!("{{ request = \"POST {}/\", on-unknown = \"{choice}\" }}", server.authority());
    let build = || TestHost::script().attempts(5).line(&format!("http = [{request}]"));
    let script = json!([["http", "POST", server.url("/hang")]]);
    let (after, submitted, _folder, _host) = cut_off(server, build, &script, elsewhere).await?;
    Ok((after, submitted))
}

fn posts(server: &Server) -> usize {
    server.seen().iter().filter(|seen| *seen == "POST /hang").count()
}

#[tokio::test]
async fn a_grant_says_that_a_request_may_be_repeated_whatever_its_method() -> Result<()> {
    let (server, elsewhere) = (Server::start().await?, tempfile::tempdir()?);
    let (after, submitted) = posted(&server, "repeat", elsewhere.path()).await?;
    server.received(2).await?;
    let keys = server.keys();
    ensure!(keys.len() == 2 && keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    after.host.cancel(submitted.flow, "client/tests").await?;
    after.ended(&submitted).await?;
    after.stop().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_asked_waits_for_its_answer_across_restarts() -> Result<()> {
    let (server, elsewhere) = (Server::start().await?, tempfile::tempdir()?);
    let (after, submitted) = posted(&server, "ask", elsewhere.path()).await?;
    let asks = |entry: &Entry| entry.envelope.fate == Some(Fate::Asks.number());
    after.until("question", asks).await?;
    let asking = query::asking(&after.ledger)?;
    ensure!(asking.len() == 1 && asking[0].status == "unknown" && asking[0].message.contains("manes answer"));
    ensure!(query::dead(&after.ledger)?.is_empty() && posts(&server) == 1, "{:?}", server.seen());
    let unknown = after.host.answer(manes_core::ids::ActivationId([7; 32]), false, "client/tests").await;
    ensure!(matches!(unknown, Err(HostError::AsksNothing { .. })), "{unknown:?}");
    drop(after.stop().await?);

    // The question is still there; the answer is a record, and the write is made again under its key.
    let request = format!("{{ request = \"POST {}/\", on-unknown = \"ask\" }}", server.authority());
    let build = || TestHost::script().attempts(5).line(&format!("http = [{request}]"));
    let host = build().start_embedded(elsewhere.path()).await?;
    let id = asking[0].activation;
    let view = host.host.agents().await?;
    ensure!(view[0].asking == 1 && view[0].parked == 1, "{view:?}");
    host.host.answer(id, false, "client/tests").await?;
    server.received(2).await?;
    let keys = server.keys();
    ensure!(keys.len() == 2 && keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    let twice = host.host.answer(id, false, "client/tests").await;
    ensure!(matches!(twice, Err(HostError::AsksNothing { .. })), "{twice:?}");
    // That answer was for that write: cut off again, it asks again.
    let third = tempfile::tempdir()?;
    let second = |entry: &Entry| entry.envelope.kind() == Kind::Intent && entry.envelope.earlier.is_some();
    host.until("second intent", second).await?;
    copy(elsewhere.path(), third.path())?;
    let last = build().start_embedded(third.path()).await?;
    let twice = |entry: &Entry| asks(entry) && entry.envelope.attempt > asking.first().map(|letter| letter.attempts);
    last.until("second question", twice).await?;
    ensure!(posts(&server) == 2, "it was sent without being asked");
    // Given up, it is a dead letter, and its flow has ended.
    last.host.answer(id, true, "client/tests").await?;
    let flow = last.ended(&submitted).await?;
    ensure!(flow.status == "failed", "{}", view::sketch(&flow));
    ensure!(query::asking(&last.ledger)?.is_empty());
    let dead = query::dead(&last.ledger)?;
    ensure!(dead.len() == 1 && dead[0].activation == id, "{dead:?}");
    ensure!(last.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical), "it does not replay");
    drop(last.stop().await?);
    let last = build().start_embedded(third.path()).await?;
    ensure!(query::flows(&last.ledger)?.iter().all(|flow| flow.status == "failed"), "it is open again");
    last.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_requeued_once_and_survives_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::script().attempts(5).start_embedded(folder.path()).await?;
    let flow = host.run(&json!([["reject", "not today"]])).await?;
    let dead = query::dead(&host.ledger)?;
    ensure!(dead.len() == 1 && dead[0].message == "not today" && dead[0].topic == "a.do", "{dead:?}");
    drop(host.stop().await?);

    let host = TestHost::script().attempts(5).start_embedded(folder.path()).await?;
    let submitted = host.host.requeue(dead[0].activation, "client/tests").await?;
    let again = host.ended(&submitted).await?;
    ensure!(again.flow == flow.flow);
    let made: Vec<(u64, u64)> = again.activations.iter().map(|a| (a.generation, a.attempt)).collect();
    ensure!(made == [(0, 1), (1, 1)], "{made:?}");
    let once_more = host.host.requeue(dead[0].activation, "client/tests").await;
    ensure!(matches!(once_more, Err(HostError::NotDead { .. })), "{once_more:?}");
    let dead = query::dead(&host.ledger)?;
    ensure!(dead.len() == 1 && dead[0].activation == again.activations[1].activation, "{dead:?}");
    drop(host.stop().await?);

    // The requeue was done, and is not done again.
    let host = TestHost::script().attempts(5).start_embedded(folder.path()).await?;
    view::done(&host.run(&json!([["now"]])).await?)?;
    ensure!(host.view(flow.flow)?.activations.len() == 2);
    host.stop().await?;
    Ok(())
}

#[tokio::test]
async fn retries_and_their_count_survive_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::script().attempts(5).start_embedded(folder.path()).await?;
    // A trap is tried again after a second: the host stops before that.
    let submitted = host.submit("a.do", &json!([["while-attempt", 1, ["trap"]], ["report", "a.reported"]])).await?;
    host.until("failed attempt", |entry: &Entry| entry.envelope.fate == Some(Fate::Again.number())).await?;
    drop(host.stop().await?);
    let host = TestHost::script().attempts(5).start_embedded(folder.path()).await?;
    let flow = host.ended(&submitted).await?;
    ensure!(statuses(&flow) == [(1, "trapped"), (2, "done")], "{}", view::sketch(&flow));
    let (end, start) = {
        let entries = host.entries()?;
        let of = |kind: Kind, attempt: u64| {
            let found = entries.iter().find(|e| e.envelope.kind() == kind && e.envelope.attempt == Some(attempt));
            found.map(|entry| entry.envelope.clone()).context("a record")
        };
        (of(Kind::End, 1)?, of(Kind::Start, 2)?)
    };
    let not_before = end.not_before_ns.context("a time before which it is not tried again")?;
    ensure!(start.time_ns >= not_before && not_before > end.time_ns, "it was tried again too early");
    host.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_cancelled_flow_does_nothing_more_wherever_it_stands() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let build = || TestHost::script().attempts(5).agent("b", "script").subscribe("a.later").line("concurrency = 1");
    let host = build().start_embedded(folder.path()).await?;
    // Delayed far into the future, and cancelled.
    let delayed = host.submit("a.do", &json!([["emit", "a.later", "[]", { "delay": 3_600_000 }]])).await?;
    host.until("delayed event", |entry: &Entry| entry.envelope.topic.as_deref() == Some("a.later")).await?;
    host.host.cancel(delayed.flow, "client/tests").await?;
    let flow = host.ended(&delayed).await?;
    ensure!(statuses(&flow) == [(1, "done"), (1, "cancelled")], "{}", view::sketch(&flow));
    // Queued behind a pause, cancelled, and let go.
    host.host.pause("b", true, "client/tests").await?;
    let queued = host.submit("a.do", &json!([["emit", "a.later", "[]", { "count": 3 }]])).await?;
    let state = async || anyhow::Ok(host.host.agents().await?.iter().find(|a| a.name == "b").map(|a| a.queued));
    while state().await? != Some(3) {
        tokio::task::yield_now().await;
    }
    host.host.cancel(queued.flow, "client/tests").await?;
    // It ends although its agent is paused, and stays ended when that goes on.
    let flow = host.ended(&queued).await?;
    host.host.pause("b", false, "client/tests").await?;
    ensure!(
        statuses(&flow) == [(1, "done"), (1, "cancelled"), (1, "cancelled"), (1, "cancelled")],
        "{}",
        view::sketch(&flow)
    );
    ensure!(matches!(host.host.cancel(queued.flow, "client/tests").await, Err(HostError::Ended { .. })));
    host.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_paused_agent_begins_nothing_even_after_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = TestHost::script().start_embedded(folder.path()).await?;
    host.host.pause("a", true, "client/tests").await?;
    ensure!(matches!(host.host.pause("a", true, "client/tests").await, Err(HostError::AlreadySo { .. })));
    ensure!(matches!(host.host.pause("nobody", true, "client/tests").await, Err(HostError::NoAgent { .. })));
    let submitted = host.submit("a.do", &json!([["now"]])).await?;
    drop(host.stop().await?);
    let host = TestHost::script().start_embedded(folder.path()).await?;
    let view = host.host.agents().await?;
    ensure!(view[0].state == "paused" && view[0].queued == 1, "{view:?}");
    ensure!(host.entries()?.iter().all(|entry| entry.envelope.kind() != Kind::Start), "it began");
    host.host.pause("a", false, "client/tests").await?;
    view::done(&host.ended(&submitted).await?)?;
    host.stop().await?;
    Ok(())
}
