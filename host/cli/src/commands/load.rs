//! `manes load`: a capability into the running host.

use crate::args::{Global, LoadArgs};
use crate::exit::{Exit, usage};
use crate::output::say;
use crate::paths;
use crate::session::{Either, LoadRequest, Reply, Request};

/// Loads it and says which agents it set going.
pub(crate) async fn load(global: &Global, args: LoadArgs) -> anyhow::Result<Exit> {
    let Some(session) = Either::running(global).await? else {
        let ledger = paths::ledger(global);
        return Err(usage(format!("no host is running on {}; start one with `manes up`", ledger.display())));
    };
    let absolute = |path: std::path::PathBuf| std::path::absolute(&path).unwrap_or(path);
    let request = LoadRequest { name: args.name.clone(), path: args.component.map(absolute) };
    let reply = session.ask(Request::Load(request)).await;
    session.close().await?;
    let Reply::Load(reply) = reply? else { anyhow::bail!("the host answered something else") };
    if global.json {
        let (started, waits_for) = (&reply.started, &reply.waits_for);
        say!("{}", serde_json::json!({ "loaded": args.name, "started": started, "waits_for": waits_for }));
    } else if !reply.waits_for.is_empty() {
        say!("{} loaded · waits for {}", args.name, reply.waits_for.join(", "));
    } else if reply.started.is_empty() {
        say!("{} loaded", args.name);
    } else {
        say!("{} loaded · started: {}", args.name, reply.started.join(", "));
    }
    Ok(Exit::Done)
}
