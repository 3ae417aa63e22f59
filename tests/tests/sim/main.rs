//! A whole host on a simulated machine.
//!
//! Goal: whatever cuts a machine off and wherever, nothing acknowledged is lost, nothing becomes visible twice, no
//! write is silently repeated, and the next life goes on. Method: seeds. Each is a few lives of one host on one disk; a
//! life ends at a named place, in the middle of work; what was not synced survives in part. See [`manes_tests::sim`].

mod disks;
mod syncs;

use manes_tests::sim::{Outcome, Plan, Site, simulate};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

const SEEDS: u64 = 500;
const SEEDS_SOAK: u64 = 10_000;
/// Of so many seeds one is replayed in the end.
const REPLAYED: u64 = 10;

/// `MANES_SEED=7` runs that one alone.
fn seeds() -> std::ops::Range<u64> {
    if let Some(seed) = std::env::var("MANES_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return seed..seed + 1;
    }
    0..if std::env::var_os("MANES_SOAK").is_some() { SEEDS_SOAK } else { SEEDS }
}

/// Does `work` for each seed on all cores.
fn each(seeds: std::ops::Range<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    work(seed);
                }
            });
        }
    });
}

fn run(seed: u64) -> anyhow::Result<Outcome> {
    simulate(&Plan { seed, forgotten: None, replayed: seed.is_multiple_of(REPLAYED), ends: Vec::new(), fails_in: None })
}

#[test]
fn whatever_cuts_a_machine_off_nothing_is_lost_and_nothing_done_twice() {
    let failed = Mutex::new(BTreeMap::new());
    let hits: Mutex<BTreeMap<Site, u64>> = Mutex::default();
    each(seeds(), |seed| {
        let problem = match (run(seed), run(seed)) {
            (Ok(first), Ok(second)) if first == second => {
                let mut hits = hits.lock().unwrap_or_else(PoisonError::into_inner);
                first.hits.iter().for_each(|(site, times)| *hits.entry(*site).or_default() += times);
                return;
            }
            (Ok(_), Ok(_)) => "two runs of it differ".to_owned(),
            (Err(error), _) | (_, Err(error)) => format!("{error:#}"),
        };
        failed.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, problem);
    });
    let (failed, hits) = (failed.into_inner().unwrap_or_default(), hits.into_inner().unwrap_or_default());
    let list =
        failed.iter().take(20).map(|(seed, problem)| format!("MANES_SEED={seed}: {problem}\n")).collect::<String>();
    assert!(failed.is_empty(), "{} seeds failed\n{list}", failed.len());
    if std::env::var_os("MANES_SEED").is_none() {
        for site in Site::ALL {
            let times = hits.get(&site).copied().unwrap_or_default();
            assert!(times >= 10, "the machine was cut off at {site:?} only {times} times: {hits:?}");
        }
    }
}
