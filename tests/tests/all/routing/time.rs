//! How many at a time, and no earlier than when.

use anyhow::{Context as _, Result, ensure};
use manes_runtime::query::FlowRecord;
use manes_tests::{Server, TestHost, view};
use serde_json::{Value, json};

/// Most attempts of `agent` that were under way at one time, by the times of their records.
fn most_at_a_time(flow: &FlowRecord, agent: &str) -> usize {
    let mut moments = Vec::new();
    for attempt in flow.attempts.iter().filter(|attempt| attempt.agent() == agent) {
        let end = attempt.end.as_ref().map_or(u64::MAX, |end| end.envelope.time_ns);
        moments.push((attempt.start.envelope.time_ns, true));
        moments.push((end, false));
    }
    // At equal times an end comes first: `false` sorts before `true`.
    moments.sort_unstable();
    let count = |(now, most): (usize, usize), (_, begins): &(u64, bool)| {
        let now = if *begins { now + 1 } else { now - 1 };
        (now, most.max(now))
    };
    moments.iter().fold((0, 0), count).1
}

fn dispatch(count: usize, script: &Value) -> Value {
    json!([["emit-scripts", "work.do", vec![script; count]]])
}

fn hosts(concurrency: u32, server: &Server) -> TestHost {
    TestHost::new()
        .agent("dispatch", "script")
        .subscribe("work.asked")
        .publish("work.do")
        .agent("worker", "script")
        .subscribe("work.do")
        .http(&format!("GET {}/", server.authority()))
        .line(&format!("concurrency = {concurrency}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_attempts_of_an_agent_than_its_concurrency_and_as_many() -> Result<()> {
    for concurrency in [1, 3] {
        let server = Server::start().await?;
        let host = hosts(concurrency, &server).start_memory().await?;
        // The first ones wait for each other in the server: fewer at a time would never come back.
        let script = json!([["http", "GET", server.url(&format!("/together/{concurrency}"))], ["sleep", 2]]);
        let flow = host.send("work.asked", &dispatch(9, &script)).await?;
        let record = host.record(flow.flow)?;
        ensure!(flow.activations.len() == 10 && flow.status == "done", "{}", view::sketch(&flow));
        let most = most_at_a_time(&record, "worker");
        ensure!(most == concurrency as usize, "{most} at a time, {concurrency} allowed");
    }
    Ok(())
}

#[tokio::test]
async fn a_delayed_event_keeps_its_flow_open_and_comes_no_earlier() -> Result<()> {
    let host = TestHost::script().agent("b", "script").subscribe("a.later").start_memory().await?;
    let submitted =
        host.submit("a.do", &json!([["emit", "a.later", "[]", { "delay": 400 }], ["emit", "a.now", "x"]])).await?;
    // Every other flow wakes the router: only the time itself may let the event through.
    let busy = async {
        loop {
            host.run(&json!([["now"]])).await?;
        }
    };
    let flow = tokio::select! {
        flow = host.ended(&submitted) => flow?,
        error = busy => return error,
    };
    // Had the flow ended with its first activation, there would be no second one.
    ensure!(flow.activations.len() == 2, "{}", view::sketch(&flow));
    let record = host.record(flow.flow)?;
    let event = record.events.iter().find(|e| e.envelope.topic.as_deref() == Some("a.later")).context("the event")?;
    let until = event.envelope.not_before_ns.context("a delay")?;
    ensure!(until == event.envelope.time_ns + 400_000_000);
    let start = record.attempts.iter().find(|attempt| attempt.agent() == "b").context("its attempt")?;
    ensure!(start.start.envelope.time_ns >= until, "{} ns early", until - start.start.envelope.time_ns);
    Ok(())
}

#[tokio::test]
async fn a_flow_with_a_running_attempt_has_not_ended() -> Result<()> {
    let server = Server::start().await?;
    let host = TestHost::script().http(&format!("GET {}/", server.authority())).start_memory().await?;
    let waiting = json!([["http", "GET", server.url("/together/2")]]);
    let first = host.submit("a.do", &waiting).await?;
    host.until("request", |entry| entry.envelope.function.as_deref().is_some_and(|f| f.ends_with("#handle"))).await?;
    ensure!(host.view(first.flow)?.status == "open", "{}", view::sketch(&host.view(first.flow)?));
    let mut ended = Box::pin(host.host.flow_ended(&first));
    let soon = std::future::poll_fn(|cx| std::task::Poll::Ready(ended.as_mut().poll(cx).is_ready())).await;
    ensure!(!soon, "the flow was said to have ended");
    let second = host.submit("a.do", &waiting).await?;
    ended.await?;
    view::done(&host.view(first.flow)?)?;
    view::done(&host.ended(&second).await?)?;
    Ok(())
}
