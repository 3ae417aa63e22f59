//! Dials for outgoing HTTP. Policy has already judged method, host and path; this vets the address.
//!
//! A name is resolved once, every address that comes back is filtered, and the address that passed is the one that is
//! dialled: a name that changes its mind between check and dial gains nothing. HTTP/1.1 only. No redirect is
//! followed: a guest that wants to follow one makes a request of its own, judged like any other.

use crate::seams::{Network, Stream};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use manes_core::ids::Digest;
use manes_core::policy::vet_addresses;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// Time to resolve, connect and shake hands where the guest sets none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time to the first byte where the guest sets none; the attempt's deadline is usually shorter.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);

/// The hooks of wasi:http.
#[derive(Debug)]
pub(super) struct Dialler {
    /// Key of the call that sends the next request.
    pub(super) key: Option<Digest>,
    /// Where it dials.
    pub(super) network: Arc<dyn Network>,
}

/// By which a server knows a request that it has answered before.
const IDEMPOTENCY_KEY: http::HeaderName = http::HeaderName::from_static("idempotency-key");

type Connection = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Dialler {
    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Connection,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Connection), Error>> + Send> {
        // The same in every attempt. What a guest says itself stands; what only reads needs none.
        if let Some(key) = self.key.filter(|_| !request.method().is_safe())
            && let Ok(value) = http::HeaderValue::from_str(&key.to_string())
        {
            request.headers_mut().entry(IDEMPOTENCY_KEY).or_insert(value);
        }
        Box::new(send(self.network.clone(), request, options.unwrap_or_default()))
    }
}

async fn send(
    network: Arc<dyn Network>,
    mut request: http::Request<WasiBody>,
    options: RequestOptions,
) -> Result<(http::Response<WasiBody>, Connection), Error> {
    let connect = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let stream = tokio::time::timeout(connect, open(&*network, request.uri())).await;
    let stream = stream.map_err(|_| Error::ConnectionTimeout)??;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Aborted when its handle is dropped, which wasi:http does with the response.
    let driver = wasmtime_wasi::runtime::spawn(connection);
    // A path of only a query is read as below the root, as policy read it.
    let path = request.uri().path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let first_byte = options.first_byte_timeout.unwrap_or(FIRST_BYTE_TIMEOUT);
    let response = tokio::time::timeout(first_byte, sender.send_request(request)).await;
    let response = response.map_err(|_| Error::ConnectionReadTimeout)??;
    let wait: Connection = Box::new(async move { driver.await.map_err(Error::from) });
    Ok((response.map(|body| body.map_err(Error::from).boxed_unsync()), wait))
}

async fn open(network: &dyn Network, uri: &http::Uri) -> Result<Box<dyn Stream>, Error> {
    let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?.to_owned();
    let tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let address = vetted(network, &host, port).await?;
    let stream = network.connect(address).await.map_err(Error::Connect)?;
    if !tls || network.is_secured() {
        return Ok(stream);
    }
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = rustls::pki_types::ServerName::try_from(name)?;
    let stream = tls_connector().connect(name, stream).await.map_err(Error::Tls)?;
    Ok(Box::new(stream))
}

/// The first address of `host` that may be dialled.
async fn vetted(network: &dyn Network, host: &str, port: u16) -> Result<SocketAddr, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let dns = |error: io::Error| Error::DnsError { rcode: Some(error.to_string()), info_code: None };
    let addresses = network.resolve(bare, port).await.map_err(dns)?;
    if addresses.is_empty() {
        return Err(Error::DestinationNotFound);
    }
    // One forbidden address among several is a sign of rebinding: all must pass.
    let ips: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
    if let Err(address) = vet_addresses(bare, &ips) {
        tracing::warn!(host, %address, "the name resolves to an address that may not be dialled");
        return Err(Error::DestinationIpProhibited);
    }
    addresses.first().copied().ok_or(Error::DestinationNotFound)
}

fn tls_connector() -> tokio_rustls::TlsConnector {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tokio_rustls::TlsConnector::from(Arc::new(config))
}
