//! Exact replay of edited components: strict in every call.

use super::edits::{EDITS, Parting, edited, parting};
use super::{Beside, as_if_deployed, original, record};
use anyhow::{Context as _, Result, ensure};
use manes_core::cursor::{CallText, Divergence};
use manes_core::ids::Digest;
use manes_runtime::query::AttemptRecord;
use manes_runtime::replay::{Replayer, Verdict};
use manes_runtime::seams::Seams;
use manes_tests::host::fresh_engine;
use manes_tests::{Running, Seed, components};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Edits of each kind.
const EACH: u64 = 5;

async fn replay_edited(host: &Running, attempt: &AttemptRecord, script: &[Value]) -> Result<Verdict> {
    let component = components::burnt(&Value::Array(script.to_vec()))?;
    let attempt = as_if_deployed(attempt, &component)?;
    let beside = Beside { records: host, component };
    let mut replayer = Replayer::new(fresh_engine(), Seams::system(), None)?;
    Ok(replayer.replay(&beside, &attempt).await?)
}

/// Both sides name their function, and have the digest of exactly what they call.
fn check(text: &CallText, function: &str) -> Result<()> {
    ensure!(text.function == function, "{} instead of {function}", text.function);
    ensure!(text.digest != Digest::default(), "{function} has no digest");
    Ok(())
}

fn agrees(expected: &Parting, found: &Divergence, script: &[Value]) -> Result<()> {
    match (expected, found) {
        (
            Parting::Call { call, expected, actual, path },
            Divergence::Call { call: at, expected: e, actual: a, difference },
        ) => {
            ensure!(call == at, "call {at} instead of {call}");
            check(e, expected)?;
            check(a, actual)?;
            ensure!(e.digest != a.digest, "two calls that differ have one digest");
            let found = difference.as_ref().map(|difference| difference.path.as_str());
            // Two arguments may differ after a reorder; the first is named, and every one of ours is a parameter.
            ensure!(found.is_some() == path.is_some(), "difference {difference:?}, expected one in {path:?}");
            if let Some(difference) = difference {
                ensure!(difference.expected != difference.actual, "{difference:?}");
                let text = Value::Array(script.to_vec()).to_string();
                let shown = difference.actual.trim_matches('"');
                ensure!(text.contains(shown), "{shown:?} is not in the edited script");
            }
        }
        (Parting::Extra { call, actual }, Divergence::Extra { call: at, actual: a }) => {
            ensure!(call == at, "call {at} instead of {call}");
            check(a, actual)?;
        }
        (Parting::Missing { call, expected, left }, Divergence::Missing { call: at, expected: e, left: l }) => {
            ensure!((call, left) == (at, l), "call {at} with {l} left instead of {call} with {left}");
            check(e, expected)?;
        }
        (Parting::Draft, Divergence::Draft { index, difference }) => {
            ensure!(*index == 0 && difference.path == "data", "event {index}: {difference:?}");
            ensure!(difference.expected == "\"payload\"" && difference.actual.contains("payload-"), "{difference:?}");
        }
        (expected, found) => anyhow::bail!("found {found:?}, expected {expected:?}"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seeded_edits_of_a_component_are_each_reported_at_the_right_call() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    let (mut kinds, mut places) = (BTreeSet::new(), BTreeSet::new());
    for (edit, number) in EDITS.iter().flat_map(|edit| (0..EACH).map(move |number| (*edit, number))) {
        let script = edited(&original(), edit, &mut Seed::new(number * 7 + edit as u64));
        let expected = parting(&original(), &script).context("an edit changes something")?;
        let verdict = replay_edited(&host, &attempt, &script).await?;
        let context = || format!("{edit:?} with seed {number}: {}", Value::Array(script.clone()));
        ensure!(!verdict.identical, "{}", context());
        let found = verdict.divergence.as_ref().with_context(context)?;
        agrees(&expected, found, &script).with_context(context)?;
        kinds.insert(edit);
        if let Parting::Call { call, .. } = expected {
            places.insert(call);
        }
    }
    ensure!(places.len() >= 6, "the edits are at different calls: {places:?}");
    ensure!(kinds.len() == EDITS.len(), "{kinds:?}");
    Ok(())
}

#[tokio::test]
async fn one_more_call_after_the_last_is_extra_and_one_less_is_missing() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    let mut longer = original();
    longer.push(json!(["peek"]));
    let mut shorter = original();
    shorter.remove(11);
    for script in [longer, shorter] {
        let expected = parting(&original(), &script).context("they differ")?;
        let verdict = replay_edited(&host, &attempt, &script).await?;
        agrees(&expected, verdict.divergence.as_ref().context("a difference")?, &script)?;
    }
    Ok(())
}

#[tokio::test]
async fn an_edit_that_calls_nothing_else_differs_in_fuel_alone() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    let mut script = original();
    script.insert(4, json!(["burn", 1_000]));
    let verdict = replay_edited(&host, &attempt, &script).await?;
    let Some(Divergence::Fuel { expected, actual }) = verdict.divergence else { anyhow::bail!("{verdict:?}") };
    ensure!(actual > expected + 1_000 && !verdict.identical, "{expected} and {actual}");
    Ok(())
}

#[tokio::test]
async fn another_end_after_the_same_calls_is_a_difference() -> Result<()> {
    let (host, attempt) = record(&original()).await?;
    for (last, word) in [(json!(["reject", "no"]), "rejected: no"), (json!(["trap"]), "trapped")] {
        let mut script = original();
        script.push(last);
        let verdict = replay_edited(&host, &attempt, &script).await?;
        match verdict.divergence {
            Some(Divergence::End { expected, actual }) if expected == "done" && actual.starts_with(word) => {}
            other => anyhow::bail!("{other:?}"),
        }
    }
    Ok(())
}
