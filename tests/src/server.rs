//! An HTTP/1.1 server on the loopback that does on request what servers do, and what they should not.
//!
//! | path | answer |
//! |---|---|
//! | `/echo` | method, path, headers and body as JSON |
//! | `/chunked/N` | N chunks of a hundred bytes |
//! | `/large/N` | N bytes |
//! | `/headers/N` | a header of N bytes |
//! | `/redirect` | 302 to `/echo` |
//! | `/hang` | nothing, until the server stops |
//! | `/half` | half of what was promised, then the connection is closed |
//! | `/drop` | the connection is closed without an answer |
//! | `/together/N` | an answer once N requests wait here at the same time |

use crate::running::GUARD;
use anyhow::{Context as _, Result};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What all connections share.
#[derive(Debug)]
struct Shared {
    seen: Mutex<Vec<String>>,
    keys: Mutex<Vec<Option<String>>>,
    waiting: watch::Sender<usize>,
    connections: AtomicUsize,
}

/// A running server. Dropping it closes everything.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A request as it came.
#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Server {
    /// A server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on the loopback")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            seen: Mutex::new(Vec::new()),
            keys: Mutex::new(Vec::new()),
            waiting: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, task })
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` and `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests so far, as `METHOD path`.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `count` requests have come: a record that announces one is there before it is.
    ///
    /// # Errors
    /// They did not come.
    pub async fn received(&self, count: usize) -> Result<()> {
        let come = async {
            while self.seen().len() < count {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        let seen = || format!("{:?} and no more after {GUARD:?}, not {count}", self.seen());
        tokio::time::timeout(GUARD, come).await.with_context(seen)
    }

    /// The idempotency key of each request so far.
    #[must_use]
    pub fn keys(&self) -> Vec<Option<String>> {
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connections so far, whether anything came over them or not.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Stops, with every connection; the port refuses from then on.
    pub async fn stop(mut self) {
        self.task.abort();
        // Ended by the abort: there is nothing to learn from it.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Aborted with this task.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let shared = shared.clone();
        connections.spawn(async move {
            // Clients come and go; what they did is in `seen`.
            let _ = serve(stream, &shared).await;
        });
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        let line = format!("{} {}", request.method, request.path);
        let key = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        shared.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key.map(|(_, key)| key.clone()));
        shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        if !answer(&mut stream, &request, shared).await? {
            return Ok(());
        }
    }
    Ok(())
}

async fn line(stream: &mut BufReader<TcpStream>) -> Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        match byte[0] {
            b'\n' => return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned())),
            byte => line.push(byte),
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Request>> {
    let Some(first) = line(stream).await? else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let mut request = Request {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        ..Request::default()
    };
    while let Some(header) = line(stream).await?.filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    if header("transfer-encoding").is_some_and(|encoding| encoding.contains("chunked")) {
        while let Some(size) = line(stream).await?.and_then(|size| usize::from_str_radix(&size, 16).ok()) {
            let mut chunk = vec![0; size];
            stream.read_exact(&mut chunk).await?;
            line(stream).await?;
            request.body.extend(chunk);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = header("content-length").and_then(|length| length.parse().ok()) {
        request.body = vec![0; length];
        stream.read_exact(&mut request.body).await?;
    }
    Ok(Some(request))
}

/// Answers; false if the connection is to be closed.
async fn answer(stream: &mut BufReader<TcpStream>, request: &Request, shared: &Shared) -> Result<bool> {
    let path = request.path.split('?').next().unwrap_or_default();
    let (name, number) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let number: usize = number.parse().unwrap_or_default();
    match name {
        "chunked" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            for place in 0..number {
                let chunk = format!("{:x}\r\n{:0100}\r\n", 100, place);
                stream.write_all(chunk.as_bytes()).await?;
                stream.flush().await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        "large" => plain(stream, "200 OK", "", &vec![b'L'; number]).await?,
        "headers" => plain(stream, "200 OK", &format!("x-long: {}\r\n", "h".repeat(number)), b"").await?,
        "redirect" => plain(stream, "302 Found", "location: /echo\r\n", b"elsewhere").await?,
        "hang" => std::future::pending().await,
        "drop" => return Ok(false),
        "half" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
            stream.flush().await?;
            return Ok(false);
        }
        "together" => {
            shared.waiting.send_modify(|waiting| *waiting += 1);
            shared.waiting.subscribe().wait_for(|waiting| *waiting >= number).await?;
            plain(stream, "200 OK", "", b"together").await?;
        }
        _ => {
            let body = serde_json::json!({
                "method": request.method,
                "path": request.path,
                "headers": request.headers,
                "body": String::from_utf8_lossy(&request.body),
            });
            plain(stream, "200 OK", "", body.to_string().as_bytes()).await?;
        }
    }
    stream.flush().await?;
    Ok(true)
}

async fn plain(stream: &mut BufReader<TcpStream>, status: &str, headers: &str, body: &[u8]) -> Result<()> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    Ok(stream.write_all(body).await?)
}
