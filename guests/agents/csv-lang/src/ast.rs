//! The syntax tree of a question. Column names stand as the person wrote them; nothing here knows the file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The words, joined by one space; or the text between quotes.
    pub text: String,
    /// In quotes: binds to exactly this header.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quoted: bool,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is computed over the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    /// Rows, or present cells of a column.
    Count,
    /// Different present cells of a column.
    Distinct,
    /// Sum of the numbers.
    Sum,
    /// Sum divided by how many numbers there are.
    Mean,
    /// Smallest number.
    Min,
    /// Largest number.
    Max,
    /// Middle number, or the mean of the two middle ones.
    Median,
}

impl Function {
    /// Every function, in the order in which they are documented.
    pub const ALL: [Self; 7] = [Self::Count, Self::Distinct, Self::Sum, Self::Mean, Self::Min, Self::Max, Self::Median];

    /// Whether it is about numbers; `count` and `distinct` take any cell.
    #[must_use]
    pub const fn wants_numbers(self) -> bool {
        match self {
            Self::Count | Self::Distinct => false,
            Self::Sum | Self::Mean | Self::Min | Self::Max | Self::Median => true,
        }
    }

    /// The word for it in questions, plans and policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
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

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a function is applied to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The rows themselves.
    Rows,
    /// "how many penguins": has to be a word for the rows of this file.
    Things(Name),
    /// "count penguins": a word for the rows, else a column.
    ThingsOrColumn(Name),
    /// A column.
    Column(Name),
}

/// One value to compute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The function.
    pub function: Function,
    /// What it is applied to.
    pub target: Target,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Values over all rows or per group.
    Measures(Vec<Measure>),
    /// Rows, cut down to these columns; none means all.
    Rows(Vec<Name>),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// The cell contains the text.
    Contains,
    /// The cell is present and does not contain the text.
    NotContains,
}

impl Comparison {
    /// The comparison that holds exactly when this one does not (for present cells).
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::AtLeast,
            Self::AtMost => Self::Greater,
            Self::Greater => Self::AtMost,
            Self::AtLeast => Self::Less,
            Self::Contains => Self::NotContains,
            Self::NotContains => Self::Contains,
        }
    }

    /// The sign or word for it.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Contains => "contains",
            Self::NotContains => "does not contain",
        }
    }

    /// Whether it asks for an order between values.
    #[must_use]
    pub const fn is_ordering(self) -> bool {
        match self {
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => true,
            Self::Equal | Self::NotEqual | Self::Contains | Self::NotContains => false,
        }
    }
}

/// A constant in a condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Literal {
    /// An unquoted number.
    Number(f64),
    /// Anything else; a number in quotes is text.
    Text(String),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}

/// What is asked of one cell. A missing cell passes [`Test::Missing`] and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// The cell is missing.
    Missing,
    /// The cell is present.
    Present,
    /// It compares with a constant.
    Compare(Comparison, Literal),
    /// It lies between two constants, both included.
    Between(Literal, Literal),
    /// It equals one of several.
    OneOf(Vec<Literal>),
}

/// A test of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The column.
    pub column: Name,
    /// The test.
    pub test: Test,
}

/// What rows or groups are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The first value asked for, or the first column listed.
    First,
    /// A value.
    Measure(Measure),
    /// A column: a group's, a listed one, or the one that a value is computed from.
    Column(Name),
}

/// One level of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBy {
    /// By what.
    pub key: Key,
    /// Largest first.
    pub descending: bool,
}

/// Which end of an order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The largest.
    Top,
    /// The smallest.
    Bottom,
    /// The first, in whatever order there is.
    First,
}

/// "top 3", "bottom 5", "limit 10".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// How many.
    pub count: u32,
    /// From which end.
    pub end: End,
}

/// A whole question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked for.
    pub what: What,
    /// Group columns; empty for one group of all rows.
    pub group: Vec<Name>,
    /// A row counts if all conditions of any inner list hold; empty: every row.
    pub filter: Vec<Vec<Condition>>,
    /// The order asked for.
    pub order: Vec<OrderBy>,
    /// How many of the result are kept.
    pub take: Option<Take>,
}
