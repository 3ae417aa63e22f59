//! A plan: what is done to which columns, by position. The last form before the table capability's own.

use serde::{Deserialize, Serialize};

use crate::ast::{Function, Test};

/// What the first records of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Numbers.
    Number,
    /// Some numbers.
    Mixed,
    /// No numbers.
    Text,
    /// Nothing.
    Empty,
}

/// A column of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Position in the header, from 0.
    pub index: u32,
    /// Unique name.
    pub name: String,
    /// What it holds, as far as the first records tell.
    pub kind: Kind,
}

/// A value to compute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The function.
    pub function: Function,
    /// The column; none for the rows themselves.
    pub column: Option<u32>,
    /// Its name in the answer.
    pub label: String,
}

/// The form of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A row per group: the group's cells, then the values.
    Summary {
        /// Group columns.
        groups: Vec<u32>,
        /// Values.
        measures: Vec<Measure>,
    },
    /// Rows of the file.
    Rows {
        /// Columns shown.
        columns: Vec<u32>,
    },
}

/// A test of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The column.
    pub column: u32,
    /// The test.
    pub test: Test,
}

/// One level of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    /// Position in the result's columns.
    pub output: u32,
    /// Largest first. Missing values come last either way.
    pub descending: bool,
}

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The columns that the plan uses.
    pub columns: Vec<Column>,
    /// The form of the result.
    pub shape: Shape,
    /// A row counts if all conditions of any inner list hold; empty: every row.
    pub filter: Vec<Vec<Condition>>,
    /// The order; ties by group, or as in the file.
    pub order: Vec<SortKey>,
    /// How many rows of the result are kept.
    pub limit: Option<u32>,
    /// How words were read, for the person who asked.
    pub notes: Vec<String>,
}

impl Plan {
    /// A used column by its position in the header.
    #[must_use]
    pub fn column(&self, index: u32) -> Option<&Column> {
        self.columns.iter().find(|column| column.index == index)
    }

    /// The result's columns.
    #[must_use]
    pub fn header(&self) -> Vec<String> {
        let name =
            |index: &u32| self.column(*index).map_or_else(|| format!("column {index}"), |column| column.name.clone());
        match &self.shape {
            Shape::Summary { groups, measures } => {
                groups.iter().map(name).chain(measures.iter().map(|measure| measure.label.clone())).collect()
            }
            Shape::Rows { columns } => columns.iter().map(name).collect(),
        }
    }

    /// Every position that the plan reads, sorted, each once.
    #[must_use]
    pub fn reads(&self) -> Vec<u32> {
        let mut out: Vec<u32> = self.filter.iter().flatten().map(|condition| condition.column).collect();
        match &self.shape {
            Shape::Summary { groups, measures } => {
                out.extend(groups);
                out.extend(measures.iter().filter_map(|measure| measure.column));
            }
            Shape::Rows { columns } => out.extend(columns),
        }
        out.sort_unstable();
        out.dedup();
        out
    }
}
