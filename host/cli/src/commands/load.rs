//! `manes load`, `swap` and `unload`: what changes in a running host while it works.

use crate::args::{Global, LoadArgs, SwapArgs, UnloadArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::paths;
use crate::session::{Either, LoadReply, LoadRequest, Reply, Request, UnloadRequest};
use std::path::PathBuf;

/// Loads it and says which agents it set going.
pub(crate) async fn load(global: &Global, args: LoadArgs) -> anyhow::Result<Exit> {
    let reply = bring(global, &args.name, args.component, false).await?;
    print(global, &args.name, &reply, "loaded");
    Ok(Exit::Done)
}

/// Puts it in the place of the one that is loaded.
pub(crate) async fn swap(global: &Global, args: SwapArgs) -> anyhow::Result<Exit> {
    let (name, other) = (args.name, args.file.is_some());
    let reply = bring(global, &name, args.file, true).await?;
    print(global, &name, &reply, "swapped");
    if other && reply.changed {
        tell!("the manifest's file was not changed: the next start uses the component that it names");
    }
    Ok(Exit::Done)
}

/// Takes it out and says who waits for it now.
pub(crate) async fn unload(global: &Global, args: UnloadArgs) -> anyhow::Result<Exit> {
    let (name, force) = (args.name, args.force);
    let request = Request::Unload(UnloadRequest { name: name.clone(), force });
    let Reply::Unload { waiting } = ask(global, &name, request).await? else {
        anyhow::bail!("the host answered something else")
    };
    if global.json {
        say!("{}", serde_json::json!({ "unloaded": name, "waiting": waiting }));
    } else if waiting.is_empty() {
        say!("{name} unloaded");
    } else {
        say!("{name} unloaded · now waiting: {}", waiting.join(", "));
    }
    Ok(Exit::Done)
}

async fn bring(global: &Global, name: &str, file: Option<PathBuf>, swap: bool) -> anyhow::Result<LoadReply> {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let request = LoadRequest { name: name.to_owned(), path: file.map(absolute), swap };
    match ask(global, name, Request::Load(request)).await? {
        Reply::Load(reply) => Ok(reply),
        _ => anyhow::bail!("the host answered something else"),
    }
}

/// A host that does not run has nothing to change: the next start reads the manifest.
async fn ask(global: &Global, name: &str, request: Request) -> anyhow::Result<Reply> {
    let Some(session) = Either::running(global, Some(name)).await? else {
        let ledger = paths::ledger(global);
        return Err(usage(format!("no host is running on {}; start one with `manes up`", ledger.display())));
    };
    let reply = session.ask(request).await;
    session.close().await?;
    reply
}

fn print(global: &Global, name: &str, reply: &LoadReply, did: &str) {
    let LoadReply { started, waits_for, replaced, changed } = reply;
    if global.json {
        let shape = serde_json::json!({
            "loaded": name, "started": started, "waits_for": waits_for, "replaced": replaced, "changed": changed,
        });
        say!("{shape}");
        return;
    }
    let what = match (changed, waits_for.as_slice(), started.as_slice()) {
        (false, ..) => "was like this already".to_owned(),
        (true, [], []) => did.to_owned(),
        (true, [], started) => format!("{did} · started: {}", started.join(", ")),
        (true, waits_for, _) => format!("{did} · waits for {}", waits_for.join(", ")),
    };
    say!("{name} {what}");
}
