//! Lives of one host: each begins on what the last one left, does its work, and is cut off; the last one is not.
//!
//! What must hold is judged twice: between two lives, on what survived, and in the end.

use super::disk::{Forgotten, SimDisk};
use super::jobs::{Job, Told, client, is_failing, is_full, jobs, keeper};
use super::machine::{Machine, Site};
use super::sited::Sited;
use super::world::{SimNet, seams};
use crate::host::engine;
use crate::{Seed, TestHost};
use anyhow::{Context as _, Result};
use manes_core::ids::Digest;
use manes_runtime::host::{Host, Prepared};
use manes_runtime::ledger::{Accept, Embedded, Ledger, OpenError, Options};
use manes_runtime::manifest::Manifest;
use manes_runtime::provider::Mirror;
use manes_runtime::seams::Seams;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Small, so that most runs come to a second one.
const SEGMENT_BYTES: u64 = 32 << 10;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(40);
/// 2026, in nanoseconds.
const BEGIN_NS: u64 = 1_767_225_600_000_000_000;
const HOUR_NS: u64 = 3_600_000_000_000;
/// Where the ledger lies.
pub(super) const LEDGER: &str = "/data/ledger";
/// Where keys and heads lie.
pub(super) const HOME: &str = "/home";

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// A sync that is left out.
    pub forgotten: Option<Forgotten>,
    /// Replay every attempt in the end.
    pub replayed: bool,
    /// How the first lives end, instead of what the seed has: where, after how many visits, and how.
    pub ends: Vec<(Site, u64, Cut)>,
    /// The sync of the first life that fails.
    pub fails_in: Option<u64>,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The machine loses its power.
    Power,
    /// The host is killed; its machine keeps what was written.
    Killed,
    /// The same, and what was written of the segments is not durable any more: they were copied, and not synced. A power
    /// cut before the next host has started loses them, whatever it does.
    Copied,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where the machine was cut off, and how often.
    pub hits: BTreeMap<Site, u64>,
    /// Of every file that survived, every effect and every acknowledgement.
    pub digest: Digest,
    /// How often the sync that is to be left out was.
    pub left_out: u64,
}

/// What goes wrong in a life beside its end.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    None,
    /// A sync fails.
    Failing(u64),
    /// There is no room for a while: from, and for how long.
    Full(Duration, Duration),
}

/// A machine, and all that is known of it.
pub(super) struct Sim {
    pub(super) seed: Seed,
    pub(super) machine: Machine,
    pub(super) disk: SimDisk,
    pub(super) network: SimNet,
    pub(super) jobs: Vec<Job>,
    pub(super) told: Arc<Mutex<Told>>,
    pub(super) rotates: bool,
}

/// Runs one seed.
///
/// # Errors
/// What does not hold.
pub fn simulate(plan: &Plan) -> Result<Outcome> {
    let mut seed = Seed::new(plan.seed);
    let machine = Machine::default();
    let disk = SimDisk::new(machine.clone());
    if let Some(forgotten) = plan.forgotten {
        disk.forget(forgotten);
    }
    let network = SimNet::new(machine.clone(), Seed::new(seed.number()));
    let jobs = jobs(&mut seed);
    let rotates = seed.below(4) == 0;
    let mut sim = Sim { seed, machine, disk, network, jobs, told: Arc::default(), rotates };
    let wanted = Site::ALL[usize::try_from(plan.seed % Site::ALL.len() as u64)?];
    let lives = 2 + sim.seed.below(3);
    for life in 0..lives {
        let site = match (life, wanted) {
            (0, Site::Recovery) => Site::SyncAfter,
            (1, Site::Recovery) => Site::Recovery,
            (0, wanted) => wanted,
            _ => *sim.seed.pick(&Site::ALL),
        };
        let (visits, trouble) = (sim.visits(site), sim.trouble());
        let trouble = plan.fails_in.filter(|_| life == 0).map_or(trouble, Trouble::Failing);
        let cut = *sim.seed.pick(&[Cut::Power, Cut::Power, Cut::Killed]);
        let (site, visits, cut) = plan.ends.get(life).copied().unwrap_or((site, visits, cut));
        let what = || format!("life {life}, {cut:?} at {site:?} {visits}, {trouble:?}");
        sim.life(life, Some((site, visits)), trouble).with_context(what)?;
        sim.end(cut);
        sim.judge_between().with_context(|| format!("after {}", what()))?;
    }
    sim.life(lives, None, Trouble::None).context("the last life")?;
    sim.end(Cut::Power);
    sim.judge(plan.replayed).context("in the end")?;
    Ok(Outcome { hits: sim.machine.hits(), digest: sim.digest(), left_out: sim.disk.left_out() })
}

fn manifest() -> &'static Manifest {
    static MANIFEST: OnceLock<Manifest> = OnceLock::new();
    MANIFEST.get_or_init(|| {
        let agent = |host: TestHost| {
            host.publish("a.>")
                .http("PUT 127.0.0.1:8080/")
                .http("POST 127.0.0.1:8080/")
                .limits("deadline_ms = 5000")
                .attempts(5)
        };
        let host = agent(TestHost::new().agent("a", "script").subscribe("a.do").results("a.out"));
        let host = agent(host.agent("b", "script").subscribe("a.more").line("concurrency = 1"));
        Manifest::parse(&host.manifest(), Path::new("/")).expect("the manifest of the simulation")
    })
}

fn mirror() -> Arc<Mirror> {
    static MIRROR: OnceLock<Arc<Mirror>> = OnceLock::new();
    let made = MIRROR.get_or_init(|| {
        let mirror = Mirror::new(engine());
        mirror.warm();
        mirror
    });
    made.clone()
}

/// The ledger on a simulated disk, for the runtime that this is called in.
///
/// # Errors
/// What keeps it from being opened.
pub fn open(disk: &SimDisk, seams: Seams, accept: Accept) -> Result<Embedded, OpenError> {
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        checkpoint_every: CHECKPOINT_EVERY,
        disk: Arc::new(disk.clone()),
        accept,
        writes_in_task: true,
    };
    Embedded::open(Path::new(LEDGER), Path::new(HOME), seams, options)
}

/// A host on a simulated machine, in the runtime that it is called in, at work.
///
/// # Errors
/// What keeps it from starting.
pub async fn boot(machine: &Machine, disk: &SimDisk, seams: Seams) -> Result<(Arc<Host>, Arc<dyn Ledger>)> {
    let ledger = open(disk, seams.clone(), Accept::Nothing)?;
    let ledger: Arc<dyn Ledger> = Arc::new(Sited::new(Arc::new(ledger), machine.clone()));
    let prepared = Prepared::compile(engine(), manifest())?.with_mirror(mirror());
    let host = Host::start_prepared(ledger.clone(), engine().clone(), seams, manifest().clone(), prepared).await?;
    host.begin().await?;
    Ok((Arc::new(host), ledger))
}

impl Sim {
    fn end(&mut self, cut: Cut) {
        self.machine.cut();
        match cut {
            Cut::Power => self.disk.cut(&mut self.seed),
            Cut::Killed => self.disk.kill(),
            Cut::Copied => self.disk.copied(),
        }
    }

    /// How often a site is passed before the machine is cut off there.
    fn visits(&mut self, site: Site) -> u64 {
        let often = match site {
            Site::AppendBefore | Site::AppendAfter | Site::SyncBefore | Site::SyncAfter => 24,
            Site::Recovery => 16,
            Site::HeadBefore | Site::HeadAfter => 6,
            Site::RollBefore | Site::RollAfter | Site::BlobNamed => 2,
            Site::BlobFolder | Site::ArtifactNamed => 1,
            _ => 5,
        };
        self.seed.below(often) as u64
    }

    fn trouble(&mut self) -> Trouble {
        match self.seed.below(8) {
            0 => Trouble::Failing(self.seed.below(60) as u64),
            1 => {
                let ms = |below: usize, seed: &mut Seed| Duration::from_millis(seed.below(below) as u64);
                Trouble::Full(ms(100, &mut self.seed), ms(40_000, &mut self.seed))
            }
            _ => Trouble::None,
        }
    }

    /// One life of the machine: until it is cut off, or its work is done.
    fn life(&mut self, number: usize, plan: Option<(Site, u64)>, trouble: Trouble) -> Result<()> {
        self.machine.start(plan);
        let jump = [0, HOUR_NS, 2 * HOUR_NS][self.seed.below(3)];
        let wall_ns = BEGIN_NS + jump;
        let (entropy, order) = (Seed::new(self.seed.number()), Seed::new(self.seed.number()));
        if let Trouble::Failing(syncs) = trouble {
            self.disk.fail_in(syncs);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let machine = self.machine.clone();
        let lived = runtime.block_on(async {
            let seams = seams(&self.network, wall_ns, entropy);
            tokio::select! {
                biased;
                () = machine.off() => Ok(()),
                lived = self.live(number, seams, order, trouble) => lived,
            }
        });
        match (lived, trouble) {
            // Whatever it said when it was cut off, nobody heard it.
            _ if self.machine.is_off() => Ok(()),
            // What the host says when its disk fails is its last word; the next life finds out what survived.
            (Err(error), Trouble::Failing(_)) if is_failing(&error) => Ok(()),
            (Err(error), Trouble::Full(..)) if is_full(&error) => Ok(()),
            (lived, _) => lived,
        }
    }

    async fn live(&self, number: usize, seams: Seams, mut order: Seed, trouble: Trouble) -> Result<()> {
        self.machine.recovering(number > 0);
        let (host, _) = boot(&self.machine, &self.disk, seams).await?;
        self.machine.recovering(false);
        if let Trouble::Full(from, long) = trouble {
            let disk = self.disk.clone();
            tokio::spawn(async move {
                tokio::time::sleep(from).await;
                disk.fill(true);
                tokio::time::sleep(long).await;
                disk.fill(false);
            });
        }
        let mut clients = Vec::new();
        for job in &self.jobs {
            let late = Duration::from_millis(order.below(60) as u64);
            clients.push(tokio::spawn(client(
                host.clone(),
                job.clone(),
                self.told.clone(),
                self.machine.clone(),
                late,
            )));
        }
        let cancels = (order.below(4) == 0).then(|| order.pick(&self.jobs).id.clone());
        let keeper = tokio::spawn(keeper(
            host.clone(),
            self.told.clone(),
            self.rotates && number == 0,
            cancels,
            order.below(120) as u64,
        ));
        for client in clients {
            client.await??;
        }
        keeper.await??;
        host.stop().await?;
        Ok(())
    }

    pub(super) fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest(&self) -> Digest {
        let mut all = Vec::new();
        for (path, content) in self.disk.files() {
            all.extend_from_slice(path.to_string_lossy().as_bytes());
            all.extend_from_slice(&Digest::of(&content).0);
        }
        all.extend_from_slice(format!("{:?} {:?}", self.network.effects(), self.told().acked).as_bytes());
        Digest::of(&all)
    }
}
