//! One limit at a time.

use anyhow::{Context as _, Result, ensure};
use manes_core::limits::Limits;
use manes_tests::{TestHost, view};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A limit, set so low that `script` meets it.
struct Case {
    limit: &'static str,
    low: u64,
    script: Value,
    status: &'static str,
}

fn cases() -> Vec<Case> {
    let case = |limit, low, script, status| Case { limit, low, script, status };
    let repeated = |n: u64, operation: Value| json!([["repeat", n, operation]]);
    vec![
        case("memory_mib", 4, json!([["hold", 6], ["hold", 6]]), "limit"),
        case("fuel", 20_000_000, json!([["burn", 5_000_000]]), "out of fuel"),
        case("deadline_ms", 60, json!([["sleep", 100]]), "deadline"),
        case("handles_max", 10, json!([["leak", 15]]), "limit"),
        case("call_kib", 16, json!([["say", 20_000]]), "limit"),
        case("calls_max", 5, repeated(8, json!(["peek"])), "limit"),
        case("recorded_mib", 1, repeated(8, json!(["say", 300_000])), "limit"),
        case("drafts_max", 3, json!([["emit", "a.many", "x", { "count": 5 }]]), "limit"),
    ]
}

async fn run(limits: &str, script: &Value) -> Result<manes_runtime::query::FlowView> {
    let host = TestHost::script().uses("fixture:echo/echo").line(limits).capability("echo", "echo");
    host.start_memory().await?.run(script).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_stops_with_its_status_and_the_line_it_prints_raises_it() -> Result<()> {
    for Case { limit, low, script, status } in cases() {
        let mut line = format!("limits = {{ {limit} = {low} }}");
        let mut raised = 0;
        loop {
            let flow = run(&line, &script).await.with_context(|| line.clone())?;
            if view::only(&flow)?.status == "done" {
                break;
            }
            let message =
                &view::ended(&flow, status, "raise it in [agent.a] with: ").with_context(|| line.clone())?.message;
            view::manifest_line(message)?.clone_into(&mut line);
            ensure!(line.starts_with(&format!("limits = {{ {limit} = ")), "{limit}: {message}");
            raised += 1;
            ensure!(raised <= 8, "{limit}: the printed lines do not come to an end: {line}");
        }
        ensure!(raised > 0, "{limit} = {low} stopped nothing");
    }
    Ok(())
}

#[test]
fn no_limit_is_without_a_test() -> Result<()> {
    let all = serde_json::to_value(Limits::default())?;
    let all: BTreeSet<&str> = all.as_object().context("a table")?.keys().map(String::as_str).collect();
    let cases = cases();
    let mut tested: BTreeSet<&str> = cases.iter().map(|case| case.limit).collect();
    // It cuts instead of stopping: `log_text_over_its_limit_is_cut_and_the_attempt_goes_on`.
    tested.insert("log_kib");
    ensure!(all == tested, "limits are {all:?}, tested are {tested:?}");
    Ok(())
}

#[tokio::test]
async fn log_text_over_its_limit_is_cut_and_the_attempt_goes_on() -> Result<()> {
    let flow = run("limits = { log_kib = 1 }", &json!([["flood", 100, 100], ["emit", "a.after", "x"]])).await?;
    let activation = view::done(&flow)?;
    ensure!(activation.emitted == ["a.after"] && view::calls(activation, "log@0.1#write").len() == 100);
    // A line costs its 100 bytes and an overhead: what fits is passed on, the rest is counted.
    ensure!((8_000..10_000).contains(&activation.log_cut), "{} bytes were cut", activation.log_cut);
    Ok(())
}

#[tokio::test]
async fn an_outcome_counts_as_well_as_arguments() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("big"), vec![b'b'; 60_000])?;
    let host = |limits: &str| {
        TestHost::script().limits(limits).uses("fixture:echo/echo").capability("echo", "echo").directory(
            folder.path(),
            "/in",
            "read",
        )
    };
    let script = json!([["load", "/in/big"]]);
    let flow = host("call_kib = 32").start_memory().await?.run(&script).await?;
    view::ended(&flow, "limit", "the outcome of one call (32 KiB)")?;
    view::done(&host("call_kib = 64").start_memory().await?.run(&script).await?)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_count_as_recorded_so_that_no_attempt_outgrows_its_append() -> Result<()> {
    let host = |limits: &str| TestHost::script().limits(limits).start_memory();
    let script = json!([["emit", "a.big", "x", { "size": 1_000_000, "count": 35 }]]);
    let small = host("memory_mib = 200, recorded_mib = 20").await?;
    view::ended(&small.run(&script).await?, "limit", "limits = { recorded_mib = 40 }")?;
    // An end that does not fit would stop the host: it goes on.
    ensure!(!small.host.has_failed());
    view::done(&small.run(&json!([["emit", "a.small", "x"]])).await?)?;
    view::done(&host("memory_mib = 200, recorded_mib = 40").await?.run(&script).await?)?;
    // Attributes count as well as data.
    let wide = json!([["emit", "a.wide", "x", { "count": 70, "extensions": { "wide": "w".repeat(15_000) } }]]);
    view::ended(&host("recorded_mib = 1").await?.run(&wide).await?, "limit", "recorded_mib = 2")?;
    Ok(())
}

#[tokio::test]
async fn local_calls_do_not_count_against_calls_max() -> Result<()> {
    let flow = run("limits = { calls_max = 3 }", &json!([["repeat", 200, ["now"]], ["repeat", 3, ["peek"]]])).await?;
    view::done(&flow)?;
    Ok(())
}

#[tokio::test]
async fn handles_of_a_capability_count_like_all_others() -> Result<()> {
    let flow = run("limits = { handles_max = 50 }", &json!([["leak-counters", 60]])).await?;
    view::ended(&flow, "limit", "handles_max = 100")?;
    // Dropped ones do not count: a thousand one after the other are fine.
    view::done(&run("limits = { handles_max = 50 }", &json!([["repeat", 200, ["counters", [1, 2, 3]]]])).await?)?;
    Ok(())
}

#[tokio::test]
async fn a_limit_that_no_host_can_keep_is_refused_with_its_range() -> Result<()> {
    for (limit, value) in
        [("memory_mib", 1025), ("recorded_mib", 97), ("call_kib", 4097), ("handles_max", 0), ("fuel", 0)]
    {
        let refused = TestHost::script().limits(&format!("{limit} = {value}")).start_memory().await;
        let message = refused.err().with_context(|| format!("{limit} = {value} was accepted"))?.to_string();
        ensure!(message.contains(&format!("limits.{limit} = {value} is out of range; it is from 1 to ")), "{message}");
    }
    let unknown =
        TestHost::script().limits("memory_mb = 8").start_memory().await.err().context("a slip was accepted")?;
    ensure!(unknown.to_string().contains("unknown field `memory_mb`"), "{unknown}");
    Ok(())
}

#[tokio::test]
async fn ceilings_that_no_line_raises_stop_as_well() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let flow = host.run(&json!([["emit", "a.big", "x", { "size": 1_048_577 }]])).await?;
    let message = &view::ended(&flow, "limit", "1048577 bytes")?.message;
    ensure!(message.contains("no manifest changes") && message.contains("several smaller events"), "{message}");
    let flow = host.run(&json!([["say", 5_000_000]])).await?;
    let message = &view::ended(&flow, "limit", "call_kib = 4096 is the most that a manifest may allow: split")?.message;
    ensure!(!message.contains("raise it"), "{message}");
    view::done(&host.run(&json!([["emit", "a.big", "x", { "size": 1_048_576 }]])).await?)?;
    view::ended(&host.run(&json!([["random", 65_537]])).await?, "trapped", "65536")?;
    view::done(&host.run(&json!([["random", 65_536]])).await?)?;
    Ok(())
}
