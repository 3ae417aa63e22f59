//! Records divided into groups, each with its running values.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{check_order, column};
use crate::accumulate::{Accumulator, Budget, FixedHasher, Taken};
use crate::cell;
use crate::inspect::Header;
use crate::limits::{ACCUMULATORS_MAX, GROUPS_MAX};
use crate::order;
use crate::reader::{Reader, Source};
use crate::wit::{Error, Function, Plan, Summary, Value};

/// What a cell of a group's key begins with. A present one goes on with its length, so that any byte may follow.
const MISSING: u8 = 0;
const PRESENT: u8 = 1;

pub(super) struct Groups {
    by: Vec<usize>,
    measures: Vec<(Function, Option<usize>)>,
    /// Key → position in `keys`, and times `measures.len()` in `accumulators`.
    index: HashMap<Box<[u8]>, usize, FixedHasher>,
    accumulators: Vec<Accumulator>,
    /// The key of the record at hand, and the group that the last record fell into.
    key: Vec<u8>,
    last: Option<(Vec<u8>, usize)>,
    budget: Budget,
    not_numbers: Vec<u64>,
}

impl Groups {
    pub(super) fn new(summary: &Summary, plan: &Plan, columns: usize) -> Result<Self, Error> {
        let by: Vec<usize> = summary.groups.iter().map(|&index| column(index, columns)).collect::<Result<_, _>>()?;
        let mut measures = Vec::new();
        for aggregate in &summary.aggregates {
            let target = aggregate.column.map(|index| column(index, columns)).transpose()?;
            if target.is_none() && !matches!(aggregate.function, Function::Count) {
                return Err(Error::InvalidPlan("only “count” works without a column".to_owned()));
            }
            measures.push((aggregate.function, target));
        }
        if measures.is_empty() {
            return Err(Error::InvalidPlan("the plan computes nothing".to_owned()));
        }
        check_order(plan, by.len() + measures.len())?;
        let mut groups = Self {
            not_numbers: vec![0; measures.len()],
            by,
            measures,
            index: HashMap::default(),
            accumulators: Vec::new(),
            key: Vec::new(),
            last: None,
            budget: Budget::default(),
        };
        if groups.by.is_empty() {
            // One group even if no record matches: "count" is then 0.
            groups.group()?;
        }
        Ok(groups)
    }

    /// Takes a record; says whether any of its cells entered a value.
    pub(super) fn take<S: Source>(&mut self, reader: &Reader<S>) -> Result<bool, Error> {
        self.key.clear();
        for &column in &self.by {
            match cell::present(&reader.cell(column)) {
                None => self.key.push(MISSING),
                Some(cell) => {
                    self.key.push(PRESENT);
                    // A record is shorter than 4 GiB.
                    self.key.extend_from_slice(&u32::try_from(cell.len()).unwrap_or(u32::MAX).to_le_bytes());
                    self.key.extend_from_slice(cell);
                }
            }
        }
        let first = self.group()? * self.measures.len();
        let mut used = false;
        let running = self.accumulators.iter_mut().skip(first);
        for ((accumulator, &(_, column)), not_numbers) in running.zip(&self.measures).zip(&mut self.not_numbers) {
            let taken = match column {
                None => accumulator.take_record(),
                Some(column) => accumulator.take(cell::present(&reader.cell(column)), &mut self.budget)?,
            };
            used |= taken == Taken::Used;
            *not_numbers += u64::from(taken == Taken::NotANumber);
        }
        Ok(used)
    }

    /// The position of the group with the current key, made if new.
    fn group(&mut self) -> Result<usize, Error> {
        if let Some((key, group)) = &self.last
            && *key == self.key
        {
            return Ok(*group);
        }
        let group = match self.index.get(self.key.as_slice()) {
            Some(&group) => group,
            None => self.new_group()?,
        };
        match &mut self.last {
            Some((key, known)) => {
                key.clone_from(&self.key);
                *known = group;
            }
            None => self.last = Some((self.key.clone(), group)),
        }
        Ok(group)
    }

    fn new_group(&mut self) -> Result<usize, Error> {
        let group = self.index.len();
        if group >= GROUPS_MAX || self.accumulators.len() + self.measures.len() > ACCUMULATORS_MAX {
            let reached = if group >= GROUPS_MAX {
                format!("more than {GROUPS_MAX} groups")
            } else {
                format!("more than {ACCUMULATORS_MAX} values in {group} groups")
            };
            return Err(Error::Limit(format!(
                "{reached}; group by a column with fewer values, or narrow the question with “where”"
            )));
        }
        self.budget.key(self.key.len())?;
        self.index.insert(self.key.as_slice().into(), group);
        self.accumulators.extend(self.measures.iter().map(|&(function, _)| Accumulator::new(function)));
        Ok(group)
    }

    /// The result's rows in order, and how many groups there were.
    pub(super) fn finish(
        self,
        plan: &Plan,
        header: &Header,
        notes: &mut Vec<String>,
    ) -> Result<(Vec<Vec<Value>>, u64), Error> {
        for ((function, column), count) in self.measures.iter().zip(&self.not_numbers) {
            if let (Some(column), true) = (column.and_then(|index| header.columns.get(index)), *count > 0) {
                let name = function_name(*function);
                notes.push(format!("{count} cells of {} are present but no numbers; {name} skips them", column.name));
            }
        }
        let mut keys: Vec<(Box<[u8]>, usize)> = self.index.into_iter().collect();
        keys.sort_unstable_by_key(|&(_, group)| group);
        let mut accumulators = self.accumulators.into_iter();
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(keys.len());
        for (key, _) in keys {
            let mut row = cells(&key);
            for accumulator in accumulators.by_ref().take(self.measures.len()) {
                row.push(accumulator.finish()?);
            }
            rows.push(row);
        }
        let groups = self.by.len();
        let total = rows.len() as u64;
        rows.sort_by(|left, right| by_order(plan, left, right).then_with(|| by_group(groups, left, right)));
        rows.truncate(plan.limit.map_or(usize::MAX, |limit| limit as usize));
        Ok((rows, total))
    }
}

/// A key's cells, as texts.
fn cells(key: &[u8]) -> Vec<Value> {
    let mut out = Vec::new();
    let mut rest = key;
    while let Some((&kind, after)) = rest.split_first() {
        if kind == MISSING {
            out.push(Value::Missing);
            rest = after;
            continue;
        }
        let Some((length, after)) = after.split_first_chunk::<4>() else { break };
        let length = (u32::from_le_bytes(*length) as usize).min(after.len());
        let (cell, after) = after.split_at(length);
        out.push(Value::Text(cell::text(cell).into_owned()));
        rest = after;
    }
    out
}

fn by_order(plan: &Plan, left: &[Value], right: &[Value]) -> Ordering {
    plan.order
        .iter()
        .map(|key| {
            let at = key.output as usize;
            match (left.get(at), right.get(at)) {
                (Some(left), Some(right)) => order::compare(&sortable(left), &sortable(right), key.descending),
                _ => Ordering::Equal,
            }
        })
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Groups by their cells; as texts where two numbers are equal, so that the order is total.
fn by_group(groups: usize, left: &[Value], right: &[Value]) -> Ordering {
    let pairs = || left.iter().zip(right).take(groups);
    let by_value = pairs().map(|(left, right)| order::compare(&sortable(left), &sortable(right), false));
    let by_text = pairs().map(|(left, right)| order::compare(left, right, false));
    by_value.chain(by_text).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// A group's cell that reads as a number sorts as one.
fn sortable(value: &Value) -> Value {
    match value {
        Value::Text(text) => order::of_cell(Some(text.as_bytes())),
        Value::Missing => Value::Missing,
        Value::Number(number) => Value::Number(*number),
        Value::Count(count) => Value::Count(*count),
    }
}

const fn function_name(function: Function) -> &'static str {
    match function {
        Function::Count => "count",
        Function::Distinct => "distinct",
        Function::Sum => "sum",
        Function::Mean => "mean",
        Function::Min => "min",
        Function::Max => "max",
        Function::Median => "median",
    }
}
