//! Records shown as they are: the first ones, or the best ones by an order.

use std::cmp::Ordering;

use super::{check_order, column};
use crate::cell;
use crate::limits::{RESULT_BYTES_MAX, RESULT_ROWS_MAX};
use crate::order;
use crate::reader::{Reader, Source};
use crate::wit::{Error, Plan, SortKey, Value};

pub(super) struct Listing {
    shown: Vec<usize>,
    order: Vec<SortKey>,
    limit: usize,
    rows: Vec<Row>,
    matched: u64,
    bytes: usize,
}

struct Row {
    /// The cells that the order looks at, as numbers where they are.
    keys: Vec<Value>,
    /// Which matched record it is: the last resort of the order.
    number: u64,
    cells: Vec<Value>,
    bytes: usize,
}

impl Listing {
    pub(super) fn new(shown: &[u32], plan: &Plan, columns: usize) -> Result<Self, Error> {
        let shown: Vec<usize> = shown.iter().map(|&index| column(index, columns)).collect::<Result<_, _>>()?;
        if shown.is_empty() {
            return Err(Error::InvalidPlan("the plan lists no columns".to_owned()));
        }
        check_order(plan, shown.len())?;
        let limit = plan.limit.map(|limit| limit as usize).filter(|&limit| limit <= RESULT_ROWS_MAX);
        let limit = limit.ok_or_else(|| {
            Error::Limit(format!("a list needs a limit of at most {RESULT_ROWS_MAX} rows: add “limit N”"))
        })?;
        Ok(Self { shown, order: plan.order.clone(), limit, rows: Vec::new(), matched: 0, bytes: 0 })
    }

    /// Takes a record. All matched ones count as used: they are the answer, or were compared for it.
    pub(super) fn take<S: Source>(&mut self, reader: &Reader<S>) -> Result<bool, Error> {
        self.matched += 1;
        if self.order.is_empty() && self.rows.len() >= self.limit {
            return Ok(true);
        }
        let shown = |index: usize| self.shown.get(index).map(|&column| reader.cell(column));
        let keys = self
            .order
            .iter()
            .map(|key| shown(key.output as usize).map_or(Value::Missing, |cell| order::of_cell(cell::present(&cell))))
            .collect();
        let cells: Vec<Value> = self
            .shown
            .iter()
            .map(|&column| {
                cell::present(&reader.cell(column))
                    .map_or(Value::Missing, |cell| Value::Text(cell::text(cell).into_owned()))
            })
            .collect();
        let bytes = cells.iter().map(|cell| if let Value::Text(text) = cell { text.len() } else { 0 }).sum();
        self.rows.push(Row { keys, number: self.matched, cells, bytes });
        self.bytes += bytes;
        // Twice the limit before sorting: each record is then sorted about once.
        if self.rows.len() >= self.limit.saturating_mul(2).max(1_024) || self.bytes > 8 * RESULT_BYTES_MAX {
            self.keep_best();
        }
        if self.bytes > 8 * RESULT_BYTES_MAX {
            return Err(Error::Limit(
                "the rows to list hold too much text; add “limit N” or name fewer columns".to_owned(),
            ));
        }
        Ok(true)
    }

    fn keep_best(&mut self) {
        let order = &self.order;
        self.rows.sort_unstable_by(|left, right| compare(order, left, right));
        self.rows.truncate(self.limit);
        self.bytes = self.rows.iter().map(|row| row.bytes).sum();
    }

    pub(super) fn finish(mut self) -> (Vec<Vec<Value>>, u64) {
        self.keep_best();
        (self.rows.into_iter().map(|row| row.cells).collect(), self.matched)
    }
}

fn compare(order: &[SortKey], left: &Row, right: &Row) -> Ordering {
    order::by_keys(order, &left.keys, &right.keys).then(left.number.cmp(&right.number))
}
