//! Critic: computes every answer a second time, in another way, and compares.
//!
//! `csv.executed` → `csv.answered` if both agree; else `csv.revise` once, and `csv.rejected` with both values after
//! that. It shares no code with the table capability: it takes raw cells from a scan, reads them with another CSV
//! parser, other number handling and other sums, and keeps groups in another structure. Only the meaning, which the
//! example's README states, is common.
//!
//! | module | holds |
//! |---|---|
//! | [`records`] | pages of a scan → cells |
//! | `cells`, `tests_of_cells` | what cells mean and which conditions hold |
//! | `tally` | running values |
//! | [`recompute`] | the whole answer |
//! | [`compare`] | whether two answers are one |

mod cells;
pub mod compare;
pub mod recompute;
pub mod records;
mod tally;
mod tests_of_cells;

use csv_lang::answer;
use csv_lang::payload::{Answered, Case, Disagreement, Executed, Rejected, Revise, topic};
use manes_sdk::prelude::*;
use table_client::{Error, Imported, Source, Table, explain};

/// How often an answer is computed before a disagreement is final: once, and once more.
const ATTEMPTS_MAX: u32 = 2;

/// How long to wait before reading again after a failed read.
const RETRY_MS: u32 = 200;

/// The agent.
pub struct Critic;

impl Agent for Critic {
    type Input = Executed;
    const INFO: Info = Info::new("critic", env!("CARGO_PKG_VERSION"), "Recomputes a result independently and compares")
        .subscribes(&[topic::EXECUTED])
        .publishes(&[topic::ANSWERED, topic::REVISE, topic::REJECTED])
        .needs(&[("manes:table/table", "to read the columns of the answer again")]);

    fn handle(executed: Executed, _event: &Event) -> Handled {
        criticise(&Imported, executed)
    }
}

/// The agent's work, with any table behind it.
///
/// # Errors
///
/// A retry if reading failed half-way.
pub fn criticise<S: Source>(source: &S, executed: Executed) -> Handled {
    let reads = executed.plan.reads();
    // A plan that only counts rows reads no column; any column has as many cells as there are rows.
    let scanned = if reads.is_empty() { vec![0] } else { reads };
    let scan = source.open(&executed.case.asked.file).and_then(|table| table.scan(&scanned));
    let own = scan.and_then(|scan| recompute::recompute(&executed.plan, &scanned, scan));
    match own {
        Ok(own) => match compare::compare(&executed.plan, &executed.result, &own) {
            None => answered(executed),
            Some(disagreement) => disagreed(executed, disagreement),
        },
        Err(Error::Io(reason)) => Err(retry(reason, RETRY_MS)),
        Err(error) => {
            let reason = format!("the answer could not be checked: {}", explain(&error));
            log::warn!("{reason}");
            emit(topic::REJECTED, &Rejected::new(executed.case.asked, Critic::INFO.name(), reason))
        }
    }
}

fn answered(executed: Executed) -> Handled {
    let Executed { case, plan, result } = executed;
    let counts = result.counts;
    log::info!("both computations agree"; rows = result.rows.len(), used = counts.used, attempt = case.attempt);
    let answer = answer::shape(&plan, &result.header, &result.rows);
    let mut notes = plan.notes;
    notes.extend(result.notes);
    let answered = Answered {
        asked: case.asked,
        answer,
        rows_used: counts.used,
        rows_skipped: counts.matched.saturating_sub(counts.used),
        rows_read: counts.read,
        columns: plan.columns.into_iter().map(|column| column.name).collect(),
        notes,
        attempts: case.attempt,
    };
    emit(topic::ANSWERED, &answered)
}

fn disagreed(executed: Executed, disagreement: Disagreement) -> Handled {
    let case = executed.case;
    let Disagreement { place, executor, critic } = &disagreement;
    let reason = format!("{place}: the executor has {executor}, the critic {critic}");
    log::warn!("{reason}"; attempt = case.attempt);
    if case.attempt < ATTEMPTS_MAX {
        let case = Case { attempt: case.attempt.saturating_add(1), ..case };
        return emit(topic::REVISE, &Revise { case, reason });
    }
    let mut rejected = Rejected::new(
        case.asked,
        Critic::INFO.name(),
        format!("two independent computations disagree twice; {reason}; did the file change meanwhile?"),
    );
    rejected.disagreement = Some(disagreement);
    emit(topic::REJECTED, &rejected)
}

manes_sdk::agent!(Critic);

#[cfg(test)]
mod tests;
