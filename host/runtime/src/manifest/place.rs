//! Where something stands in a manifest's text, so that a message can point at it.

use crate::nearest;
use toml::de::{DeTable, DeValue};

/// `message`, under the line where the key or value at `path` stands; where nothing stands there, under the nearest table
/// around it.
pub(super) fn at(text: &str, path: &[&str], message: &str) -> String {
    match (0..=path.len()).rev().find_map(|length| span(text, path.get(..length)?)) {
        Some(span) => shown(text, span, message),
        None => message.to_owned(),
    }
}

/// The bytes of the key that `path` ends with, or of the element of a list: its place as a number.
fn span(text: &str, path: &[&str]) -> Option<std::ops::Range<usize>> {
    let (last, tables) = path.split_last()?;
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    for (depth, name) in tables.iter().enumerate() {
        match table.get(*name)?.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(items) if depth + 1 == tables.len() => {
                return items.get(last.parse::<usize>().ok()?).map(toml::Spanned::span);
            }
            _ => return None,
        }
    }
    table.get_key_value(*last).map(|(key, _)| key.span())
}

/// As the parser shows its own errors.
fn shown(text: &str, span: std::ops::Range<usize>, message: &str) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let (line, start) = (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |at| at + 1));
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    let whole = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let wide = text.get(span).unwrap_or_default().lines().next().unwrap_or_default().chars().count().max(1);
    let (number, margin) = (line.to_string(), " ".repeat(line.to_string().len()));
    let (indent, mark) = (" ".repeat(column - 1), "^".repeat(wide));
    format!(
        "error at line {line}, column {column}\n{margin} |\n{number} | {whole}\n{margin} | {indent}{mark}\n{message}\n"
    )
}

/// The parser's error, with the key that was probably meant.
pub(super) fn parsed(error: &toml::de::Error) -> String {
    let names: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
    let hint = match (error.message().starts_with("unknown field"), names.split_first()) {
        (true, Some((unknown, known))) => nearest::hint(unknown, known.iter().copied()),
        _ => String::new(),
    };
    format!("{}{hint}", error.to_string().trim_end())
}
