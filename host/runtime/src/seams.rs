//! The seams through which the outside world enters: time, randomness and the network.
//!
//! Nothing else in this crate asks the operating system for them, so that a simulation can hold all three; what is
//! read and written on a disk has a seam of its own, [`crate::ledger::disk`].

mod still;

pub use still::{SeededEntropy, StillClock};

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};

/// Where time comes from.
pub trait Clock: Send + Sync + Debug {
    /// Nanoseconds since 1970, UTC. May jump either way.
    fn now_ns(&self) -> u64;
    /// Nanoseconds since some moment in the past; never goes back.
    fn monotonic_ns(&self) -> u64;
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync + Debug {
    /// Fills `out` with bytes that nobody can predict.
    fn fill(&self, out: &mut [u8]);
}

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a network answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Where outgoing connections go. It judges nothing: what may be asked of it was decided before.
pub trait Network: Send + Sync + Debug {
    /// The addresses of a name, or the one that a literal spells.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Answer<'a, Vec<SocketAddr>>;
    /// True if a connection is secured by what stands here, so that no TLS is put on it. Only where nothing leaves the
    /// process, as in a test, is that so.
    fn is_secured(&self) -> bool {
        false
    }
    /// A connection.
    fn connect(&self, address: SocketAddr) -> Answer<'_, Box<dyn Stream>>;
}

/// The seams a host is built with.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Outgoing connections.
    pub network: Arc<dyn Network>,
}

impl Seams {
    /// The operating system's clock, random source and network.
    #[must_use]
    pub fn system() -> Self {
        let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
        Self { clock, entropy, network: Arc::new(SystemNetwork) }
    }

    /// A fresh salt.
    #[must_use]
    pub fn salt(&self) -> manes_core::record::Salt {
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt);
        salt
    }
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading begins now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        clippy::new_without_default,
        reason = "this is the seam; a clock has no default moment"
    )]
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn now_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The operating system's random source.
#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            // Salts and keys without randomness would be worse than no host at all.
            tracing::error!(%error, "the operating system gives no random bytes; stopping");
            std::process::abort();
        }
    }
}

/// The operating system's network.
#[derive(Debug)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Answer<'a, Vec<SocketAddr>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }

    fn connect(&self, address: SocketAddr) -> Answer<'_, Box<dyn Stream>> {
        Box::pin(async move { Ok(Box::new(tokio::net::TcpStream::connect(address).await?) as Box<dyn Stream>) })
    }
}
