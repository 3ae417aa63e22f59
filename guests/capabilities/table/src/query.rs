//! A plan over a whole file, in one pass.

mod groups;
mod listing;

use crate::filter::Filter;
use crate::inspect::{Header, skip_header};
use crate::limits::{RESULT_BYTES_MAX, RESULT_ROWS_MAX};
use crate::reader::{Reader, Source};
use crate::wit::{Counts, Error, Outcome, Plan, Shape, Value};
use groups::Groups;
use listing::Listing;

/// Where matching records go.
enum Sink {
    Groups(Groups),
    Listing(Listing),
}

/// Reads the file from its start and answers the plan.
///
/// # Errors
///
/// If the plan does not fit the header, the file is malformed, or a limit is reached.
pub fn query<S: Source>(header: &Header, source: S, plan: &Plan) -> Result<Outcome, Error> {
    let columns = header.columns.len();
    let filter = Filter::new(&plan.filter, columns)?;
    let mut sink = match &plan.shape {
        Shape::Summary(summary) => Sink::Groups(Groups::new(summary, plan, columns)?),
        Shape::Rows(shown) => Sink::Listing(Listing::new(shown, plan, columns)?),
    };
    let mut reader = Reader::new(source)?;
    skip_header(&mut reader, header)?;
    let mut counts = Counts { read: 0, matched: 0, used: 0 };
    let (mut short, mut long) = (0_u64, 0_u64);
    while reader.advance()? {
        counts.read += 1;
        short += u64::from(reader.len() < columns);
        long += u64::from(reader.len() > columns);
        if filter.passes(&reader) {
            counts.matched += 1;
            counts.used += u64::from(match &mut sink {
                Sink::Groups(groups) => groups.take(&reader)?,
                Sink::Listing(listing) => listing.take(&reader)?,
            });
        }
    }
    let mut notes = renamed(header);
    notes.extend(about(short, "shorter than the header; their absent cells count as missing"));
    notes.extend(about(long, "longer than the header; their extra cells are ignored"));
    let (rows, total) = match sink {
        Sink::Groups(groups) => groups.finish(plan, header, &mut notes)?,
        Sink::Listing(listing) => listing.finish(),
    };
    check_size(&rows)?;
    if rows.iter().flatten().any(|value| matches!(value, Value::Text(text) if text.contains('\u{fffd}'))) {
        notes.push("some cells are not UTF-8; what could not be read shows as U+FFFD".to_owned());
    }
    Ok(Outcome { rows, total, counts, notes })
}

fn about(records: u64, what: &str) -> Option<String> {
    let noun = if records == 1 { "record is" } else { "records are" };
    (records > 0).then(|| format!("{records} {noun} {what}"))
}

fn renamed(header: &Header) -> Vec<String> {
    header
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.name != column.header)
        .take(10)
        .map(|(index, column)| {
            let why = if column.header.is_empty() { "no header" } else { "a header that stands twice" };
            format!("column {} has {why} and is called {} here", index + 1, column.name)
        })
        .collect()
}

/// Before anything is encoded: a result has to cross in one call.
fn check_size(rows: &[Vec<Value>]) -> Result<(), Error> {
    if rows.len() > RESULT_ROWS_MAX {
        return Err(Error::Limit(format!(
            "the result has {} rows, more than {RESULT_ROWS_MAX}; add “top N” or “limit N”",
            rows.len()
        )));
    }
    let bytes: usize = rows
        .iter()
        .flatten()
        .map(|value| match value {
            Value::Text(text) => text.len() + 8,
            Value::Missing | Value::Number(_) | Value::Count(_) => 8,
        })
        .sum();
    if bytes > RESULT_BYTES_MAX {
        return Err(Error::Limit(format!(
            "the result is longer than {} KiB; add “limit N” or name fewer columns",
            RESULT_BYTES_MAX >> 10
        )));
    }
    Ok(())
}

/// A column that a plan names, checked against the header.
fn column(index: u32, columns: usize) -> Result<usize, Error> {
    let index = index as usize;
    if index < columns {
        Ok(index)
    } else {
        Err(Error::InvalidPlan(format!("the plan wants column {index} of {columns}")))
    }
}

/// Sort keys have to point at columns of the result.
fn check_order(plan: &Plan, outputs: usize) -> Result<(), Error> {
    match plan.order.iter().find(|key| key.output as usize >= outputs) {
        Some(key) => Err(Error::InvalidPlan(format!("the order wants output {} of {outputs}", key.output))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
