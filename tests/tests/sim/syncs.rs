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
    /// How the first life ends, where chance would take long to find it.
    first: Option<(Site, Cut)>,
}

const fn file(path: &'static str, after: Op, of: &'static str) -> Forgotten {
    Forgotten { sync: Op::SyncFile, path, after, of }
}

const fn names(path: &'static str, after: Op, of: &'static str) -> Forgotten {
    Forgotten { sync: Op::SyncDir, path, after, of }
}

const fn chance(what: &'static str, forgotten: Forgotten) -> Mutation {
    Mutation { what, forgotten, first: None }
}

const fn after(what: &'static str, forgotten: Forgotten, site: Site, cut: Cut) -> Mutation {
    Mutation { what, forgotten, first: Some((site, cut)) }
}

const MUTATIONS: [Mutation; 25] = [
    chance("a block", file(".seg", Op::Write, ".seg")),
    chance("the end that was torn off", file(".seg", Op::Truncate, ".seg")),
    after("segments before they are believed", file(".seg", Op::Read, ".seg"), Site::AppendAfter, Cut::Killed),
    chance("the name of a new segment", names("segments", Op::Write, ".seg")),
    after(
        "names of segments before they are believed",
        names("segments", Op::SyncFile, ".seg"),
        Site::RollAfter,
        Cut::Killed,
    ),
    after("names of blobs' folders", names("blobs", Op::SyncDir, "segments"), Site::BlobFolder, Cut::Killed),
    chance("a blob", file("blobs/", Op::Write, "blobs/")),
    chance("a blob's name", names("blobs/", Op::Rename, "blobs/")),
    chance("the name of a blob's folder", names("blobs", Op::CreateDir, "blobs/")),
    after("the name of a blob that is there", names("blobs/", Op::Read, "blobs/"), Site::BlobNamed, Cut::Killed),
    chance("an artifact", file("artifacts/", Op::Write, "artifacts/")),
    chance("an artifact's name", names("artifacts", Op::Rename, "artifacts/")),
    after(
        "the name of an artifact that is there",
        names("artifacts", Op::Read, "artifacts/"),
        Site::ArtifactNamed,
        Cut::Killed,
    ),
    chance("the folder's head", file("checkpoint", Op::Write, "checkpoint")),
    chance("the name of the folder's head", names("/ledger", Op::Rename, "checkpoint")),
    chance("the head outside", file("heads/", Op::Write, "heads/")),
    chance("the name of the head outside", names("heads", Op::Rename, "heads/")),
    chance("the incarnation", file("incarnation", Op::Write, "incarnation")),
    chance("the name of the incarnation", names("keys", Op::Rename, "incarnation")),
    chance("a key that is to follow", file("host-next", Op::Write, "host-next")),
    chance("the name of a key that is to follow", names("keys", Op::Rename, "host-next")),
    chance("the root key", file(".root", Op::Write, ".root")),
    chance("the host's key", file(".host", Op::Write, ".host")),
    chance("the names of the keys", names("keys", Op::SyncFile, ".host")),
    chance("the folders of the keys", names("/home", Op::CreateDir, "/home/")),
];

/// These hold together: each is needed where the other has not come yet.
const FOLDERS: [Mutation; 2] = [
    after("the folders in the ledger's", names("/ledger", Op::CreateDir, "/ledger/"), Site::SyncAfter, Cut::Killed),
    chance("the ledger's folder", names("/", Op::CreateDir, "/ledger")),
];

#[test]
fn a_sync_that_is_left_out_is_noticed() {
    let all: Vec<&Mutation> = MUTATIONS.iter().chain(&FOLDERS).collect();
    let missed = Mutex::new(Vec::new());
    each(0..all.len() as u64, |place| {
        let Mutation { what, forgotten, first } = all[place as usize];
        let mut left_out = 0;
        let noticed = (0..SEEDS).find_map(|seed| {
            let first = first.map(|(site, cut)| (site, seed % 12, cut));
            match simulate(&Plan { seed, forgotten: Some(*forgotten), replayed: false, first }) {
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
