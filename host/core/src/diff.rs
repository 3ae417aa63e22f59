//! How two values differ: the first place, in the words of their type.

use crate::value::Value;
use std::fmt::{self, Write as _};

/// Longest rendering of a value in a message, in characters.
const SHOWN_MAX: usize = 120;

/// The first place at which two values differ.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Where: `headers[2].1`, `options.timeout`.
    pub path: String,
    /// What the record has there.
    pub expected: String,
    /// What the run has there.
    pub actual: String,
}

/// The first difference between two values of one type; `None` if they are equal.
#[must_use]
pub fn first(path: &str, expected: &Value, actual: &Value) -> Option<Difference> {
    if expected == actual {
        return None;
    }
    let inner = match (expected, actual) {
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            let place = a.iter().zip(b).position(|(a, b)| a != b);
            place.and_then(|i| first(&format!("{path}[{i}]"), a.get(i)?, b.get(i)?))
        }
        (Value::Record(a), Value::Record(b)) => {
            a.iter().zip(b).find(|(a, b)| a != b).and_then(|((name, a), (_, b))| first(&format!("{path}.{name}"), a, b))
        }
        (Value::Variant(a, Some(x)), Value::Variant(b, Some(y))) if a == b => first(&format!("{path}.{a}"), x, y),
        (Value::Option(Some(x)), Value::Option(Some(y))) => first(&format!("{path}.some"), x, y),
        (Value::Result(Ok(Some(x))), Value::Result(Ok(Some(y)))) => first(&format!("{path}.ok"), x, y),
        (Value::Result(Err(Some(x))), Value::Result(Err(Some(y)))) => first(&format!("{path}.err"), x, y),
        (Value::Bytes(a), Value::Bytes(b)) => bytes(path, a, b),
        (Value::String(a), Value::String(b)) if a.len().max(b.len()) > SHOWN_MAX => long_text(path, a, b),
        _ => None,
    };
    // Lists of another length, or cases of another name: the difference is here.
    Some(inner.unwrap_or_else(|| Difference { path: path.to_owned(), expected: show(expected), actual: show(actual) }))
}

fn bytes(path: &str, a: &[u8], b: &[u8]) -> Option<Difference> {
    let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or_else(|| a.len().min(b.len()));
    let around = |bytes: &[u8]| {
        let shown = bytes.get(at..bytes.len().min(at + 16)).unwrap_or_default();
        format!("{} of {} bytes", crate::ids::hex(shown), bytes.len())
    };
    Some(Difference { path: format!("{path}[{at}..]"), expected: around(a), actual: around(b) })
}

fn long_text(path: &str, a: &str, b: &str) -> Option<Difference> {
    let at = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| format!("{:?}", text.chars().skip(at.saturating_sub(8)).take(48).collect::<String>());
    Some(Difference { path: format!("{path}[char {at}]"), expected: around(a), actual: around(b) })
}

/// A value as people read it, cut at a sensible length.
#[must_use]
pub fn show(value: &Value) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write!(text, "{value}");
    match text.char_indices().nth(SHOWN_MAX) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

impl fmt::Display for Value {
    /// Close to WAVE, the component model's own notation; handles as `name#call.index`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::S8(v) => write!(f, "{v}"),
            Self::U8(v) => write!(f, "{v}"),
            Self::S16(v) => write!(f, "{v}"),
            Self::U16(v) => write!(f, "{v}"),
            Self::S32(v) => write!(f, "{v}"),
            Self::U32(v) => write!(f, "{v}"),
            Self::S64(v) => write!(f, "{v}"),
            Self::U64(v) => write!(f, "{v}"),
            Self::F32(bits) => write!(f, "{}", f32::from_bits(*bits)),
            Self::F64(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Self::Char(c) => write!(f, "{c:?}"),
            Self::String(s) => write!(f, "{s:?}"),
            Self::Bytes(b) => match std::str::from_utf8(b) {
                Ok(text) if text.chars().all(|c| !c.is_control() || c == '\n') => write!(f, "b{text:?}"),
                _ => write!(f, "0x{}", crate::ids::hex(b.get(..32).unwrap_or(b))),
            },
            Self::List(items) => sequence(f, '[', items, ']'),
            Self::Tuple(items) => sequence(f, '(', items, ')'),
            Self::Record(fields) => {
                f.write_char('{')?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_char('}')
            }
            Self::Variant(case, Some(v)) => write!(f, "{case}({v})"),
            Self::Variant(case, None) | Self::Enum(case) => f.write_str(case),
            Self::Flags(names) => write!(f, "{{{}}}", names.join(", ")),
            Self::Option(None) => f.write_str("none"),
            Self::Option(Some(v)) => write!(f, "some({v})"),
            Self::Result(Ok(None)) => f.write_str("ok"),
            Self::Result(Ok(Some(v))) => write!(f, "ok({v})"),
            Self::Result(Err(None)) => f.write_str("err"),
            Self::Result(Err(Some(v))) => write!(f, "err({v})"),
            Self::Handle(handle) => write!(f, "{handle}"),
        }
    }
}

fn sequence(f: &mut fmt::Formatter<'_>, open: char, items: &[Value], close: char) -> fmt::Result {
    f.write_char(open)?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    f.write_char(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let request = |path: &str, n: u32| {
            Value::Record(vec![
                ("path".into(), Value::String(path.into())),
                ("sizes".into(), Value::List(vec![Value::U32(1), Value::U32(n)])),
            ])
        };
        assert_eq!(first("request", &request("/", 2), &request("/", 2)), None);
        let difference = first("request", &request("/", 2), &request("/", 3)).expect("they differ");
        assert_eq!(difference.path, "request.sizes[1]");
        assert_eq!((difference.expected.as_str(), difference.actual.as_str()), ("2", "3"));
    }

    #[test]
    fn nan_payloads_and_signed_zeros_differ() {
        assert!(first("x", &Value::F64(0), &Value::F64(1 << 63)).is_some());
        assert!(first("x", &Value::F32(0x7fc0_0000), &Value::F32(0x7fc0_0001)).is_some());
        assert!(first("x", &Value::F32(0x7fc0_0000), &Value::F32(0x7fc0_0000)).is_none());
    }
}
