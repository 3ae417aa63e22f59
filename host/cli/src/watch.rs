//! `up --watch`: what is saved is built and comes into force in the running host.

use crate::args::Global;
use crate::output::tell;
use crate::{build, open, render};
use manes_runtime::host::{Applied, Host};
use manes_runtime::manifest::Manifest;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(300);

/// When anything that matters was changed last: sources, components, the manifest.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(Vec<Option<SystemTime>>);

impl Stamp {
    fn of(manifest: &Manifest, file: &Path) -> Self {
        let agents = manifest.agent.values().map(|section| &section.component);
        let components = agents.chain(manifest.capability.values().map(|section| &section.component));
        let components = components.map(|path| build::modified(&manifest.resolve(path)));
        let sources = if build::targets(manifest).is_empty() { None } else { build::newest(manifest) };
        Self([build::modified(file), sources].into_iter().chain(components).collect())
    }
}

/// Watches until it is dropped. What cannot be used is said, and what is in force stays.
pub(crate) async fn watch(global: &Global, host: &Host) {
    let mut last = Stamp::of(&host.manifest(), &global.manifest);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = Stamp::of(&host.manifest(), &global.manifest);
        if now == last {
            continue;
        }
        // A file may be in the middle of being written.
        tokio::time::sleep(LOOK).await;
        match reload(global, host).await {
            Ok(Applied { changed, removed, waiting }) => {
                let said = |what: &str, names: &[String]| {
                    if !names.is_empty() {
                        tell!("{what}: {}", names.join(", "));
                    }
                };
                said("in force", &changed);
                said("removed", &removed);
                said("waiting", &waiting);
            }
            Err(error) => tell!("nothing changed: {}", render::error(&error)),
        }
        last = Stamp::of(&host.manifest(), &global.manifest);
    }
}

async fn reload(global: &Global, host: &Host) -> anyhow::Result<Applied> {
    let manifest = open::manifest(global)?;
    build::refresh(&manifest).await?;
    let applied = host.apply(manifest.clone()).await;
    applied.map_err(|error| open::placed(&manifest, error))
}
