//! Proposer: binds the steps to the file's real columns and proposes a plan.
//!
//! `csv.decomposed`, or `csv.revise` from the critic → `csv.proposed`, or `csv.rejected`. Sees headers through
//! `manes:table`, never a file.

use csv_lang::bind::bind;
use csv_lang::payload::{Case, Proposed, Rejected, Revise, topic};
use csv_lang::plan::{Column, Kind};
use manes_sdk::prelude::*;
use table_client::{Error, Imported, Source, Table, explain, wit};

/// How long to wait before reading again after a failed read.
const RETRY_MS: u32 = 200;

/// The agent.
pub struct Proposer;

manes_sdk::topics! {
    /// Steps to bind, for the first or the second time.
    pub enum Work {
        "csv.decomposed" => Decomposed(Case),
        "csv.revise" => Revise(Revise),
    }
}

impl Agent for Proposer {
    type Input = Work;
    const INFO: Info =
        Info::new("proposer", env!("CARGO_PKG_VERSION"), "Binds steps to a file's real columns and proposes a plan")
            .subscribes(&[topic::DECOMPOSED, topic::REVISE])
            .publishes(&[topic::PROPOSED, topic::REJECTED])
            .needs(&[("manes:table/table", "to read the names of columns")]);

    fn handle(work: Work, _event: &Event) -> Handled {
        let case = match work {
            Work::Decomposed(case) => case,
            Work::Revise(revise) => {
                log::warn!("the critic sent this back: {}", revise.reason; attempt = revise.case.attempt);
                revise.case
            }
        };
        propose(&Imported, case)
    }
}

/// The agent's work, with any table behind it.
///
/// # Errors
///
/// A retry if reading failed half-way.
pub fn propose<S: Source>(source: &S, case: Case) -> Handled {
    let table = match source.open(&case.asked.file) {
        Ok(table) => table,
        Err(Error::Io(reason)) => return Err(retry(reason, RETRY_MS)),
        Err(error) => return rejected(case, explain(&error)),
    };
    let header: Vec<Column> =
        table.columns().into_iter().zip(0..).map(|(column, index)| known(column, index)).collect();
    match bind(&case.steps, &case.asked.file, &header) {
        Ok(plan) => {
            log::info!("bound the question to {} of {} columns", plan.columns.len(), header.len(); attempt = case.attempt);
            emit(topic::PROPOSED, &Proposed { case, plan })
        }
        Err(reason) => rejected(case, reason),
    }
}

fn rejected(case: Case, reason: String) -> Handled {
    log::warn!("cannot bind the question: {reason}");
    emit(topic::REJECTED, &Rejected::new(case.asked, Proposer::INFO.name(), reason))
}

fn known(column: wit::Column, index: u32) -> Column {
    let kind = match column.kind {
        wit::Kind::Number => Kind::Number,
        wit::Kind::Mixed => Kind::Mixed,
        wit::Kind::Text => Kind::Text,
        wit::Kind::Empty => Kind::Empty,
    };
    Column { index, name: column.name, kind }
}

manes_sdk::agent!(Proposer);

#[cfg(test)]
mod tests {
    use super::*;
    use csv_lang::payload::Asked;
    use manes_sdk::testing;
    use table_client::{Outcome, Plan, Scan};

    /// A table of one text and one number column; or none at all.
    struct Fake(Option<Error>);

    impl Source for Fake {
        type Table = Fake;
        fn open(&self, _file: &str) -> Result<Fake, Error> {
            self.0.clone().map_or(Ok(Fake(None)), Err)
        }
    }

    impl Table for Fake {
        type Scan = Fake;
        fn columns(&self) -> Vec<wit::Column> {
            let column = |name: &str, kind| wit::Column { name: name.to_owned(), header: name.to_owned(), kind };
            vec![column("species", wit::Kind::Text), column("body_mass_g", wit::Kind::Number)]
        }
        fn query(&self, _plan: &Plan) -> Result<Outcome, Error> {
            Err(Error::AccessDenied)
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

    fn case(question: &str) -> Case {
        let steps = csv_lang::steps::decompose(&csv_lang::parse(question).unwrap()).unwrap();
        Case { asked: Asked { question: question.to_owned(), file: "x.csv".to_owned() }, attempt: 1, steps }
    }

    #[test]
    fn names_become_positions() {
        let drafts = propose(&Fake(None), case("average body mass by Species")).unwrap();
        assert_eq!(drafts[0].topic, topic::PROPOSED);
        let proposed: Proposed = serde_json::from_value(testing::json(&drafts[0])).unwrap();
        assert_eq!(proposed.plan.reads(), [0, 1]);
    }

    #[test]
    fn unknown_columns_are_rejected_with_a_suggestion() {
        let drafts = propose(&Fake(None), case("mean body_mas_g")).unwrap();
        assert_eq!(drafts[0].topic, topic::REJECTED);
        assert!(testing::json(&drafts[0])["reason"].as_str().unwrap().contains("did you mean body_mass_g?"));
    }

    #[test]
    fn a_failed_read_is_tried_again_and_a_denial_is_not() {
        let io = propose(&Fake(Some(Error::Io("gone".to_owned()))), case("count rows"));
        assert!(matches!(io, Err(Failure::Retry(_))));
        let denied = propose(&Fake(Some(Error::AccessDenied)), case("count rows")).unwrap();
        assert!(testing::json(&denied[0])["reason"].as_str().unwrap().contains("manes:table/table"));
    }
}
