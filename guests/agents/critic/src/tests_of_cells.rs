//! Which records a plan is about: the plan's conditions, evaluated directly.

use std::cmp::Ordering;

use csv_lang::ast::{Comparison, Literal, Test};
use csv_lang::plan::Condition;

use crate::cells::{caseless, decimal, given};

/// Whether all conditions of any list hold; `cell` gives the raw cell of a column.
pub(crate) fn passes<'a>(any_of: &[Vec<Condition>], cell: impl Fn(u32) -> &'a str) -> bool {
    any_of.is_empty()
        || any_of
            .iter()
            .any(|all_of| all_of.iter().all(|condition| holds(&condition.test, given(cell(condition.column)))))
}

fn holds(test: &Test, cell: Option<&str>) -> bool {
    let Some(cell) = cell else { return *test == Test::Missing };
    match test {
        Test::Missing => false,
        Test::Present => true,
        Test::Compare(Comparison::Contains, literal) => contains(cell, literal),
        Test::Compare(Comparison::NotContains, literal) => !contains(cell, literal),
        Test::Compare(comparison, literal) => accepts(*comparison, against(cell, literal)),
        Test::Between(low, high) => {
            accepts(Comparison::AtLeast, against(cell, low)) && accepts(Comparison::AtMost, against(cell, high))
        }
        Test::OneOf(literals) => literals.iter().any(|literal| against(cell, literal) == Some(Ordering::Equal)),
    }
}

/// How a cell stands to a constant; none if one is a number and the other is not.
fn against(cell: &str, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Number(number) => decimal(cell)?.partial_cmp(number),
        Literal::Text(text) => Some(caseless(cell).cmp(&caseless(text.trim()))),
    }
}

fn contains(cell: &str, literal: &Literal) -> bool {
    match literal {
        Literal::Number(_) => false,
        Literal::Text(text) => caseless(cell).contains(&caseless(text.trim())),
    }
}

fn accepts(comparison: Comparison, ordering: Option<Ordering>) -> bool {
    match comparison {
        Comparison::Equal => ordering.is_some_and(Ordering::is_eq),
        Comparison::NotEqual => ordering.is_none_or(Ordering::is_ne),
        Comparison::Less => ordering.is_some_and(Ordering::is_lt),
        Comparison::AtMost => ordering.is_some_and(Ordering::is_le),
        Comparison::Greater => ordering.is_some_and(Ordering::is_gt),
        Comparison::AtLeast => ordering.is_some_and(Ordering::is_ge),
        Comparison::Contains | Comparison::NotContains => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_as_documented() {
        let number = |comparison| Test::Compare(comparison, Literal::Number(5.0));
        assert!(holds(&number(Comparison::AtLeast), Some("5.0")));
        assert!(!holds(&number(Comparison::Less), Some("x")));
        assert!(holds(&number(Comparison::NotEqual), Some("x")));
        assert!(!holds(&number(Comparison::NotEqual), None));
        let text = |comparison| Test::Compare(comparison, Literal::Text("Or".to_owned()));
        assert!(holds(&text(Comparison::Contains), Some("tORgersen")));
        assert!(holds(&text(Comparison::NotContains), Some("Dream")));
        assert!(holds(&Test::OneOf(vec![Literal::Number(1.0), Literal::Text("B".to_owned())]), Some("b")));
        assert!(holds(&Test::Missing, None) && !holds(&Test::Present, None));
    }
}
