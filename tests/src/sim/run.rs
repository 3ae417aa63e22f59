//! Lives of one host: each begins on what the last one left, does its work, and is cut off; the last one is not.
//!
//! What must hold is judged twice: between two lives, on what survived, and in the end.

use super::disk::{Forgotten, SimDisk};
use super::machine::{Machine, Site};
use super::sited::Sited;
use super::world::{Effect, SimNet, seams};
use crate::host::engine;
use crate::{Seed, TestHost};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use manes_core::block::{Block, Header};
use manes_core::ids::{Digest, EventKey};
use manes_core::record::Kind;
use manes_core::segment::FRAME_HEAD_BYTES;
use manes_runtime::event::{Content, Data};
use manes_runtime::host::{Host, HostError, Prepared, Submission};
use manes_runtime::keystore::Keystore;
use manes_runtime::ledger::{Accept, Embedded, Entry, KeyChange, Ledger, LedgerError, OpenError, Options, Reader};
use manes_runtime::manifest::Manifest;
use manes_runtime::provider::Mirror;
use manes_runtime::query::{self, FlowRecord};
use manes_runtime::replay::Replayer;
use manes_runtime::seams::Seams;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Small, so that most runs come to a second one.
const SEGMENT_BYTES: u64 = 32 << 10;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(40);
/// 2026, in nanoseconds.
const BEGIN_NS: u64 = 1_767_225_600_000_000_000;
const HOUR_NS: u64 = 3_600_000_000_000;
/// Of simulated time: longer than any flow, its retries and a clock that was put back take.
const GUARD: Duration = Duration::from_secs(3 * 3_600);
const LEDGER: &str = "/data/ledger";
const HOME: &str = "/home";

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

/// An event of the workload.
#[derive(Debug, Clone)]
struct Job {
    id: String,
    script: Value,
    /// Events on `out` that its flow makes visible.
    outs: usize,
    /// Requests that it needs, as `METHOD path`.
    requests: Vec<String>,
}

/// What clients were told.
#[derive(Debug, Default)]
struct Told {
    acked: BTreeSet<String>,
    ended: BTreeSet<String>,
    /// Events whose flows somebody may have cancelled.
    cancelled: BTreeSet<String>,
    /// Blocks covered by a head that somebody was given.
    head: u64,
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

struct Sim {
    seed: Seed,
    machine: Machine,
    disk: SimDisk,
    network: SimNet,
    jobs: Vec<Job>,
    told: Arc<Mutex<Told>>,
    rotates: bool,
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

/// A few events, each of one of the shapes that work comes in.
fn jobs(seed: &mut Seed) -> Vec<Job> {
    let count = 2 + seed.below(4);
    (0..count)
        .map(|number| {
            let url = |method: &str, name: &str| (method.to_owned(), format!("/{number}/{name}"));
            let (put, post, other) = (url("PUT", "put"), url("POST", "post"), url("PUT", "other"));
            let must = |(method, path): &(String, String)| {
                json!(["must", ["http", method, format!("http://127.0.0.1:8080{path}")]])
            };
            let emit = json!(["emit", "a.out", format!("out {number}")]);
            let line = |(method, path): &(String, String)| format!("{method} {path}");
            let (script, outs, requests) = match seed.below(7) {
                0 => (json!([must(&put), emit]), 1, vec![line(&put)]),
                1 => (json!([["random-u64"], must(&post), emit]), 1, vec![line(&post)]),
                2 => (
                    json!([must(&put), ["emit-scripts", "a.more", [[must(&other), emit], [emit]]]]),
                    2,
                    vec![line(&put), line(&other)],
                ),
                3 => (
                    json!([["emit", "a.more", json!([must(&put), emit]).to_string(), { "delay": 300 }]]),
                    1,
                    vec![line(&put)],
                ),
                4 => (
                    json!([must(&put), ["while-attempt", 1, ["retry", "once"]], must(&other), emit]),
                    1,
                    vec![line(&put), line(&other)],
                ),
                5 => {
                    (json!([["now"], ["say", 70_000 + number], ["emit", "a.out", format!("large {number}"), { "size": 10_000 }]]), 1, Vec::new())
                }
                _ => (
                    json!([must(&put), ["sleep", 20], must(&other), ["while-attempt", 1, ["trap"]], emit]),
                    1,
                    vec![line(&put), line(&other)],
                ),
            };
            Job { id: format!("job-{number}"), script, outs, requests }
        })
        .collect()
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

/// What a client may be told when its host has troubles of its own, and comes again.
fn is_passing(error: &HostError) -> bool {
    matches!(
        error,
        HostError::Stopped
            | HostError::Ledger(LedgerError::NoSpace { .. } | LedgerError::Poisoned { .. } | LedgerError::Closed)
    )
}

/// True if it is the disk that failed, as it was told to.
fn is_failing(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<HostError>().is_some_and(is_passing) || cause.to_string().contains("os error 5")
    })
}

/// True if the disk had no room to begin or to end on.
fn is_full(error: &anyhow::Error) -> bool {
    let no_room = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(LedgerError::NoSpace { .. }))
            || matches!(cause.downcast_ref(), Some(HostError::Ledger(LedgerError::NoSpace { .. })))
            || cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::StorageFull)
    };
    error.chain().any(no_room)
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

    /// What every life finds: it was promised.
    fn judge_between(&self) -> Result<()> {
        self.machine.start(None);
        let told = self.told();
        let reader = match Reader::open_on(Path::new(LEDGER), Arc::new(self.disk.clone())) {
            Err(OpenError::Absent { .. }) if told.acked.is_empty() => return Ok(()),
            reader => reader?,
        };
        let entries = entries(&reader)?;
        let keys = roots(&entries);
        for id in &told.acked {
            ensure!(keys.contains(&key(&reader, id)), "{id} was acknowledged and is gone");
        }
        let flows = query::flows(&reader)?;
        for id in &told.ended {
            let flow = key(&reader, id).flow();
            let state = flows.iter().find(|summary| summary.flow == flow).map(|summary| summary.status.clone());
            ensure!(state.is_some_and(|state| state != "open"), "the flow of {id} had ended and is open");
        }
        for entry in entries.iter().filter(|entry| entry.envelope.kind() == Kind::Deployment) {
            if let Some(component) = entry.envelope.component {
                ensure!(reader.artifact(&component)?.is_some(), "the component of record {} is gone", entry.index);
            }
        }
        let store = Keystore::new(Path::new(HOME), Arc::new(self.disk.clone()));
        ensure!(store.root(&reader.id())?.is_some(), "the root key is gone");
        let outside = store.head(&reader.id())?;
        for (place, note) in [("outside", outside), ("in the folder", reader.checkpoint()?)] {
            let size = note.map(|note| reader.verified(|verifier| verifier.extends(&note))).transpose()?;
            let size = size.map_or(0, |head| head.size);
            ensure!(size >= told.head, "a head of {} blocks was given out; the one kept {place} has {size}", told.head);
        }
        Ok(())
    }

    /// What holds when all is done.
    fn judge(&self, replayed: bool) -> Result<()> {
        self.judge_between()?;
        ensure!(self.told().ended.len() == self.jobs.len(), "not every flow has ended");
        let reader = Reader::open_on(Path::new(LEDGER), Arc::new(self.disk.clone()))?;
        let entries = entries(&reader)?;
        ensure!(roots(&entries).len() == self.jobs.len(), "an event is there twice, or one that nobody sent");
        let answered: BTreeSet<Digest> = causes(&entries, Kind::Outcome);
        for intent in entries.iter().filter(|entry| entry.envelope.kind() == Kind::Intent) {
            ensure!(answered.contains(&intent.leaf), "the intent in record {} has no outcome", intent.index);
        }
        let ended = causes(&entries, Kind::End);
        for start in entries.iter().filter(|entry| entry.envelope.kind() == Kind::Start) {
            ensure!(ended.contains(&start.leaf), "the attempt in record {} has no end", start.index);
        }
        self.judge_effects(&reader, &entries)?;
        self.judge_blocks()?;
        if replayed { self.replay(&reader) } else { Ok(()) }
    }

    fn judge_effects(&self, reader: &Reader, entries: &[Entry]) -> Result<()> {
        let effects = self.network.effects();
        let flows = query::flows(reader)?;
        let cancelled = self.told().cancelled.clone();
        let mut keys: BTreeMap<&str, BTreeSet<&Option<String>>> = BTreeMap::new();
        for Effect { line, key } in &effects {
            ensure!(key.is_some(), "{line} came without a key");
            keys.entry(line).or_default().insert(key);
        }
        for (line, keys) in &keys {
            ensure!(keys.len() == 1, "{line} came under several keys: {keys:?}");
            let times = effects.iter().filter(|effect| effect.line == *line).count();
            ensure!(times == 1 || !line.starts_with("POST"), "{line} was carried out {times} times");
        }
        let distinct: BTreeSet<_> = keys.values().flatten().collect();
        ensure!(distinct.len() == keys.len(), "two requests came under one key");
        for job in &self.jobs {
            let flow = key(reader, &job.id).flow();
            let outs = entries
                .iter()
                .filter(|entry| entry.envelope.flow == Some(flow) && entry.envelope.topic.as_deref() == Some("a.out"));
            let (outs, status) = (outs.count(), flows.iter().find(|f| f.flow == flow).map(|f| f.status.as_str()));
            match status {
                Some("done") => {
                    ensure!(outs == job.outs, "{}: {outs} events are visible, not {}", job.id, job.outs);
                    for line in &job.requests {
                        ensure!(keys.contains_key(line.as_str()), "{}: done, and {line} never came", job.id);
                    }
                }
                // Only what asks a server that fails, or was cancelled, may come to nothing.
                Some("failed") if !job.requests.is_empty() || cancelled.contains(&job.id) => {
                    ensure!(outs <= job.outs, "{}: {outs} events are visible", job.id);
                }
                other => bail!("{} is {other:?}", job.id),
            }
        }
        Ok(())
    }

    /// No two blocks, of those that were lost too, were signed for one place of one start of the host.
    fn judge_blocks(&self) -> Result<()> {
        let mut places = BTreeMap::new();
        for frame in self.disk.blocks() {
            let payload = frame.get(FRAME_HEAD_BYTES..).context("a frame has a head")?;
            let block = Block::decode(payload).map_err(|error| anyhow!("a block cannot be read: {error}"))?;
            let header = Header::decode(&block.header)?;
            let place = (header.ledger, header.host, header.incarnation, header.number);
            let other = places.insert(place, block.hash());
            ensure!(other.is_none_or(|other| other == block.hash()), "two blocks were signed for {place:?}");
        }
        Ok(())
    }

    fn replay(&self, reader: &Reader) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let mut replayer = Replayer::new(engine().clone(), Seams::system(), None)?;
        for job in &self.jobs {
            let record: FlowRecord = query::gather(reader, key(reader, &job.id).flow())?;
            for attempt in &record.attempts {
                let verdict = runtime.block_on(replayer.replay(reader, attempt))?;
                ensure!(
                    verdict.identical,
                    "{} attempt {:?} does not replay: {verdict:?}",
                    job.id,
                    attempt.start.envelope.attempt
                );
            }
        }
        Ok(())
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
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

/// Submits an event until it is there, and waits for the end of its flow.
async fn client(host: Arc<Host>, job: Job, told: Arc<Mutex<Told>>, machine: Machine, late: Duration) -> Result<()> {
    tokio::time::sleep(late).await;
    let submitted = loop {
        let content = Content {
            content_type: "application/json".into(),
            data: Data::Text(job.script.to_string()),
            extensions: BTreeMap::new(),
        };
        let (id, topic) = (job.id.clone(), "a.do".to_owned());
        match host.submit(Submission { submitter: "client/sim".into(), id, topic, content }).await {
            Ok(submitted) => break submitted,
            Err(HostError::Ledger(LedgerError::NoSpace { .. })) => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(error) if is_passing(&error) => return Err(error.into()),
            Err(error) => bail!("{} was refused: {error}", job.id),
        }
    };
    told.lock().unwrap_or_else(PoisonError::into_inner).acked.insert(job.id.clone());
    machine.pass(Site::AckAfter).await;
    let ended = tokio::time::timeout(GUARD, host.flow_ended(&submitted)).await;
    ended.map_err(|_| anyhow!("{} does not end", job.id))??;
    told.lock().unwrap_or_else(PoisonError::into_inner).ended.insert(job.id);
    Ok(())
}

/// Asks for a head once in a life; in some it rotates the host's key, in some it cancels a flow.
async fn keeper(
    host: Arc<Host>,
    told: Arc<Mutex<Told>>,
    rotates: bool,
    cancels: Option<String>,
    late: u64,
) -> Result<()> {
    tokio::time::sleep(Duration::from_millis(late)).await;
    let ledger = host.ledger().clone();
    if let Some(id) = cancels {
        let flow = EventKey::external(&ledger.id(), "client/sim", "client/sim", &id).flow();
        told.lock().unwrap_or_else(PoisonError::into_inner).cancelled.insert(id);
        match host.cancel(flow, "client/sim").await {
            // It has ended, or was not sent yet.
            Ok(()) | Err(HostError::Ended { .. }) => {}
            Err(error) if is_passing(&error) => return Ok(()),
            Err(error) => bail!("a flow was not cancelled: {error}"),
        }
    }
    if rotates {
        match ledger.change_keys(KeyChange::Rotate { keep_old: false }).await {
            Err(LedgerError::Keys { why }) => bail!("the key was not rotated: {why}"),
            // A disk that fails or is full is no business of this test.
            _changed => {}
        }
    }
    let Ok(note) = ledger.checkpoint().await else { return Ok(()) };
    let size: u64 = note.lines().nth(1).and_then(|line| line.parse().ok()).context("a checkpoint has a size")?;
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.head = told.head.max(size);
    Ok(())
}

fn key(reader: &Reader, id: &str) -> EventKey {
    EventKey::external(&reader.id(), "client/sim", "client/sim", id)
}

fn entries(reader: &Reader) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let more = reader.read(entries.len() as u64, 1_000)?;
        if more.is_empty() {
            return Ok(entries);
        }
        entries.extend(more);
    }
}

/// Keys of the events that came from outside; each is there once.
fn roots(entries: &[Entry]) -> Vec<EventKey> {
    let root = |entry: &&Entry| entry.envelope.kind() == Kind::Event && entry.envelope.cause.is_none();
    entries.iter().filter(root).filter_map(|entry| entry.envelope.event).collect()
}

fn causes(entries: &[Entry], kind: Kind) -> BTreeSet<Digest> {
    entries.iter().filter(|entry| entry.envelope.kind() == kind).filter_map(|entry| entry.envelope.cause).collect()
}
