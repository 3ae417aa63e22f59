//! What follows the body, in any order: grouping, filter, order, limit.

use super::body;
use super::condition;
use super::cursor::Cursor;
use super::words;
use crate::ast::{End, Function, Key, Measure, OrderBy, Question, Take, Target, What};

/// Parses clauses to the end of the question.
pub(super) fn clauses(cursor: &mut Cursor, question: &mut Question) -> Result<(), String> {
    loop {
        cursor.accept_separator();
        if cursor.is_done() {
            return Ok(());
        }
        if of_this_file(cursor) {
            continue;
        }
        if grouping(cursor) {
            group(cursor, question)?;
        } else if condition::accept_lead(cursor) {
            if !question.filter.is_empty() {
                return Err(cursor.expected("one filter only: join conditions with “and” and “or”"));
            }
            question.filter = condition::filter(cursor)?;
        } else if ordering(cursor) {
            order(cursor, question)?;
        } else if let Some(take) = taking(cursor)? {
            limit(cursor, question, take)?;
        } else {
            return Err(cursor.expected("“by COLUMN”, “where …”, “sorted by …”, “top N”, “limit N” or the end"));
        }
    }
}

/// "in the data": says nothing, there is one file.
fn of_this_file(cursor: &mut Cursor) -> bool {
    let mark = cursor.mark();
    if cursor.accept_any(&["in", "from", "of", "within"]) {
        cursor.accept_any(&["the", "this"]);
        if cursor.accept_any(&["data set", "data", "dataset", "file", "table", "csv"]) {
            return true;
        }
    }
    cursor.reset(mark);
    cursor.accept("are there")
}

fn grouping(cursor: &mut Cursor) -> bool {
    cursor.accept_any(&[
        "grouped by",
        "group by",
        "broken down by",
        "by each",
        "by",
        "per each",
        "per",
        "for each",
        "for every",
        "in each",
        "in every",
        "of each",
        "of every",
        "within each",
    ])
}

fn group(cursor: &mut Cursor, question: &mut Question) -> Result<(), String> {
    if matches!(question.what, What::Rows(_)) {
        return Err(cursor.expected("no grouping: a list has rows; ask for a value per group, such as “count rows by COLUMN”, or say “sorted by COLUMN”"));
    }
    let columns = body::columns(cursor, |_| false);
    if columns.is_empty() {
        return Err(cursor.expected("the name of a column to group by"));
    }
    question.group.extend(columns);
    Ok(())
}

fn ordering(cursor: &mut Cursor) -> bool {
    if cursor.accept_any(&["sorted by", "ordered by", "sort by", "order by", "sorted", "ordered", "sort", "order"]) {
        return true;
    }
    matches!(cursor.low(0), "ascending" | "descending" | "asc" | "desc")
}

fn order(cursor: &mut Cursor, question: &mut Question) -> Result<(), String> {
    if !question.order.is_empty() {
        return Err(cursor.expected("one order only: join its columns with commas"));
    }
    loop {
        let key = key(cursor)?;
        let descending = direction(cursor).unwrap_or(false);
        question.order.push(OrderBy { key, descending });
        let mark = cursor.mark();
        if !cursor.accept_separator() {
            return Ok(());
        }
        if cursor.is_done() || words::at_clause(cursor) {
            cursor.reset(mark);
            return Ok(());
        }
    }
}

fn key(cursor: &mut Cursor) -> Result<Key, String> {
    cursor.skip_articles(&words::at_clause);
    if at_direction(cursor) || cursor.accept_any(&["value", "values", "result", "answer", "it"]) {
        return Ok(Key::First);
    }
    if cursor.accept_any(&["number of rows", "count of rows", "count rows"]) {
        return Ok(Key::Measure(Measure { function: Function::Count, target: Target::Rows }));
    }
    let function = words::function(cursor.low(0));
    if let Some(function) = function {
        cursor.skip(1);
        cursor.accept("of");
        return match cursor.name(at_key_end) {
            Some(name) => Ok(Key::Measure(Measure { function, target: Target::Column(name) })),
            None if function == Function::Count => Ok(Key::Measure(Measure { function, target: Target::Rows })),
            None => Err(cursor.expected("the name of a column")),
        };
    }
    cursor.name(at_key_end).map(Key::Column).ok_or_else(|| cursor.expected("what to sort by"))
}

fn at_key_end(cursor: &Cursor) -> bool {
    words::at_clause(cursor) || at_direction(cursor)
}

fn at_direction(cursor: &Cursor) -> bool {
    matches!(cursor.low(0), "ascending" | "asc" | "increasing" | "descending" | "desc" | "decreasing")
        || (words::superlative(cursor.low(0)).is_some() && cursor.low(1) == "first")
}

/// `Some(true)` for descending.
fn direction(cursor: &mut Cursor) -> Option<bool> {
    cursor.accept("in");
    let descending = match cursor.low(0) {
        "ascending" | "asc" | "increasing" => false,
        "descending" | "desc" | "decreasing" => true,
        word => {
            let large = words::superlative(word)?;
            if cursor.low(1) != "first" {
                return None;
            }
            cursor.skip(1);
            large
        }
    };
    cursor.skip(1);
    cursor.accept("order");
    Some(descending)
}

/// "top 3", "the bottom 5", "limit 10", "first 10".
fn taking(cursor: &mut Cursor) -> Result<Option<Take>, String> {
    let mark = cursor.mark();
    cursor.accept("the");
    let end = match cursor.low(0) {
        "top" => End::Top,
        "bottom" => End::Bottom,
        "limit" | "limited" | "first" => End::First,
        _ => {
            cursor.reset(mark);
            return Ok(None);
        }
    };
    cursor.skip(1);
    cursor.accept("to");
    let count = cursor.accept_count().ok_or_else(|| cursor.expected("a number"))?;
    cursor.accept_any(&["rows", "groups", "results"]);
    Ok(Some(Take { count, end }))
}

fn limit(cursor: &mut Cursor, question: &mut Question, take: Take) -> Result<(), String> {
    if question.take.is_some() {
        return Err(cursor.expected("one “top”, “bottom” or “limit” only"));
    }
    // "top 3 by mean x": the order belongs to the limit.
    if take.end != End::First && question.order.is_empty() && cursor.accept("by") {
        let key = key(cursor)?;
        question.order.push(OrderBy { key, descending: take.end == End::Top });
        question.take = Some(Take { end: End::First, ..take });
        return Ok(());
    }
    question.take = Some(take);
    Ok(())
}
