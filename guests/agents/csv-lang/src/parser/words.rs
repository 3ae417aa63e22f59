//! The vocabulary: which words mean what, and which ones end a name.

use super::cursor::Cursor;
use crate::ast::Function;
use crate::names;

/// Words for rows that fit any file.
const ROWS: [&str; 16] = [
    "*",
    "row",
    "rows",
    "record",
    "records",
    "line",
    "lines",
    "entry",
    "entries",
    "item",
    "items",
    "observation",
    "observations",
    "case",
    "cases",
    "everything",
];

pub(super) fn is_generic_rows(word: &str) -> bool {
    ROWS.contains(&word)
}

/// Whether a noun stands for the rows of a file: a general word, or the file's own name, singular or plural.
#[must_use]
pub fn is_word_for_rows(noun: &str, file: &str) -> bool {
    let noun = noun.to_lowercase();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    is_generic_rows(&noun) || names::same_noun(&noun, stem)
}

pub(super) fn is_article(word: &str) -> bool {
    matches!(word, "the" | "a" | "an" | "all" | "their" | "its")
}

/// The function that a single word names.
pub(super) fn function(word: &str) -> Option<Function> {
    Some(match word {
        "count" => Function::Count,
        "sum" | "total" => Function::Sum,
        "mean" | "average" | "avg" => Function::Mean,
        "min" | "minimum" | "smallest" | "lowest" | "shortest" => Function::Min,
        "max" | "maximum" | "largest" | "highest" | "biggest" | "greatest" | "longest" => Function::Max,
        "median" => Function::Median,
        _ => return None,
    })
}

/// `Some(true)` for the large end, `Some(false)` for the small one.
pub(super) fn superlative(word: &str) -> Option<bool> {
    match word {
        "most" => Some(true),
        "least" | "fewest" => Some(false),
        _ => match function(word) {
            Some(Function::Max) => Some(true),
            Some(Function::Min) => Some(false),
            _ => None,
        },
    }
}

/// Digits, or a number up to twelve in words.
pub(super) fn count(word: &str) -> Option<u32> {
    const WORDS: [&str; 13] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    if let Some(number) = WORDS.iter().position(|&known| known == word) {
        return u32::try_from(number).ok();
    }
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

/// Whether the cursor stands at a word that ends a name because a clause or a conjunction begins.
pub(super) fn at_clause(cursor: &Cursor) -> bool {
    match cursor.low(0) {
        "by" | "per" | "for" | "where" | "when" | "whose" | "with" | "having" | "and" | "or" | "&" | "sorted"
        | "ordered" | "ascending" | "descending" | "asc" | "desc" | "in" | "among" | "from" | "that" | "within" => true,
        // Nouns that columns are called by: only with what makes a clause of them.
        "group" | "grouped" => cursor.low(1) == "by",
        "sort" | "order" => matches!(cursor.low(1), "by" | "ascending" | "descending" | "asc" | "desc"),
        "broken" => cursor.low(1) == "down",
        "limit" | "limited" => cursor.low(1) == "to" || count(cursor.low(1)).is_some(),
        "top" | "bottom" | "first" => count(cursor.low(1)).is_some(),
        "of" => matches!(cursor.low(1), "each" | "every"),
        "are" | "is" => matches!(cursor.low(1), "there" | ""),
        _ => false,
    }
}

/// The same, and the words that end a noun: "how many rows have …".
pub(super) fn at_clause_or_verb(cursor: &Cursor) -> bool {
    at_clause(cursor)
        || matches!(cursor.low(0), "have" | "has" | "had" | "are" | "is" | "were" | "was" | "exist" | "do")
}
