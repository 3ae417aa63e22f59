//! A denial is a value where the type can say it, and the end of the attempt where it cannot.

use anyhow::{Context as _, Result, ensure};
use manes_tests::{Server, TestHost, view};
use serde_json::{Value, json};

/// The line that grants the interface nobody provides.
const LINE: &str = "capabilities = [\"fixture:echo/absent\"]";

#[tokio::test]
pub(crate) async fn a_text_error_says_the_manifest_line_that_would_allow_it() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let seen = host.ask(json!([["absent", "text"]])).await?;
    let message = seen[0]["error"].as_str().context("an error")?;
    ensure!(message == format!("fixture:echo/absent@0.1 is not granted; allow with: {LINE}"), "{message}");
    Ok(())
}

#[tokio::test]
async fn an_enum_or_variant_error_is_its_own_case_for_a_denial() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let seen = host.ask(json!([["absent", "plain"], ["absent", "rich"]])).await?;
    ensure!(seen[0]["error"] == "not-permitted" && seen[1]["error"] == "access-denied", "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_denied_request_and_a_denied_file_are_errors_of_their_own_types() -> Result<()> {
    let (server, folder) = (Server::start().await?, tempfile::tempdir()?);
    let host = TestHost::script().directory(folder.path(), "/in", "read").start_memory().await?;
    let seen = host.ask(json!([["http", "GET", server.url("/echo")], ["write", "/in/x", "y"]])).await?;
    ensure!(seen[0]["error"] == "HTTP-request-denied", "{seen:?}");
    ensure!(seen[1]["error"] == "PermissionDenied", "{seen:?}");
    ensure!(server.connections() == 0, "the server was reached");
    Ok(())
}

#[tokio::test]
async fn a_type_that_cannot_say_it_ends_the_attempt_as_denied_with_the_line() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    for kind in ["mute", "loud"] {
        let flow = host.run(&json!([["log", "info", "before"], ["absent", kind], ["log", "info", "after"]])).await?;
        let activation = view::ended(&flow, "denied", LINE)?;
        ensure!(activation.calls.len() == 2, "a call came after the denial: {}", view::sketch(&flow));
        let call = view::call(activation, kind)?;
        ensure!(call.denied && call.rule == "default" && call.ended.is_some(), "{call:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_denied_call_is_recorded_with_its_rule_and_has_no_intent() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let flow = host.run(&json!([["absent", "text"]])).await?;
    let call = view::call(view::done(&flow)?, "absent@0.1#text")?;
    ensure!(call.denied && call.rule == "default" && call.effect == "write", "{call:?}");
    let intents = host.entries()?.iter().filter(|e| e.envelope.kind() == manes_core::record::Kind::Intent).count();
    ensure!(intents == 0, "nothing was about to be performed, and {intents} intents are recorded");
    Ok(())
}

#[tokio::test]
async fn publishing_elsewhere_ends_as_denied_and_nothing_of_it_is_visible() -> Result<()> {
    let host = TestHost::script().results(">").start_memory().await?;
    let flow = host.run(&json!([["emit", "a.first", "x"], ["emit", "b.second", "y"]])).await?;
    let line = view::manifest_line(&view::ended(&flow, "denied", "publishing on b.second")?.message)?.to_owned();
    ensure!(line == "publish = [\"b.second\"]" && flow.events.len() == 1, "{}", view::sketch(&flow));
    Ok(())
}

#[tokio::test]
async fn the_line_that_a_denial_prints_allows_that_and_no_more() -> Result<()> {
    // Each pair: what is denied first and allowed with the printed line, and what is denied all the same.
    let scripts: [(Value, Value); 2] =
        [(json!([["emit", "b.x", "1"]]), json!([["emit", "b.y", "1"]])), (json!([["idle"]]), json!([["relay", "x"]]))];
    for (script, other) in scripts {
        let build = |line: &str| {
            let agent = TestHost::new().agent("a", "script").subscribe("a.do").results(">").line(line);
            agent.capability("echo", "echo").capability("echo-two", "echo-two").uses("fixture:echo/echo").start_memory()
        };
        let flow = build("").await?.run(&script).await?;
        let line = view::manifest_line(&view::only(&flow)?.message)?.to_owned();
        let allowed = build(&line).await?;
        view::done(&allowed.run(&script).await?).with_context(|| line.clone())?;
        view::ended(&allowed.run(&other).await?, "denied", "allow with: ").with_context(|| line.clone())?;
    }
    Ok(())
}

#[tokio::test]
async fn sockets_are_off_whatever_is_granted() -> Result<()> {
    let host = TestHost::script().http("* 127.0.0.1/").start_memory().await?;
    let flow = host.run(&json!([["socket"], ["report", "a.reported"]])).await?;
    ensure!(view::reported(&flow)?[0]["error"].as_str().is_some_and(|e| e.contains("access-denied")), "{flow:?}");
    ensure!(view::call(view::done(&flow)?, "create-tcp-socket")?.rule == "never");
    Ok(())
}
