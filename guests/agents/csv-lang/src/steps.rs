//! From a syntax tree to steps in the order in which they are done.
//!
//! What a question implies becomes explicit here ("top 3" is an order and a limit), and what contradicts itself is
//! refused. Columns are still names.

use serde::{Deserialize, Serialize};

use crate::ast::{Condition, End, Key, Measure, Name, OrderBy, Question, What};

/// One step over the rows that the step before left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Keep rows for which all conditions of any inner list hold.
    Filter {
        /// Or of ands.
        any_of: Vec<Vec<Condition>>,
    },
    /// Divide the rows by the values of these columns.
    Group {
        /// The columns.
        by: Vec<Name>,
    },
    /// Compute values per group.
    Compute {
        /// The values.
        measures: Vec<Measure>,
    },
    /// Keep these columns of each row; none means all.
    List {
        /// The columns.
        columns: Vec<Name>,
    },
    /// Order what there is.
    Order {
        /// The most significant first.
        by: Vec<OrderBy>,
    },
    /// Keep the first ones.
    Limit {
        /// How many.
        rows: u32,
    },
}

/// Orders a question's parts.
///
/// # Errors
///
/// If they contradict each other.
pub fn decompose(question: &Question) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    if !question.filter.is_empty() {
        steps.push(Step::Filter { any_of: question.filter.clone() });
    }
    let order = order(question)?;
    match &question.what {
        What::Measures(measures) => {
            if question.group.is_empty() && (question.take.is_some() || !order.is_empty()) {
                return Err(
                    "without a grouping there is one result row, and nothing to sort or limit: add “by COLUMN”"
                        .to_owned(),
                );
            }
            if !question.group.is_empty() {
                steps.push(Step::Group { by: question.group.clone() });
            }
            steps.push(Step::Compute { measures: with_sorted(measures, &order) });
        }
        What::Rows(columns) => {
            if order.iter().any(|by| matches!(by.key, Key::Measure(_))) {
                return Err("rows can be sorted by columns, not by computed values".to_owned());
            }
            steps.push(Step::List { columns: columns.clone() });
        }
    }
    if !order.is_empty() {
        steps.push(Step::Order { by: order });
    }
    if let Some(take) = question.take {
        if take.count == 0 {
            return Err("a limit of 0 leaves nothing".to_owned());
        }
        steps.push(Step::Limit { rows: take.count });
    }
    Ok(steps)
}

/// The order asked for, or the one that "top" and "bottom" imply.
fn order(question: &Question) -> Result<Vec<OrderBy>, String> {
    let Some(take) = question.take else { return Ok(question.order.clone()) };
    match (take.end, question.order.is_empty()) {
        (End::First, _) => Ok(question.order.clone()),
        (End::Top | End::Bottom, true) => Ok(vec![OrderBy { key: Key::First, descending: take.end == End::Top }]),
        (End::Top | End::Bottom, false) => {
            Err("“top” and “bottom” bring an order of their own: say either “top N by …” or “sorted by … limit N”"
                .to_owned())
        }
    }
}

/// A value that is only sorted by is computed and shown too.
fn with_sorted(measures: &[Measure], order: &[OrderBy]) -> Vec<Measure> {
    let mut out: Vec<Measure> = Vec::new();
    let sorted = order.iter().filter_map(|by| match &by.key {
        Key::Measure(measure) => Some(measure),
        Key::First | Key::Column(_) => None,
    });
    for measure in measures.iter().chain(sorted) {
        if !out.contains(measure) {
            out.push(measure.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(question: &str) -> Result<Vec<Step>, String> {
        decompose(&crate::parse(question).unwrap())
    }

    #[test]
    fn a_ranking_is_an_order_and_a_limit() {
        let steps = steps("which species has the largest mean mass where sex is male").unwrap();
        assert!(matches!(
            steps.as_slice(),
            [Step::Filter { .. }, Step::Group { .. }, Step::Compute { .. }, Step::Order { by }, Step::Limit { rows: 1 }]
                if by[0].descending && by[0].key == Key::First
        ));
    }

    #[test]
    fn a_sorted_value_is_computed() {
        let steps = steps("mean x by y sorted by max x descending").unwrap();
        assert!(matches!(&steps[1], Step::Compute { measures } if measures.len() == 2));
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(steps("mean x top 3").unwrap_err().contains("by COLUMN"));
        assert!(steps("mean x by y top 0").unwrap_err().contains("limit of 0"));
        assert!(steps("mean x by y sorted by y top 3").unwrap_err().contains("top N by"));
        assert!(steps("list x sorted by mean y").unwrap_err().contains("by columns"));
    }
}
