//! Which records a plan is about.
//!
//! Conditions are prepared once, so that a record costs comparisons only. A missing cell passes `missing` and nothing
//! else; a number compares with cells that are numbers, a text with every present cell, without regard to case.

use std::cmp::Ordering;

use crate::cell;
use crate::reader::{Reader, Source};
use crate::wit::{Comparison, Condition, Error, Literal, Test};

/// A prepared filter: a record passes if all tests of any inner list hold, or if there is no list.
pub struct Filter {
    any_of: Vec<Vec<Prepared>>,
}

struct Prepared {
    column: usize,
    test: PreparedTest,
}

enum PreparedTest {
    Missing,
    Present,
    Compare(Comparison, Constant),
    Between(Constant, Constant),
    OneOf(Vec<Constant>),
}

enum Constant {
    Number(f64),
    /// Folded.
    Text(String),
}

impl Filter {
    /// Prepares a filter for a file with `columns` columns.
    ///
    /// # Errors
    ///
    /// If a column does not exist or a constant makes no sense.
    pub fn new(any_of: &[Vec<Condition>], columns: usize) -> Result<Self, Error> {
        let prepare = |condition: &Condition| {
            let column = condition.column as usize;
            if column >= columns {
                return Err(Error::InvalidPlan(format!("the filter wants column {column} of {columns}")));
            }
            Ok(Prepared { column, test: test(&condition.test)? })
        };
        let any_of = any_of.iter().map(|all_of| all_of.iter().map(prepare).collect()).collect::<Result<_, Error>>()?;
        Ok(Self { any_of })
    }

    /// Whether the current record passes.
    #[must_use]
    pub fn passes<S: Source>(&self, reader: &Reader<S>) -> bool {
        let holds = |prepared: &Prepared| prepared.test.holds(cell::present(&reader.cell(prepared.column)));
        self.any_of.is_empty() || self.any_of.iter().any(|all_of| all_of.iter().all(holds))
    }
}

fn test(test: &Test) -> Result<PreparedTest, Error> {
    Ok(match test {
        Test::Missing => PreparedTest::Missing,
        Test::Present => PreparedTest::Present,
        Test::Compare(compare) => {
            let text_only = matches!(compare.comparison, Comparison::Contains | Comparison::NotContains);
            if text_only && matches!(compare.to, Literal::Number(_)) {
                return Err(Error::InvalidPlan("“contains” takes a text, not a number".to_owned()));
            }
            PreparedTest::Compare(compare.comparison, constant(&compare.to)?)
        }
        Test::Between((from, to)) => PreparedTest::Between(constant(from)?, constant(to)?),
        Test::OneOf(values) => PreparedTest::OneOf(values.iter().map(constant).collect::<Result<_, _>>()?),
    })
}

fn constant(literal: &Literal) -> Result<Constant, Error> {
    match literal {
        Literal::Number(number) if !number.is_finite() => {
            Err(Error::InvalidPlan("a number in the filter is not finite".to_owned()))
        }
        Literal::Number(number) => Ok(Constant::Number(*number)),
        Literal::Text(text) => Ok(Constant::Text(cell::folded(text.trim()))),
    }
}

impl PreparedTest {
    fn holds(&self, cell: Option<&[u8]>) -> bool {
        let Some(cell) = cell else { return matches!(self, Self::Missing) };
        match self {
            Self::Missing => false,
            Self::Present => true,
            Self::Compare(comparison, constant) => compares(*comparison, cell, constant),
            Self::Between(from, to) => {
                compares(Comparison::AtLeast, cell, from) && compares(Comparison::AtMost, cell, to)
            }
            Self::OneOf(constants) => constants.iter().any(|constant| compares(Comparison::Equal, cell, constant)),
        }
    }
}

fn compares(comparison: Comparison, cell: &[u8], constant: &Constant) -> bool {
    let ordering = match constant {
        Constant::Number(number) => cell::number(cell).and_then(|value| value.partial_cmp(number)),
        Constant::Text(text) => {
            let folded = cell::folded(&cell::text(cell));
            match comparison {
                Comparison::Contains => return folded.contains(text.as_str()),
                Comparison::NotContains => return !folded.contains(text.as_str()),
                Comparison::Equal
                | Comparison::NotEqual
                | Comparison::Less
                | Comparison::AtMost
                | Comparison::Greater
                | Comparison::AtLeast => Some(folded.as_str().cmp(text.as_str())),
            }
        }
    };
    match comparison {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        // A present cell that is no number does differ from a number.
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::AtMost => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::AtLeast => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        Comparison::Contains | Comparison::NotContains => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::Compare;

    fn holds(wanted: &Test, cell: &str) -> bool {
        test(wanted).unwrap().holds(cell::present(cell.as_bytes()))
    }

    fn compare(comparison: Comparison, to: Literal) -> Test {
        Test::Compare(Compare { comparison, to })
    }

    #[test]
    fn numbers_compare_with_numbers() {
        let at_least = compare(Comparison::AtLeast, Literal::Number(5.0));
        assert!(holds(&at_least, "5.0") && holds(&at_least, "1e1"));
        assert!(!holds(&at_least, "4.9") && !holds(&at_least, "x") && !holds(&at_least, ""));
        let differs = compare(Comparison::NotEqual, Literal::Number(5.0));
        assert!(holds(&differs, "x") && !holds(&differs, "5") && !holds(&differs, "NA"));
    }

    #[test]
    fn texts_compare_without_case() {
        let equal = compare(Comparison::Equal, Literal::Text("MÄNNLICH".to_owned()));
        assert!(holds(&equal, " männlich ") && !holds(&equal, "mann"));
        let contains = compare(Comparison::Contains, Literal::Text("or".to_owned()));
        assert!(holds(&contains, "TORgersen") && !holds(&contains, "Dream"));
        let after = compare(Comparison::Greater, Literal::Text("2024-01-31".to_owned()));
        assert!(holds(&after, "2024-02-01") && !holds(&after, "2024-01-31"));
    }

    #[test]
    fn missing_cells_pass_missing_only() {
        assert!(holds(&Test::Missing, "NA") && !holds(&Test::Missing, "0"));
        assert!(holds(&Test::Present, "0") && !holds(&Test::Present, " "));
        let not_contains = compare(Comparison::NotContains, Literal::Text("a".to_owned()));
        assert!(!holds(&not_contains, "") && holds(&not_contains, "b"));
    }

    #[test]
    fn ranges_and_lists() {
        let between = Test::Between((Literal::Number(1.0), Literal::Number(2.0)));
        assert!(holds(&between, "1") && holds(&between, "2") && !holds(&between, "2.1"));
        let one_of = Test::OneOf(vec![Literal::Text("a".to_owned()), Literal::Number(2.0)]);
        assert!(holds(&one_of, "A") && holds(&one_of, "2.0") && !holds(&one_of, "b"));
        assert!(test(&compare(Comparison::Contains, Literal::Number(1.0))).is_err());
        assert!(test(&compare(Comparison::Less, Literal::Number(f64::NAN))).is_err());
    }
}
