//! Decomposer: a syntax tree → ordered steps, with everything implied made explicit.
//!
//! `csv.parsed` → `csv.decomposed`, or `csv.rejected` if the parts of the question contradict each other.

use csv_lang::payload::{Case, Parsed, Rejected, topic};
use csv_lang::steps;
use manes_sdk::prelude::*;

/// The agent.
pub struct Decomposer;

impl Agent for Decomposer {
    type Input = Parsed;
    const INFO: Info =
        Info::new("decomposer", env!("CARGO_PKG_VERSION"), "Turns a question's syntax tree into ordered steps")
            .subscribes(&[topic::PARSED])
            .publishes(&[topic::DECOMPOSED, topic::REJECTED]);

    fn handle(parsed: Parsed, _event: &Event) -> Handled {
        match steps::decompose(&parsed.ast) {
            Ok(steps) => {
                log::info!("decomposed into {} steps", steps.len());
                emit(topic::DECOMPOSED, &Case { asked: parsed.asked, attempt: 1, steps })
            }
            Err(reason) => {
                log::warn!("the question contradicts itself: {reason}");
                emit(topic::REJECTED, &Rejected::new(parsed.asked, Self::INFO.name(), reason))
            }
        }
    }
}

manes_sdk::agent!(Decomposer);

#[cfg(test)]
mod tests {
    use super::*;
    use csv_lang::payload::Asked;
    use manes_sdk::testing;

    fn decompose(question: &str) -> Draft {
        let asked = Asked { question: question.to_owned(), file: "x.csv".to_owned() };
        let parsed = Parsed { ast: csv_lang::parse(question).unwrap(), asked };
        testing::run::<Decomposer>(&testing::event(topic::PARSED, &parsed)).unwrap().remove(0)
    }

    #[test]
    fn steps_come_in_order() {
        let draft = decompose("top 3 species by mean mass where sex is male");
        assert_eq!(draft.topic, topic::DECOMPOSED);
        let json = testing::json(&draft);
        let steps: Vec<&str> =
            json["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
        assert_eq!(steps, ["filter", "group", "compute", "order", "limit"]);
        assert_eq!(json["attempt"], 1);
    }

    #[test]
    fn a_contradiction_is_rejected() {
        assert_eq!(decompose("mean mass top 3").topic, topic::REJECTED);
    }
}
