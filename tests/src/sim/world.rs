//! Time, randomness and a network for a simulated machine.

use super::machine::{Machine, Site};
use crate::Seed;
use manes_runtime::seams::{Answer, Entropy, Network, Seams, StillClock, Stream};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

#[derive(Debug)]
struct SimEntropy(Mutex<Seed>);

impl Entropy for SimEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut seed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in out.chunks_mut(8) {
            piece.copy_from_slice(&seed.number().to_le_bytes()[..piece.len()]);
        }
    }
}

/// A request that a server has carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// `METHOD path`.
    pub line: String,
    /// Its idempotency key.
    pub key: Option<String>,
}

#[derive(Debug)]
struct Sink {
    machine: Machine,
    seed: Mutex<Seed>,
    effects: Mutex<Vec<Effect>>,
    /// Of a hundred requests so many fail in each of three ways.
    failing: usize,
}

/// A network with one server, which carries out what it is asked, late, or fails before or after it.
#[derive(Debug, Clone)]
pub struct SimNet(Arc<Sink>);

impl SimNet {
    /// A network that is as slow and as broken as `seed` has it.
    #[must_use]
    pub fn new(machine: Machine, seed: Seed) -> Self {
        Self(Arc::new(Sink { machine, seed: Mutex::new(seed), effects: Mutex::default(), failing: 8 }))
    }

    /// A network on which everything arrives.
    #[must_use]
    pub fn reliable(machine: Machine) -> Self {
        Self(Arc::new(Sink { machine, seed: Mutex::new(Seed::new(1)), effects: Mutex::default(), failing: 0 }))
    }

    /// What the server has carried out, in order.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        self.0.effects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink {
    fn draw(&self, below: usize) -> usize {
        let mut seed: MutexGuard<'_, Seed> = self.seed.lock().unwrap_or_else(PoisonError::into_inner);
        seed.below(below)
    }

    async fn serve(&self, stream: DuplexStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte).await? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        tokio::time::sleep(Duration::from_millis(self.draw(50) as u64)).await;
        self.machine.pass(Site::EffectBefore).await;
        let fate = self.draw(100);
        if fate < self.failing {
            return Ok(());
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).map(str::to_owned);
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).push(Effect { line, key });
        self.machine.pass(Site::EffectAfter).await;
        if fate < 2 * self.failing {
            return Ok(());
        }
        if fate < 3 * self.failing {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await?;
        stream.flush().await
    }
}

impl Network for SimNet {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Answer<'a, Vec<SocketAddr>> {
        let address = format!("{host}:{port}").parse().map_err(io::Error::other);
        Box::pin(std::future::ready(address.map(|address| vec![address])))
    }

    fn connect(&self, _address: SocketAddr) -> Answer<'_, Box<dyn Stream>> {
        let (here, there) = tokio::io::duplex(64 << 10);
        let sink = self.0.clone();
        tokio::spawn(async move {
            // Clients come and go; what was done is in `effects`.
            let _ = sink.serve(there).await;
        });
        Box::pin(std::future::ready(Ok(Box::new(here) as Box<dyn Stream>)))
    }
}

/// The seams of one life of a machine. `wall_ns` is what its clock shows at the start.
#[must_use]
pub fn seams(network: &SimNet, wall_ns: u64, entropy: Seed) -> Seams {
    Seams {
        clock: Arc::new(StillClock::at(wall_ns)),
        entropy: Arc::new(SimEntropy(Mutex::new(entropy))),
        network: Arc::new(network.clone()),
    }
}
