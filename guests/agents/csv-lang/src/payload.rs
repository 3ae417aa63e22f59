//! What each topic carries. Agents have no memory: an event brings all that the next stage needs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ast;
use crate::help::{EXAMPLES, GRAMMAR};
use crate::plan::Plan;
use crate::steps::Step;

/// Topics of the pipeline, in order.
pub mod topic {
    /// [`super::Asked`]
    pub const QUESTION: &str = "csv.question";
    /// [`super::Parsed`]
    pub const PARSED: &str = "csv.parsed";
    /// [`super::Case`]
    pub const DECOMPOSED: &str = "csv.decomposed";
    /// [`super::Proposed`]
    pub const PROPOSED: &str = "csv.proposed";
    /// [`super::Approved`]
    pub const APPROVED: &str = "csv.approved";
    /// [`super::Executed`]
    pub const EXECUTED: &str = "csv.executed";
    /// [`super::Revise`]
    pub const REVISE: &str = "csv.revise";
    /// [`super::Answered`]: a result.
    pub const ANSWERED: &str = "csv.answered";
    /// [`super::Rejected`]: a result.
    pub const REJECTED: &str = "csv.rejected";
}

/// A question about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// In plain words.
    pub question: String,
    /// A plain name inside the granted folder.
    pub file: String,
}

/// A question understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parsed {
    /// As asked.
    #[serde(flatten)]
    pub asked: Asked,
    /// Its syntax tree.
    pub ast: ast::Question,
}

/// A question with the steps to its answer, and how often they were tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// As asked.
    #[serde(flatten)]
    pub asked: Asked,
    /// 1, or 2 after the critic sent it back.
    pub attempt: u32,
    /// What is to be done.
    pub steps: Vec<Step>,
}

/// A plan against the file's real columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposed {
    /// What it is about.
    #[serde(flatten)]
    pub case: Case,
    /// The plan.
    pub plan: Plan,
}

/// A plan within policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approved {
    /// What it is about.
    #[serde(flatten)]
    pub case: Case,
    /// The plan, unchanged.
    pub plan: Plan,
    /// What was checked.
    pub checks: Vec<String>,
}

/// What the table answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultTable {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Rows in order: numbers, texts, `null` for missing.
    pub rows: Vec<Vec<Value>>,
    /// Rows before the limit.
    pub total: u64,
    /// How many rows of the file took part.
    pub counts: Counts,
    /// What the table had to say about the file.
    pub notes: Vec<String>,
}

/// How many rows took part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In the file.
    pub read: u64,
    /// That passed the filter.
    pub matched: u64,
    /// Matched, with at least one value that entered the answer.
    pub used: u64,
}

/// A result to be checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Executed {
    /// What it is about.
    #[serde(flatten)]
    pub case: Case,
    /// The plan.
    pub plan: Plan,
    /// What came of it.
    pub result: ResultTable,
}

/// Sent back by the critic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revise {
    /// What it is about; the attempt is already raised.
    #[serde(flatten)]
    pub case: Case,
    /// What did not agree.
    pub reason: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// As asked.
    #[serde(flatten)]
    pub asked: Asked,
    /// One value, an object by group, or a list of rows.
    pub answer: Value,
    /// Rows whose values are in the answer.
    pub rows_used: u64,
    /// Rows that passed the filter and had no usable value.
    pub rows_skipped: u64,
    /// Rows in the file.
    pub rows_read: u64,
    /// Columns of the file that were read.
    pub columns: Vec<String>,
    /// How words were read and what the file is like.
    pub notes: Vec<String>,
    /// How often it was computed until both computations agreed.
    pub attempts: u32,
}

/// No answer, with the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// As asked.
    #[serde(flatten)]
    pub asked: Asked,
    /// The agent that refused.
    pub stage: String,
    /// Why, and what to do.
    pub reason: String,
    /// What is understood, if the question was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub understands: Option<Understands>,
    /// Both values, if two computations disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<Disagreement>,
}

/// The language in brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Understands {
    /// Its forms, one a line.
    pub grammar: Vec<String>,
    /// Questions that work.
    pub examples: Vec<String>,
}

/// Two values that should be one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disagreement {
    /// Where, such as a group and a column.
    pub place: String,
    /// The executor's value.
    pub executor: Value,
    /// The critic's value.
    pub critic: Value,
}

impl Rejected {
    /// A refusal by `stage`.
    #[must_use]
    pub fn new(asked: Asked, stage: &str, reason: impl Into<String>) -> Self {
        Self { asked, stage: stage.to_owned(), reason: reason.into(), understands: None, disagreement: None }
    }

    /// Adds the grammar, for a question that was not understood.
    #[must_use]
    pub fn with_grammar(mut self) -> Self {
        let own = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        self.understands = Some(Understands { grammar: own(&GRAMMAR), examples: own(&EXAMPLES) });
        self
    }
}
