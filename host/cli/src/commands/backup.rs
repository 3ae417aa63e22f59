//! `manes backup` and `manes checkpoint`: what to take elsewhere, so that the ledger here can be held to it.

use crate::args::{BackupArgs, Global};
use crate::exit::{Exit, coded, usage};
use crate::output::{say, tell};
use crate::progress::Progress;
use crate::{open, paths, render};
use anyhow::Context as _;
use manes_runtime::ledger::{OpenError, backup as copy};
use manes_verify::{AuditOptions, audit};
use std::path::{Path, PathBuf};

/// Copies the ledger's folder, whether a host writes it or not.
pub(crate) fn backup(global: &Global, args: &BackupArgs) -> anyhow::Result<Exit> {
    let folder = paths::ledger(global);
    let inside = |outer: &Path, inner: &Path| whole(inner).starts_with(whole(outer));
    if inside(&folder, &args.folder) {
        return Err(usage(format!("{} lies in the ledger itself; name a folder elsewhere", args.folder.display())));
    }
    let progress = Progress::begin("copying and verifying");
    // What the copy is held to: read before it, since a running host goes on.
    let head = super::verify::stored_head(global)?.and_then(|head| String::from_utf8(head).ok());
    let made = copy(&folder, &args.folder).map_err(|error| match error {
        OpenError::Absent { .. } => open::absent(&folder),
        OpenError::NotALedger { .. } => {
            usage(format!("{} is not empty; name a new folder for the backup", args.folder.display()))
        }
        error @ OpenError::Io { .. } => error.into(),
        other => coded(Exit::Unverified, other.to_string()),
    })?;
    let checkpoints = head.into_iter().collect();
    if let Err(finding) = audit(&AuditOptions { folder: args.folder.clone(), checkpoints, ledger: None }) {
        let (copy, folder) = (args.folder.display(), folder.display());
        let message =
            format!("{copy} is no backup: {finding}. It is a copy of what is in {folder}: see `manes verify`");
        return Err(coded(Exit::Unverified, message));
    }
    drop(progress);
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

/// A path without its relative parts and links, as far as it is there.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|there| Some((there.canonicalize().ok()?, path.strip_prefix(there).ok()?)));
    there.map_or_else(|| path.clone(), |(there, rest)| there.join(rest))
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
