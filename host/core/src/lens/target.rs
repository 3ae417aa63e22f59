//! Methods, schemes and request targets, in the form in which they are compared with grants.
//!
//! A path is compared by its segments, so everything that a server might read as another path is refused: dot
//! segments in any encoding, encoded slashes, double encoding, a second slash at the start, a fragment. What is left
//! differs from what is sent only by percent-encodings that RFC 3986 calls equivalent.

use super::handle::Parsed;

/// Longest path with query in bytes: what common servers accept, and all that is kept for a handle.
const TARGET_BYTES_MAX: usize = 8192;
/// Longest method in bytes; the longest that is registered has 17.
const METHOD_BYTES_MAX: usize = 32;

/// A method: upper-case letters, `-` and `_`. `CONNECT` is refused, because no path describes what a tunnel carries.
pub(crate) fn method_of(name: &str) -> Parsed<String> {
    let plain = |b: u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
    if name.is_empty() || name.len() > METHOD_BYTES_MAX || !name.bytes().all(plain) {
        return Err("the method is not upper-case letters");
    }
    if name == "CONNECT" {
        return Err("CONNECT opens a tunnel, which no grant can describe");
    }
    Ok(name.to_owned())
}

/// A scheme: `http` or `https`.
pub(crate) fn scheme_of(name: &str) -> Parsed<String> {
    match name {
        "http" | "https" => Ok(name.to_owned()),
        _ => Err("the scheme is neither http nor https"),
    }
}

/// A path with its query: path normalised, query as it is. What is empty is the root.
pub(crate) fn path_of(text: &str) -> Parsed<String> {
    if text.len() > TARGET_BYTES_MAX {
        return Err("the path is longer than 8192 bytes");
    }
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    if query.is_some_and(|q| !q.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\'))) {
        return Err("the query is not plain ASCII");
    }
    let path = if path.is_empty() { "/".to_owned() } else { decode(path)? };
    if !path.starts_with('/') || path.starts_with("//") {
        return Err("the path does not begin with exactly one slash");
    }
    if path.split('/').any(is_dots) {
        return Err("the path contains . or .. segments");
    }
    Ok(match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    })
}

/// Whether a server may take a segment for `.` or `..`; some strip path parameters first, however encoded.
fn is_dots(segment: &str) -> bool {
    let name = segment.split(';').next().and_then(|s| s.split("%3B").next());
    matches!(name, Some("." | ".."))
}

/// Decodes what need not be encoded and writes the rest in one way.
fn decode(path: &str) -> Parsed<String> {
    const ODD: &str = "the path has a malformed or ambiguous percent-encoding";
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        if c != '%' {
            if !is_path_char(c) {
                return Err("the path contains a character that must be percent-encoded");
            }
            out.push(c);
            rest = rest.get(c.len_utf8()..).ok_or(ODD)?;
            continue;
        }
        let byte = rest.get(1..3).and_then(hex_byte).ok_or(ODD)?;
        rest = rest.get(3..).ok_or(ODD)?;
        match char::from(byte) {
            '/' | '\\' | '\0'..='\x1f' | '\x7f' => return Err(ODD),
            // Bytes of no UTF-8 text: lenient readers find dots and slashes in them.
            '\u{c0}' | '\u{c1}' | '\u{f5}'..='\u{ff}' => return Err(ODD),
            c if is_unreserved(c) => out.push(c),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // What is decoded twice somewhere must not be read differently there.
    let twice = out.split("%25").skip(1).any(|after| after.get(..2).and_then(hex_byte).is_some());
    if twice { Err(ODD) } else { Ok(out) }
}

fn hex_byte(digits: &str) -> Option<u8> {
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// RFC 3986 `unreserved`.
const fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

/// RFC 3986 `pchar` and the slash.
const fn is_path_char(c: char) -> bool {
    is_unreserved(c) || matches!(c, '/' | ':' | '@' | '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | ';' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn methods_and_schemes_are_exact() {
        assert_eq!(method_of("PROPFIND"), Ok("PROPFIND".into()));
        for odd in ["", "get", "Get", "GET ", "GET\r\nX", "CONNECT", "ＧＥＴ"] {
            assert!(method_of(odd).is_err(), "{odd:?}");
        }
        assert!(method_of(&"A".repeat(33)).is_err());
        for odd in ["", "HTTP", "ftp", "file", "https:", "ws"] {
            assert!(scheme_of(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn equivalent_paths_have_one_form() {
        let same = |text: &str, normal: &str| assert_eq!(path_of(text), Ok(normal.into()), "{text}");
        same("", "/");
        same("?q=1", "/?q=1");
        same("/a/%62/c", "/a/b/c");
        same("/a%20b%c3%A9", "/a%20b%C3%A9");
        same("/100%25", "/100%25");
        same("/v1/x?next=/../y&z=%2e%2E", "/v1/x?next=/../y&z=%2e%2E");
        same("/web/http://example.com/", "/web/http://example.com/");
        same("/a/...", "/a/...");
    }

    #[test]
    fn ambiguous_targets_are_refused() {
        for text in [
            "a",
            "*",
            "http://evil.com/",
            "//evil.com/",
            "/%2F",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/..",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/.%2E/a",
            "/a/..;x=1/b",
            "/%252e%252e/a",
            "/%25%32e/a",
            "/%25%32%65%25%32%65/a",
            "/..%3b/a",
            "/%c0%ae%c0%ae/a",
            "/%252fa",
            "/a#b",
            "/a?b#c",
            "/a b",
            "/a\r\nX: y",
            "/a?b\r\n",
            "/é",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%00",
            "/%0d%0a",
            "/a\"b",
            "/a?b\\c",
        ] {
            assert!(path_of(text).is_err(), "{text:?}");
        }
        assert!(path_of(&format!("/{}", "a".repeat(9000))).is_err());
    }

    proptest! {
        #[test]
        fn a_normal_path_reads_as_itself(text in "/([a./%25e2fF;?-]|%2[e5fF]|%41|%3[2bB]|%65){0,20}") {
            if let Ok(normal) = path_of(&text) {
                prop_assert_eq!(path_of(&normal), Ok(normal.clone()));
                let path = normal.split('?').next().unwrap();
                prop_assert!(path.split('/').all(|s| s != "." && s != ".."));
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,40}") {
            let _ = path_of(&text);
            let _ = method_of(&text);
        }
    }
}
