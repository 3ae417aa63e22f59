//! One value being computed over the records of one group.
//!
//! Sums are compensated after Neumaier: the error stays near one rounding of the result plus the number of terms
//! times 2^-106 of the sum of magnitudes, whatever the order. A mean is the sum divided by the count. A median sorts
//! the numbers and takes the middle one, or the mean of the two in the middle.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::cell;
use crate::limits::{DISTINCT_MAX, KEY_BYTES_MAX, MEDIAN_VALUES_MAX};
use crate::wit::{Error, Function, Value};

/// A hasher without random keys, so that the same file and plan do the same work in every run.
pub type FixedHasher = BuildHasherDefault<DefaultHasher>;

/// What all accumulators of a query together have left to keep.
#[derive(Debug, Clone)]
pub struct Budget {
    distinct: usize,
    key_bytes: usize,
    median_values: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { distinct: DISTINCT_MAX, key_bytes: KEY_BYTES_MAX, median_values: MEDIAN_VALUES_MAX }
    }
}

impl Budget {
    /// Takes bytes for a key.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when they are used up.
    pub fn key(&mut self, bytes: usize) -> Result<(), Error> {
        let left = self.key_bytes.checked_sub(bytes);
        self.key_bytes = left.ok_or_else(|| {
            let limit = KEY_BYTES_MAX >> 20;
            Error::Limit(format!(
                "the groups and distinct values hold more than {limit} MiB of text; narrow the question with “where”"
            ))
        })?;
        Ok(())
    }

    fn distinct(&mut self, bytes: usize) -> Result<(), Error> {
        self.key(bytes)?;
        self.distinct = self.distinct.checked_sub(1).ok_or_else(|| {
            Error::Limit(format!("more than {DISTINCT_MAX} distinct values; narrow the question with “where”"))
        })?;
        Ok(())
    }

    fn median_value(&mut self) -> Result<(), Error> {
        self.median_values = self.median_values.checked_sub(1).ok_or_else(|| {
            Error::Limit(format!(
                "a median over more than {MEDIAN_VALUES_MAX} numbers; narrow the question with “where” or ask for the mean"
            ))
        })?;
        Ok(())
    }
}

/// A running value.
#[derive(Debug, Clone)]
pub enum Accumulator {
    /// Records, or present cells.
    Count(u64),
    /// Different present cells.
    Distinct(HashSet<Box<[u8]>, FixedHasher>),
    /// Sum so far.
    Sum(Sum),
    /// Sum so far, to be divided.
    Mean(Sum),
    /// Smallest so far.
    Min(Option<f64>),
    /// Largest so far.
    Max(Option<f64>),
    /// All numbers.
    Median(Vec<f64>),
}

/// What a cell did to an accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It entered the value.
    Used,
    /// It is missing.
    Missing,
    /// It is present, and a number was wanted.
    NotANumber,
}

impl Accumulator {
    /// The accumulator of a function before any record.
    #[must_use]
    pub fn new(function: Function) -> Self {
        match function {
            Function::Count => Self::Count(0),
            Function::Distinct => Self::Distinct(HashSet::default()),
            Function::Sum => Self::Sum(Sum::default()),
            Function::Mean => Self::Mean(Sum::default()),
            Function::Min => Self::Min(None),
            Function::Max => Self::Max(None),
            Function::Median => Self::Median(Vec::new()),
        }
    }

    /// Takes a record as such; only `count` does.
    pub const fn take_record(&mut self) -> Taken {
        if let Self::Count(count) = self {
            *count += 1;
        }
        Taken::Used
    }

    /// Takes a cell.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] when the budget is used up.
    pub fn take(&mut self, cell: Option<&[u8]>, budget: &mut Budget) -> Result<Taken, Error> {
        let Some(cell) = cell else { return Ok(Taken::Missing) };
        match self {
            Self::Count(count) => *count += 1,
            Self::Distinct(seen) => {
                if !seen.contains(cell) {
                    budget.distinct(cell.len())?;
                    seen.insert(cell.into());
                }
            }
            Self::Sum(_) | Self::Mean(_) | Self::Min(_) | Self::Max(_) | Self::Median(_) => {
                let Some(number) = cell::number(cell) else { return Ok(Taken::NotANumber) };
                self.take_number(number, budget)?;
            }
        }
        Ok(Taken::Used)
    }

    fn take_number(&mut self, number: f64, budget: &mut Budget) -> Result<(), Error> {
        match self {
            Self::Sum(sum) | Self::Mean(sum) => sum.add(number),
            Self::Min(least) => *least = Some(least.map_or(number, |known| known.min(number))),
            Self::Max(most) => *most = Some(most.map_or(number, |known| known.max(number))),
            Self::Median(numbers) => {
                budget.median_value()?;
                numbers.push(number);
            }
            Self::Count(_) | Self::Distinct(_) => {}
        }
        Ok(())
    }

    /// The value; missing if it is about numbers and there were none.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if a sum left the range of a float.
    pub fn finish(self) -> Result<Value, Error> {
        let number = match self {
            Self::Count(count) => return Ok(Value::Count(count)),
            Self::Distinct(seen) => return Ok(Value::Count(seen.len() as u64)),
            Self::Sum(sum) => sum.total(),
            #[expect(clippy::cast_precision_loss, reason = "below 2^53 records")]
            Self::Mean(sum) => sum.total().map(|total| total / sum.count as f64),
            Self::Min(value) | Self::Max(value) => value,
            Self::Median(numbers) => median(numbers),
        };
        match number {
            None => Ok(Value::Missing),
            Some(number) if number.is_finite() => Ok(Value::Number(number)),
            Some(_) => Err(Error::Limit("the sum is beyond the range of a 64-bit float".to_owned())),
        }
    }
}

/// Neumaier's compensated sum.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    sum: f64,
    lost: f64,
    count: u64,
}

impl Sum {
    fn add(&mut self, number: f64) {
        let next = self.sum + number;
        self.lost +=
            if self.sum.abs() >= number.abs() { (self.sum - next) + number } else { (number - next) + self.sum };
        self.sum = next;
        self.count += 1;
    }

    fn total(&self) -> Option<f64> {
        (self.count > 0).then_some(self.sum + self.lost)
    }
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    let middle = numbers.len() / 2;
    if numbers.is_empty() {
        return None;
    }
    let even = numbers.len().is_multiple_of(2);
    let (below, &mut upper, _) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    if !even {
        return Some(upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    // Halved first: the sum of two large numbers may not fit.
    Some(lower / 2.0 + upper / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(function: Function, cells: &[&str]) -> Value {
        let mut accumulator = Accumulator::new(function);
        let mut budget = Budget::default();
        for cell in cells {
            accumulator.take(cell::present(cell.as_bytes()), &mut budget).unwrap();
        }
        accumulator.finish().unwrap()
    }

    #[test]
    fn functions() {
        let cells = ["3", "NA", "1", "x", "2", "2"];
        assert!(matches!(compute(Function::Count, &cells), Value::Count(5)));
        assert!(matches!(compute(Function::Distinct, &cells), Value::Count(4)));
        assert!(matches!(compute(Function::Sum, &cells), Value::Number(8.0)));
        assert!(matches!(compute(Function::Mean, &cells), Value::Number(2.0)));
        assert!(matches!(compute(Function::Min, &cells), Value::Number(1.0)));
        assert!(matches!(compute(Function::Max, &cells), Value::Number(3.0)));
        assert!(matches!(compute(Function::Median, &cells), Value::Number(2.0)));
        assert!(matches!(compute(Function::Median, &["4", "1", "2", "9"]), Value::Number(3.0)));
        assert!(matches!(compute(Function::Mean, &["NA", "x"]), Value::Missing));
    }

    #[test]
    fn sums_are_compensated() {
        assert!(matches!(compute(Function::Sum, &["1e100", "1", "-1e100"]), Value::Number(1.0)));
        let tenths = vec!["0.1"; 10];
        assert!(matches!(compute(Function::Sum, &tenths), Value::Number(1.0)));
    }

    #[test]
    fn an_overflow_is_said() {
        let mut sum = Accumulator::new(Function::Sum);
        for _ in 0..2 {
            sum.take(Some(b"1.7e308"), &mut Budget::default()).unwrap();
        }
        assert!(matches!(sum.finish(), Err(Error::Limit(reason)) if reason.contains("64-bit float")));
    }

    #[test]
    fn budgets_run_out_with_the_limit_named() {
        let mut budget = Budget { distinct: 1, key_bytes: 10, median_values: 1 };
        let mut distinct = Accumulator::new(Function::Distinct);
        assert!(distinct.take(Some(b"a"), &mut budget).is_ok() && distinct.take(Some(b"a"), &mut budget).is_ok());
        assert!(
            matches!(distinct.take(Some(b"b"), &mut budget), Err(Error::Limit(reason)) if reason.contains("200000"))
        );
        let mut median = Accumulator::new(Function::Median);
        median.take(Some(b"1"), &mut budget).unwrap();
        assert!(
            matches!(median.take(Some(b"1"), &mut budget), Err(Error::Limit(reason)) if reason.contains("2000000"))
        );
        assert!(matches!(budget.key(11), Err(Error::Limit(reason)) if reason.contains("8 MiB")));
    }
}
