//! Subscriptions, results, unrouted events, hops.

use anyhow::{Result, ensure};
use manes_core::limits::HOPS_MAX;
use manes_core::record::Kind;
use manes_runtime::query::{self, FlowView};
use manes_tests::{TestHost, view};
use serde_json::json;

fn takers(flow: &FlowView) -> Vec<&str> {
    let mut agents: Vec<_> = flow.activations.iter().map(|activation| activation.agent.as_str()).collect();
    agents.sort_unstable();
    agents
}

#[tokio::test]
async fn every_agent_whose_pattern_matches_takes_the_event_once() -> Result<()> {
    let mut host = TestHost::new();
    for (name, patterns) in [
        ("exact", vec!["shop.order.placed"]),
        ("star", vec!["shop.*.placed"]),
        ("rest", vec!["shop.>"]),
        ("twice", vec!["shop.order.placed", "shop.order.*"]),
        ("short", vec!["shop.order"]),
        ("long", vec!["shop.order.placed.>"]),
        ("other", vec!["bank.>"]),
    ] {
        host = host.agent(name, "script");
        for pattern in patterns {
            host = host.subscribe(pattern);
        }
    }
    let host = host.start_memory().await?;
    for (topic, expected) in [
        ("shop.order.placed", vec!["exact", "rest", "star", "twice"]),
        ("shop.order.shipped", vec!["rest", "twice"]),
        ("shop.order.placed.late", vec!["long", "rest"]),
        ("shop.order", vec!["rest", "short"]),
        ("bank.x", vec!["other"]),
    ] {
        let flow = host.send(topic, &json!([["now"]])).await?;
        ensure!(takers(&flow) == expected, "{topic}: {:?}", takers(&flow));
        ensure!(flow.status == "done", "{}", view::sketch(&flow));
    }
    Ok(())
}

#[tokio::test]
async fn a_flow_is_open_until_all_who_take_its_event_have_ended() -> Result<()> {
    let host = TestHost::script()
        .agent("b", "script")
        .subscribe("a.do")
        .uses("fixture:echo/echo")
        .capability("echo", "echo")
        .later()
        .start_memory()
        .await?;
    let submitted = host.submit("a.do", &json!([["now"]])).await?;
    host.until("end", |entry| entry.envelope.kind() == Kind::End).await?;
    let status = || anyhow::Ok((host.view(submitted.flow)?.status, query::flows(&host.ledger)?.remove(0).status));
    ensure!(status()? == ("open".into(), "open".into()), "b has it queued: {:?}", status()?);
    host.load("echo", None).await?;
    let flow = host.ended(&submitted).await?;
    ensure!(takers(&flow) == ["a", "b"], "{}", view::sketch(&flow));
    ensure!(status()? == ("done".into(), "done".into()), "{:?}", status()?);
    Ok(())
}

#[tokio::test]
async fn a_result_is_done_by_being_there_and_anything_else_is_recorded_unrouted() -> Result<()> {
    let host =
        TestHost::new().agent("a", "script").subscribe("a.do").publish(">").results("answer.>").start_memory().await?;
    let flow = host.run(&json!([["emit", "answer.given", "42"], ["emit", "nobody.listens", "x"]])).await?;
    let unrouted = |topic: &str| flow.events.iter().find(|e| e.topic == topic).and_then(|e| e.unrouted.clone());
    ensure!(unrouted("answer.given").is_none(), "{}", view::sketch(&flow));
    ensure!(unrouted("nobody.listens").as_deref() == Some("no agent subscribes to it"), "{}", view::sketch(&flow));
    let records = host.entries()?.into_iter().filter(|entry| entry.envelope.kind() == Kind::Unrouted).count();
    ensure!(records == 1, "{records}");
    Ok(())
}

#[tokio::test]
async fn an_event_from_outside_that_nobody_takes_ends_its_flow_as_unrouted() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let flow = host.send("who.cares", &json!([])).await?;
    ensure!(flow.activations.is_empty() && flow.events.len() == 1, "{}", view::sketch(&flow));
    ensure!(flow.events[0].unrouted.is_some(), "{}", view::sketch(&flow));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_agents_that_answer_each_other_stop_after_sixty_four_hops() -> Result<()> {
    let host = TestHost::new()
        .agent("a", "script")
        .subscribe("to.a")
        .publish("to.b")
        .line("config = { next = \"to.b\" }")
        .agent("b", "script")
        .subscribe("to.b")
        .publish("to.a")
        .line("config = { next = \"to.a\" }")
        .start_memory()
        .await?;
    let flow = host.send("to.a", &json!([["pass-on"]])).await?;
    let hops = usize::try_from(HOPS_MAX)?;
    // The root has no hop, each answer one more; the first over the limit is recorded and taken by nobody.
    ensure!(flow.events.len() == hops + 2 && flow.activations.len() == hops + 1, "{} events", flow.events.len());
    let last = flow.events.last().and_then(|event| event.unrouted.clone()).unwrap_or_default();
    ensure!(last == format!("more than {HOPS_MAX} hops"), "{last}");
    ensure!(flow.events.iter().filter(|event| event.unrouted.is_some()).count() == 1);
    Ok(())
}

#[tokio::test]
async fn an_emitted_event_carries_what_the_host_and_the_guest_said() -> Result<()> {
    let host = TestHost::script()
        .agent("b", "script")
        .subscribe("a.next")
        .publish("b.>")
        .results("b.>")
        .start_memory()
        .await?;
    let second = json!([["event"], ["report", "b.reported"]]).to_string();
    let options = json!({ "type": "application/json", "extensions": { "mood": "good" } });
    let flow = host.run(&json!([["emit", "a.next", second, options]])).await?;
    let seen = view::reported(&flow)?;
    let root = &flow.events[0];
    ensure!(seen[0][0] == "a.next" && seen[0][1] == "agent/a" && seen[0][2] == json!(root.id), "{seen:?}");
    let record = host.record(flow.flow)?;
    let next = record.events.iter().find(|e| e.envelope.topic.as_deref() == Some("a.next"));
    let next = next.and_then(|e| manes_runtime::event::Event::from_record(&e.envelope, e.body.as_deref()?));
    let next = next.ok_or_else(|| anyhow::anyhow!("no event"))?;
    ensure!(next.hops == 1 && next.content.extensions.get("mood").is_some_and(|mood| mood == "good"), "{next:?}");
    ensure!(next.content.content_type == "application/json" && next.flow == flow.flow, "{next:?}");
    Ok(())
}

#[tokio::test]
async fn bytes_stay_bytes_on_their_way() -> Result<()> {
    let host = TestHost::script()
        .agent("b", "script")
        .subscribe("a.next")
        .publish("b.>")
        .results("b.>")
        .start_memory()
        .await?;
    let script = json!([["emit", "b.done", "x"]]).to_string();
    let flow = host.run(&json!([["emit", "a.next", script, { "binary": true }]])).await?;
    let next = flow.events.iter().find(|event| event.topic == "a.next");
    ensure!(
        next.is_some_and(|event| event.data.is_none() && event.bytes == script.len() as u64),
        "{}",
        view::sketch(&flow)
    );
    ensure!(flow.events.iter().any(|event| event.topic == "b.done"), "{}", view::sketch(&flow));
    Ok(())
}
