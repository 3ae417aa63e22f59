//! Agreement, the one chance, and what is said when it is used up.

use super::*;
use csv_lang::payload::{Asked, Counts, ResultTable};
use csv_lang::plan::{Column, Kind};
use manes_sdk::testing;
use serde_json::{Value, json};
use table_client::{Outcome, Plan, Scan, wit};

const PAGES: [&str; 2] = ["cat,4.5\r\ndog,NA\r\n", "cat,3.5\r\n,1\r\ndog,heavy\r\n"];

/// A table whose scan has the two pages, or fails.
#[derive(Clone)]
struct Fake(Result<Vec<String>, Error>);

impl Fake {
    fn new() -> Self {
        Self(Ok(PAGES.iter().map(|&page| page.to_owned()).collect()))
    }
}

impl Source for Fake {
    type Table = Fake;
    fn open(&self, _file: &str) -> Result<Fake, Error> {
        Ok(self.clone())
    }
}

impl Table for Fake {
    type Scan = Fake;
    fn columns(&self) -> Vec<wit::Column> {
        Vec::new()
    }
    fn query(&self, _plan: &Plan) -> Result<Outcome, Error> {
        Err(Error::AccessDenied)
    }
    fn scan(&self, _columns: &[u32]) -> Result<Fake, Error> {
        Ok(self.clone())
    }
}

impl Scan for Fake {
    fn next(&mut self, _max_bytes: u32) -> Result<Option<String>, Error> {
        match &mut self.0 {
            Ok(pages) if pages.is_empty() => Ok(None),
            Ok(pages) => Ok(Some(pages.remove(0))),
            Err(error) => Err(error.clone()),
        }
    }
}

fn executed(question: &str, rows: Value, used: u64, total: u64) -> Executed {
    let steps = csv_lang::steps::decompose(&csv_lang::parse(question).unwrap()).unwrap();
    let column = |index, name: &str, kind| Column { index, name: name.to_owned(), kind };
    let header = [column(0, "kind", Kind::Text), column(1, "mass", Kind::Number)];
    let plan = csv_lang::bind::bind(&steps, "x.csv", &header).unwrap();
    let asked = Asked { question: question.to_owned(), file: "x.csv".to_owned() };
    let result = ResultTable {
        header: plan.header(),
        rows: serde_json::from_value(rows).unwrap(),
        total,
        counts: Counts { read: 5, matched: 5, used },
        notes: vec!["a note".to_owned()],
    };
    Executed { case: Case { asked, attempt: 1, steps }, plan, result }
}

fn judge(executed: Executed) -> (String, Value) {
    let drafts = criticise(&Fake::new(), executed).unwrap();
    (drafts[0].topic.clone(), testing::json(&drafts[0]))
}

#[test]
fn agreement_is_an_answer() {
    let (topic, json) = judge(executed("mean mass by kind", json!([["cat", 4], ["dog", null], [null, 1]]), 3, 3));
    assert_eq!(topic, topic::ANSWERED, "{json}");
    assert_eq!(json["answer"], json!({ "cat": 4, "dog": null, "(missing)": 1 }));
    assert_eq!((&json["rows_used"], &json["rows_skipped"], &json["rows_read"]), (&json!(3), &json!(2), &json!(5)));
    assert_eq!(json["columns"], json!(["kind", "mass"]));
    assert_eq!(json["notes"], json!(["a note"]));
}

#[test]
fn a_difference_within_the_tolerance_is_none() {
    let mean = |cat: f64| judge(executed("mean mass by kind", json!([["cat", cat], ["dog", null], [null, 1]]), 3, 3)).0;
    assert_eq!(mean(4.000_000_000_1), topic::ANSWERED);
    assert_eq!(mean(4.000_001), topic::REVISE);
}

#[test]
fn a_disagreement_goes_back_once() {
    let mut wrong = executed("mean mass by kind", json!([["cat", 5], ["dog", null], [null, 1]]), 3, 3);
    let (topic, json) = judge(wrong.clone());
    assert_eq!((topic.as_str(), &json["attempt"]), (topic::REVISE, &json!(2)));
    assert!(json["reason"].as_str().unwrap().contains("mean mass of cat"), "{json}");
    wrong.case.attempt = 2;
    let (topic, json) = judge(wrong);
    assert_eq!(topic, topic::REJECTED);
    assert_eq!(json["disagreement"], json!({ "place": "mean mass of cat", "executor": 5, "critic": 4.0 }));
}

#[test]
fn every_kind_of_lie_is_found() {
    let by_kind = "count rows by kind";
    for (rows, used, total, place) in [
        (json!([["cat", 2], ["dog", 2]]), 5, 2, "rows before the limit"),
        (json!([["cat", 2], ["dog", 2]]), 5, 3, "rows of the result"),
        (json!([["cat", 2], ["dog", 2], [null, 1]]), 4, 3, "rows used"),
        (json!([["cat", 2], ["dog", 2], ["owl", 1]]), 5, 3, "owl"),
        (json!([["cat", 2], ["dog", 2], ["dog", 2]]), 5, 3, "dog, twice"),
        (json!([["dog", 2], ["cat", 2], [null, 1]]), 5, 3, "order of the result"),
        (json!([["cat", "2"], ["dog", 2], [null, 1]]), 5, 3, "count of cat"),
    ] {
        let (topic, json) = judge(executed(by_kind, rows.clone(), used, total));
        assert_eq!(topic, topic::REVISE, "{rows}");
        assert!(json["reason"].as_str().unwrap().starts_with(place), "{json}");
    }
    let (topic, json) = judge(executed("max mass by kind top 1", json!([[null, 1]]), 3, 3));
    assert_eq!(topic, topic::REVISE);
    assert!(json["reason"].as_str().unwrap().starts_with("what the limit"), "{json}");
    let (topic, _) = judge(executed("max mass by kind top 1", json!([["cat", 4.5]]), 3, 3));
    assert_eq!(topic, topic::ANSWERED);
}

#[test]
fn lists_are_compared_cell_by_cell() {
    let question = "list kind, mass sorted by mass descending limit 2";
    let (topic, json) = judge(executed(question, json!([["dog", "heavy"], ["cat", "4.5"]]), 5, 5));
    assert_eq!(topic, topic::ANSWERED, "{json}");
    assert_eq!(json["answer"][1], json!({ "kind": "cat", "mass": "4.5" }));
    let (topic, _) = judge(executed(question, json!([["cat", "4.5"], ["dog", "heavy"]]), 5, 5));
    assert_eq!(topic, topic::REVISE);
}

#[test]
fn what_cannot_be_checked_is_not_answered() {
    let denied = Fake(Err(Error::AccessDenied));
    let drafts = criticise(&denied, executed("count rows", json!([[5]]), 5, 1)).unwrap();
    assert_eq!(drafts[0].topic, topic::REJECTED);
    let broken = Fake(Err(Error::Io("gone".to_owned())));
    assert!(matches!(criticise(&broken, executed("count rows", json!([[5]]), 5, 1)), Err(Failure::Retry(_))));
}
