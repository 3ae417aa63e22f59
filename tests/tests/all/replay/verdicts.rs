//! What a replay says when something of the record is missing or was changed by hand.

use anyhow::{Context as _, Result, ensure};
use manes_core::cursor::Divergence;
use manes_core::ids::Digest;
use manes_core::record::Kind;
use manes_runtime::deploy::DeploymentBody;
use manes_runtime::query::{AttemptRecord, FlowRecord};
use manes_runtime::replay::{Fuel, ReplayError, Replayer, Verdict};
use manes_runtime::seams::Seams;
use manes_tests::host::fresh_engine;
use manes_tests::{Running, TestHost};
use serde_json::json;

/// A host and one recorded attempt: two local calls and two events.
async fn recorded() -> Result<(Running, AttemptRecord)> {
    let host = TestHost::script().start_memory().await?;
    let script = json!([["log", "info", "one"], ["random-u64"], ["emit", "a.one", "1"], ["emit", "a.two", "2"]]);
    let flow = host.run(&script).await?;
    let attempt = host.record(flow.flow)?.attempts.pop().context("one attempt")?;
    Ok((host, attempt))
}

async fn replayed(host: &Running, attempt: &AttemptRecord) -> Result<Verdict, ReplayError> {
    let mut replayer = Replayer::new(fresh_engine(), Seams::system(), None)?;
    replayer.replay(&host.ledger, attempt).await
}

#[tokio::test]
async fn an_untouched_record_replays_with_equal_fuel() -> Result<()> {
    let (host, attempt) = recorded().await?;
    let verdict = replayed(&host, &attempt).await?;
    ensure!(verdict.identical && verdict.fuel == Fuel::Equal && verdict.divergence.is_none(), "{verdict:?}");
    ensure!(Some(verdict.calls) == attempt.end.as_ref().and_then(|end| end.envelope.calls), "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn an_erased_body_is_expired_and_never_a_difference() -> Result<()> {
    let (host, whole) = recorded().await?;
    let mut erased: Vec<(&str, AttemptRecord)> = Vec::new();
    for (place, entry) in whole.calls.iter().enumerate().filter(|(_, e)| e.envelope.kind() == Kind::Outcome) {
        let mut attempt = whole.clone();
        attempt.calls[place].body = None;
        erased.push(("a call", attempt));
        ensure!(entry.body.is_some(), "the agent's own calls keep their bodies");
    }
    for (what, place) in [("the event", 0), ("the deployment", 1)] {
        let mut attempt = whole.clone();
        let entry = if place == 0 { &mut attempt.event } else { &mut attempt.deployment };
        entry.as_mut().context("recorded")?.body = None;
        erased.push((what, attempt));
    }
    ensure!(erased.len() >= 4, "two calls, the event, the deployment: {}", erased.len());
    for (what, attempt) in erased {
        let answer = replayed(&host, &attempt).await;
        let error = answer.err().with_context(|| format!("{what} was erased, and the replay did not notice"))?;
        ensure!(error.to_string().starts_with("expired: "), "{what}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn fuel_of_another_engine_is_not_compared() -> Result<()> {
    let (host, mut attempt) = recorded().await?;
    let deployment = attempt.deployment.as_mut().context("recorded")?;
    let body = deployment.body.as_deref().and_then(DeploymentBody::decode).context("a body")?;
    let other = DeploymentBody { engine: Digest([7; 32]), ..body };
    deployment.body = Some(other.encode().into());
    // Were it compared, this would be a difference.
    attempt.end.as_mut().context("ended")?.envelope.fuel = Some(1);
    let verdict = replayed(&host, &attempt).await?;
    ensure!(verdict.identical && verdict.fuel == Fuel::NotComparable, "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn fuel_that_differs_under_the_same_engine_is_a_difference() -> Result<()> {
    let (host, mut attempt) = recorded().await?;
    let envelope = &mut attempt.end.as_mut().context("ended")?.envelope;
    let burnt = envelope.fuel.context("fuel")?;
    envelope.fuel = Some(burnt + 1);
    let verdict = replayed(&host, &attempt).await?;
    let expected = Divergence::Fuel { expected: burnt + 1, actual: burnt };
    ensure!(!verdict.identical && verdict.divergence.as_ref() == Some(&expected), "{verdict:?}");
    Ok(())
}

#[tokio::test]
async fn an_event_that_the_record_lacks_or_has_too_many_is_a_difference() -> Result<()> {
    let (host, whole) = recorded().await?;
    let mut fewer = whole.clone();
    fewer.emitted.pop();
    let mut more = whole.clone();
    more.emitted.extend(whole.emitted.last().cloned());
    let mut swapped = whole.clone();
    swapped.emitted.reverse();
    for (what, attempt, place) in [("fewer", fewer, 1), ("more", more, 2), ("swapped", swapped, 0)] {
        let verdict = replayed(&host, &attempt).await?;
        let found = matches!(verdict.divergence, Some(Divergence::Draft { index, .. }) if index == place);
        ensure!(found && !verdict.identical, "{what}: {verdict:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_has_not_ended_is_not_replayed() -> Result<()> {
    let (host, mut attempt) = recorded().await?;
    attempt.end = None;
    ensure!(matches!(replayed(&host, &attempt).await, Err(ReplayError::Open)));
    Ok(())
}

#[tokio::test]
async fn a_component_that_is_not_with_the_ledger_is_named() -> Result<()> {
    let (host, mut attempt) = recorded().await?;
    let deployment = attempt.deployment.as_mut().context("recorded")?;
    let body = deployment.body.as_deref().and_then(DeploymentBody::decode).context("a body")?;
    let lost = Digest([9; 32]);
    deployment.body = Some(DeploymentBody { component: lost, ..body }.encode().into());
    match replayed(&host, &attempt).await {
        Err(ReplayError::Component(digest)) if digest == lost => Ok(()),
        other => anyhow::bail!("{other:?}"),
    }
}

#[tokio::test]
async fn one_flow_holds_each_of_its_attempts_once() -> Result<()> {
    let host =
        TestHost::script().agent("b", "script").subscribe("a.*").publish("b.>").results("b.>").start_memory().await?;
    let flow = host.run(&json!([["emit", "a.next", "[]"]])).await?;
    let record: FlowRecord = host.record(flow.flow)?;
    let agents: Vec<_> = record.attempts.iter().map(|attempt| attempt.agent().to_owned()).collect();
    ensure!(agents.len() == 3 && agents.iter().filter(|a| *a == "b").count() == 2, "{agents:?}");
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}
