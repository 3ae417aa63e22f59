//! Executor: has an approved plan run by the table capability.
//!
//! `csv.approved` → `csv.executed`, or `csv.rejected`. It has no file access of its own, and computes nothing: the
//! plan goes to whoever holds the folder, and rows come back.

mod wire;

use csv_lang::answer;
use csv_lang::payload::{Approved, Counts, Executed, Rejected, ResultTable, topic};
use manes_sdk::prelude::*;
use table_client::{Error, Imported, Outcome, Source, Table, explain, wit};

pub use wire::plan as to_wire;

/// How long to wait before reading again after a failed read.
const RETRY_MS: u32 = 200;

/// The agent.
pub struct Executor;

impl Agent for Executor {
    type Input = Approved;
    const INFO: Info =
        Info::new("executor", env!("CARGO_PKG_VERSION"), "Runs an approved plan through the table capability")
            .subscribes(&[topic::APPROVED])
            .publishes(&[topic::EXECUTED, topic::REJECTED])
            .needs(&[("manes:table/table", "to run the plan")]);

    fn handle(approved: Approved, _event: &Event) -> Handled {
        execute(&Imported, approved)
    }
}

/// The agent's work, with any table behind it.
///
/// # Errors
///
/// A retry if reading failed half-way.
pub fn execute<S: Source>(source: &S, approved: Approved) -> Handled {
    let Approved { case, plan, .. } = approved;
    let answered = source.open(&case.asked.file).and_then(|table| table.query(&wire::plan(&plan)));
    match answered {
        Ok(outcome) => {
            let result = table(plan.header(), outcome);
            log::info!("{} rows from {} of {} records", result.rows.len(), result.counts.matched, result.counts.read);
            emit(topic::EXECUTED, &Executed { case, plan, result })
        }
        Err(Error::Io(reason)) => Err(retry(reason, RETRY_MS)),
        Err(error) => {
            let reason = explain(&error);
            log::warn!("the table refused: {reason}");
            emit(topic::REJECTED, &Rejected::new(case.asked, Executor::INFO.name(), reason))
        }
    }
}

fn table(header: Vec<String>, outcome: Outcome) -> ResultTable {
    let value = |value: wit::Value| match value {
        wit::Value::Missing => serde_json::Value::Null,
        wit::Value::Number(number) => answer::number(number),
        wit::Value::Count(count) => count.into(),
        wit::Value::Text(text) => text.into(),
    };
    let rows = outcome.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect();
    let wit::Counts { read, matched, used } = outcome.counts;
    ResultTable { header, rows, total: outcome.total, counts: Counts { read, matched, used }, notes: outcome.notes }
}

manes_sdk::agent!(Executor);

#[cfg(test)]
mod tests;
