//! What the executor makes of a table's answers.

use super::*;
use csv_lang::payload::{Asked, Case};
use csv_lang::plan::{Column, Kind};
use manes_sdk::testing;
use table_client::{Plan, Scan};

struct Fake(Result<Outcome, Error>);

impl Source for Fake {
    type Table = Fake;
    fn open(&self, file: &str) -> Result<Fake, Error> {
        assert_eq!(file, "x.csv");
        Ok(Fake(self.0.clone()))
    }
}

impl Table for Fake {
    type Scan = Fake;
    fn columns(&self) -> Vec<wit::Column> {
        Vec::new()
    }
    fn query(&self, plan: &Plan) -> Result<Outcome, Error> {
        assert!(matches!(&plan.shape, wit::Shape::Summary(summary) if summary.groups == [0]));
        assert!(matches!(plan.filter[0][0].test, wit::Test::Between(_)));
        self.0.clone()
    }
    fn scan(&self, _columns: &[u32]) -> Result<Fake, Error> {
        Err(Error::AccessDenied)
    }
}

impl Scan for Fake {
    fn next(&mut self, _max_bytes: u32) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

fn approved() -> Approved {
    let question = "mean mass by species where mass between 1 and 9";
    let steps = csv_lang::steps::decompose(&csv_lang::parse(question).unwrap()).unwrap();
    let column = |index, name: &str, kind| Column { index, name: name.to_owned(), kind };
    let header = [column(0, "species", Kind::Text), column(1, "mass", Kind::Number)];
    let plan = csv_lang::bind::bind(&steps, "x.csv", &header).unwrap();
    let asked = Asked { question: question.to_owned(), file: "x.csv".to_owned() };
    Approved { case: Case { asked, attempt: 1, steps }, plan, checks: Vec::new() }
}

#[test]
fn rows_come_back_as_json() {
    let outcome = Outcome {
        rows: vec![
            vec![wit::Value::Text("a".to_owned()), wit::Value::Number(2.5)],
            vec![wit::Value::Missing, wit::Value::Number(3.0)],
        ],
        total: 2,
        counts: wit::Counts { read: 9, matched: 5, used: 4 },
        notes: vec!["short".to_owned()],
    };
    let drafts = execute(&Fake(Ok(outcome)), approved()).unwrap();
    assert_eq!(drafts[0].topic, topic::EXECUTED);
    let result = &testing::json(&drafts[0])["result"];
    assert_eq!(result["rows"], serde_json::json!([["a", 2.5], [null, 3]]));
    assert_eq!(result["header"], serde_json::json!(["species", "mean mass"]));
    assert_eq!(result["counts"]["used"], 4);
}

#[test]
fn a_limit_is_a_rejection_and_a_failed_read_a_retry() {
    let drafts = execute(&Fake(Err(Error::Limit("too many groups".to_owned()))), approved()).unwrap();
    assert_eq!(drafts[0].topic, topic::REJECTED);
    assert_eq!(testing::json(&drafts[0])["reason"], "too many groups");
    let io = execute(&Fake(Err(Error::Io("gone".to_owned()))), approved());
    assert!(matches!(io, Err(Failure::Retry(retry)) if retry.reason == "gone"));
}
