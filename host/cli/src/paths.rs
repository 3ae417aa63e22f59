//! Where things are: the ledger, and the home of what must not lie in it.

use crate::args::Global;
use anyhow::Context as _;
use manes_core::ids::Digest;
use std::path::{Path, PathBuf};

/// The ledger's folder: `--ledger`, else what the manifest says, else `.manes/ledger` beside it.
pub(crate) fn ledger(global: &Global) -> PathBuf {
    global.ledger.clone().unwrap_or_else(|| {
        let beside = global.manifest.parent().unwrap_or_else(|| Path::new(""));
        beside.join(named(&global.manifest).unwrap_or_else(|| Path::new(".manes").join("ledger")))
    })
}

/// The folder that a manifest names. What else is in it, and whether it is right, is for others to say: a ledger can be
/// read beside a manifest that cannot.
fn named(manifest: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(manifest).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    table.get("ledger")?.as_str().filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The home of private keys, stored heads, tokens and compiled code: `MANES_HOME`, else the user's data folder.
pub(crate) fn home() -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MANES_HOME")
        .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("manes")))
        .or_else(|| set("HOME").map(|home| home.join(".local").join("share").join("manes")))
        .context("neither MANES_HOME nor HOME is set; set MANES_HOME to a folder for keys")
}

/// Where the running host of a ledger says how to reach it.
pub(crate) fn control(ledger: &Path) -> anyhow::Result<PathBuf> {
    let whole = std::path::absolute(ledger).unwrap_or_else(|_| ledger.to_owned());
    let whole = whole.canonicalize().unwrap_or(whole);
    let name = Digest::of(whole.as_os_str().as_encoded_bytes());
    Ok(home()?.join("control").join(format!("{}.json", name.short())))
}
