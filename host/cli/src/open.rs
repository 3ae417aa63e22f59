//! Opens what commands work on, with errors that say what to do.

use crate::args::Global;
use crate::build;
use crate::exit::{Exit, coded, usage};
use crate::output::tell;
use crate::paths;
use crate::progress::Progress;
use manes_core::ids::{ActivationId, FlowId};
use manes_runtime::engine::Wasm;
use manes_runtime::host::{Host, HostError, Prepared};
use manes_runtime::ledger::{Accept, Embedded, Ledger, OpenError, Options, Reader};
use manes_runtime::manifest::Manifest;
use manes_runtime::query::{self, Named};
use manes_runtime::seams::Seams;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The ledger, to read.
pub(crate) fn reader(global: &Global) -> anyhow::Result<Reader> {
    let folder = paths::ledger(global);
    let _reading = Progress::begin("reading the ledger");
    Reader::open(&folder).map_err(|error| match error {
        OpenError::Absent { .. } => absent(&folder),
        other => coded(Exit::Unverified, other.to_string()),
    })
}

/// There is no ledger to read.
pub(crate) fn absent(folder: &Path) -> anyhow::Error {
    usage(format!(
        "there is no ledger in {}; name one with --ledger DIR, or begin one with `manes run` or `manes up`",
        folder.display()
    ))
}

/// An engine that keeps compiled code in the home.
pub(crate) fn wasm() -> anyhow::Result<Wasm> {
    Ok(Wasm::new(Some(&paths::home()?.join("cache")))?)
}

/// The manifest.
pub(crate) fn manifest(global: &Global) -> anyhow::Result<Manifest> {
    Manifest::read(&global.manifest).map_err(|error| {
        let help = if global.manifest.exists() { "" } else { "; name one with --manifest FILE" };
        usage(format!("{error}{help}"))
    })
}

/// A host in this process, at work.
pub(crate) async fn host(global: &Global) -> anyhow::Result<Host> {
    build::refresh(&manifest(global)?).await?;
    let host = held_host(global).await?;
    host.begin().await?;
    Ok(host)
}

/// A host in this process that attempts nothing yet.
pub(crate) async fn held_host(global: &Global) -> anyhow::Result<Host> {
    let manifest = manifest(global)?;
    // Before anything is created: a slip in the manifest must not leave a ledger and its keys behind.
    Prepared::glance(&manifest).map_err(|error| placed(&manifest, error))?;
    let progress = progress("compiling components; the next start finds them compiled");
    let host = start(global, manifest).await;
    progress.abort();
    host
}

async fn start(global: &Global, manifest: Manifest) -> anyhow::Result<Host> {
    let wasm = wasm()?;
    let prepared = Prepared::compile(&wasm, &manifest).map_err(|error| placed(&manifest, error))?;
    let seams = Seams::system();
    let opening = Progress::begin("opening the ledger");
    let ledger: Arc<dyn Ledger> = Arc::new(ledger(global, Accept::Nothing)?);
    drop(opening);
    let started = Host::start_prepared(ledger, wasm, seams, manifest.clone(), prepared).await;
    started.map_err(|error| placed(&manifest, error))
}

/// An error about a section, under the line of the manifest that it is about.
pub(crate) fn placed(manifest: &Manifest, error: HostError) -> anyhow::Error {
    let (name, key) = match &error {
        HostError::Unimported { name, .. } | HostError::Misnamed { name, .. } => (name, "capabilities"),
        HostError::NoFolder { name, .. } => (name, "directories"),
        HostError::Read { name, .. } | HostError::Load { name, .. } => (name, "component"),
        _ => return error.into(),
    };
    let shown = manifest.at(name, key, &error.to_string());
    let file = manifest.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
    anyhow::anyhow!("{file}{}", shown.trim_end())
}

/// The ledger, to write.
pub(crate) fn ledger(global: &Global, accept: Accept) -> anyhow::Result<Embedded> {
    let (folder, home) = (paths::ledger(global), paths::home()?);
    let options = Options { accept, ..Options::default() };
    Embedded::open(&folder, &home, Seams::system(), options).map_err(|error| match error {
        OpenError::Damaged { .. }
        | OpenError::Violation { .. }
        | OpenError::Behind { .. }
        | OpenError::Checkpoint { .. } => {
            coded(Exit::Unverified, format!("the ledger in {} cannot be used: {error}", folder.display()))
        }
        other => anyhow::Error::new(other).context(format!("failed to open the ledger in {}", folder.display())),
    })
}

/// Says what takes long, once it has taken a second.
fn progress(what: &'static str) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tell!("{what}");
    })
}

/// The beginning of an id, long enough that an empty variable of a script names nothing.
pub(crate) fn prefix(id: &str, list: &str) -> anyhow::Result<String> {
    let prefix = id.trim_end_matches('…').to_ascii_lowercase();
    if prefix.len() < 4 || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(usage(format!("{id:?} is no id; give at least four hex digits, as `{list}` prints them")));
    }
    Ok(prefix)
}

/// What an id means.
pub(crate) fn named(reader: &Reader, id: &str) -> anyhow::Result<Named> {
    query::resolve(reader, id)?.map_err(usage)
}

/// The flow that an id means.
pub(crate) fn flow(reader: &Reader, id: &str) -> anyhow::Result<FlowId> {
    match named(reader, id)? {
        Named::Flow(flow) => Ok(flow),
        Named::Activation(id) => flow_of(reader, id),
    }
}

fn flow_of(reader: &Reader, id: ActivationId) -> anyhow::Result<FlowId> {
    let record = query::gather_activation(reader, id)?;
    let flow = record.events.first().and_then(|event| event.envelope.flow);
    flow.ok_or_else(|| usage(format!("activation {id} has no flow")))
}
