//! Result rows → the JSON that the person gets.
//!
//! One value is a scalar; values per group of one column an object; everything ordered, limited or grouped by
//! several columns a list of rows, because an object has no order.

use serde_json::{Map, Number, Value};

use crate::plan::{Plan, Shape};

/// The name of the group of rows whose group cell is missing.
pub const MISSING: &str = "(missing)";

/// Whole numbers that a float holds exactly are written without a fraction.
#[must_use]
pub fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// The answer in the form that fits the plan.
#[must_use]
pub fn shape(plan: &Plan, header: &[String], rows: &[Vec<Value>]) -> Value {
    if let Shape::Summary { groups, .. } = &plan.shape {
        let keyed = match (groups.len(), rows) {
            (0, [only]) => Some(values(header, only)),
            (1, _) if plan.order.is_empty() && plan.limit.is_none() => by_group(header, rows),
            _ => None,
        };
        if let Some(keyed) = keyed {
            return keyed;
        }
    }
    rows.iter().map(|row| object(header, row)).collect()
}

fn values(header: &[String], row: &[Value]) -> Value {
    match row {
        [only] => only.clone(),
        _ => object(header, row),
    }
}

fn object(header: &[String], row: &[Value]) -> Value {
    header.iter().cloned().zip(row.iter().cloned()).collect::<Map<_, _>>().into()
}

/// None if two groups would share a key, as a missing cell and one that reads "(missing)".
fn by_group(header: &[String], rows: &[Vec<Value>]) -> Option<Value> {
    let mut out = Map::new();
    for row in rows {
        let (group, rest) = row.split_first()?;
        let key = group.as_str().unwrap_or(MISSING).to_owned();
        if out.insert(key, values(header.get(1..)?, rest)).is_some() {
            return None;
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Function;
    use crate::plan::{Measure, SortKey};
    use serde_json::json;

    fn plan(groups: usize, measures: usize) -> Plan {
        let measure = Measure { function: Function::Count, column: None, label: "count".to_owned() };
        Plan {
            columns: Vec::new(),
            shape: Shape::Summary { groups: vec![0; groups], measures: vec![measure; measures] },
            filter: Vec::new(),
            order: Vec::new(),
            limit: None,
            notes: Vec::new(),
        }
    }

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn forms() {
        let one = vec![vec![json!(3)]];
        assert_eq!(shape(&plan(0, 1), &header(&["count"]), &one), json!(3));
        let two = vec![vec![json!(3), json!(1.5)]];
        assert_eq!(shape(&plan(0, 2), &header(&["count", "mean x"]), &two), json!({ "count": 3, "mean x": 1.5 }));
        let groups = vec![vec![json!("a"), json!(1)], vec![Value::Null, json!(2)]];
        assert_eq!(shape(&plan(1, 1), &header(&["g", "count"]), &groups), json!({ "a": 1, "(missing)": 2 }));
        let mut ordered = plan(1, 1);
        ordered.order = vec![SortKey { output: 1, descending: true }];
        assert_eq!(
            shape(&ordered, &header(&["g", "count"]), &groups),
            json!([{ "g": "a", "count": 1 }, { "g": null, "count": 2 }])
        );
    }

    #[test]
    fn keys_that_collide_become_rows() {
        let groups = vec![vec![json!("(missing)"), json!(1)], vec![Value::Null, json!(2)]];
        assert!(shape(&plan(1, 1), &header(&["g", "count"]), &groups).is_array());
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(number(6300.0).to_string(), "6300");
        assert_eq!(number(-0.5).to_string(), "-0.5");
        assert_eq!(number(1e300).to_string(), "1e+300");
        assert_eq!(number(f64::NAN), Value::Null);
    }
}
