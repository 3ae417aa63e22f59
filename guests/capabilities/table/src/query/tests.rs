//! Plans over small files, with every oddity of a file that the notes speak of.

use super::*;
use crate::inspect::inspect;
use crate::reader::tests::Pieces;
use crate::wit::{Aggregate, Compare, Comparison, Condition, Function, Literal, SortKey, Summary, Test};

const ANIMALS: &str = "\u{feff}kind,name,mass,mass\r\n\
    cat,\"Tom, \"\"the\"\" cat\",4.5,1\r\n\
    dog,Rex,NA,2\r\n\
    cat,Kit,3.5\r\n\
    NA,\"No\nname\",1,4,5\r\n\
    dog,Fido,heavy,6\r\n";

fn run(text: &str, plan: &Plan) -> Result<Outcome, Error> {
    let header = inspect(Pieces::new(text.as_bytes(), 11))?;
    query(&header, Pieces::new(text.as_bytes(), 11), plan)
}

fn summary(groups: &[u32], aggregates: &[(Function, Option<u32>)]) -> Plan {
    let aggregates = aggregates.iter().map(|&(function, column)| Aggregate { function, column }).collect();
    let shape = Shape::Summary(Summary { groups: groups.to_vec(), aggregates });
    Plan { shape, filter: Vec::new(), order: Vec::new(), limit: None }
}

fn show(outcome: &Outcome) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Missing => "-".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Count(count) => count.to_string(),
        Value::Text(text) => text.clone(),
    };
    outcome.rows.iter().map(|row| row.iter().map(text).collect()).collect()
}

#[test]
fn groups_with_values() {
    let plan = summary(&[0], &[(Function::Mean, Some(2)), (Function::Count, None), (Function::Count, Some(2))]);
    let outcome = run(ANIMALS, &plan).unwrap();
    assert_eq!(show(&outcome), [["cat", "4", "2", "2"], ["dog", "-", "2", "1"], ["-", "1", "1", "1"]]);
    assert_eq!((outcome.counts.read, outcome.counts.matched, outcome.counts.used, outcome.total), (5, 5, 5, 3));
    let notes = outcome.notes.join("; ");
    for part in
        ["is called mass_2", "1 record is shorter", "1 record is longer", "1 cells of mass are present but no numbers"]
    {
        assert!(notes.contains(part), "{notes}");
    }
}

#[test]
fn rows_without_a_number_are_not_used() {
    let outcome = run(ANIMALS, &summary(&[], &[(Function::Max, Some(2))])).unwrap();
    assert_eq!(show(&outcome), [["4.5"]]);
    assert_eq!((outcome.counts.matched, outcome.counts.used), (5, 3));
}

#[test]
fn filters_orders_and_limits() {
    let mut plan = summary(&[0], &[(Function::Sum, Some(3))]);
    let test = Test::Compare(Compare { comparison: Comparison::NotEqual, to: Literal::Text("CAT".to_owned()) });
    plan.filter = vec![vec![Condition { column: 0, test }], vec![Condition { column: 3, test: Test::Missing }]];
    plan.order = vec![SortKey { output: 1, descending: true }];
    // The short record of a cat passes by its missing cell; a missing kind passes nothing but "missing".
    assert_eq!(show(&run(ANIMALS, &plan).unwrap()), [["dog", "8"], ["cat", "-"]]);
    plan.limit = Some(1);
    let outcome = run(ANIMALS, &plan).unwrap();
    assert_eq!((outcome.rows.len(), outcome.total), (1, 2));
}

#[test]
fn listings() {
    let mut plan = Plan {
        shape: Shape::Rows(vec![1, 2]),
        filter: Vec::new(),
        order: vec![SortKey { output: 1, descending: false }],
        limit: Some(3),
    };
    let rows = show(&run(ANIMALS, &plan).unwrap());
    assert_eq!(rows, [["No\nname", "1"], ["Kit", "3.5"], ["Tom, \"the\" cat", "4.5"]]);
    plan.order.clear();
    plan.limit = Some(2);
    assert_eq!(show(&run(ANIMALS, &plan).unwrap())[1], ["Rex", "-"]);
    plan.limit = None;
    assert!(matches!(run(ANIMALS, &plan), Err(Error::Limit(reason)) if reason.contains("limit N")));
}

#[test]
fn only_a_header() {
    let outcome = run("a,b\n", &summary(&[], &[(Function::Count, None), (Function::Mean, Some(1))])).unwrap();
    assert_eq!(show(&outcome), [["0", "-"]]);
    assert!(run("a,b\n", &summary(&[0], &[(Function::Count, None)])).unwrap().rows.is_empty());
}

#[test]
fn plans_that_do_not_fit_are_refused() {
    let invalid = |plan: &Plan| assert!(matches!(run(ANIMALS, plan), Err(Error::InvalidPlan(_))));
    invalid(&summary(&[9], &[(Function::Count, None)]));
    invalid(&summary(&[0], &[(Function::Sum, None)]));
    invalid(&summary(&[0], &[]));
    let mut plan = summary(&[0], &[(Function::Count, None)]);
    plan.order = vec![SortKey { output: 2, descending: false }];
    invalid(&plan);
}

#[test]
fn too_many_groups_are_an_error_that_says_so() {
    let text: String = (0..=crate::limits::GROUPS_MAX).fold("id\n".to_owned(), |text, id| text + &format!("{id}\n"));
    let header = inspect(Pieces::new(text.as_bytes(), 1 << 16)).unwrap();
    let reason = query(&header, Pieces::new(text.as_bytes(), 1 << 16), &summary(&[0], &[(Function::Count, None)]));
    assert!(matches!(reason, Err(Error::Limit(reason)) if reason.contains("100000 groups")));
}

#[test]
fn bytes_that_are_not_utf8_are_shown_and_noted() {
    let text = b"a\nx\xff\n";
    let header = inspect(Pieces::new(text, 9)).unwrap();
    let outcome = query(&header, Pieces::new(text, 9), &summary(&[0], &[(Function::Count, None)])).unwrap();
    assert_eq!(show(&outcome), [["x\u{fffd}", "1"]]);
    assert!(outcome.notes.iter().any(|note| note.contains("not UTF-8")));
}
