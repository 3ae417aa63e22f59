//! `manes verify`: the auditor's checks, with the head that is kept here.

use crate::args::{Global, VerifyArgs};
use crate::exit::{Exit, usage};
use crate::{paths, render};
use manes_core::ids::LedgerId;
use manes_verify::{AuditOptions, audit};

/// Looks again this often when something is wrong, while another process may be writing.
const RETRIES: u32 = 2;
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_millis(150);

/// Audits the folder. The stored head counts as a checkpoint that is held.
pub(crate) fn verify(global: &Global, args: &VerifyArgs) -> anyhow::Result<Exit> {
    let folder = paths::ledger(global);
    let mut checkpoints = Vec::new();
    for path in &args.checkpoint {
        let text = std::fs::read_to_string(path);
        checkpoints.push(text.map_err(|error| usage(format!("failed to read {}: {error}", path.display())))?);
    }
    let wanted = args.ledger_id.as_deref().map(str::parse::<LedgerId>).transpose();
    let ledger = wanted.map_err(|error| usage(format!("--ledger-id: {error}")))?;
    let held = stored_head(global);
    checkpoints.extend(held.clone());
    let options = AuditOptions { folder, checkpoints, ledger };
    let mut found = audit(&options);
    // A running host may be in the middle of a write: what is being written is whole a moment later.
    for _ in 0..RETRIES {
        if found.is_ok() {
            break;
        }
        std::thread::sleep(RETRY_AFTER);
        found = audit(&options);
    }
    match found {
        Ok(report) if global.json => println!("{}", report.to_json()),
        Ok(report) => {
            let style = render::Style::stdout();
            let extends = match (held.is_some(), args.checkpoint.is_empty()) {
                (true, true) => "; extends the head kept here",
                (_, false) => "; extends the checkpoints given",
                (false, true) => "; no checkpoint was held against it",
            };
            println!("{}{extends}", style.good("consistent"));
            println!("{report}");
        }
        Err(finding) => {
            if global.json {
                println!("{}", finding.to_json());
            }
            eprintln!("not verified: {finding}");
            return Ok(Exit::Unverified);
        }
    }
    Ok(Exit::Done)
}

/// The head that this machine keeps outside the folder, if it wrote this ledger.
fn stored_head(global: &Global) -> Option<String> {
    let home = paths::home().ok()?;
    let heads = home.join("heads");
    let folder = paths::ledger(global);
    // The ledger's own note says its id; a note that lies only fails to find a head, and the audit finds the lie.
    let note = std::fs::read_to_string(folder.join("checkpoint")).ok()?;
    let (ledger, _) = manes_core::checkpoint::parse(&note).ok()?;
    std::fs::read_to_string(heads.join(ledger.to_string())).ok()
}
