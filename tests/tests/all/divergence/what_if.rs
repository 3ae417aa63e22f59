//! *What if*: another component against the record. What reaches outside stays strict, the rest may differ.

use super::{original, record};
use anyhow::{Context as _, Result, ensure};
use manes_core::cursor::Divergence;
use manes_runtime::query::{AttemptRecord, FlowRecord};
use manes_runtime::replay::{Fuel, Verdict};
use manes_tests::{Running, Server, TestHost, components, replay_with};
use serde_json::{Value, json};

async fn what_if(host: &Running, attempt: &AttemptRecord, script: &[Value]) -> Result<Verdict> {
    let component = components::burnt(&Value::Array(script.to_vec()))?;
    let flow = FlowRecord { attempts: vec![attempt.clone()], ..FlowRecord::default() };
    let verdict = replay_with(&host.ledger, &flow, Some(&component)).await?.pop().context("one attempt")?;
    ensure!(verdict.fuel == Fuel::NotComparable, "fuel of another component is not compared");
    ensure!(verdict.component == manes_core::ids::Digest::of(&component), "it ran something else");
    Ok(verdict)
}

#[tokio::test]
async fn other_local_calls_do_not_diverge() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    let mut quieter = original();
    quieter.remove(9);
    quieter.remove(0);
    let mut other_words = original();
    other_words[0] = json!(["log", "debug", "in other words"]);
    let mut another_order = original();
    another_order.swap(0, 1);
    another_order.swap(4, 6);
    for (what, script) in [
        ("the component itself", original()),
        ("two log lines less", quieter),
        ("another log line in the place of one", other_words),
        ("local calls in another order", another_order),
    ] {
        let verdict = what_if(&host, &attempt, &script).await?;
        ensure!(verdict.identical, "{what}: {:?}", verdict.divergence);
    }
    Ok(())
}

#[tokio::test]
async fn one_more_log_line_or_clock_reading_does_not_diverge() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    for added in [json!(["log", "info", "one more"]), json!(["now"])] {
        let mut script = original();
        script.insert(3, added.clone());
        let verdict = what_if(&host, &attempt, &script).await?;
        ensure!(verdict.identical, "{added}: {:?}", verdict.divergence);
    }
    Ok(())
}

/// The base world reaches nothing outside, so it can answer what the record never heard of.
#[tokio::test]
async fn local_functions_that_the_record_never_called_are_answered() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    for added in [json!(["seed"]), json!(["env"]), json!(["out", "stderr", "write", "new\n"]), json!(["terminals"])] {
        let mut script = original();
        script.insert(3, added.clone());
        let verdict = what_if(&host, &attempt, &script).await?;
        ensure!(verdict.identical, "{added}: {:?}", verdict.divergence);
    }
    // A stream that the record opened, used in a way that the record does not have.
    let mut writing = original();
    writing.insert(0, json!(["out", "stdout", "write-and-flush", "as the record has it\n"]));
    let (writer, written) = record(&writing).await?;
    for other in [json!(["out", "stdout", "check"]), json!(["out", "stdout", "write", "in another way\n"])] {
        let mut script = writing.clone();
        script[0] = other.clone();
        let verdict = what_if(&writer, &written, &script).await?;
        ensure!(verdict.identical, "{other}: {:?}", verdict.divergence);
    }
    // A capability's function is not the base world's, even if it claims to be local: nobody is there to answer it.
    let mut script = original();
    script.push(json!(["count"]));
    let verdict = what_if(&host, &attempt, &script).await?;
    ensure!(matches!(verdict.divergence, Some(Divergence::Extra { .. })), "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn a_changed_added_or_dropped_call_that_reaches_outside_diverges() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    let edit = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut script = original();
        change(&mut script);
        script
    };
    // Numbers are those of the record: calls 3, 4, 6, 8 and 9 of the original reach outside.
    for (what, script, number) in [
        ("a changed write", edit(&|s| s[3] = json!(["store", "first.txt", "other content"])), 4),
        ("an added write", edit(&|s| s.insert(4, json!(["store", "third.txt", "x"]))), 6),
        ("a changed read", edit(&|s| s[5] = json!(["echo", "TWO"])), 6),
        ("a dropped read", edit(&|s| drop(s.remove(7))), 8),
        ("two writes in another order", edit(&|s| s.swap(3, 8)), 4),
    ] {
        let verdict = what_if(&host, &attempt, &script).await?;
        match verdict.divergence {
            Some(Divergence::Call { call, .. }) if call == number && !verdict.identical => {}
            other => anyhow::bail!("{what}: {other:?}, expected call {number}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn another_event_or_end_diverges() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    let mut other = original();
    other[12] = json!(["emit", "a.out", "another payload"]);
    let verdict = what_if(&host, &attempt, &other).await?;
    ensure!(matches!(verdict.divergence, Some(Divergence::Draft { index: 0, .. })), "{verdict:?}");
    let mut rejecting = original();
    rejecting.push(json!(["reject", "changed my mind"]));
    let verdict = what_if(&host, &attempt, &rejecting).await?;
    ensure!(matches!(verdict.divergence, Some(Divergence::End { .. })), "{verdict:?}");
    Ok(())
}

/// One attempt of a component into which `script` is burnt, on what `host` grants.
async fn burnt(host: TestHost, script: &[Value]) -> Result<(Running, AttemptRecord)> {
    let folder = tempfile::tempdir()?;
    let component = folder.path().join("burnt.wasm");
    std::fs::write(&component, components::burnt(&Value::Array(script.to_vec()))?)?;
    let host = host.component(&component).start_memory().await?;
    let flow = host.run(&json!("the script is burnt, this is not read")).await?;
    manes_tests::view::done(&flow)?;
    let attempt = host.record(flow.flow)?.attempts.pop().context("one attempt")?;
    Ok((host, attempt))
}

/// A write that an earlier attempt made is used again; the next equal one is another write all the same.
#[tokio::test]
async fn a_write_that_is_used_again_is_counted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let script = vec![
        json!(["store", "w.txt", "1"]),
        json!(["while-attempt", 1, ["retry", "not yet"]]),
        json!(["store", "w.txt", "1"]),
    ];
    let component = folder.path().join("burnt.wasm");
    std::fs::write(&component, components::burnt(&Value::Array(script.clone()))?)?;
    let host = TestHost::script()
        .attempts(2)
        .component(&component)
        .uses("fixture:echo/echo")
        .capability("echo", "echo")
        .directory(folder.path(), "/out", "read-write")
        .start_memory()
        .await?;
    let flow = host.run(&json!("the script is burnt, this is not read")).await?;
    ensure!(flow.status == "done" && flow.activations.len() == 2, "{flow:?}");
    let attempt = host.record(flow.flow)?.attempts.pop().context("two attempts")?;
    let verdict = what_if(&host, &attempt, &script).await?;
    ensure!(verdict.identical, "{verdict:?}");
    Ok(())
}

/// A request is put together by local calls and named by a handle: what it says is compared all the same.
#[tokio::test]
async fn another_request_by_the_same_steps_diverges() -> Result<()> {
    let server = Server::start().await?;
    let authority = server.authority();
    let granted = TestHost::script().http(&format!("POST {authority}/")).http(&format!("PUT {authority}/"));
    let script = |method: &str, path: &str, body: &str| vec![json!(["http", method, server.url(path), body])];
    let (host, attempt) = burnt(granted, &script("POST", "/echo", "three apples")).await?;
    let sent = server.seen();
    let same = what_if(&host, &attempt, &script("POST", "/echo", "three apples")).await?;
    ensure!(same.identical, "{same:?}");
    for (what, other) in [
        ("another path", script("POST", "/other", "three apples")),
        ("another method", script("PUT", "/echo", "three apples")),
        ("another body", script("POST", "/echo", "three pears!")),
    ] {
        let verdict = what_if(&host, &attempt, &other).await?;
        ensure!(matches!(verdict.divergence, Some(Divergence::Call { .. })), "{what}: {verdict:?}");
    }
    let verdict = what_if(&host, &attempt, &script("POST", "/other", "three apples")).await?;
    let said = verdict.divergence.map(|divergence| divergence.to_string()).unwrap_or_default();
    ensure!(said.contains("/other"), "it does not say what about: {said}");
    ensure!(server.seen() == sent, "a what-if sent something");
    Ok(())
}

#[tokio::test]
async fn a_setting_is_answered_by_its_name() -> Result<()> {
    let host = TestHost::script().line("config = { colour = \"red\", shape = \"round\" }");
    let script = |keys: &[&str]| {
        let mut script: Vec<Value> = keys.iter().map(|key| json!(["config", key])).collect();
        script.push(json!(["report", "a.out"]));
        script
    };
    let (host, attempt) = burnt(host, &script(&["colour", "shape"])).await?;
    for (keys, report) in [
        (&["shape", "colour"][..], "[\"round\",\"red\"]"),
        (&["colour", "colour"], "[\"red\",\"red\"]"),
        (&["colour", "size"], "[\"red\",null]"),
    ] {
        let verdict = what_if(&host, &attempt, &script(keys)).await?;
        let Some(Divergence::Draft { difference, .. }) = &verdict.divergence else {
            anyhow::bail!("{keys:?}: {verdict:?}");
        };
        ensure!(difference.actual.replace('\\', "").contains(report), "{keys:?}: {difference:?}");
    }
    Ok(())
}
