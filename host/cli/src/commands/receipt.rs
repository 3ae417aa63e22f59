//! `manes receipt`: a proof of one record.

use crate::args::{Global, ReceiptArgs};
use crate::exit::{Exit, usage};
use crate::{open, output};
use anyhow::Context as _;
use manes_core::block::Block;
use manes_core::ids::Digest;
use manes_core::receipt::Receipt;
use manes_runtime::ledger::{LedgerError, Reader};

/// Prints the receipt as JSON.
pub(crate) fn receipt(global: &Global, args: &ReceiptArgs) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let note = reader.checkpoint()?.context("the ledger has no checkpoint yet; one is signed about every second")?;
    if args.record >= reader.records() {
        return Err(usage(format!("there is no record {}; the last is {}", args.record, reader.records() - 1)));
    }
    let body = reader.read(args.record, 1)?.into_iter().next().and_then(|entry| entry.body);
    let blob = |_: &Digest| body.as_ref().map(|bytes| bytes.to_vec());
    let mut failed = None;
    let receipt = Receipt::from_blocks(blocks(&reader, &mut failed), args.record, &note, !args.without_body, blob);
    // What is missing then is missing because of this.
    if let Some(error) = failed {
        return Err(error.into());
    }
    let receipt = receipt.map_err(|error| usage(error.to_string()))?;
    output::bytes(receipt.to_json().as_bytes());
    Ok(Exit::Done)
}

/// The blocks one after another, so that memory does not hold all; where reading fails they end, and `failed` says why.
fn blocks(reader: &Reader, failed: &mut Option<LedgerError>) -> impl Iterator<Item = Block> {
    let mut next = 0;
    std::iter::from_fn(move || match reader.block_of(next) {
        Ok(found) => {
            let (_, block) = found?;
            next += block.envelopes.len() as u64;
            Some(block)
        }
        Err(error) => {
            *failed = Some(error);
            None
        }
    })
}
