//! `manes replay`: recorded activations again, from the record alone.

use crate::args::{Global, ReplayArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::progress::Progress;
use crate::{open, render};
use manes_core::cursor::Divergence;
use manes_runtime::query::{self, AttemptRecord, Named};
use manes_runtime::replay::{Fuel, Replayer, Verdict};
use manes_runtime::seams::Seams;

/// Replays each attempt and compares.
pub(crate) async fn replay(global: &Global, args: ReplayArgs) -> anyhow::Result<Exit> {
    if let Some(policy) = &args.policy {
        return super::grants::policy(global, &args.id, args.agent.as_deref(), policy).await;
    }
    let reader = open::reader(global)?;
    let record = match open::named(&reader, &args.id)? {
        Named::Flow(flow) => query::gather(&reader, flow)?,
        Named::Activation(id) => query::gather_activation(&reader, id)?,
    };
    let wanted = |agent: &str| args.agent.as_deref().is_none_or(|only| only == agent);
    let attempts: Vec<_> = record.attempts.iter().filter(|attempt| wanted(attempt.agent())).collect();
    if attempts.is_empty() {
        let agents: Vec<_> = record.attempts.iter().map(|attempt| attempt.agent()).collect();
        return Err(usage(format!("nothing to replay; this flow's activations are of: {}", agents.join(", "))));
    }
    let instead = args.component.as_ref().map(std::fs::read).transpose();
    let file = || args.component.iter().map(|path| path.display().to_string()).collect::<String>();
    let instead = instead.map_err(|error| usage(format!("failed to read {}: {error}", file())))?;
    let several = attempts.iter().any(|attempt| attempt.agent() != attempts.first().map_or("", |first| first.agent()));
    if instead.is_some() && several {
        return Err(usage("--component replaces one agent; name it with --agent NAME"));
    }
    let mut replayer = Replayer::new(open::wasm()?, Seams::system(), instead.as_deref())?;
    let (mut verdicts, mut complete) = (Vec::new(), true);
    let progress = Progress::of("replaying", attempts.len());
    for attempt in attempts {
        let replayed = replayer.replay(&reader, attempt).await;
        progress.step();
        match replayed {
            Ok(verdict) => verdicts.push(verdict),
            // One attempt that is open or expired says nothing of the others.
            Err(error) => {
                complete = false;
                tell!("not replayed: {}: {}", named(attempt), render::plain(&error.to_string()));
            }
        }
    }
    drop(progress);
    print(global, &verdicts)?;
    let identical = verdicts.iter().all(|verdict| verdict.identical);
    Ok(match (identical, complete) {
        (false, _) => Exit::Diverged,
        (true, false) => Exit::Failed,
        (true, true) => Exit::Done,
    })
}

/// An attempt, so that it can be found again.
fn named(attempt: &AttemptRecord) -> String {
    let envelope = &attempt.start.envelope;
    let activation = envelope.activation.unwrap_or_default().short();
    format!("{}  {activation}  attempt {}", render::plain(attempt.agent()), envelope.attempt.unwrap_or_default())
}

fn print(global: &Global, verdicts: &[Verdict]) -> anyhow::Result<()> {
    if global.json {
        say!("{}", serde_json::to_string(verdicts)?);
        return Ok(());
    }
    if verdicts.is_empty() {
        return Ok(());
    }
    let style = render::Style::stdout();
    for verdict in verdicts {
        if let Some(divergence) = &verdict.divergence {
            let text = render::plain(&divergence.to_string());
            // An end that is the difference is named there.
            let ended = verdict.ended.as_deref().filter(|_| !matches!(divergence, Divergence::End { .. }));
            let ended = ended.map(|end| format!("; the run ended as {}", render::plain(end))).unwrap_or_default();
            say!("{} {}  {}  {text}{ended}", style.bad("diverged"), verdict.agent, verdict.activation.short());
        }
    }
    let same = verdicts.iter().filter(|verdict| verdict.identical).count();
    let calls: u64 = verdicts.iter().map(|verdict| verdict.calls).sum();
    let equal = verdicts.iter().all(|verdict| verdict.fuel == Fuel::Equal);
    let fuel = if equal { "equal fuel" } else { "same calls, fuel not comparable" };
    if same == verdicts.len() {
        let number = render::count(same as u64, "activation");
        say!("{}: {number}, {}, {fuel}", style.good("identical"), render::count(calls, "call"));
    } else {
        say!("{same} of {} identical", verdicts.len());
    }
    Ok(())
}
