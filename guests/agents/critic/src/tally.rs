//! Running values, computed otherwise than the table capability does: sums in double-double arithmetic instead of one
//! compensated float, distinct texts in a tree instead of a hash set, medians from a full sort.

use std::collections::BTreeSet;

use csv_lang::ast::Function;
use table_client::Error;

use crate::cells::decimal;

/// Numbers or distinct texts kept over all groups; the table capability has the same bounds and meets them first.
const KEPT_MAX: usize = 2_000_000;

/// A value with what it takes to judge how exact it can be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The value; none if there was no number.
    pub value: Option<f64>,
    /// The magnitude of what was added up, divided like the value: rounding is relative to this.
    pub magnitude: f64,
}

#[derive(Debug, Clone)]
pub(crate) enum Tally {
    Cells(u64),
    Different(BTreeSet<Box<str>>),
    Total(Total),
    Average(Total),
    Least(Option<f64>),
    Most(Option<f64>),
    Middle(Vec<f64>),
}

/// A sum as an unevaluated pair of floats: about 106 bits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Total {
    high: f64,
    low: f64,
    magnitude: f64,
    count: u64,
}

impl Tally {
    pub(crate) fn new(function: Function) -> Self {
        match function {
            Function::Count => Self::Cells(0),
            Function::Distinct => Self::Different(BTreeSet::new()),
            Function::Sum => Self::Total(Total::default()),
            Function::Mean => Self::Average(Total::default()),
            Function::Min => Self::Least(None),
            Function::Max => Self::Most(None),
            Function::Median => Self::Middle(Vec::new()),
        }
    }

    /// Takes a cell that is present, or a record as such; says whether it entered the value.
    pub(crate) fn take(&mut self, cell: &str, kept: &mut usize) -> Result<bool, Error> {
        match self {
            Self::Cells(count) => *count += 1,
            Self::Different(seen) => {
                if !seen.contains(cell) {
                    keep(kept)?;
                    seen.insert(cell.into());
                }
            }
            Self::Total(_) | Self::Average(_) | Self::Least(_) | Self::Most(_) | Self::Middle(_) => {
                let Some(number) = decimal(cell) else { return Ok(false) };
                self.number(number, kept)?;
            }
        }
        Ok(true)
    }

    fn number(&mut self, number: f64, kept: &mut usize) -> Result<(), Error> {
        match self {
            Self::Total(total) | Self::Average(total) => total.add(number),
            Self::Least(least) if least.is_none_or(|known| number < known) => *least = Some(number),
            Self::Most(most) if most.is_none_or(|known| number > known) => *most = Some(number),
            Self::Middle(numbers) => {
                keep(kept)?;
                numbers.push(number);
            }
            Self::Cells(_) | Self::Different(_) | Self::Least(_) | Self::Most(_) => {}
        }
        Ok(())
    }

    pub(crate) fn measured(self) -> Measured {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let exactly = |count: u64| Measured { value: Some(count as f64), magnitude: 0.0 };
        let plain = |value: Option<f64>| Measured { value, magnitude: 0.0 };
        match self {
            Self::Cells(count) => exactly(count),
            Self::Different(seen) => exactly(seen.len() as u64),
            Self::Total(total) => total.measured(1.0),
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            Self::Average(total) => total.measured(total.count.max(1) as f64),
            Self::Least(value) | Self::Most(value) => plain(value),
            Self::Middle(numbers) => plain(middle(numbers)),
        }
    }
}

impl Total {
    /// Knuth's two-sum of the high parts; what it loses goes into the low one.
    fn add(&mut self, number: f64) {
        let sum = self.high + number;
        let part = sum - self.high;
        let lost = (self.high - (sum - part)) + (number - part);
        let low = self.low + lost;
        self.high = sum + low;
        self.low = low - (self.high - sum);
        self.magnitude += number.abs();
        self.count += 1;
    }

    fn measured(&self, divisor: f64) -> Measured {
        let value = (self.count > 0).then_some((self.high + self.low) / divisor);
        Measured { value, magnitude: self.magnitude / divisor }
    }
}

fn middle(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *numbers.get(numbers.len() / 2 - 1)?;
    Some(0.5 * lower + 0.5 * upper)
}

fn keep(kept: &mut usize) -> Result<(), Error> {
    *kept += 1;
    if *kept > KEPT_MAX {
        return Err(Error::Limit(format!("more than {KEPT_MAX} values to keep; narrow the question with “where”")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(function: Function, cells: &[&str]) -> Option<f64> {
        let mut tally = Tally::new(function);
        for cell in cells {
            tally.take(cell, &mut 0).unwrap();
        }
        tally.measured().value
    }

    #[test]
    fn functions() {
        let cells = ["3", "1", "x", "2", "2"];
        let expected = [Some(5.0), Some(4.0), Some(8.0), Some(2.0), Some(1.0), Some(3.0), Some(2.0)];
        for (function, expected) in Function::ALL.into_iter().zip(expected) {
            assert_eq!(value(function, &cells), expected, "{function}");
        }
        assert_eq!(value(Function::Median, &["4", "1", "2", "9"]), Some(3.0));
        assert_eq!(value(Function::Mean, &["x"]), None);
    }

    #[test]
    fn sums_survive_cancellation() {
        assert_eq!(value(Function::Sum, &["1e100", "1", "-1e100"]), Some(1.0));
        assert_eq!(value(Function::Sum, &["0.1"; 10]), Some(1.0));
    }
}
