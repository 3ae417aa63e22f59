//! Whether the executor's result and the critic's are the same.
//!
//! Texts, counts and the set of groups have to be equal. Two numbers are equal if they differ by at most
//! [`TOLERANCE`] of the larger one, or by [`ROUNDING`] of the magnitude of what was added up: where terms cancel, a
//! small sum says nothing about how exact it can be. Orders are checked, not compared: no row may stand before one
//! that is better by more than the tolerance.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use csv_lang::payload::{Disagreement, ResultTable};
use csv_lang::plan::{Plan, Shape};
use serde_json::{Value, json};

use crate::recompute::{Found, Key, Measured, Own, by_cell};

/// Relative difference between two numbers that count as equal.
pub const TOLERANCE: f64 = 1e-9;

/// Difference, relative to the sum of magnitudes, that rounding alone can explain.
pub const ROUNDING: f64 = 1e-12;

/// The first thing that differs; none if the results agree.
#[must_use]
pub fn compare(plan: &Plan, result: &ResultTable, own: &Own) -> Option<Disagreement> {
    let differs = |place: &str, executor: Value, critic: Value| {
        (executor != critic).then(|| Disagreement { place: place.to_owned(), executor, critic })
    };
    let (theirs, ours) = (result.counts, own.counts);
    let total = match &own.found {
        Found::Groups(groups) => groups.len() as u64,
        Found::Rows(_) => ours.matched,
    };
    differs("columns of the result", json!(result.header), json!(plan.header()))
        .or_else(|| differs("rows read", json!(theirs.read), json!(ours.read)))
        .or_else(|| differs("rows matched", json!(theirs.matched), json!(ours.matched)))
        .or_else(|| differs("rows used", json!(theirs.used), json!(ours.used)))
        .or_else(|| differs("rows before the limit", json!(result.total), json!(total)))
        .or_else(|| {
            let expected = plan.limit.map_or(total, |limit| total.min(u64::from(limit)));
            differs("rows of the result", json!(result.rows.len()), json!(expected))
        })
        .or_else(|| match &own.found {
            Found::Rows(rows) => (result.rows.iter().zip(rows))
                .enumerate()
                .find_map(|(at, (theirs, ours))| differs(&format!("row {}", at + 1), json!(theirs), json!(ours))),
            Found::Groups(groups) => compare_groups(plan, result, groups),
        })
}

type Groups = BTreeMap<Key, Vec<Measured>>;

fn compare_groups(plan: &Plan, result: &ResultTable, groups: &Groups) -> Option<Disagreement> {
    let Shape::Summary { groups: by, .. } = &plan.shape else { return None };
    let mut seen = BTreeSet::new();
    let mut before: Option<(&Key, &Vec<Measured>)> = None;
    for row in &result.rows {
        let (cells, values) = row.split_at_checked(by.len()).unwrap_or((row, &[]));
        let key: Key = cells.iter().map(|cell| cell.as_str().map(str::to_owned)).collect();
        let place = name(&key);
        let Some((key, measured)) = groups.get_key_value(&key) else {
            return Some(Disagreement { place, executor: json!(row), critic: Value::Null });
        };
        if !seen.insert(key) {
            return Some(Disagreement { place: format!("{place}, twice"), executor: json!(row), critic: json!(1) });
        }
        for ((label, theirs), ours) in result.header.iter().skip(by.len()).zip(values).zip(measured) {
            if !same(theirs.as_f64(), ours) || (theirs.as_f64().is_none() && !theirs.is_null()) {
                let place = format!("{label} of {place}");
                return Some(Disagreement { place, executor: theirs.clone(), critic: json!(ours.value) });
            }
        }
        if let Some(before) = before
            && order(plan, by.len(), before, (key, measured)) == Ordering::Greater
        {
            let critic = json!(format!("{place} before {}", name(before.0)));
            return Some(Disagreement {
                place: "order of the result".to_owned(),
                executor: json!(name(before.0)),
                critic,
            });
        }
        before = Some((key, measured));
    }
    // Whatever the limit left out may not be better than the last that is in.
    let last = before?;
    let (better, _) = groups
        .iter()
        .filter(|(key, _)| !seen.contains(key))
        .find(|left_out| order(plan, by.len(), *left_out, last) == Ordering::Less)?;
    let place = format!("what the limit of {} keeps", plan.limit.unwrap_or_default());
    Some(Disagreement { place, executor: json!(name(last.0)), critic: json!(name(better)) })
}

fn name(key: &Key) -> String {
    match key.as_slice() {
        [] => "all rows".to_owned(),
        cells => cells
            .iter()
            .map(|cell| cell.as_deref().unwrap_or(csv_lang::answer::MISSING))
            .collect::<Vec<_>>()
            .join(" / "),
    }
}

fn same(theirs: Option<f64>, ours: &Measured) -> bool {
    match (theirs, ours.value) {
        (None, None) => true,
        (Some(theirs), Some(value)) => close(theirs, value, ours.magnitude),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn close(left: f64, right: f64, magnitude: f64) -> bool {
    // Equal first: a difference of infinities is no number.
    left == right || (left - right).abs() <= (TOLERANCE * left.abs().max(right.abs())).max(ROUNDING * magnitude)
}

/// How two groups stand in the plan's order, by the critic's values. What lies within the tolerance is left open,
/// and with it everything that a tie would decide.
fn order(plan: &Plan, by: usize, left: (&Key, &Vec<Measured>), right: (&Key, &Vec<Measured>)) -> Ordering {
    for key in &plan.order {
        let at = key.output as usize;
        let ordering = if at < by {
            let cell = |group: &Key| group.get(at).cloned().flatten();
            by_cell(cell(left.0).as_deref(), cell(right.0).as_deref(), key.descending)
        } else {
            let value = |measured: &Vec<Measured>| measured.get(at - by).copied();
            let (Some(left), Some(right)) = (value(left.1), value(right.1)) else { return Ordering::Equal };
            match (left.value, right.value) {
                (Some(a), Some(b)) if a != b && close(a, b, left.magnitude.max(right.magnitude)) => {
                    return Ordering::Equal;
                }
                (Some(a), Some(b)) => {
                    let ascending = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
                    if key.descending { ascending.reverse() } else { ascending }
                }
                (a, b) => a.is_none().cmp(&b.is_none()),
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    let by_cells =
        |(left, right): (&Option<String>, &Option<String>)| by_cell(left.as_deref(), right.as_deref(), false);
    left.0.iter().zip(right.0).map(by_cells).find(|ordering| ordering.is_ne()).unwrap_or_else(|| left.0.cmp(right.0))
}
