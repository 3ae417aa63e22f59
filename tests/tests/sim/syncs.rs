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
}

const fn file(path: &'static str, after: Op, of: &'static str) -> Forgotten {
    Forgotten { sync: Op::SyncFile, path, after, of }
}

const fn names(path: &'static str, after: Op, of: &'static str) -> Forgotten {
    Forgotten { sync: Op::SyncDir, path, after, of }
}

const fn chance(what: &'static str, forgotten: Forgotten) -> Mutation {
    Mutation { what, forgotten, ends: &[] }
}

const fn after(what: &'static str, forgotten: Forgotten, ends: &'static [(Site, u64, Cut)]) -> Mutation {
    Mutation { what, forgotten, ends }
}

const MUTATIONS: [Mutation; 25] = [
    chance("a block", file(".seg", Op::Write, ".seg")),
    after(
        "the last block before anything rests on it",
        file(".seg", Op::Truncate, ".seg"),
        &[(Site::AppendAfter, 20, Cut::Killed), (Site::SyncBefore, 0, Cut::Power)],
    ),
    chance("the name of a new segment", names("segments", Op::Write, ".seg")),
    after(
        "names of segments before anything rests on them",
        names("segments", Op::SyncDir, "/ledger"),
        &[(Site::RollAfter, 0, Cut::Killed)],
    ),
    after(
        "names of blobs' folders before anything rests on them",
        names("blobs", Op::SyncDir, "segments"),
        &[(Site::BlobFolder, 0, Cut::Killed)],
    ),
    chance("a blob", file("blobs/", Op::Write, "blobs/")),
    chance("a blob's name", names("blobs/", Op::Rename, "blobs/")),
    chance("the name of a blob's folder", names("blobs", Op::CreateDir, "blobs/")),
    after(
        "the name of a blob that is there already",
        names("blobs/", Op::Read, "blobs/"),
        &[(Site::BlobNamed, 0, Cut::Killed)],
    ),
    chance("an artifact", file("artifacts/", Op::Write, "artifacts/")),
    chance("an artifact's name", names("artifacts", Op::Rename, "artifacts/")),
    after(
        "the name of an artifact that is there already",
        names("artifacts", Op::Read, "artifacts/"),
        &[(Site::ArtifactNamed, 0, Cut::Killed)],
    ),
    chance("the folder's head", file("checkpoint", Op::Write, "checkpoint")),
    chance("the name of the folder's head", names("/ledger", Op::Rename, "checkpoint")),
    chance("the head outside", file("heads/", Op::Write, "heads/")),
    chance("the name of the head outside", names("heads", Op::Rename, "heads/")),
    chance("the incarnation", file("incarnation", Op::Write, "incarnation")),
    after(
        "the name of the incarnation",
        names("keys", Op::Rename, "incarnation"),
        &[(Site::EndAfter, 3, Cut::Power), (Site::AppendAfter, 0, Cut::Power)],
    ),
    chance("a key that is to follow", file("host-next", Op::Write, "host-next")),
    chance("the name of a key that is to follow", names("keys", Op::Rename, "host-next")),
    chance("the root key", file(".root", Op::Write, ".root")),
    chance("the host's key", file(".host", Op::Write, ".host")),
    chance("the folders in the home", names("/home", Op::CreateDir, "/home/")),
    after(
        "the folders in the ledger's",
        names("/ledger", Op::CreateDir, "/ledger/"),
        &[(Site::SyncAfter, 0, Cut::Killed)],
    ),
    chance("the ledger's folder", names("/", Op::CreateDir, "/ledger")),
];

#[test]
fn a_sync_that_is_left_out_is_noticed() {
    let missed = Mutex::new(Vec::new());
    each(0..MUTATIONS.len() as u64, |place| {
        let Mutation { what, forgotten, ends } = &MUTATIONS[place as usize];
        let mut left_out = 0;
        let noticed = (0..SEEDS).find_map(|seed| {
            let ends = ends.iter().map(|(site, visits, cut)| (*site, seed % (visits + 1), *cut)).collect();
            match simulate(&Plan { seed, forgotten: Some(*forgotten), replayed: false, ends }) {
                Ok(outcome) => {
                    left_out += outcome.left_out;
                    None
                }
                Err(error) => Some((seed, format!("{error:#}"))),
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
