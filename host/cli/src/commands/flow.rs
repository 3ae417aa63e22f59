//! `manes flow`: one flow as a tree.

use crate::args::{FlowArgs, Global};
use crate::exit::Exit;
use crate::output::say;
use crate::{open, render};
use manes_runtime::query;

/// Prints the flow.
pub(crate) fn flow(global: &Global, args: &FlowArgs) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let id = open::flow(&reader, &args.id)?;
    let view = query::view(id, &query::gather(&reader, id)?);
    if global.json {
        say!("{}", serde_json::to_string(&view)?);
    } else {
        say!("{}", render::flow(&view, args.calls, render::Style::stdout()));
    }
    Ok(Exit::Done)
}
