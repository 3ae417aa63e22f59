//! `manes receipt`: a proof of one record.

use crate::args::{Global, ReceiptArgs};
use crate::exit::{Exit, usage};
use crate::open;
use anyhow::Context as _;
use manes_core::block::Block;
use manes_core::ids::Digest;
use manes_core::receipt::Receipt;
use manes_runtime::ledger::Reader;

/// Prints the receipt as JSON.
pub(crate) fn receipt(global: &Global, args: &ReceiptArgs) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let note = reader.checkpoint()?.context("the ledger has no checkpoint yet; one is signed about every second")?;
    if args.record >= reader.records() {
        return Err(usage(format!("there is no record {}; the last is {}", args.record, reader.records() - 1)));
    }
    let blocks = blocks(&reader)?;
    let body = reader.read(args.record, 1)?.into_iter().next().and_then(|entry| entry.body);
    let blob = |_: &Digest| body.as_ref().map(|bytes| bytes.to_vec());
    let receipt = Receipt::from_blocks(&blocks, args.record, &note, !args.without_body, blob)
        .map_err(|error| usage(error.to_string()))?;
    println!("{}", receipt.to_json());
    Ok(Exit::Done)
}

fn blocks(reader: &Reader) -> anyhow::Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut next = 0;
    while let Some((_, block)) = reader.block_of(next)? {
        next += block.envelopes.len() as u64;
        blocks.push(block);
    }
    Ok(blocks)
}
