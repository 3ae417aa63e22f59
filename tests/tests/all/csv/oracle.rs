//! What a question means, computed from typed values: no CSV is read here and none of the agents' code is used.

use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// A cell as it is meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Missing,
    Number(f64),
    Text(String),
}

/// A table as it is meant.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) headers: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A value to compute: a function of a column, or of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Measure {
    Rows,
    Of(Function, usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Function {
    Count,
    Distinct,
    Sum,
    Mean,
    Min,
    Max,
    Median,
}

/// A condition on one cell.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Missing(bool),
    Number(&'static str, f64),
    Between(f64, f64),
    /// Equal, without regard to case.
    Is(bool, Vec<String>),
    Contains(bool, String),
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) what: What,
    /// Any of: all of.
    pub(crate) filter: Vec<Vec<(usize, Test)>>,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Values, grouped by columns.
    Values { measures: Vec<Measure>, groups: Vec<usize> },
    /// The best or worst groups by one measure.
    Ranking { measure: Measure, groups: Vec<usize>, descending: bool, limit: usize },
    /// Cells of rows, in order of one column.
    List { columns: Vec<usize>, by: usize, descending: bool, limit: usize },
}

/// What the answer must say.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) answer: Value,
    pub(crate) read: usize,
    pub(crate) used: usize,
    pub(crate) skipped: usize,
}

impl Function {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Distinct => "distinct",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Median => "median",
        }
    }
}

impl Test {
    fn passes(&self, cell: &Cell) -> bool {
        let lower = |text: &str| text.to_lowercase();
        match (self, cell) {
            (Self::Missing(wanted), cell) => (*cell == Cell::Missing) == *wanted,
            (_, Cell::Missing) => false,
            (Self::Number(operator, to), Cell::Number(n)) => match *operator {
                "=" => n == to,
                "!=" => n != to,
                "<" => n < to,
                "<=" => n <= to,
                ">" => n > to,
                ">=" => n >= to,
                other => unreachable!("{other}"),
            },
            (Self::Between(low, high), Cell::Number(n)) => low <= n && n <= high,
            // A text is no number, so it does differ from one; nothing else can be said of the two.
            (Self::Number(operator, _), Cell::Text(_)) => *operator == "!=",
            (Self::Between(..), Cell::Text(_)) => false,
            (Self::Is(wanted, texts), Cell::Text(cell)) => {
                texts.iter().any(|text| lower(text) == lower(cell)) == *wanted
            }
            (Self::Contains(wanted, text), Cell::Text(cell)) => lower(cell).contains(&lower(text)) == *wanted,
            (Self::Is(..) | Self::Contains(..), Cell::Number(_)) => unreachable!("texts are asked of text columns"),
        }
    }
}

type Row = Vec<Cell>;

impl Measure {
    fn label(self, table: &Table) -> String {
        match self {
            Self::Rows => "count".to_owned(),
            Self::Of(function, column) => format!("{} {}", function.name(), table.headers[column]),
        }
    }

    /// True if a cell of the row enters the value.
    fn takes(self, row: &Row) -> bool {
        match self {
            Self::Rows => true,
            Self::Of(Function::Count | Function::Distinct, column) => row[column] != Cell::Missing,
            Self::Of(_, column) => matches!(row[column], Cell::Number(_)),
        }
    }

    fn of(self, rows: &[&Row]) -> Option<f64> {
        let Self::Of(function, column) = self else { return Some(rows.len() as f64) };
        let mut numbers: Vec<f64> =
            rows.iter().filter_map(|row| if let Cell::Number(n) = row[column] { Some(n) } else { None }).collect();
        numbers.sort_by(f64::total_cmp);
        let present: Vec<&Cell> = rows.iter().map(|row| &row[column]).filter(|cell| **cell != Cell::Missing).collect();
        match function {
            Function::Count => Some(present.len() as f64),
            Function::Distinct => {
                let fresh = |(place, cell): &(usize, &&Cell)| !present[..*place].contains(cell);
                Some(present.iter().enumerate().filter(fresh).count() as f64)
            }
            _ if numbers.is_empty() => None,
            Function::Sum => Some(numbers.iter().sum()),
            Function::Mean => Some(numbers.iter().sum::<f64>() / numbers.len() as f64),
            Function::Min => numbers.first().copied(),
            Function::Max => numbers.last().copied(),
            Function::Median => Some((numbers[(numbers.len() - 1) / 2] + numbers[numbers.len() / 2]) / 2.0),
        }
    }
}

/// Numbers by size, then texts by code point, missing last.
fn order(a: &Cell, b: &Cell) -> Ordering {
    let rank = |cell: &Cell| match cell {
        Cell::Number(_) => 0,
        Cell::Text(_) => 1,
        Cell::Missing => 2,
    };
    match (a, b) {
        (Cell::Number(a), Cell::Number(b)) => a.total_cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// As [`order`], turned around except that missing stays last.
fn directed(a: &Cell, b: &Cell, descending: bool) -> Ordering {
    match (a, b) {
        (Cell::Missing, _) | (_, Cell::Missing) => order(a, b),
        _ if descending => order(b, a),
        _ => order(a, b),
    }
}

fn shown(cell: &Cell) -> Value {
    match cell {
        Cell::Missing => Value::Null,
        Cell::Number(number) => Value::String(number.to_string()),
        Cell::Text(text) => Value::String(text.clone()),
    }
}

fn groups<'a>(rows: &[&'a Row], by: &[usize]) -> Vec<(Vec<Cell>, Vec<&'a Row>)> {
    let mut groups: Vec<(Vec<Cell>, Vec<&Row>)> = Vec::new();
    for row in rows {
        let key: Vec<Cell> = by.iter().map(|column| row[*column].clone()).collect();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups.sort_by(|(a, _), (b, _)| lexical(a, b));
    groups
}

fn lexical(a: &[Cell], b: &[Cell]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| order(a, b)).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
}

/// Computes what `question` must be answered with.
pub(crate) fn expected(table: &Table, question: &Question) -> Expected {
    let passes = |row: &&Row| {
        let all = |conditions: &Vec<(usize, Test)>| conditions.iter().all(|(column, test)| test.passes(&row[*column]));
        question.filter.is_empty() || question.filter.iter().any(all)
    };
    let rows: Vec<&Row> = table.rows.iter().filter(passes).collect();
    let (answer, used) = match &question.what {
        What::Values { measures, groups } => (values(table, &rows, measures, groups), used(&rows, measures)),
        What::Ranking { measure, groups, descending, limit } => {
            (ranking(table, &rows, *measure, groups, *descending, *limit), used(&rows, &[*measure]))
        }
        What::List { columns, by, descending, limit } => {
            let mut rows = rows.clone();
            // What a list is sorted by is shown, asked for or not.
            let mut columns = columns.clone();
            if !columns.contains(by) {
                columns.push(*by);
            }
            rows.sort_by(|a, b| directed(&a[*by], &b[*by], *descending));
            let line = |row: &&Row| {
                columns.iter().map(|c| (table.headers[*c].clone(), shown(&row[*c]))).collect::<Map<_, _>>()
            };
            let listed: Vec<Value> = rows.iter().take(*limit).map(|row| Value::Object(line(row))).collect();
            (Value::Array(listed), rows.len())
        }
    };
    Expected { answer, read: table.rows.len(), used, skipped: rows.len() - used }
}

fn used(rows: &[&Row], measures: &[Measure]) -> usize {
    rows.iter().filter(|row| measures.iter().any(|measure| measure.takes(row))).count()
}

fn values(table: &Table, rows: &[&Row], measures: &[Measure], by: &[usize]) -> Value {
    let several = |rows: &[&Row]| -> Map<String, Value> {
        measures.iter().map(|measure| (measure.label(table), json!(measure.of(rows)))).collect()
    };
    let one = |rows: &[&Row]| match measures {
        [only] => json!(only.of(rows)),
        _ => Value::Object(several(rows)),
    };
    match by {
        [] => one(rows),
        [_] => {
            let name = |cell: &Cell| shown(cell).as_str().unwrap_or("(missing)").to_owned();
            Value::Object(groups(rows, by).into_iter().map(|(key, rows)| (name(&key[0]), one(&rows))).collect())
        }
        _ => groups(rows, by).into_iter().map(|(key, rows)| line(table, by, &key, several(&rows))).collect(),
    }
}

/// A row of an answer: the group's cells and its values.
fn line(table: &Table, by: &[usize], key: &[Cell], values: Map<String, Value>) -> Value {
    let cells = by.iter().zip(key).map(|(column, cell)| (table.headers[*column].clone(), shown(cell)));
    Value::Object(cells.chain(values).collect())
}

fn ranking(table: &Table, rows: &[&Row], measure: Measure, by: &[usize], descending: bool, limit: usize) -> Value {
    let value = |rows: &[&Row]| measure.of(rows).map_or(Cell::Missing, Cell::Number);
    let mut groups = groups(rows, by);
    groups.sort_by(|(_, a), (_, b)| directed(&value(a), &value(b), descending));
    let values = |rows: &[&Row]| Map::from_iter([(measure.label(table), json!(measure.of(rows)))]);
    groups.iter().take(limit).map(|(key, rows)| line(table, by, key, values(rows))).collect()
}

/// True if `found` says `expected`: numbers within 10⁻⁹ of the larger, cells of numbers by their value.
pub(crate) fn agree(found: &Value, expected: &Value) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3);
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => close(a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN)),
        (Value::String(a), Value::String(b)) => {
            a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agree(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| agree(a, b)))
        }
        (a, b) => a == b,
    }
}
