//! The control interface of a running host: one endpoint on loopback, behind a token.
//!
//! A page in the operator's browser can reach loopback too. So the token is required everywhere, the Host header must
//! name exactly our address, and a request with an Origin is refused: no page has business here.

use crate::session::{Reply, Request, perform};
use crate::{exit, render};
use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http_body_util::{BodyExt as _, Full};
use manes_core::limits::EVENT_BYTES_MAX;
use manes_runtime::host::Host;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long a running host may take to say that it is there.
const PING: Duration = Duration::from_secs(2);

/// How to reach a running host: the content of its control file, which only its user can read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it wants to hear.
    pub(crate) token: String,
}

/// The running host went away before it had answered.
#[derive(Debug, thiserror::Error)]
#[error("the running host went away before it had answered")]
pub(crate) struct Gone;

#[derive(Clone)]
struct Server {
    host: Arc<Host>,
    address: Arc<Address>,
}

/// A new address with a random token.
pub(crate) fn address(listener: &TcpListener) -> anyhow::Result<Address> {
    let mut token = [0; 32];
    getrandom::fill(&mut token).map_err(|error| anyhow::anyhow!("no randomness for a token: {error}"))?;
    Ok(Address { address: listener.local_addr()?, token: manes_core::ids::hex(&token) })
}

/// Writes the control file, readable by its owner alone.
pub(crate) fn publish(path: &Path, address: &Address) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let _stale = std::fs::remove_file(&new);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(serde_json::to_string(address)?.as_bytes())?;
    std::fs::rename(&new, path).with_context(|| format!("failed to write {}", path.display()))
}

/// The running host behind a control file, if it answers, and its manifest.
pub(crate) async fn find(path: &Path) -> Option<(Address, Option<PathBuf>)> {
    let address: Address = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    // The file of a host that died may name a port that somebody else has by now.
    match tokio::time::timeout(PING, ask(&address, &Request::Ping)).await {
        Ok(Ok(Reply::Pong { manifest })) => Some((address, manifest)),
        _ => None,
    }
}

/// The routes.
pub(crate) fn serve(host: Arc<Host>, address: Address) -> Router {
    let server = Server { host, address: Arc::new(address) };
    // A request repeats an event's data as JSON text, which at worst escapes every byte.
    let limit = DefaultBodyLimit::max(6 * EVENT_BYTES_MAX + 4096);
    // The outer layer: nothing of a stranger's body is read.
    let guard = middleware::from_fn_with_state(server.clone(), guard);
    Router::new().route("/v1", post(handle)).layer(limit).layer(guard).with_state(server)
}

async fn guard(State(server): State<Server>, request: axum::extract::Request, next: Next) -> Response {
    if admitted(request.headers(), &server.address) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

async fn handle(State(server): State<Server>, body: Bytes) -> Response {
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return reply(&Reply::Refused { exit: 2, message: format!("a malformed request: {error}") }),
    };
    let host = server.host.clone();
    // In a task of its own: what is begun is finished, also if the caller goes away.
    let work = tokio::spawn(async move { perform(&host, request).await });
    match work.await.unwrap_or_else(|panic| Err(anyhow::anyhow!("the host failed: {panic}"))) {
        Ok(done) => reply(&done),
        Err(error) => reply(&Reply::Refused { exit: exit::of(&error) as u8, message: render::error(&error) }),
    }
}

fn admitted(headers: &HeaderMap, address: &Address) -> bool {
    let only = |name: header::HeaderName, expected: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().is_some_and(|value| same(value.as_bytes(), expected.as_bytes())) && values.next().is_none()
    };
    !headers.contains_key(header::ORIGIN)
        && only(header::HOST, &address.address.to_string())
        && only(header::AUTHORIZATION, &format!("Bearer {}", address.token))
}

/// Compares without saying by its time where the difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |acc, (a, b)| acc | (a ^ b)) == 0
}

fn reply(reply: &Reply) -> Response {
    let body = serde_json::to_vec(reply).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Asks a running host.
pub(crate) async fn ask(address: &Address, request: &Request) -> anyhow::Result<Reply> {
    let stream = TcpStream::connect(address.address).await.context("the running host does not answer")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await?;
    // Ends with this function, also where its caller waits no longer.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = http::Request::post("/v1")
        .header(header::HOST, address.address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {}", address.token))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(serde_json::to_vec(request)?)))?;
    let response = sender.send_request(request).await.map_err(|_| Gone)?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|_| Gone)?.to_bytes();
    anyhow::ensure!(status.is_success(), "the running host refused: {status}");
    Ok(serde_json::from_slice(&body)?)
}
