//! A capability has its own grants, its own instance for each attempt, and may use other capabilities.

use super::with_echo;
use anyhow::{Result, ensure};
use manes_runtime::host::CapabilityView;
use manes_tests::{Server, TestHost, view};
use serde_json::json;

#[tokio::test]
async fn two_agents_and_two_attempts_share_no_instance() -> Result<()> {
    let host = with_echo()
        .agent("b", "script")
        .subscribe("b.do")
        .publish("b.>")
        .results("b.>")
        .uses("fixture:echo/echo")
        .start_memory()
        .await?;
    let script = json!([["count"], ["count"], ["count"], ["report", "a.reported"]]);
    let other = json!([["count"], ["count"], ["count"], ["report", "b.reported"]]);
    for _ in 0..2 {
        for flow in [host.run(&script).await?, host.send("b.do", &other).await?] {
            ensure!(view::reported(&flow)?[..] == [json!(1), json!(2), json!(3)], "{}", view::sketch(&flow));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_capability_has_the_grants_of_its_own_section_and_the_agent_has_not() -> Result<()> {
    let (folder, server) = (tempfile::tempdir()?, Server::start().await?);
    std::fs::write(folder.path().join("f.txt"), "granted to the capability")?;
    let host = with_echo()
        .directory(folder.path(), "/in", "read")
        .http(&format!("GET {}/", server.authority()))
        .start_memory()
        .await?;
    let script = json!([
        ["load", "/in/f.txt"],
        ["fetch", server.url("/echo")],
        ["read", "/in/f.txt"],
        ["http", "GET", server.url("/echo")]
    ]);
    let seen = host.ask(script).await?;
    ensure!(seen[0] == "granted to the capability" && seen[1] == 200, "{seen:?}");
    ensure!(seen[2]["error"].is_string() && seen[3]["error"] == "HTTP-request-denied", "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_capability_has_none_of_the_agents_grants() -> Result<()> {
    let (folder, server) = (tempfile::tempdir()?, Server::start().await?);
    std::fs::write(folder.path().join("f.txt"), "granted to the agent")?;
    let host = TestHost::script()
        .directory(folder.path(), "/in", "read")
        .http(&format!("GET {}/", server.authority()))
        .uses("fixture:echo/echo")
        .capability("echo", "echo")
        .start_memory()
        .await?;
    let seen = host.ask(json!([["read", "/in/f.txt"], ["load", "/in/f.txt"], ["fetch", server.url("/echo")]])).await?;
    ensure!(seen[0] == "granted to the agent", "{seen:?}");
    ensure!(seen[1]["error"].is_string() && seen[2]["error"].is_string(), "{seen:?}");
    ensure!(server.connections() == 0, "the capability borrowed the agent's authority");
    Ok(())
}

#[tokio::test]
pub(crate) async fn a_capability_uses_another_one_under_its_own_grant() -> Result<()> {
    let relay = |granted: bool| {
        let host =
            TestHost::script().uses("fixture:echo/relay").capability("echo", "echo").capability("echo-two", "echo-two");
        if granted { host.uses("fixture:echo/echo") } else { host }
    };
    let script = json!([["relay", "hello"], ["report", "a.reported"]]);
    let host = relay(true).start_memory().await?;
    let flow = host.run(&script).await?;
    ensure!(view::reported(&flow)?[0] == "<hello 2>", "{}", view::sketch(&flow));
    let inner: Vec<_> =
        view::done(&flow)?.calls.iter().filter(|call| call.function == "fixture:echo/echo@0.1#text").collect();
    ensure!(inner.len() == 1 && inner[0].parent == Some(1) && inner[0].provider == "echo", "{inner:?}");
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    // The agent itself has no grant of the inner one.
    view::ended(&host.run(&json!([["echo", "x"]])).await?, "denied", "fixture:echo/echo")?;

    let without = relay(false).start_memory().await?.run(&script).await?;
    ensure!(view::only(&without)?.status != "done", "{}", view::sketch(&without));
    let message = &view::only(&without)?.message;
    ensure!(
        message.contains("; allow in [capability.echo-two] with: capabilities = [\"fixture:echo/echo\"]"),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn an_interface_that_is_not_granted_is_denied_although_it_is_loaded() -> Result<()> {
    let host =
        TestHost::script().uses("fixture:echo/relay").capability("echo", "echo").capability("echo-two", "echo-two");
    let host = host.uses("fixture:echo/echo").start_memory().await?;
    view::ended(&host.run(&json!([["peek"]])).await?, "denied", "capabilities = [\"fixture:echo/echo\"]")?;
    Ok(())
}

#[tokio::test]
async fn the_order_of_capabilities_in_the_manifest_does_not_matter() -> Result<()> {
    for (relay, echo) in [("a-relay", "z-echo"), ("z-relay", "a-echo")] {
        let host = TestHost::script()
            .uses("fixture:echo/relay")
            .capability(relay, "echo-two")
            .uses("fixture:echo/echo")
            .capability(echo, "echo")
            .start_memory()
            .await?;
        let seen = host.ask(json!([["relay", "x"]])).await?;
        ensure!(seen[0] == "<x 2>", "{relay} and {echo}: {seen:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_capability_is_given_another_one_that_is_loaded_after_it() -> Result<()> {
    let host = TestHost::script()
        .uses("fixture:echo/relay")
        .capability("relay", "echo-two")
        .uses("fixture:echo/echo")
        .capability("echo", "echo")
        .later()
        .start_memory()
        .await?;
    // Neither the agent nor the capability that it uses can do its work yet: both wait, nothing fails.
    let submitted = host.submit("a.do", &json!([["relay", "x"], ["report", "a.reported"]])).await?;
    let state = |views: &[CapabilityView], name: &str| {
        views.iter().find(|view| view.name == name).map(|view| (view.state, view.waits_for.clone()))
    };
    let views = host.host.capabilities().await;
    ensure!(state(&views, "relay") == Some(("waiting", vec!["fixture:echo/echo@0.1".into()])), "{views:?}");
    ensure!(state(&views, "echo") == Some(("unloaded", vec![])), "{views:?}");
    let brought = host.load("echo", None).await?;
    ensure!(brought.started == ["a", "relay"] && brought.waits_for.is_empty(), "{brought:?}");
    ensure!(view::reported(&host.ended(&submitted).await?)?[0] == "<x 2>");
    ensure!(host.host.capabilities().await.iter().all(|view| view.state == "ready"));
    Ok(())
}
