//! Goal: no sync can be left out unseen. Method: for each place that syncs, a disk that says it did and does not; some
//! seed must fail on it. A sync that no seed misses proves nothing and is not there.

use super::each;
use manes_tests::sim::{Cut, Forgotten, Op, Plan, Site, simulate};
use std::sync::{Mutex, PoisonError};

/// Seeds that a missing sync may take to be noticed.
const SEEDS: u64 = 400;

struct Mutation {
    what: &'static str,
    forgotten: Forgotten,
    /// How the first lives end, where chance would take long to find it: after as many visits, or less.
    ends: &'static [(Site, u64, Cut)],
    /// A sync of the first life fails: after at least so many, one of so many.
    fails: Option<(u64, u64)>,
}

const fn file(path: &'static str, after: Op, of: &'static str) -> Forgotten {
    Forgotten { sync: Op::SyncFile, path, after, of }
}

const fn names(path: &'static str, after: Op, of: &'static str) -> Forgotten {
    Forgotten { sync: Op::SyncDir, path, after, of }
}

const fn chance(what: &'static str, forgotten: Forgotten) -> Mutation {
    Mutation { what, forgotten, ends: &[], fails: None }
}

const fn after(what: &'static str, forgotten: Forgotten, ends: &'static [(Site, u64, Cut)]) -> Mutation {
    Mutation { what, forgotten, ends, fails: None }
}

const MUTATIONS: [Mutation; 28] = [
    chance("a block", file(".seg", Op::Write, ".seg")),
    // After a sync that failed its pages count as clean: they are there, and no other sync writes them.
    Mutation {
        what: "the last block before anything rests on it",
        forgotten: file(".seg", Op::Truncate, ".seg"),
        ends: &[(Site::HeadAfter, 1_000, Cut::Killed), (Site::AppendBefore, 0, Cut::Power)],
        fails: Some((0, 60)),
    },
    after("a segment's head", file(".seg", Op::Begin, ".seg"), &[(Site::AppendAfter, 20, Cut::Power)]),
    after(
        "segments before anything rests on them",
        file(".seg", Op::Read, ".seg"),
        &[(Site::EndAfter, 4, Cut::Copied), (Site::AppendAfter, 4, Cut::Power)],
    ),
    chance("the name of a new segment", names("segments", Op::SyncFile, ".seg")),
    after(
        "names of segments before anything rests on them",
        names("segments", Op::SyncDir, "/data/ledger"),
        &[(Site::RollAfter, 0, Cut::Killed)],
    ),
    after(
        "names of blobs' folders before anything rests on them",
        names("blobs", Op::SyncDir, "segments"),
        &[(Site::BlobFolder, 0, Cut::Killed)],
    ),
    chance("a blob", file("blobs/", Op::Begin, "blobs/")),
    chance("a blob's name", names("blobs/", Op::Rename, "blobs/")),
    chance("the name of a blob's folder", names("blobs", Op::CreateDir, "blobs/")),
    after(
        "the name of a blob that is there already",
        names("blobs/", Op::Read, "blobs/"),
        &[(Site::BlobNamed, 0, Cut::Killed)],
    ),
    chance("an artifact", file("artifacts/", Op::Begin, "artifacts/")),
    chance("an artifact's name", names("artifacts", Op::Rename, "artifacts/")),
    after(
        "the name of an artifact that is there already",
        names("artifacts", Op::Read, "artifacts/"),
        &[(Site::ArtifactNamed, 0, Cut::Killed)],
    ),
    chance("the folder's head", file("checkpoint", Op::Begin, "checkpoint")),
    chance("the name of the folder's head", names("/data/ledger", Op::Rename, "checkpoint")),
    chance("the head outside", file("heads/", Op::Begin, "heads/")),
    chance("the name of the head outside", names("heads", Op::Rename, "heads/")),
    chance("the incarnation", file("incarnation", Op::Begin, "incarnation")),
    after(
        "the name of the incarnation",
        names("keys", Op::Rename, "incarnation"),
        &[(Site::EndAfter, 3, Cut::Power), (Site::AppendAfter, 0, Cut::Power)],
    ),
    chance("a key that is to follow", file("host-next", Op::Begin, "host-next")),
    chance("the name of a key that is to follow", names("keys", Op::Rename, "host-next")),
    chance("the root key", file(".root", Op::Begin, ".root")),
    chance("the host's key", file(".host", Op::Begin, ".host")),
    chance("the folders in the home", names("/home", Op::CreateDir, "/home/")),
    // A head without the folder of its blocks would look like a loss.
    Mutation {
        what: "the folders in the ledger's",
        forgotten: names("/data/ledger", Op::CreateDir, "/data/ledger/"),
        ends: &[(Site::HeadAfter, 1_000, Cut::Power)],
        fails: Some((10, 12)),
    },
    chance("the ledger's folder", names("/data", Op::CreateDir, "/data/ledger")),
    chance("the home", names("/", Op::CreateDir, "/home")),
];

#[test]
fn a_sync_that_is_left_out_is_noticed() {
    let missed = Mutex::new(Vec::new());
    each(0..MUTATIONS.len() as u64, |place| {
        let Mutation { what, forgotten, ends, fails } = &MUTATIONS[place as usize];
        let mut left_out = 0;
        let noticed = (0..SEEDS).find_map(|seed| {
            let ends: Vec<_> = ends.iter().map(|(site, visits, cut)| (*site, seed % (visits + 1), *cut)).collect();
            let run = |forgotten: Option<Forgotten>| {
                let fails_in = fails.map(|(from, below)| from + seed % below);
                simulate(&Plan { seed, forgotten, replayed: false, ends: ends.clone(), fails_in })
            };
            match run(Some(*forgotten)) {
                Ok(outcome) => {
                    left_out += outcome.left_out;
                    None
                }
                // It is this sync, and nothing else.
                Err(error) => run(None).is_ok().then(|| (seed, format!("{error:#}"))),
            }
        });
        match noticed {
            Some((seed, how)) => println!("{what}: seed {seed}: {how}"),
            None => {
                let problem = format!("{what}: left out {left_out} times in {SEEDS} seeds, and nobody noticed");
                missed.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
            }
        }
    });
    let missed = missed.into_inner().unwrap_or_default();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
