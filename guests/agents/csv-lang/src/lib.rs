//! The question language of the CSV example, and the payloads that its agents hand on.
//!
//! | module | holds |
//! |---|---|
//! | [`parser`] | words → [`ast::Question`] |
//! | [`steps`] | syntax tree → ordered [`steps::Step`]s |
//! | [`bind`] | steps + real header → [`plan::Plan`] |
//! | [`payload`] | what each topic carries |
//! | [`answer`] | result rows → the JSON that the person gets |
//!
//! Invariant: pure. No file, no host call, no knowledge of any data set; a question means the same for every file
//! with the same header. What is not understood is an error that says so: a word is never silently ignored, because
//! an ignored "female" is a wrong answer that looks right.

pub mod answer;
pub mod ast;
pub mod bind;
mod help;
mod lexer;
pub mod names;
pub mod parser;
pub mod payload;
pub mod plan;
pub mod steps;

pub use help::{EXAMPLES, GRAMMAR};
pub use parser::parse;
