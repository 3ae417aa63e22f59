//! No path leads out of a granted directory.

use anyhow::{Result, ensure};
use manes_tests::TestHost;
use serde_json::json;
use std::os::unix::fs::symlink;

const SECRET: &str = "what nobody may see";

struct Folders {
    outer: tempfile::TempDir,
}

impl Folders {
    fn new() -> Result<Self> {
        let outer = tempfile::tempdir()?;
        let inner = outer.path().join("inner");
        std::fs::create_dir_all(inner.join("sub"))?;
        std::fs::write(outer.path().join("secret"), SECRET)?;
        std::fs::write(inner.join("plain"), "plain")?;
        symlink(outer.path().join("secret"), inner.join("absolute"))?;
        symlink("../secret", inner.join("relative"))?;
        symlink("..", inner.join("up"))?;
        symlink("plain", inner.join("inside"))?;
        symlink("/", inner.join("root"))?;
        Ok(Self { outer })
    }

    fn host(&self, access: &str) -> TestHost {
        TestHost::script().directory(&self.outer.path().join("inner"), "/in", access)
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_reads_what_lies_outside() -> Result<()> {
    let folders = Folders::new()?;
    let absolute = folders.outer.path().join("secret").to_string_lossy().into_owned();
    for access in ["read", "read-write"] {
        let host = folders.host(access).start_memory().await?;
        for path in [
            "/in/../secret",
            "/in/sub/../../secret",
            "/in/./../secret",
            "/in//../secret",
            "../secret",
            "/in/absolute",
            "/in/relative",
            "/in/up/secret",
            "/in/up/inner/../secret",
            "/in/root/etc/hostname",
            "/etc/hostname",
            "/proc/self/environ",
            absolute.as_str(),
        ] {
            let seen = host.ask(json!([["read", path], ["read-chunks", path, 16], ["stat", path]])).await?;
            ensure!(seen.iter().all(|seen| seen["error"].is_string()), "{access}: {path}: {seen:?}");
        }
        let seen = host.ask(json!([["read", "/in/plain"], ["read", "/in/inside"]])).await?;
        ensure!(seen[0] == "plain" && seen[1] == "plain", "a link that stays inside is followed: {seen:?}");
    }
    Ok(())
}

#[tokio::test]
async fn no_spelling_of_a_path_changes_what_lies_outside() -> Result<()> {
    let folders = Folders::new()?;
    let host = folders.host("read-write").start_memory().await?;
    for path in [
        "/in/../secret",
        "/in/absolute",
        "/in/relative",
        "/in/up/secret",
        "/in/../new",
        "/in/up/new",
        "/in/root/tmp/new",
    ] {
        let seen =
            host.ask(json!([["write", path, "overwritten"], ["append", path, "more"], ["truncate", path]])).await?;
        ensure!(seen.iter().all(|seen| seen["error"].is_string()), "{path}: {seen:?}");
    }
    let seen = host
        .ask(json!([["rename", "/in/plain", "/in/../stolen"], ["mkdir", "/in/../folder"], ["remove", "/in/up/secret"]]))
        .await?;
    ensure!(seen.iter().all(|seen| seen["error"].is_string()), "{seen:?}");
    ensure!(std::fs::read_to_string(folders.outer.path().join("secret"))? == SECRET);
    let mut names: Vec<_> =
        std::fs::read_dir(folders.outer.path())?.map(|e| Ok(e?.file_name())).collect::<Result<_>>()?;
    names.sort();
    ensure!(names == ["inner", "secret"], "{names:?}");
    Ok(())
}

#[tokio::test]
async fn a_link_that_leads_out_cannot_be_made() -> Result<()> {
    let folders = Folders::new()?;
    let host = folders.host("read-write").start_memory().await?;
    let script = json!([
        ["symlink", "../secret", "/in/new-relative"],
        ["symlink", "/etc/hostname", "/in/new-absolute"],
        ["symlink", "../../secret", "/in/sub/deep"],
        ["symlink", "../plain", "/in/sub/fine"],
        ["read", "/in/sub/fine"],
    ]);
    let seen = host.ask(script).await?;
    ensure!(seen[..3].iter().all(|seen| seen["error"].is_string()), "{seen:?}");
    ensure!(seen[3].is_null() && seen[4] == "plain", "{seen:?}");
    let inner = folders.outer.path().join("inner");
    ensure!(!inner.join("new-relative").is_symlink() && !inner.join("new-absolute").is_symlink());
    ensure!(!inner.join("sub/deep").is_symlink());
    Ok(())
}

#[tokio::test]
async fn without_a_directory_there_are_no_files_at_all() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let seen =
        host.ask(json!([["preopens"], ["read", "/etc/hostname"], ["list", "/"], ["write", "/tmp/x", "y"]])).await?;
    ensure!(seen[0] == json!([]) && seen[1..].iter().all(|seen| seen["error"].is_string()), "{seen:?}");
    Ok(())
}
