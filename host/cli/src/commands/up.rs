//! `manes up`: a host in the foreground.

use crate::args::{Global, UpArgs};
use crate::control;
use crate::exit::{Exit, coded};
use crate::{open, paths};
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often the router is looked after.
const WATCH: Duration = Duration::from_millis(250);

/// Runs until interrupted.
pub(crate) async fn up(global: &Global, args: UpArgs) -> anyhow::Result<Exit> {
    let host = Arc::new(open::host(global).await?);
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .with_context(|| format!("port {} of 127.0.0.1 cannot be used", args.port))?;
    let address = control::address(&listener)?;
    let file = paths::control(&paths::ledger(global))?;
    control::publish(&file, &address)?;
    announce(global, &host, &address).await?;
    let server = axum::serve(listener, control::serve(host.clone(), address));
    let ended = tokio::select! {
        served = server => served.context("the control interface failed"),
        signal = interrupted() => signal,
        () = failed(&host) => Ok(()),
    };
    let _gone = std::fs::remove_file(&file);
    eprintln!("stopping: attempts under way end first");
    // Requests that wait for a flow hold the host; nobody reads their answers any more.
    let host = owned(host).await?;
    let stopped = host.stop().await;
    ended?;
    stopped.map_err(|error| coded(Exit::Failed, format!("the host stopped: {error}")))?;
    Ok(Exit::Done)
}

async fn announce(global: &Global, host: &manes_runtime::host::Host, address: &control::Address) -> anyhow::Result<()> {
    let agents = host.agents().await?;
    if global.json {
        println!(
            "{}",
            serde_json::json!({ "ledger": host.ledger().id(), "control": address.address, "agents": agents })
        );
        return Ok(());
    }
    eprintln!("ledger   {} ({})", paths::ledger(global).display(), host.ledger().id().short());
    for agent in agents {
        eprintln!("agent    {:<16} {:<8} {}", agent.name, agent.state, agent.subscribe.join(", "));
    }
    eprintln!("control  http://{}", address.address);
    eprintln!("ready    stop with Ctrl-C");
    Ok(())
}

async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("signals cannot be received"),
        _ = terminate.recv() => Ok(()),
    }
}

/// Resolves when the router has ended by itself.
async fn failed(host: &manes_runtime::host::Host) {
    while !host.has_failed() {
        tokio::time::sleep(WATCH).await;
    }
}

/// The host, once no request holds it; requests end with their connections, soon.
async fn owned(mut host: Arc<manes_runtime::host::Host>) -> anyhow::Result<manes_runtime::host::Host> {
    for _ in 0..40 {
        match Arc::try_unwrap(host) {
            Ok(host) => return Ok(host),
            Err(shared) => host = shared,
        }
        tokio::time::sleep(WATCH / 10).await;
    }
    anyhow::bail!("a request did not end; the ledger is left as after a crash, which the next start mends")
}
