//! Perceptor: reads a question in plain words and hands on its syntax tree.
//!
//! `csv.question` → `csv.parsed`, or `csv.rejected` with what would have been understood. Has no capability: whatever
//! a question says, this agent can only say what it means.

use csv_lang::payload::{Asked, Parsed, Rejected, topic};
use manes_sdk::prelude::*;

/// The agent.
pub struct Perceptor;

impl Agent for Perceptor {
    type Input = Asked;
    const INFO: Info =
        Info::new("perceptor", env!("CARGO_PKG_VERSION"), "Turns a question in plain words into a syntax tree")
            .subscribes(&[topic::QUESTION])
            .publishes(&[topic::PARSED, topic::REJECTED]);

    fn handle(asked: Asked, _event: &Event) -> Handled {
        match csv_lang::parse(&asked.question) {
            Ok(ast) => {
                log::info!("understood the question"; groups = ast.group.len(), alternatives = ast.filter.len());
                emit(topic::PARSED, &Parsed { asked, ast })
            }
            Err(reason) => {
                log::warn!("did not understand the question: {reason}");
                emit(topic::REJECTED, &Rejected::new(asked, Self::INFO.name(), reason).with_grammar())
            }
        }
    }
}

manes_sdk::agent!(Perceptor);

#[cfg(test)]
mod tests {
    use super::*;
    use manes_sdk::testing;

    fn ask(question: &str) -> Draft {
        let asked = Asked { question: question.to_owned(), file: "x.csv".to_owned() };
        testing::run::<Perceptor>(&testing::event(topic::QUESTION, &asked)).unwrap().remove(0)
    }

    #[test]
    fn a_question_becomes_a_tree() {
        let draft = ask("mean mass by species?");
        assert_eq!(draft.topic, topic::PARSED);
        let parsed: Parsed = serde_json::from_value(testing::json(&draft)).unwrap();
        assert_eq!(parsed.ast.group.len(), 1);
    }

    #[test]
    fn anything_else_is_rejected_with_the_grammar() {
        let draft = ask("will it rain?");
        assert_eq!(draft.topic, topic::REJECTED);
        let json = testing::json(&draft);
        assert_eq!(json["stage"], "perceptor");
        assert!(json["understands"]["grammar"].as_array().unwrap().len() > 5);
    }
}
