//! The order of values: numbers by size, then texts by code point; missing values last in either direction.

use std::cmp::Ordering;

use crate::cell;
use crate::wit::{SortKey, Value};

/// A value as a cell says it: a number if it reads as one.
#[must_use]
pub fn of_cell(cell: Option<&[u8]>) -> Value {
    match cell {
        None => Value::Missing,
        Some(cell) => cell::number(cell).map_or_else(|| Value::Text(cell::text(cell).into_owned()), Value::Number),
    }
}

/// Ascending, or descending but for missing values.
#[must_use]
pub fn compare(left: &Value, right: &Value, descending: bool) -> Ordering {
    match (matches!(left, Value::Missing), matches!(right, Value::Missing)) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let ascending = match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(left).cmp(text(right)),
    };
    if descending { ascending.reverse() } else { ascending }
}

/// By several keys; `keys` and the values stand in the same order.
#[must_use]
pub fn by_keys(keys: &[SortKey], left: &[Value], right: &[Value]) -> Ordering {
    keys.iter()
        .zip(left.iter().zip(right))
        .map(|(key, (left, right))| compare(left, right, key.descending))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 records")]
        Value::Count(count) => Some(*count as f64),
        Value::Missing | Value::Text(_) => None,
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        Value::Missing | Value::Number(_) | Value::Count(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_then_texts_then_missing() {
        let mut values: Vec<Value> =
            ["b", "10", "", "9", "a"].iter().map(|cell| of_cell(cell::present(cell.as_bytes()))).collect();
        values.sort_by(|left, right| compare(left, right, false));
        assert!(matches!(
            values.as_slice(),
            [Value::Number(9.0), Value::Number(10.0), Value::Text(a), Value::Text(b), Value::Missing] if a == "a" && b == "b"
        ));
        values.sort_by(|left, right| compare(left, right, true));
        assert!(matches!(values.first(), Some(Value::Text(b)) if b == "b"));
        assert!(matches!(values.last(), Some(Value::Missing)));
    }
}
