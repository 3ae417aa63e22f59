//! `manes up`: a host in the foreground.

use crate::args::{Global, UpArgs};
use crate::control::{self, Address};
use crate::exit::{Exit, coded};
use crate::output::{self, tell};
use crate::{open, paths};
use anyhow::Context as _;
use manes_runtime::host::{CapabilityView, Host};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often the router is looked after.
const WATCH: Duration = Duration::from_millis(250);
/// How long callers may take to hear that the host has stopped.
const FAREWELL: Duration = Duration::from_secs(1);

/// How serving ended without an error.
enum Served {
    /// It was interrupted, or the router ended.
    Stopped,
    /// Nobody reads standard output.
    Unheard(std::io::Error),
}

/// Runs until interrupted.
pub(crate) async fn up(global: &Global, args: UpArgs) -> anyhow::Result<Exit> {
    // Before the host starts: it handles events at once, and a port that is taken must not cost any.
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .with_context(|| format!("port {} of 127.0.0.1 cannot be used", args.port))?;
    let address = control::address(&listener)?;
    let host = Arc::new(open::host(global).await?);
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, control::serve(host.clone(), address.clone()));
    let server = server.with_graceful_shutdown(async {
        // Sent or dropped: both mean the same.
        let _ = stopping.await;
    });
    let mut server = tokio::spawn(server.into_future());
    let ended = tokio::select! {
        served = &mut server => Err(failure(served)),
        served = serve(global, &host, &address) => served,
        never = watched(global, &host, args.watch) => match never {},
    };
    // Only the host that holds the ledger writes this file.
    if let Ok(file) = paths::control(&paths::ledger(global)) {
        let _gone = std::fs::remove_file(file);
    }
    tell!("stopping: attempts under way end first");
    // From here on nobody new is heard; those who wait for a flow hear from the host that it has stopped.
    drop(stop);
    let stopped = host.stop().await;
    if !server.is_finished() {
        let _late = tokio::time::timeout(FAREWELL, server).await;
    }
    // A host that failed says why here; what else failed then is only a consequence.
    stopped.map_err(|error| coded(Exit::Failed, format!("the host stopped: {error}")))?;
    match ended? {
        Served::Stopped => Ok(Exit::Done),
        Served::Unheard(error) => output::give_up(&error),
    }
}

/// Never ends.
async fn watched(global: &Global, host: &Host, wanted: bool) -> std::convert::Infallible {
    if wanted {
        crate::watch::watch(global, host).await;
    }
    std::future::pending().await
}

/// Says where the host is, to the caller and in the control file, until it is interrupted or fails.
async fn serve(global: &Global, host: &Host, address: &Address) -> anyhow::Result<Served> {
    // Named after the folder, which the host has made by now.
    control::publish(&paths::control(&paths::ledger(global))?, address)?;
    if let Err(error) = announce(global, host, address).await? {
        return Ok(Served::Unheard(error));
    }
    tokio::select! {
        signal = interrupted() => signal.map(|()| Served::Stopped),
        () = failed(host) => Ok(Served::Stopped),
    }
}

/// The control interface is meant to last as long as the host.
fn failure(served: Result<std::io::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    let why = match served {
        Ok(Ok(())) => "it ended".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    anyhow::anyhow!("the control interface failed: {why}")
}

/// The inner error is of standard output.
async fn announce(global: &Global, host: &Host, address: &Address) -> anyhow::Result<std::io::Result<()>> {
    let (agents, capabilities) = (host.agents().await?, host.capabilities().await);
    if global.json {
        let (ledger, control) = (host.ledger().id(), address.address);
        let shape =
            serde_json::json!({ "ledger": ledger, "control": control, "agents": agents, "capabilities": capabilities });
        return Ok(output::try_line(format_args!("{shape}")));
    }
    tell!("ledger   {} ({})", paths::ledger(global).display(), host.ledger().id().short());
    for agent in agents {
        tell!("agent    {:<16} {:<8} {}", agent.name, agent.state, agent.subscribe.join(", "));
    }
    for capability in capabilities {
        let CapabilityView { name, state, exports, waits_for } = capability;
        let waits = if waits_for.is_empty() { String::new() } else { format!(" waits for {}", waits_for.join(", ")) };
        tell!("provides {name:<16} {state:<8} {}{waits}", exports.join(", "));
    }
    tell!("control  http://{}", address.address);
    tell!("ready    stop with Ctrl-C");
    Ok(Ok(()))
}

async fn interrupted() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("signals cannot be received"),
        _ = terminate.recv() => Ok(()),
    }
}

/// Resolves when the router has ended by itself.
async fn failed(host: &Host) {
    while !host.has_failed() {
        tokio::time::sleep(WATCH).await;
    }
}
