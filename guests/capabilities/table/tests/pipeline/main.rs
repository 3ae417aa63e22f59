//! The six agents and the table together, natively.
//!
//! Goal: what a person gets is right, for any file and question. Method: a small router hands events from agent to
//! agent as the manifest says; the table reads from memory. [`oracle`] generates files and questions from a seed and
//! knows the answer from the cells it generated, without reading any CSV; [`questions`] pins down behaviour by hand.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test: what cannot be is a failure")]

mod bridge;
mod oracle;
mod questions;

use bridge::Memory;
use csv_lang::payload::topic;
use manes_sdk::{Draft, testing};
use serde_json::{Value, json};

/// Handed on at most this often; the longest way, with one revision, has eleven events.
const HOPS_MAX: usize = 20;

/// Asks a question about a file in memory; gives the result's topic and payload.
fn ask(memory: &Memory, question: &str, file: &str) -> (String, Value) {
    let mut event = testing::event(topic::QUESTION, &json!({ "question": question, "file": file }));
    for _ in 0..HOPS_MAX {
        let drafts = match event.topic.as_str() {
            topic::QUESTION => testing::run::<perceptor::Perceptor>(&event),
            topic::PARSED => testing::run::<decomposer::Decomposer>(&event),
            topic::DECOMPOSED => proposer::propose(memory, event.json().unwrap()),
            topic::REVISE => proposer::propose(memory, event.json::<csv_lang::payload::Revise>().unwrap().case),
            topic::PROPOSED => testing::run::<safety::Safety>(&event),
            topic::APPROVED => executor::execute(memory, event.json().unwrap()),
            topic::EXECUTED => critic::criticise(memory, event.json().unwrap()),
            other => panic!("nobody takes {other}"),
        };
        let draft: Draft = drafts.unwrap_or_else(|failure| panic!("{}: {failure:?}", event.topic)).remove(0);
        if matches!(draft.topic.as_str(), topic::ANSWERED | topic::REJECTED) {
            return (draft.topic.clone(), testing::json(&draft));
        }
        event = testing::delivered(&draft);
    }
    panic!("no result after {HOPS_MAX} events");
}

/// The answer, or a panic with the reason.
fn answer(memory: &Memory, question: &str, file: &str) -> Value {
    let (topic, json) = ask(memory, question, file);
    assert_eq!(topic, topic::ANSWERED, "“{question}”: {json}");
    json["answer"].clone()
}

/// The reason for a rejection, with the agent that gave it.
fn refusal(memory: &Memory, question: &str, file: &str) -> (String, String) {
    let (topic, json) = ask(memory, question, file);
    assert_eq!(topic, topic::REJECTED, "“{question}”: {json}");
    (json["stage"].as_str().unwrap().to_owned(), json["reason"].as_str().unwrap().to_owned())
}
