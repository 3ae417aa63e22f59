//! The whole answer once more, from raw cells.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use csv_lang::payload::Counts;
use csv_lang::plan::{Plan, Shape};
use table_client::{Error, Scan};

use crate::cells::{decimal, given};
use crate::records::{Record, for_each};
pub use crate::tally::Measured;
use crate::tally::Tally;
use crate::tests_of_cells::passes;

/// A group's cells; none for a missing one.
pub type Key = Vec<Option<String>>;

/// The critic's own result.
#[derive(Debug)]
pub struct Own {
    /// What was found.
    pub found: Found,
    /// How many rows took part.
    pub counts: Counts,
}

/// The result itself.
#[derive(Debug)]
pub enum Found {
    /// All groups with their values, before any order or limit.
    Groups(BTreeMap<Key, Vec<Measured>>),
    /// The rows listed, in order.
    Rows(Vec<Key>),
}

/// A group's cells as bytes: `0xFE` ends a cell and `0xFF` stands for a missing one. Neither occurs in UTF-8.
type PackedKey = Vec<u8>;

struct Work<'a> {
    plan: &'a Plan,
    /// Positions in the scan of the plan's columns.
    position: BTreeMap<u32, usize>,
    counts: Counts,
    groups: BTreeMap<PackedKey, Vec<Tally>>,
    rows: Vec<Candidate>,
    kept: usize,
    key: PackedKey,
}

/// A row that may be listed.
struct Candidate {
    cells: Key,
    number: u64,
}

/// Computes the plan's answer from a scan of the columns `scanned`.
///
/// # Errors
///
/// What the scan fails with, or [`Error::Limit`] if too much would have to be kept.
pub fn recompute(plan: &Plan, scanned: &[u32], scan: impl Scan) -> Result<Own, Error> {
    let mut work = Work {
        plan,
        position: scanned.iter().copied().zip(0..).collect(),
        counts: Counts { read: 0, matched: 0, used: 0 },
        groups: BTreeMap::new(),
        rows: Vec::new(),
        kept: 0,
        key: Vec::new(),
    };
    for_each(scan, |record| work.take(record))?;
    work.finish()
}

impl Work<'_> {
    fn take(&mut self, record: &Record) -> Result<(), Error> {
        self.counts.read += 1;
        let cell = |column: u32| self.position.get(&column).map_or("", |&at| record.cell(at));
        if !passes(&self.plan.filter, cell) {
            return Ok(());
        }
        self.counts.matched += 1;
        let plan = self.plan;
        match &plan.shape {
            Shape::Summary { groups, measures } => {
                self.key.clear();
                for &column in groups {
                    match given(cell(column)) {
                        Some(text) => self.key.extend_from_slice(text.as_bytes()),
                        None => self.key.push(0xff),
                    }
                    self.key.push(0xfe);
                }
                let fresh = || measures.iter().map(|measure| Tally::new(measure.function)).collect();
                if !self.groups.contains_key(&self.key) {
                    self.groups.insert(self.key.clone(), fresh());
                }
                let Some(tallies) = self.groups.get_mut(&self.key) else { return Ok(()) };
                let mut used = false;
                for (measure, tally) in measures.iter().zip(tallies) {
                    let text = measure.column.map_or(Some("row"), |column| given(cell(column)));
                    if let Some(text) = text {
                        used |= tally.take(text, &mut self.kept)?;
                    }
                }
                self.counts.used += u64::from(used);
            }
            Shape::Rows { columns } => {
                self.counts.used += 1;
                let limit = plan.limit.map_or(usize::MAX, |limit| limit as usize);
                if plan.order.is_empty() && self.rows.len() >= limit {
                    return Ok(());
                }
                let cells = columns.iter().map(|&column| given(cell(column)).map(str::to_owned)).collect();
                self.rows.push(Candidate { cells, number: self.counts.matched });
                if self.rows.len() > limit.saturating_mul(4).max(4_096) {
                    self.best_rows(limit);
                }
            }
        }
        Ok(())
    }

    /// Sorts the candidates and drops those that cannot be among the first.
    fn best_rows(&mut self, limit: usize) {
        let plan = self.plan;
        self.rows.sort_by(|left, right| {
            for key in &plan.order {
                let of = |row: &Candidate| row.cells.get(key.output as usize).cloned().flatten();
                let ordering = by_cell(of(left).as_deref(), of(right).as_deref(), key.descending);
                if ordering.is_ne() {
                    return ordering;
                }
            }
            left.number.cmp(&right.number)
        });
        self.rows.truncate(limit);
    }

    fn finish(mut self) -> Result<Own, Error> {
        let found = match &self.plan.shape {
            Shape::Rows { .. } => {
                self.best_rows(self.plan.limit.map_or(usize::MAX, |limit| limit as usize));
                Found::Rows(self.rows.into_iter().map(|row| row.cells).collect())
            }
            Shape::Summary { groups, measures } => {
                if groups.is_empty() && self.groups.is_empty() {
                    let empty = measures.iter().map(|measure| Tally::new(measure.function)).collect();
                    self.groups.insert(Vec::new(), empty);
                }
                let measured = |tallies: Vec<Tally>| tallies.into_iter().map(Tally::measured).collect();
                let groups = self.groups.into_iter();
                Found::Groups(groups.map(|(key, tallies)| (unpack(&key), measured(tallies))).collect())
            }
        };
        Ok(Own { found, counts: self.counts })
    }
}

fn unpack(key: &[u8]) -> Key {
    let cells = key.split_inclusive(|&byte| byte == 0xfe).map(|cell| cell.strip_suffix(&[0xfe]).unwrap_or(cell));
    cells.map(|cell| if cell == [0xff] { None } else { Some(String::from_utf8_lossy(cell).into_owned()) }).collect()
}

/// Numbers by size before texts by code point; missing cells last in either direction.
pub(crate) fn by_cell(left: Option<&str>, right: Option<&str>, descending: bool) -> Ordering {
    let (Some(left), Some(right)) = (left, right) else {
        return left.is_none().cmp(&right.is_none());
    };
    let ascending = match (decimal(left), decimal(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        (left_number, right_number) if left_number.is_some() != right_number.is_some() => {
            right_number.is_some().cmp(&left_number.is_some())
        }
        _ => left.cmp(right),
    };
    if descending { ascending.reverse() } else { ascending }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_an_order() {
        assert_eq!(by_cell(Some("9"), Some("10"), false), Ordering::Less);
        assert_eq!(by_cell(Some("9"), Some("a"), false), Ordering::Less);
        assert_eq!(by_cell(Some("a"), Some("b"), true), Ordering::Greater);
        assert_eq!(by_cell(None, Some("b"), true), Ordering::Greater);
        assert_eq!(by_cell(None, None, true), Ordering::Equal);
    }

    #[test]
    fn keys_unpack() {
        assert_eq!(unpack(b"a\xfe\xff\xfe\xfe"), [Some("a".to_owned()), None, Some(String::new())]);
        assert!(unpack(b"").is_empty());
    }
}
