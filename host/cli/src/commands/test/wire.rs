//! A network on which the requests of a case are answered, and nothing else.

use super::case::{Case, canonical, text};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use manes_runtime::seams::{Answer, Network, Stream};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where every name leads: a public address, so that it may be dialled. Nothing is sent there.
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));

/// A request that is expected.
#[derive(Debug)]
struct Expected {
    line: String,
    body: Option<String>,
    status: u16,
    headers: Vec<(String, String)>,
    answer: String,
    used: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Of the last connection: true once it was asked whether it is secured, which is so for https alone.
    secured: Arc<AtomicBool>,
    expected: Vec<Expected>,
    /// Requests that are not in the case.
    unexpected: Vec<String>,
}

/// The network.
#[derive(Debug, Clone)]
pub(super) struct Wire(Arc<Mutex<State>>);

impl Wire {
    pub(super) fn new(case: &Case) -> anyhow::Result<Self> {
        let mut expected = Vec::new();
        for exchange in &case.http {
            let line = exchange.request.get_ref();
            let line = line.split_once(' ').and_then(|(method, url)| line_of(method, &url.parse().ok()?, None));
            let line = line.ok_or_else(|| {
                case.wrong(&exchange.request, "write METHOD URL, as in \"GET https://api.example.com/v1/\"")
            })?;
            let mut headers: Vec<(String, String)> = exchange.headers.clone().into_iter().collect();
            let is_json = exchange.answer.as_ref().is_some_and(|answer| !answer.is_str());
            if is_json && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            let status = exchange.status;
            if http::StatusCode::from_u16(status).is_err() {
                return Err(case.wrong(&exchange.request, format!("{status} is no status")));
            }
            let answer = exchange.answer.as_ref().map(text).unwrap_or_default();
            let body = exchange.body.as_ref().map(|body| canonical(&text(body)));
            expected.push(Expected { line, body, status, headers, answer, used: false });
        }
        Ok(Self(Arc::new(Mutex::new(State { expected, ..State::default() }))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For each `[[http]]`, whether it came.
    pub(super) fn used(&self) -> Vec<bool> {
        self.state().expected.iter().map(|exchange| exchange.used).collect()
    }

    /// Requests that did not come.
    pub(super) fn left(&self) -> Vec<String> {
        let state = self.state();
        state.expected.iter().filter(|exchange| !exchange.used).map(shown).collect()
    }

    /// Requests that are not in the case.
    pub(super) fn unexpected(&self) -> Vec<String> {
        self.state().unexpected.clone()
    }

    /// The answer to a request.
    async fn answer(self, request: hyper::Request<Incoming>, port: u16, tls: bool) -> http::Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let line = line_of(parts.method.as_str(), &parts.uri, Some((host, port, tls))).unwrap_or_default();
        let mut state = self.state();
        let fits = |exchange: &&mut Expected| {
            let body_fits = exchange.body.as_ref().is_none_or(|expected| *expected == canonical(&body));
            !exchange.used && exchange.line == line && body_fits
        };
        let found = state.expected.iter_mut().find(fits).map(|exchange| {
            exchange.used = true;
            let mut builder = http::Response::builder().status(exchange.status);
            for (name, value) in &exchange.headers {
                builder = builder.header(name, value);
            }
            builder.body(Full::from(exchange.answer.clone()))
        });
        match found {
            Some(Ok(response)) => response,
            Some(Err(error)) => refusal(&format!("the answer cannot be sent: {error}")),
            None => {
                let text = if body.is_empty() { line.clone() } else { format!("{line} {}", canonical(&body)) };
                state.unexpected.push(text);
                refusal(&format!("no [[http]] of the case is {line}"))
            }
        }
    }
}

fn shown(exchange: &Expected) -> String {
    match &exchange.body {
        Some(body) => format!("{} {body}", exchange.line),
        None => exchange.line.clone(),
    }
}

fn refusal(text: &str) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::from(text.to_owned()));
    *response.status_mut() = http::StatusCode::NOT_IMPLEMENTED;
    response
}

/// `METHOD scheme://host[:port]/path?query`, as a case says it or as a server sees it.
fn line_of(method: &str, uri: &http::Uri, seen: Option<(&str, u16, bool)>) -> Option<String> {
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let path = if path.is_empty() { "/" } else { path };
    let (host, port, tls) = match seen {
        Some((host, port, tls)) => {
            let authority: http::uri::Authority = host.parse().ok()?;
            (authority.host().to_owned(), port, tls)
        }
        None => {
            let tls = uri.scheme_str()? == "https";
            (uri.host()?.to_owned(), uri.port_u16().unwrap_or(if tls { 443 } else { 80 }), tls)
        }
    };
    let (scheme, usual) = if tls { ("https", 443) } else { ("http", 80) };
    let port = if port == usual { String::new() } else { format!(":{port}") };
    Some(format!("{method} {scheme}://{}{port}{path}", host.to_ascii_lowercase()))
}

impl Network for Wire {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Answer<'a, Vec<SocketAddr>> {
        let address = match host.parse() {
            Ok(address) => address,
            Err(_) if host == "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Err(_) => SOMEWHERE,
        };
        Box::pin(std::future::ready(Ok(vec![SocketAddr::new(address, port)])))
    }

    fn is_secured(&self) -> bool {
        // Asked of a connection that was just made, before anything goes over it, and for https alone.
        self.state().secured.store(true, Ordering::Relaxed);
        true
    }

    fn connect(&self, address: SocketAddr) -> Answer<'_, Box<dyn Stream>> {
        let (here, there) = tokio::io::duplex(64 << 10);
        let (wire, secured) = (self.clone(), Arc::new(AtomicBool::new(false)));
        self.state().secured = secured.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = wire.clone().answer(request, address.port(), secured.load(Ordering::Relaxed));
                async move { Ok::<_, Infallible>(answer.await) }
            });
            // A client that goes away is none of the test's business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(there), service).await;
        });
        Box::pin(std::future::ready(io::Result::Ok(Box::new(here) as Box<dyn Stream>)))
    }
}
