//! `manes requeue`, `cancel`, `pause` and `resume`: what an operator asks of a host, running or not.

use super::dead::{DEAD, one};
use crate::args::{AgentArgs, CancelArgs, Global, RequeueArgs};
use crate::exit::Exit;
use crate::open;
use crate::output::say;
use crate::progress::Progress;
use crate::session::{CancelRequest, Either, PauseRequest, Reply, Request, RequeueRequest};
use manes_core::ids::ActivationId;
use manes_runtime::query::{self, ActivationView};

/// Has a dead letter handled again, and waits for the end of its flow.
pub(crate) async fn requeue(global: &Global, args: RequeueArgs) -> anyhow::Result<Exit> {
    let activation = {
        let letters = query::dead(&open::reader(global)?)?;
        one(&letters, &args.id, &DEAD)?.activation
    };
    let timeout_ms = args.timeout.saturating_mul(1000);
    followed(global, Request::Requeue(RequeueRequest { activation, timeout_ms }), activation).await
}

/// Asks for an activation to go on, and prints what became of its flow when that has ended, or when the time is up.
pub(super) async fn followed(global: &Global, request: Request, activation: ActivationId) -> anyhow::Result<Exit> {
    let session = Either::open(global).await?;
    let waiting = Progress::begin("waiting for the flow to end");
    let reply = session.ask(request).await;
    drop(waiting);
    session.close().await?;
    let Reply::Run(reply) = reply? else { anyhow::bail!("the host answered something else") };
    super::run::print(global, &reply)?;
    // What became of this letter; the flow may have others.
    let letter = reply.flow.activations.iter().find(|a| a.activation == activation);
    let same = |a: &&ActivationView| letter.is_some_and(|letter| a.agent == letter.agent && a.event == letter.event);
    let last = reply.flow.activations.iter().rfind(same);
    Ok(match (reply.ended, last.map(|last| last.status.as_str())) {
        (false, _) => Exit::Unfinished,
        (true, Some("done")) => Exit::Done,
        (true, _) => Exit::Rejected,
    })
}

/// Cancels a flow.
pub(crate) async fn cancel(global: &Global, args: CancelArgs) -> anyhow::Result<Exit> {
    let flow = open::flow(&open::reader(global)?, &args.id)?;
    done(global, Request::Cancel(CancelRequest { flow })).await?;
    if global.json {
        say!("{}", serde_json::json!({ "cancelled": flow }));
    } else {
        say!("flow {} cancelled", flow.short());
    }
    Ok(Exit::Done)
}

/// Pauses an agent, or lets it go on.
pub(crate) async fn pause(global: &Global, args: AgentArgs, pause: bool) -> anyhow::Result<Exit> {
    let agent = args.agent;
    done(global, Request::Pause(PauseRequest { agent: agent.clone(), pause })).await?;
    if global.json {
        say!("{}", serde_json::json!({ "agent": agent, "paused": pause }));
    } else {
        say!("{agent} {}", if pause { "is paused: its events queue" } else { "goes on" });
    }
    Ok(Exit::Done)
}

async fn done(global: &Global, request: Request) -> anyhow::Result<()> {
    let session = Either::open_held(global).await?;
    let reply = session.ask(request).await;
    session.close().await?;
    match reply? {
        Reply::Done => Ok(()),
        _ => anyhow::bail!("the host answered something else"),
    }
}
