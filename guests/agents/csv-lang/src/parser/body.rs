//! What is asked for: values, a ranking, or rows.

use super::condition;
use super::cursor::Cursor;
use super::words;
use crate::ast::{End, Function, Key, Measure, Name, OrderBy, Question, Take, Target, What};

/// Parses everything before the first clause.
pub(super) fn body(cursor: &mut Cursor) -> Result<Question, String> {
    cursor.accept_any(&["please", "can you", "could you"]);
    if matches!(cursor.low(0), "which" | "what") && !matches!(cursor.low(1), "is" | "are" | "was" | "were") {
        cursor.skip(1);
        return ranking(cursor);
    }
    let listing = lead(cursor);
    cursor.skip_articles(&words::at_clause);
    if matches!(cursor.low(0), "top" | "bottom") && words::count(cursor.low(1)).is_some() {
        return best_of(cursor);
    }
    if listing && is_distinct(cursor.low(0)) {
        return Err(cursor.expected("a list without “distinct”: say “count rows by COLUMN” to see each value once"));
    }
    if starts_measure(cursor) {
        return Ok(question(What::Measures(measures(cursor)?)));
    }
    let mark = cursor.mark();
    if let Ok(found) = ranking(cursor) {
        return Ok(found);
    }
    cursor.reset(mark);
    if listing || words::is_generic_rows(cursor.low(0)) {
        return rows(cursor);
    }
    Err(cursor.expected(
        "what to compute, such as “mean COLUMN”, “how many rows”, “which COLUMN has the largest …”, or “list COLUMN”",
    ))
}

/// Polite beginnings; says whether the word asks for rows.
fn lead(cursor: &mut Cursor) -> bool {
    if cursor.accept_any(&[
        "what is",
        "what are",
        "what was",
        "what were",
        "what's",
        "compute",
        "calculate",
        "find",
        "tell me",
    ]) {
        return false;
    }
    cursor.accept_any(&["list", "show me", "show", "give me", "select", "display"])
}

fn question(what: What) -> Question {
    Question { what, group: Vec::new(), filter: Vec::new(), order: Vec::new(), take: None }
}

fn starts_measure(cursor: &Cursor) -> bool {
    words::function(cursor.low(0)).is_some()
        || matches!((cursor.low(0), cursor.low(1)), ("how", "many") | ("number", "of"))
        || is_distinct(cursor.low(0))
}

fn is_distinct(word: &str) -> bool {
    matches!(word, "distinct" | "different" | "unique")
}

/// `measure (, measure)*`; functions without a column share the next one's: "min and max of x".
fn measures(cursor: &mut Cursor) -> Result<Vec<Measure>, String> {
    let mut out = Vec::new();
    loop {
        out.extend(functions_of_columns(cursor)?);
        let mark = cursor.mark();
        if !cursor.accept_separator() {
            return Ok(out);
        }
        cursor.skip_articles(&words::at_clause);
        if !starts_measure(cursor) {
            cursor.reset(mark);
            return Ok(out);
        }
    }
}

fn functions_of_columns(cursor: &mut Cursor) -> Result<Vec<Measure>, String> {
    if let Some(measure) = counted(cursor)? {
        return Ok(vec![measure]);
    }
    let functions = functions(cursor)?;
    let bracket = cursor.accept("(");
    if !bracket {
        cursor.accept("of");
    }
    let columns = columns(cursor, starts_measure);
    if bracket && !cursor.accept(")") {
        return Err(cursor.expected("a closing bracket"));
    }
    if columns.is_empty() {
        if functions == [Function::Count] {
            return Ok(vec![Measure { function: Function::Count, target: Target::Rows }]);
        }
        return Err(cursor.expected("the name of a column"));
    }
    Ok(columns
        .iter()
        .flat_map(|column| functions.iter().map(|&function| Measure { function, target: target(function, column) }))
        .collect())
}

fn functions(cursor: &mut Cursor) -> Result<Vec<Function>, String> {
    let mut out = Vec::new();
    loop {
        let Some(function) = words::function(cursor.low(0)) else {
            return Err(cursor.expected("a function: count, sum, mean, min, max or median"));
        };
        cursor.skip(1);
        out.push(function);
        let mark = cursor.mark();
        if !cursor.accept_separator() {
            return Ok(out);
        }
        cursor.skip_articles(&words::at_clause);
        if words::function(cursor.low(0)).is_none() {
            cursor.reset(mark);
            return Ok(out);
        }
    }
}

/// "how many X", "number of X", "count distinct X", "count (X)".
fn counted(cursor: &mut Cursor) -> Result<Option<Measure>, String> {
    let mark = cursor.mark();
    if matches!(cursor.low(0), "total" | "count") && cursor.low(1) == "number" {
        cursor.skip(1);
    }
    let how_many = cursor.accept_any(&["how many", "number of"]);
    if !how_many && !is_distinct(cursor.low(0)) {
        cursor.accept("count");
        cursor.accept("of");
    }
    cursor.skip_articles(&words::at_clause);
    if is_distinct(cursor.low(0)) {
        cursor.skip(1);
        let bracket = cursor.accept("(");
        cursor.accept_any(&["values of", "values in"]);
        let name = cursor.name(words::at_clause_or_verb).ok_or_else(|| cursor.expected("the name of a column"))?;
        if bracket && !cursor.accept(")") {
            return Err(cursor.expected("a closing bracket"));
        }
        there_are(cursor);
        return Ok(Some(Measure { function: Function::Distinct, target: Target::Column(name) }));
    }
    if !how_many {
        cursor.reset(mark);
        return Ok(None);
    }
    let name = cursor.name(words::at_clause_or_verb).ok_or_else(|| cursor.expected("what to count, such as “rows”"))?;
    there_are(cursor);
    let target = if words::is_generic_rows(&name.text.to_lowercase()) { Target::Rows } else { Target::Things(name) };
    Ok(Some(Measure { function: Function::Count, target }))
}

/// The filler of "how many rows are there per island".
fn there_are(cursor: &mut Cursor) {
    cursor.accept_any(&["are there", "is there", "were there", "do we have", "do you see", "exist"]);
}

fn target(function: Function, name: &Name) -> Target {
    match function {
        Function::Count if words::is_generic_rows(&name.text.to_lowercase()) => Target::Rows,
        Function::Count => Target::ThingsOrColumn(name.clone()),
        _ => Target::Column(name.clone()),
    }
}

/// `column (, column)*`, up to a clause or where `ends` says that something else begins.
pub(super) fn columns(cursor: &mut Cursor, ends: impl Fn(&Cursor) -> bool) -> Vec<Name> {
    let mut out = Vec::new();
    loop {
        let mark = cursor.mark();
        if !out.is_empty() && !cursor.accept_separator() {
            return out;
        }
        let article = cursor.mark();
        cursor.skip_articles(&words::at_clause);
        let ended = ends(cursor);
        cursor.reset(article);
        let name = if ended { None } else { cursor.column() };
        let Some(name) = name else {
            cursor.reset(mark);
            return out;
        };
        out.push(name);
    }
}

/// "[which] [3] species has the largest mean x", "… the most rows".
fn ranking(cursor: &mut Cursor) -> Result<Question, String> {
    let count = cursor.accept_count().unwrap_or(1);
    let mut group = Vec::new();
    while let Some(name) = cursor.name(words::at_clause_or_verb) {
        group.push(name);
        if !cursor.accept_separator() {
            break;
        }
    }
    if group.is_empty() {
        return Err(cursor.expected("a column, as in “which COLUMN has the largest mean COLUMN”"));
    }
    if !cursor.accept_any(&["has", "have", "had", "with"]) {
        return Err(cursor.expected("“has the largest …”, as in “which COLUMN has the largest mean COLUMN”"));
    }
    cursor.accept("the");
    let Some(large) = words::superlative(cursor.low(0)) else {
        return Err(cursor.expected("largest, smallest, most or fewest, as in “which COLUMN has the most rows”; to see rows, say “list COLUMN where …”"));
    };
    let counts = matches!(cursor.low(0), "most" | "fewest" | "least");
    cursor.skip(1);
    let measure = ranked(cursor, large, counts)?;
    let end = if large { End::Top } else { End::Bottom };
    Ok(Question { group, take: Some(Take { count, end }), ..question(What::Measures(vec![measure])) })
}

fn ranked(cursor: &mut Cursor, large: bool, counts: bool) -> Result<Measure, String> {
    if starts_measure(cursor) {
        let mut found = functions_of_columns(cursor)?;
        return match (found.pop(), found.is_empty()) {
            (Some(measure), true) => Ok(measure),
            _ => Err(cursor.expected("one value to rank by")),
        };
    }
    let name = cursor
        .column()
        .ok_or_else(|| cursor.expected("what to rank by: “mean COLUMN”, “number of rows” or a column"))?;
    if counts {
        let generic = words::is_generic_rows(&name.text.to_lowercase());
        let target = if generic { Target::Rows } else { Target::Things(name) };
        return Ok(Measure { function: Function::Count, target });
    }
    let function = if large { Function::Max } else { Function::Min };
    Ok(Measure { function, target: Target::Column(name) })
}

/// "top 3 species by mean x" ranks groups; "top 3 rows by x" and "top 3 x" list rows.
fn best_of(cursor: &mut Cursor) -> Result<Question, String> {
    let end = if cursor.low(0) == "top" { End::Top } else { End::Bottom };
    cursor.skip(1);
    let Some(count) = cursor.accept_count() else { return Err(cursor.expected("a number")) };
    let take = Some(Take { count, end });
    let names = columns(cursor, |_| false);
    let listed: Vec<Name> =
        names.iter().filter(|name| !words::is_generic_rows(&name.text.to_lowercase())).cloned().collect();
    if !cursor.accept_any(&["by", "with the largest", "with the highest"]) {
        if listed.is_empty() {
            return Err(cursor.expected("“by COLUMN”: what makes a row a top row"));
        }
        return Ok(Question { take, ..question(What::Rows(listed)) });
    }
    cursor.accept("the");
    if starts_measure(cursor) {
        if listed.is_empty() {
            return Err(cursor.expected("a column of the rows; to rank groups, say “top 3 COLUMN by mean COLUMN”"));
        }
        let measures = measures(cursor)?;
        return Ok(Question { group: listed, take, ..question(What::Measures(measures)) });
    }
    let key = cursor.column().ok_or_else(|| cursor.expected("a column or a value such as “mean COLUMN”"))?;
    let order = vec![OrderBy { key: Key::Column(key.clone()), descending: end == End::Top }];
    let mut shown = listed;
    if !shown.is_empty() && !shown.contains(&key) {
        shown.push(key);
    }
    let take = Some(Take { count, end: End::First });
    Ok(Question { order, take, ..question(What::Rows(shown)) })
}

/// "list species, island where …", "rows where …".
fn rows(cursor: &mut Cursor) -> Result<Question, String> {
    if cursor.low(1) == "first" {
        cursor.accept("the");
    }
    let take = if cursor.low(0) == "first" && words::count(cursor.low(1)).is_some() {
        cursor.skip(1);
        cursor.accept_count().map(|count| Take { count, end: End::First })
    } else {
        None
    };
    let names = columns(cursor, condition::at_filter);
    if names.is_empty() {
        return Err(cursor.expected("columns to list, or “rows”"));
    }
    let all = names.iter().any(|name| {
        !name.quoted && (words::is_generic_rows(&name.text.to_lowercase()) || name.text.eq_ignore_ascii_case("columns"))
    });
    if all && names.len() > 1 {
        return Err(cursor.expected("either “rows” or names of columns to list, not both"));
    }
    Ok(Question { take, ..question(What::Rows(if all { Vec::new() } else { names })) })
}
