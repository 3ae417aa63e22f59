//! Who is to blame for an end is part of the record.

use anyhow::{Result, ensure};
use manes_tests::{TestHost, view};
use serde_json::json;

fn with_echo() -> TestHost {
    TestHost::script().uses("fixture:echo/echo").capability("echo", "echo")
}

#[tokio::test]
async fn a_trap_of_the_agent_is_the_agents() -> Result<()> {
    let host = with_echo().start_memory().await?;
    for (script, part) in [
        (json!([["trap"]]), "unreachable"),
        (json!([["recurse"]]), ""),
        (json!([["random", 1u64 << 60]]), "random bytes"),
    ] {
        view::ended(&host.run(&script).await?, "trapped", part)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_trap_of_a_capability_is_a_fault_of_the_provider() -> Result<()> {
    let host = with_echo().start_memory().await?;
    for script in [json!([["echo-trap"]]), json!([["echo-panic", "inside the capability"]])] {
        let flow = host.run(&script).await?;
        let activation = view::ended(&flow, "fault", "capability echo failed")?;
        ensure!(activation.calls.iter().any(|call| call.provider == "echo" && call.ended.is_some()), "{activation:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_capability_that_trapped_is_new_for_the_next_attempt() -> Result<()> {
    let host = with_echo().start_memory().await?;
    let count = json!([["count"], ["count"], ["report", "a.reported"]]);
    let before = view::reported(&host.run(&count).await?)?;
    view::ended(&host.run(&json!([["count"], ["echo-trap"]])).await?, "fault", "")?;
    let after = view::reported(&host.run(&count).await?)?;
    ensure!(before[..2] == [json!(1), json!(2)] && after[..2] == before[..2], "{before:?} and {after:?}");
    Ok(())
}

#[tokio::test]
async fn an_exit_is_recorded_with_its_code_and_never_forwarded() -> Result<()> {
    // Were one forwarded, this process would be gone.
    let host = TestHost::script().start_memory().await?;
    for (script, code) in [
        (json!([["exit", 0]]), 0),
        (json!([["exit", 1]]), 1),
        (json!([["exit-code", 7]]), 7),
        (json!([["exit-code", 255]]), 255),
    ] {
        let flow = host.run(&json!([["emit", "a.lost", "x"], script[0]])).await?;
        let activation = view::ended(&flow, "exited", &format!("exit code {code}"))?;
        let message = activation.message.as_str();
        ensure!(message == format!("exit code {code}"), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn an_end_keeps_the_last_four_kib_of_standard_error() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let flow = host.run(&json!([["panic", "the reason"]])).await?;
    let stderr = &view::ended(&flow, "trapped", "")?.stderr;
    ensure!(stderr.contains("the reason") && stderr.contains("panicked at"), "{stderr}");

    let script = json!([["out", "stderr", "repeat", "0123456789abcde\n", 1000], ["out", "stderr", "write", "the end"]]);
    let flow = host.run(&script).await?;
    let stderr = &view::done(&flow)?.stderr;
    ensure!(stderr.len() == 4096 && stderr.ends_with("the end"), "{} bytes: {stderr}", stderr.len());
    ensure!(stderr.contains("0123456789abcde\n"), "{stderr}");

    let flow = host.run(&json!([["out", "stdout", "write", "not an error"]])).await?;
    ensure!(view::done(&flow)?.stderr.is_empty(), "standard output is not standard error");
    Ok(())
}

#[tokio::test]
async fn a_reject_and_a_retry_keep_the_guests_reason() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    for (word, status) in [("reject", "rejected"), ("retry", "retry")] {
        let flow = host.run(&json!([["emit", "a.lost", "x"], [word, "because of this"]])).await?;
        ensure!(view::ended(&flow, status, "")?.message.starts_with("because of this"), "{}", view::sketch(&flow));
    }
    Ok(())
}
