//! `manes replay`: recorded activations again, from the record alone.

use crate::args::{Global, ReplayArgs};
use crate::exit::{Exit, usage};
use crate::{open, render};
use manes_runtime::query::{self, Named};
use manes_runtime::replay::{Fuel, Replayer, Verdict};
use manes_runtime::seams::Seams;

/// Replays each attempt and compares.
pub(crate) async fn replay(global: &Global, args: ReplayArgs) -> anyhow::Result<Exit> {
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
    let instead = instead.map_err(|error| usage(format!("failed to read the component: {error}")))?;
    let several = attempts.iter().any(|attempt| attempt.agent() != attempts.first().map_or("", |first| first.agent()));
    if instead.is_some() && several {
        return Err(usage("--component replaces one agent; name it with --agent NAME"));
    }
    let mut replayer = Replayer::new(open::wasm()?, Seams::system(), instead.as_deref())?;
    let mut verdicts = Vec::new();
    for attempt in attempts {
        let verdict = replayer.replay(&reader, attempt).await;
        verdicts.push(verdict.map_err(|error| anyhow::anyhow!("{}: {error}", attempt.agent()))?);
    }
    print(global, &verdicts)?;
    let identical = verdicts.iter().all(|verdict| verdict.identical);
    Ok(if identical { Exit::Done } else { Exit::Diverged })
}

fn print(global: &Global, verdicts: &[Verdict]) -> anyhow::Result<()> {
    if global.json {
        println!("{}", serde_json::to_string(verdicts)?);
        return Ok(());
    }
    let style = render::Style::stdout();
    for verdict in verdicts {
        if let Some(divergence) = &verdict.divergence {
            let text = render::plain(&divergence.to_string());
            println!("{} {}  {}  {text}", style.bad("diverged"), verdict.agent, verdict.activation.short());
        }
    }
    let same = verdicts.iter().filter(|verdict| verdict.identical).count();
    let calls: u64 = verdicts.iter().map(|verdict| verdict.calls).sum();
    let equal = verdicts.iter().all(|verdict| verdict.fuel == Fuel::Equal);
    let fuel = if equal { "equal fuel" } else { "same calls, fuel not comparable" };
    if same == verdicts.len() {
        let number = render::count(same as u64, "activation");
        println!("{}: {number}, {}, {fuel}", style.good("identical"), render::count(calls, "call"));
    } else {
        println!("{same} of {} identical", verdicts.len());
    }
    Ok(())
}
