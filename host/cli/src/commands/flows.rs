//! `manes flows`: all flows, a line each.

use crate::args::{FlowsArgs, Global};
use crate::exit::Exit;
use crate::output::{say, tell};
use crate::{open, render};
use manes_runtime::query;

/// Lists them, oldest first.
pub(crate) fn flows(global: &Global, args: &FlowsArgs) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let all = query::flows(&reader)?;
    let from = args.last.map_or(0, |last| all.len().saturating_sub(last));
    let shown = all.get(from..).unwrap_or_default();
    if global.json {
        say!("{}", serde_json::to_string(shown)?);
        return Ok(Exit::Done);
    }
    let style = render::Style::stdout();
    let width = shown.iter().map(|flow| flow.topic.len()).max().unwrap_or_default();
    for flow in shown {
        let numbers =
            format!("{}, {}", render::count(flow.events, "event"), render::count(flow.activations, "activation"));
        say!(
            "{}  {:<6}  {:<width$}  {}  {}",
            style.name(&flow.flow.short()),
            flow.status,
            flow.topic,
            style.dim(&flow.time),
            style.dim(&numbers)
        );
    }
    if all.is_empty() {
        tell!("no flows yet; begin one with `manes run TOPIC DATA`");
    }
    Ok(Exit::Done)
}
