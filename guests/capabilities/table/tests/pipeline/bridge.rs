//! The table capability behind the agents' traits: the same conversion that the host's waist does by type.

use std::cell::Cell;
use std::collections::BTreeMap;

use table::inspect::{Header, inspect};
use table::query::query;
use table::reader::Source as Bytes;
use table::scan::Pages;
use table::wit as far;
use table_client::wit as near;

/// Files in memory. A file with several texts shows the next one at each opening: a file that changes.
#[derive(Default)]
pub(crate) struct Memory {
    files: BTreeMap<String, Vec<Vec<u8>>>,
    openings: Cell<usize>,
}

impl Memory {
    pub(crate) fn with(mut self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.entry(name.to_owned()).or_default().push(text.as_ref().to_vec());
        self
    }
}

pub(crate) struct OpenTable {
    text: Vec<u8>,
    header: Header,
}

/// Pieces of an odd size, so that every boundary falls anywhere.
struct Pieces(Vec<u8>, usize);

impl Bytes for Pieces {
    fn read(&mut self) -> Result<Vec<u8>, far::Error> {
        let end = (self.1 + 61).min(self.0.len());
        let piece = self.0[self.1..end].to_vec();
        self.1 = end;
        Ok(piece)
    }
}

impl table_client::Source for Memory {
    type Table = OpenTable;
    fn open(&self, file: &str) -> Result<OpenTable, near::Error> {
        let texts = self.files.get(file).ok_or_else(|| near::Error::NotFound(format!("there is no file “{file}”")))?;
        let text = texts[self.openings.get().min(texts.len() - 1)].clone();
        self.openings.set(self.openings.get() + 1);
        let header = inspect(Pieces(text.clone(), 0)).map_err(error)?;
        Ok(OpenTable { text, header })
    }
}

impl table_client::Table for OpenTable {
    type Scan = OpenScan;
    fn columns(&self) -> Vec<near::Column> {
        let kind = |kind| match kind {
            far::Kind::Number => near::Kind::Number,
            far::Kind::Mixed => near::Kind::Mixed,
            far::Kind::Text => near::Kind::Text,
            far::Kind::Empty => near::Kind::Empty,
        };
        let columns = self.header.columns.iter().cloned();
        columns.map(|c| near::Column { name: c.name, header: c.header, kind: kind(c.kind) }).collect()
    }
    fn query(&self, plan: &near::Plan) -> Result<near::Outcome, near::Error> {
        query(&self.header, Pieces(self.text.clone(), 0), &far_plan(plan)).map(outcome).map_err(error)
    }
    fn scan(&self, columns: &[u32]) -> Result<OpenScan, near::Error> {
        Pages::new(&self.header, Pieces(self.text.clone(), 0), columns).map(OpenScan).map_err(error)
    }
}

pub(crate) struct OpenScan(Pages<Pieces>);

impl table_client::Scan for OpenScan {
    fn next(&mut self, _bytes_max: u32) -> Result<Option<String>, near::Error> {
        self.0.next(199).map_err(error)
    }
}

fn error(error: far::Error) -> near::Error {
    match error {
        far::Error::AccessDenied => near::Error::AccessDenied,
        far::Error::NotFound(text) => near::Error::NotFound(text),
        far::Error::InvalidName(text) => near::Error::InvalidName(text),
        far::Error::Malformed(text) => near::Error::Malformed(text),
        far::Error::InvalidPlan(text) => near::Error::InvalidPlan(text),
        far::Error::Limit(text) => near::Error::Limit(text),
        far::Error::Io(text) => near::Error::Io(text),
    }
}

fn outcome(outcome: far::Outcome) -> near::Outcome {
    let value = |value| match value {
        far::Value::Missing => near::Value::Missing,
        far::Value::Number(number) => near::Value::Number(number),
        far::Value::Count(count) => near::Value::Count(count),
        far::Value::Text(text) => near::Value::Text(text),
    };
    let far::Counts { read, matched, used } = outcome.counts;
    near::Outcome {
        rows: outcome.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect(),
        total: outcome.total,
        counts: near::Counts { read, matched, used },
        notes: outcome.notes,
    }
}

fn far_plan(plan: &near::Plan) -> far::Plan {
    let shape = match &plan.shape {
        near::Shape::Rows(columns) => far::Shape::Rows(columns.clone()),
        near::Shape::Summary(summary) => far::Shape::Summary(far::Summary {
            groups: summary.groups.clone(),
            aggregates: summary
                .aggregates
                .iter()
                .map(|a| far::Aggregate { function: function(a.function), column: a.column })
                .collect(),
        }),
    };
    let condition = |c: &near::Condition| far::Condition { column: c.column, test: test(&c.test) };
    far::Plan {
        shape,
        filter: plan.filter.iter().map(|all| all.iter().map(condition).collect()).collect(),
        order: plan.order.iter().map(|k| far::SortKey { output: k.output, descending: k.descending }).collect(),
        limit: plan.limit,
    }
}

fn function(function: near::Function) -> far::Function {
    match function {
        near::Function::Count => far::Function::Count,
        near::Function::Distinct => far::Function::Distinct,
        near::Function::Sum => far::Function::Sum,
        near::Function::Mean => far::Function::Mean,
        near::Function::Min => far::Function::Min,
        near::Function::Max => far::Function::Max,
        near::Function::Median => far::Function::Median,
    }
}

fn test(test: &near::Test) -> far::Test {
    let literal = |literal: &near::Literal| match literal {
        near::Literal::Number(number) => far::Literal::Number(*number),
        near::Literal::Text(text) => far::Literal::Text(text.clone()),
    };
    match test {
        near::Test::Missing => far::Test::Missing,
        near::Test::Present => far::Test::Present,
        near::Test::Compare(c) => {
            far::Test::Compare(far::Compare { comparison: comparison(c.comparison), to: literal(&c.to) })
        }
        near::Test::Between((from, to)) => far::Test::Between((literal(from), literal(to))),
        near::Test::OneOf(values) => far::Test::OneOf(values.iter().map(literal).collect()),
    }
}

fn comparison(comparison: near::Comparison) -> far::Comparison {
    match comparison {
        near::Comparison::Equal => far::Comparison::Equal,
        near::Comparison::NotEqual => far::Comparison::NotEqual,
        near::Comparison::Less => far::Comparison::Less,
        near::Comparison::AtMost => far::Comparison::AtMost,
        near::Comparison::Greater => far::Comparison::Greater,
        near::Comparison::AtLeast => far::Comparison::AtLeast,
        near::Comparison::Contains => far::Comparison::Contains,
        near::Comparison::NotContains => far::Comparison::NotContains,
    }
}
