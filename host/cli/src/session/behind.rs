//! What a running host has not taken over yet from the files that it was started with, said before it is asked.

use crate::build;
use crate::output::tell;
use crate::render;
use manes_runtime::host::{Behind, Host};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the files are ahead of the host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BehindReply {
    /// The manifest's file.
    file: PathBuf,
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
    results: bool,
    /// Names whose sources are newer than their components.
    stale: Vec<String>,
    /// Why the file cannot be used as it is.
    invalid: Option<String>,
}

/// Looks.
pub(super) async fn look(host: &Host) -> BehindReply {
    let manifest = host.manifest();
    let Some(file) = manifest.file.clone() else { return BehindReply::default() };
    let stale = tokio::task::spawn_blocking(move || build::stale(&manifest)).await.unwrap_or_default();
    let stale = stale.into_iter().map(|target| target.name).collect();
    match host.behind().await {
        Ok(Behind { added, changed, removed, results }) => {
            BehindReply { file, added, changed, removed, results, stale, invalid: None }
        }
        Err(error) => BehindReply { file, stale, invalid: Some(error.to_string()), ..BehindReply::default() },
    }
}

impl BehindReply {
    /// Says so, except for the name that is about to change.
    pub(super) fn say(&self, except: Option<&str>) {
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        let file = render::plain(&file);
        if let Some(why) = &self.invalid {
            tell!("the running host goes on with the manifest that it has:");
            why.lines().for_each(|line| tell!("  {}", render::plain(line)));
        }
        let said = |names: &[String], (one, many): (&str, &str), what: &str, help: &str| {
            let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| Some(*name) != except).collect();
            match names.as_slice() {
                [] => {}
                [name] => tell!("{name} {one} {what}; {}", help.replace("NAME", name)),
                names => tell!("{} {many} {what}; {help}", names.join(", ")),
            }
        };
        let is = ("is", "are");
        said(&self.added, is, &format!("in {file} and not in the running host"), "manes load NAME");
        said(&self.changed, ("was", "were"), "changed since, and not in the running host", "manes swap NAME");
        said(&self.removed, is, &format!("in the running host and not in {file}"), "manes unload NAME");
        said(&self.stale, is, "older than the sources", "manes build && manes swap NAME, or manes up --watch");
        if self.results {
            tell!("`results` of {file} was changed; it counts from the next start, or at once under manes up --watch");
        }
    }
}
