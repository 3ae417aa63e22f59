//! `manes verify`: the auditor's checks, with the head that is kept here.

use crate::args::{Global, VerifyArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::progress::Progress;
use crate::{open, paths, render};
use manes_core::checkpoint;
use manes_core::ids::LedgerId;
use manes_verify::limits::CHECKPOINT_BYTES_MAX;
use manes_verify::{AuditOptions, Checking, Finding, Problem, Report, audit_watched};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Looks again this often when something is wrong, while another process may be writing.
const RETRIES: u32 = 2;
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(150);

/// Blocks between two words on how far it is.
const SAID_BLOCKS: u64 = 64;

/// Audits the folder. The stored head counts as a checkpoint that is held.
pub(crate) fn verify(global: &Global, args: &VerifyArgs) -> anyhow::Result<Exit> {
    let folder = paths::ledger(global);
    // Whether a folder that is there holds a ledger is for the audit to say.
    if !folder.try_exists().unwrap_or(true) {
        return Err(open::absent(&folder));
    }
    let mut held = args.checkpoint.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let wanted = args.ledger_id.as_deref().map(str::parse::<LedgerId>).transpose();
    let ledger = wanted.map_err(|error| usage(format!("--ledger-id: {error}")))?;
    let head = stored_head(global)?;
    let kept = head.is_some();
    held.extend(head);
    let shown = folder.clone();
    let audited = |held: Vec<Vec<u8>>| {
        let text = |(place, bytes)| checkpoint::text(bytes).map_err(|error| Finding::held(place + 1, error.into()));
        let checkpoints = held.into_iter().enumerate().map(text).collect::<Result<_, _>>()?;
        again(&AuditOptions { folder, checkpoints, ledger })
    };
    match audited(held) {
        Ok(report) if global.json => say!("{}", report.to_json()),
        Ok(report) => {
            let style = render::Style::stdout();
            let extends = match (kept, args.checkpoint.is_empty()) {
                (true, true) => "; extends the head kept here",
                (_, false) => "; extends the checkpoints given",
                (false, true) => "; no checkpoint was held against it",
            };
            say!("{}{extends}", style.good("consistent"));
            // What it proves stands in the line above.
            report.to_string().lines().filter(|line| !line.starts_with("verified")).for_each(|line| say!("{line}"));
        }
        Err(finding) => {
            if global.json {
                say!("{}", finding.to_json());
            }
            match *finding.problem {
                Problem::Held { number, ref why } if number > args.checkpoint.len() => tell!(
                    "not verified: it does not extend the head that this machine has seen of it: {why}. If this is a copy \
                     of an earlier state, `manes-verify {}` looks at it alone",
                    shown.display()
                ),
                Problem::Held { number, ref why } => {
                    let file = args.checkpoint.get(number - 1).map(|path| path.display().to_string());
                    tell!("not verified: it does not extend {}: {why}", file.unwrap_or_default());
                }
                _ => tell!("not verified: {finding}"),
            }
            return Ok(Exit::Unverified);
        }
    }
    Ok(Exit::Done)
}

/// Audits, and again where it might be a matter of time.
fn again(options: &AuditOptions) -> Result<Report, Finding> {
    let progress = Progress::begin("verifying");
    let watched = || {
        audit_watched(options, &mut |Checking { blocks, segment, segments }| {
            if blocks % SAID_BLOCKS == 0 {
                progress.say(format!("  {}, segment {segment} of {segments}", render::count(blocks, "block")));
            }
        })
    };
    let mut found = watched();
    // A running host may be in the middle of a write: what is being written is whole a moment later.
    for _ in 0..RETRIES {
        if found.is_ok() {
            break;
        }
        std::thread::sleep(RETRY_AFTER);
        found = watched();
    }
    found
}

/// Reads a checkpoint's file, and of one that is too large a byte more than is allowed: enough to see that it is.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(CHECKPOINT_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| usage(format!("failed to read {}: {error}", path.display())))?;
    Ok(bytes)
}

/// The head that this machine keeps outside the folder, if it wrote this ledger.
///
/// # Errors
/// It may be there, and cannot be read: that it was not looked at must not pass for that there is none.
pub(super) fn stored_head(global: &Global) -> anyhow::Result<Option<Vec<u8>>> {
    let heads = paths::home()?.join("heads");
    let folder = paths::ledger(global);
    // The ledger's own note says its id; a note that lies only fails to find a head, and the audit finds the lie.
    let note = std::fs::read_to_string(folder.join("checkpoint")).ok();
    let Some((ledger, _)) = note.and_then(|note| checkpoint::parse(&note).ok()) else { return Ok(None) };
    let head = heads.join(ledger.to_string());
    match std::fs::read(&head) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(usage(format!(
            "failed to read {}, the head that this machine has seen: {error}; `manes-verify` looks at a ledger alone",
            head.display()
        ))),
    }
}
