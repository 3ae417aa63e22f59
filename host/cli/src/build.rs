//! Makes components from their sources, where a manifest says how.
//!
//! What is newer than a component is looked for in the manifest's folder: how a language tracks its sources is its own
//! build's business, and running that when nothing changed costs little.

use crate::exit::{Exit, coded};
use crate::output::tell;
use crate::sdk;
use anyhow::Context as _;
use manes_runtime::manifest::Manifest;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;
use tokio::process::Command;

/// Folders that hold no sources.
const NO_SOURCES: [&str; 5] = ["target", "node_modules", "__pycache__", ".git", "venv"];
/// Files that are looked at, at most: beyond that it is no project's folder.
const FILES_MAX: usize = 50_000;

/// A component that a command makes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Agent or capability.
    pub(crate) name: String,
    /// The component.
    pub(crate) component: PathBuf,
    command: String,
}

/// What the manifest says how to make.
pub(crate) fn targets(manifest: &Manifest) -> Vec<Target> {
    let agents = manifest.agent.iter().map(|(name, section)| (name, &section.component, &section.build));
    let capabilities = manifest.capability.iter().map(|(name, section)| (name, &section.component, &section.build));
    let target = |(name, component, build): (&String, &PathBuf, &Option<String>)| {
        let (name, component) = (name.clone(), manifest.resolve(component));
        build.clone().map(|command| Target { name, component, command })
    };
    agents.chain(capabilities).filter_map(target).collect()
}

/// What is older than its sources, or not there.
pub(crate) fn stale(manifest: &Manifest) -> Vec<Target> {
    let mut targets = targets(manifest);
    if targets.is_empty() {
        return targets;
    }
    let newest = newest(manifest);
    targets.retain(|target| match modified(&target.component) {
        Some(made) => newest.is_some_and(|newest| newest > made),
        None => true,
    });
    targets
}

/// Makes what is older than its sources.
pub(crate) async fn refresh(manifest: &Manifest) -> anyhow::Result<()> {
    make(manifest, stale(manifest).into_iter()).await
}

/// Runs the commands, each once, however many components it makes.
pub(crate) async fn make(manifest: &Manifest, targets: impl Iterator<Item = Target>) -> anyhow::Result<()> {
    let mut commands: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    targets.for_each(|target| commands.entry(target.command.clone()).or_default().push(target));
    for (command, targets) in commands {
        sdk::refresh(&manifest.folder)?;
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        tell!("building {}: {command}", names.join(", "));
        run(&command, &manifest.folder, &names.join(", ")).await?;
        for target in &targets {
            let file = File::options().write(true).open(&target.component);
            let made = file.with_context(|| format!("`{command}` did not make {}", target.component.display()))?;
            // A build that found nothing to do leaves the file as old as it was.
            if let Some(newest) = newest(manifest).filter(|newest| modified(&target.component) < Some(*newest)) {
                made.set_modified(newest)?;
            }
        }
    }
    Ok(())
}

/// Results go to standard output alone, and a build is none: all that it says goes to standard error.
async fn run(command: &str, folder: &Path, names: &str) -> anyhow::Result<()> {
    let stderr = std::os::fd::AsFd::as_fd(&std::io::stderr()).try_clone_to_owned()?;
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::from(stderr));
    let status = shell.status().await.with_context(|| format!("`{command}` could not be run"))?;
    if status.success() {
        return Ok(());
    }
    Err(coded(Exit::Failed, format!("{names} could not be built: `{command}` failed ({status}); see `manes doctor`")))
}

/// When a file was changed.
pub(crate) fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// True for a folder that holds what happened, wherever a manifest has it.
fn is_ledger(folder: &Path) -> bool {
    folder.join("segments").is_dir() && folder.join("LOCK").is_file()
}

/// When the last source in the manifest's folder was changed.
pub(crate) fn newest(manifest: &Manifest) -> Option<SystemTime> {
    let folder = &manifest.folder;
    let (mut newest, mut left, mut folders) = (None, FILES_MAX, vec![folder.clone()]);
    let agents = manifest.agent.values().flat_map(|section| &section.directories);
    let granted = agents.chain(manifest.capability.values().flat_map(|section| &section.directories));
    let granted: Vec<PathBuf> =
        granted.map(|grant| manifest.resolve(Path::new(grant.host())).components().collect()).collect();
    // What agents read and write, and what they are tested with.
    let aside = |path: &PathBuf| granted.contains(path) || *path == folder.join("cases");
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !NO_SOURCES.contains(&name.as_str()) && !aside(&entry.path()) && !is_ledger(&entry.path()) {
                    folders.push(entry.path());
                }
                continue;
            }
            left -= 1;
            if left == 0 {
                return newest;
            }
            // What it may do is no source of what it is, nor is what it said.
            if kind.is_file() && name != "manes.toml" && !name.ends_with(".wasm") && !name.ends_with(".log") {
                newest = newest.max(modified(&entry.path()));
            }
        }
    }
    newest
}
