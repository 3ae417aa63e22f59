//! What a cell means, read from the same rules as the table capability's and written without looking at it.

/// A cell without white space around it; none if it is missing.
pub(crate) fn given(cell: &str) -> Option<&str> {
    let cell = cell.trim_matches(|c: char| c.is_ascii_whitespace());
    let missing = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null"].contains(&cell);
    (!missing).then_some(cell)
}

/// The number that a cell is: sign, digits, fraction, exponent, and nothing else.
pub(crate) fn decimal(cell: &str) -> Option<f64> {
    let unsigned = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let formed = digits(whole)
        && digits(fraction)
        && whole.len() + fraction.len() > 0
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    if !formed {
        return None;
    }
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A text without regard to case.
pub(crate) fn caseless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_given() {
        assert_eq!(given("\t x \r\n"), Some("x"));
        for missing in ["", " ", "NA", "null", " NaN"] {
            assert_eq!(given(missing), None);
        }
        assert_eq!(given("na"), Some("na"));
    }

    #[test]
    fn decimals() {
        for (cell, number) in [("-1", -1.0), ("+2.50", 2.5), (".5", 0.5), ("5.", 5.0), ("1E+2", 100.0)] {
            assert_eq!(decimal(cell), Some(number), "{cell}");
        }
        for cell in ["", ".", "-", "e1", "1e", "1e+", "1.2.3", "inf", "nan", "1e999", "1_0", "0x1", "1 "] {
            assert_eq!(decimal(cell), None, "{cell}");
        }
    }
}
