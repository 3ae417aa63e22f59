//! Filters: `column test`, joined by `and` and `or`, where `and` binds tighter.

use super::cursor::Cursor;
use super::words;
use crate::ast::{Comparison, Condition, Literal, Name, Test};
use crate::lexer::Kind;

/// Consumes a word that introduces a filter.
pub(super) fn accept_lead(cursor: &mut Cursor) -> bool {
    cursor.accept_any(&[
        "where the",
        "where",
        "when",
        "whose",
        "with",
        "having",
        "that have",
        "that has",
        "have",
        "has",
        "if",
        "among rows where",
        "for",
        "that are",
    ])
}

/// Whether a filter begins here; ends a list of columns.
pub(super) fn at_filter(cursor: &Cursor) -> bool {
    matches!(cursor.low(0), "where" | "when" | "whose" | "with" | "having" | "have" | "has" | "if")
}

/// `conditions (or conditions)*`.
pub(super) fn filter(cursor: &mut Cursor) -> Result<Vec<Vec<Condition>>, String> {
    let mut any = Vec::new();
    let mut all = vec![condition(cursor)?];
    loop {
        let mark = cursor.mark();
        cursor.accept(",");
        if cursor.accept("or") {
            if let Some(value) = another_value(cursor, &all) {
                extend(&mut all, value);
            } else {
                any.push(std::mem::take(&mut all));
                all.push(condition(cursor)?);
            }
        } else if cursor.accept("and") && (cursor.accept_any(&["where", "whose", "with"]) || !words::at_clause(cursor))
        {
            all.push(condition(cursor)?);
        } else {
            cursor.reset(mark);
            any.push(all);
            return Ok(any);
        }
    }
}

/// "island is Dream or Biscoe": after an equality, a value that is not a condition of its own.
fn another_value(cursor: &mut Cursor, all: &[Condition]) -> Option<Literal> {
    let equality =
        all.last().is_some_and(|last| matches!(last.test, Test::OneOf(_) | Test::Compare(Comparison::Equal, _)));
    if !equality || is_condition(cursor) { None } else { value(cursor) }
}

/// Looks ahead, without moving.
fn is_condition(cursor: &mut Cursor) -> bool {
    let mark = cursor.mark();
    let found = condition(cursor).is_ok();
    cursor.reset(mark);
    found
}

fn extend(all: &mut [Condition], value: Literal) {
    let Some(last) = all.last_mut() else { return };
    match &mut last.test {
        Test::OneOf(values) => values.push(value),
        Test::Compare(Comparison::Equal, first) => {
            last.test = Test::OneOf(vec![first.clone(), value]);
        }
        Test::Missing | Test::Present | Test::Compare(..) | Test::Between(..) => {}
    }
}

fn condition(cursor: &mut Cursor) -> Result<Condition, String> {
    let column = cursor
        .name(|at| at_test(at) || matches!(at.low(0), "and" | "or"))
        .ok_or_else(|| cursor.expected("a condition: COLUMN, then a comparison, then a value"))?;
    let test = test(cursor, &column)?;
    Ok(Condition { column, test })
}

fn at_test(cursor: &Cursor) -> bool {
    matches!(
        cursor.low(0),
        "is" | "are"
            | "was"
            | "were"
            | "isn't"
            | "aren't"
            | "wasn't"
            | "equals"
            | "equal"
            | "contains"
            | "contain"
            | "containing"
            | "includes"
            | "between"
            | "in"
            | "not"
            | "less"
            | "lower"
            | "smaller"
            | "fewer"
            | "below"
            | "under"
            | "before"
            | "greater"
            | "more"
            | "larger"
            | "bigger"
            | "higher"
            | "above"
            | "over"
            | "after"
            | "exceeds"
            | "does"
            | "do"
            | "doesn't"
            | "don't"
    ) || (cursor.low(0) == "at" && matches!(cursor.low(1), "least" | "most"))
        || (cursor.low(0) == "no" && matches!(cursor.low(1), "more" | "less"))
}

fn test(cursor: &mut Cursor, column: &Name) -> Result<Test, String> {
    let copula = cursor.accept_any(&["is", "are", "was", "were"]);
    let mut negated = cursor.accept_any(&["isn't", "aren't", "wasn't", "does not", "do not", "doesn't", "don't"]);
    let equality = copula || negated;
    negated |= cursor.accept("not");

    if let Some(test) = missing(cursor, negated) {
        return Ok(test);
    }
    if cursor.accept("between") {
        if negated {
            return Err(cursor.expected("“between” without “not”: say “< LOW or > HIGH”"));
        }
        return between(cursor);
    }
    if cursor.accept_any(&["one of", "any of", "in"]) {
        if negated {
            return Err(cursor.expected("a list without “not”: say “is not A and … is not B”"));
        }
        return Ok(Test::OneOf(list(cursor)?));
    }
    let comparison = match comparison(cursor) {
        Some(comparison) => comparison,
        None if equality || negated => Comparison::Equal,
        None => {
            let wanted = format!("how “{column}” compares: =, !=, <, <=, >, >=, is, contains, between, is missing");
            return Err(cursor.expected(&wanted));
        }
    };
    let comparison = if negated { comparison.negated() } else { comparison };
    let value = match comparison {
        // Part of a text is a text, even if it looks like a number.
        Comparison::Contains | Comparison::NotContains => words_of(cursor).map(Literal::Text),
        _ => value(cursor),
    };
    let value = value.ok_or_else(|| cursor.expected("a value; put it in quotes if it looks like a keyword"))?;
    Ok(Test::Compare(comparison, value))
}

fn missing(cursor: &mut Cursor, negated: bool) -> Option<Test> {
    let present = match cursor.low(0) {
        "missing" | "empty" | "null" | "blank" | "na" | "n/a" => negated,
        "present" => !negated,
        _ => return None,
    };
    cursor.skip(1);
    Some(if present { Test::Present } else { Test::Missing })
}

fn comparison(cursor: &mut Cursor) -> Option<Comparison> {
    let found = match cursor.low(0) {
        "=" | "equals" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" | "below" | "under" | "before" => Comparison::Less,
        "<=" => Comparison::AtMost,
        ">" | "above" | "over" | "after" | "exceeds" => Comparison::Greater,
        ">=" => Comparison::AtLeast,
        "contains" | "contain" | "containing" | "includes" => Comparison::Contains,
        _ => return comparison_words(cursor),
    };
    cursor.skip(1);
    Some(found)
}

fn comparison_words(cursor: &mut Cursor) -> Option<Comparison> {
    if cursor.accept_any(&["equal to", "equal"]) {
        return Some(Comparison::Equal);
    }
    if cursor.accept_any(&["at least", "no less than"]) {
        return Some(Comparison::AtLeast);
    }
    if cursor.accept_any(&["at most", "no more than"]) {
        return Some(Comparison::AtMost);
    }
    let (strict, loose) = match cursor.low(0) {
        "less" | "lower" | "smaller" | "fewer" => (Comparison::Less, Comparison::AtMost),
        "greater" | "more" | "larger" | "bigger" | "higher" => (Comparison::Greater, Comparison::AtLeast),
        _ => return None,
    };
    if cursor.low(1) != "than" {
        return None;
    }
    cursor.skip(2);
    Some(if cursor.accept_any(&["or equal to"]) { loose } else { strict })
}

fn between(cursor: &mut Cursor) -> Result<Test, String> {
    let from = value(cursor).ok_or_else(|| cursor.expected("the lower value"))?;
    if !cursor.accept("and") {
        return Err(cursor.expected("“and” and the upper value"));
    }
    let to = value(cursor).ok_or_else(|| cursor.expected("the upper value"))?;
    match (&from, &to) {
        (Literal::Number(_), Literal::Number(_)) | (Literal::Text(_), Literal::Text(_)) => Ok(Test::Between(from, to)),
        _ => Err(cursor.expected("two numbers or two texts around “and”")),
    }
}

/// `A, B or C`, with or without brackets.
fn list(cursor: &mut Cursor) -> Result<Vec<Literal>, String> {
    let bracket = cursor.accept("(");
    let mut out = Vec::new();
    loop {
        out.push(value(cursor).ok_or_else(|| cursor.expected("a value"))?);
        let mark = cursor.mark();
        let comma = cursor.accept(",");
        let or = cursor.accept("or");
        if !comma && !or {
            break;
        }
        // Outside brackets, "…, top 3" and "… or sex is male" are not values.
        if !bracket && (words::at_clause(cursor) || is_condition(cursor)) {
            cursor.reset(mark);
            break;
        }
    }
    if bracket && !cursor.accept(")") {
        return Err(cursor.expected("a closing bracket"));
    }
    Ok(out)
}

fn value(cursor: &mut Cursor) -> Option<Literal> {
    let quoted = cursor.peek().is_some_and(|token| token.kind == Kind::Quoted);
    let text = words_of(cursor)?;
    Some(match number(&text) {
        Some(number) if !quoted => Literal::Number(number),
        _ => Literal::Text(text),
    })
}

/// A quoted string, or words up to the next clause.
fn words_of(cursor: &mut Cursor) -> Option<String> {
    cursor.name(words::at_clause).map(|name| name.text)
}

/// A decimal number: what Rust reads, without its words for infinity and "not a number".
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}
