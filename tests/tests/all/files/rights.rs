//! What may be done in a directory.

use anyhow::{Result, ensure};
use manes_tests::{TestHost, view};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file under `folder` with its content; directories have none.
fn snapshot(folder: &Path) -> Result<BTreeMap<PathBuf, Option<Vec<u8>>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() && !path.is_symlink() {
                found.insert(path.clone(), None);
                open.push(path);
            } else {
                found.insert(path.clone(), Some(std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    Ok(found)
}

fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("a.txt"), "content of a")?;
    std::fs::create_dir(folder.path().join("sub"))?;
    std::fs::write(folder.path().join("sub/b.txt"), "content of b")?;
    Ok(folder)
}

#[tokio::test]
async fn a_read_grant_refuses_every_change_and_nothing_changes_on_the_disk() -> Result<()> {
    let folder = folder()?;
    let before = snapshot(folder.path())?;
    let host = TestHost::script().directory(folder.path(), "/in", "read").start_memory().await?;
    let changes = json!([
        ["write", "/in/new.txt", "x"],
        ["write", "/in/a.txt", "x"],
        ["append", "/in/a.txt", "x"],
        ["truncate", "/in/a.txt"],
        ["mkdir", "/in/new"],
        ["rmdir", "/in/sub"],
        ["remove", "/in/a.txt"],
        ["rename", "/in/a.txt", "/in/z.txt"],
        ["hard-link", "/in/a.txt", "/in/z.txt"],
        ["symlink", "a.txt", "/in/z.txt"],
    ]);
    let count = changes.as_array().map_or(0, Vec::len);
    let seen = host.ask(changes.clone()).await?;
    ensure!(seen.len() == count);
    for (change, seen) in changes.as_array().into_iter().flatten().zip(&seen) {
        let error = seen["error"].as_str().unwrap_or_default();
        ensure!(error == "PermissionDenied" || error.contains("not-permitted"), "{change}: {seen}");
    }
    ensure!(snapshot(folder.path())? == before, "something changed on the disk");
    Ok(())
}

#[tokio::test]
async fn a_read_grant_reads_everything_below() -> Result<()> {
    let folder = folder()?;
    let host = TestHost::script().directory(folder.path(), "/in", "read").start_memory().await?;
    let script = json!([
        ["read", "/in/a.txt"],
        ["read", "/in/sub/b.txt"],
        ["read", "/in/sub/../a.txt"],
        ["read", "/in/none"],
        ["stat", "/in/sub"],
        ["stat", "/in/a.txt"],
        ["preopens"],
    ]);
    let seen = host.ask(script).await?;
    ensure!(seen[0] == "content of a" && seen[1] == "content of b" && seen[2] == "content of a", "{seen:?}");
    ensure!(seen[3]["error"] == "NotFound", "{seen:?}");
    ensure!(seen[4][0] == true && seen[5] == json!([false, 12]) && seen[6] == json!(["/in"]), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_read_write_grant_does_every_change() -> Result<()> {
    let folder = folder()?;
    let host = TestHost::script().directory(folder.path(), "/out", "read-write").start_memory().await?;
    let script = json!([
        ["write", "/out/new.txt", "one"],
        ["append", "/out/new.txt", " two"],
        ["read", "/out/new.txt"],
        ["mkdir", "/out/d"],
        ["rename", "/out/new.txt", "/out/d/moved.txt"],
        ["remove", "/out/a.txt"],
        ["truncate", "/out/sub/b.txt"],
        ["mkdir", "/out/e"],
        ["rmdir", "/out/e"],
    ]);
    let seen = host.ask(script).await?;
    ensure!(seen[2] == "one two" && seen.iter().all(|seen| seen.get("error").is_none()), "{seen:?}");
    let path = |name: &str| folder.path().join(name);
    ensure!(std::fs::read_to_string(path("d/moved.txt"))? == "one two");
    ensure!(std::fs::read(path("sub/b.txt"))?.is_empty() && !path("a.txt").exists() && !path("e").exists());
    Ok(())
}

#[tokio::test]
async fn two_directories_have_their_own_rights() -> Result<()> {
    let (read, write) = (folder()?, folder()?);
    let host = TestHost::script()
        .directory(read.path(), "/in", "read")
        .directory(write.path(), "/out", "read-write")
        .start_memory()
        .await?;
    let before = snapshot(read.path())?;
    let script = json!([
        ["write", "/in/x", "1"],
        ["write", "/out/x", "1"],
        ["rename", "/out/x", "/in/x"],
        ["rename", "/in/a.txt", "/out/a2.txt"],
        ["read", "/in/a.txt"],
        ["hard-link", "/in/a.txt", "/out/linked.txt"],
    ]);
    let seen = host.ask(script).await?;
    let refused = |place: usize| seen[place].get("error").is_some();
    ensure!(refused(0) && !refused(1) && refused(2) && refused(3) && !refused(4) && refused(5), "{seen:?}");
    ensure!(snapshot(read.path())? == before, "something changed under the read grant");
    Ok(())
}

#[tokio::test]
async fn a_listing_replays_in_the_order_in_which_it_came() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for number in 0..40 {
        std::fs::write(folder.path().join(format!("file-{}.txt", number * 7919 % 40)), "x")?;
    }
    let host = TestHost::script().directory(folder.path(), "/in", "read").start_memory().await?;
    let flow = host.run(&json!([["list", "/in"], ["report", "a.reported"]])).await?;
    let mut names: Vec<String> = serde_json::from_value(view::reported(&flow)?[0].clone())?;
    ensure!(names.len() == 40, "{names:?}");
    names.sort();
    names.dedup();
    ensure!(names.len() == 40, "a name came twice");
    // The order is part of the event: gone from the disk, it can only come from the record.
    folder.close()?;
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn a_big_file_is_read_in_chunks_and_replays_without_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(folder.path().join("big"), &content)?;
    let host = TestHost::script().directory(folder.path(), "/in", "read").start_memory().await?;
    let flow = host.run(&json!([["read-chunks", "/in/big", 65_536], ["report", "a.reported"]])).await?;
    let sum = content.iter().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let seen = view::reported(&flow)?;
    ensure!(seen[0][1] == content.len() && seen[0][2] == sum, "{seen:?}");
    ensure!(seen[0][0].as_u64().is_some_and(|reads| reads >= 46), "{seen:?}");
    folder.close()?;
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn a_granted_directory_that_is_not_there_is_a_fault_and_not_the_guests() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let missing = folder.path().join("missing");
    let host = TestHost::script().directory(&missing, "/in", "read").start_memory().await?;
    let flow = host.run(&json!([["read", "/in/a.txt"]])).await?;
    view::ended(&flow, "fault", "cannot be opened")?;
    Ok(())
}
