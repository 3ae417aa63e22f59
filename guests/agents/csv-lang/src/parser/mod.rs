//! Tokens → syntax tree, by recursive descent: [`cursor`] reads tokens, [`body`] what is asked for, [`clause`]
//! grouping, order and limit, [`condition`] the filters, [`words`] the vocabulary.
//!
//! Invariant: the whole question is consumed or it is an error; parsing never panics and takes time linear in the
//! number of tokens but for one bounded look-back after `or`.

mod body;
mod clause;
mod condition;
mod cursor;
mod words;

use crate::ast::Question;
use crate::lexer;
use cursor::Cursor;

pub use words::is_word_for_rows;

/// Why a question was not understood: one sentence.
pub type Misunderstanding = String;

/// Parses a question.
///
/// # Errors
///
/// What was expected where. [`crate::GRAMMAR`] says what is understood.
pub fn parse(text: &str) -> Result<Question, Misunderstanding> {
    let tokens = lexer::tokens(text)?;
    if tokens.is_empty() {
        return Err("the question is empty".to_owned());
    }
    let mut cursor = Cursor::new(tokens);
    let mut question = body::body(&mut cursor)?;
    clause::clauses(&mut cursor, &mut question)?;
    Ok(question)
}

#[cfg(test)]
mod tests;
