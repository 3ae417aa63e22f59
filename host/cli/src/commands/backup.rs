//! `manes backup` and `manes checkpoint`: what to take elsewhere, so that the ledger here can be held to it.

use crate::args::{BackupArgs, Global};
use crate::exit::{Exit, coded, usage};
use crate::output::{say, tell};
use crate::{open, paths, render};
use anyhow::Context as _;
use manes_runtime::ledger::{OpenError, backup as copy};

/// Copies the ledger's folder, whether a host writes it or not.
pub(crate) fn backup(global: &Global, args: &BackupArgs) -> anyhow::Result<Exit> {
    let folder = paths::ledger(global);
    let made = copy(&folder, &args.folder).map_err(|error| match error {
        OpenError::Absent { .. } => open::absent(&folder),
        OpenError::NotALedger { .. } => {
            usage(format!("{} is not empty; name a new folder for the backup", args.folder.display()))
        }
        other => coded(Exit::Unverified, other.to_string()),
    })?;
    if global.json {
        let shape = serde_json::json!({
            "folder": args.folder, "records": made.records, "blocks": made.blocks, "bytes": made.bytes,
        });
        say!("{shape}");
    } else {
        let (records, blocks) = (render::count(made.records, "record"), render::count(made.blocks, "block"));
        say!("{}: {records} in {blocks}, {}, verified", args.folder.display(), render::bytes(made.bytes));
        tell!("keys are not in it: they lie in {}", paths::home()?.display());
    }
    Ok(Exit::Done)
}

/// Prints the last signed head.
pub(crate) fn checkpoint(global: &Global) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let note = reader.checkpoint()?.context("the ledger has no checkpoint yet; one is signed about every second")?;
    if global.json {
        say!("{}", serde_json::json!({ "ledger": reader.id(), "checkpoint": note }));
    } else {
        say!("{}", note.trim_end_matches('\n'));
    }
    Ok(Exit::Done)
}
