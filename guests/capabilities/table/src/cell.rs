//! What a cell means.
//!
//! White space around a cell does not count. A cell is missing if it is empty or reads `NA`, `N/A`, `n/a`, `NaN`,
//! `nan`, `NULL` or `null`, in quotes or not. It is a number if it is a decimal one with optional sign, fraction and
//! exponent; `1,234`, `5 kg` and `inf` are not. Otherwise it is text; bytes that are not UTF-8 show as U+FFFD.

use std::borrow::Cow;

/// A cell without the white space around it, or none if it is missing.
#[inline]
#[must_use]
pub fn present(raw: &[u8]) -> Option<&[u8]> {
    let cell = raw.trim_ascii();
    match cell {
        b"" | b"NA" | b"N/A" | b"n/a" | b"NaN" | b"nan" | b"NULL" | b"null" => None,
        _ => Some(cell),
    }
}

/// The number that a present cell is, correctly rounded.
#[must_use]
pub fn number(cell: &[u8]) -> Option<f64> {
    match short_decimal(cell) {
        Some(number) => Some(number),
        None => long_decimal(cell),
    }
}

/// Powers of ten that a float holds exactly, up to what 15 digits can need.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Up to 15 digits without an exponent: digits and power of ten are exact, so one division rounds once.
fn short_decimal(cell: &[u8]) -> Option<f64> {
    let (negative, digits) = match cell.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, cell),
    };
    if digits.len() > 16 {
        return None;
    }
    let (mut whole, mut count, mut fraction) = (0_u64, 0_usize, None);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(byte - b'0');
                count += 1;
            }
            b'.' if fraction.is_none() => fraction = Some(count),
            _ => return None,
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "15 digits are below 2^53")]
    let value = whole as f64 / POWERS.get(fraction.map_or(0, |before| count - before))?;
    Some(if negative { -value } else { value })
}

fn long_decimal(cell: &[u8]) -> Option<f64> {
    let decimal = cell.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    let number: f64 = if decimal { str::from_utf8(cell).ok()?.parse().ok()? } else { return None };
    number.is_finite().then_some(number)
}

/// A cell as text.
#[must_use]
pub fn text(cell: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

/// A text without regard to case: each character's lower-case mapping.
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn missing_cells() {
        for missing in ["", "  ", "NA", " NA ", "N/A", "n/a", "NaN", "nan", "NULL", "null"] {
            assert_eq!(present(missing.as_bytes()), None, "{missing}");
        }
        for given in ["0", "Na", "none", "None", "-", "na"] {
            assert_eq!(present(given.as_bytes()), Some(given.as_bytes()));
        }
    }

    #[test]
    fn numbers() {
        for (cell, value) in [("1", 1.0), ("-2.50", -2.5), ("+.5", 0.5), ("7.", 7.0), ("1e3", 1000.0), ("0.1", 0.1)] {
            assert_eq!(number(cell.as_bytes()), Some(value), "{cell}");
        }
        for cell in
            ["", "-", ".", "1,234", "5 kg", "inf", "-infinity", "nan", "0x10", "1e999", "1.2.3", "--1", "e5", "١"]
        {
            assert_eq!(number(cell.as_bytes()), None, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn short_numbers_are_those_of_the_standard_library(cell in "[+-]?[0-9]{0,17}\\.?[0-9]{0,17}") {
            prop_assert_eq!(number(cell.as_bytes()).map(f64::to_bits), cell.parse().ok().map(f64::to_bits));
        }
    }
}
