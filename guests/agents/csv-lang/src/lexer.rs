//! Text → tokens: words, quoted strings and signs.
//!
//! Invariant: every character of a question belongs to a token or is white space or closing punctuation, so that
//! what the parser does not consume can be reported.

/// The longest question, in bytes: far beyond a sentence, far below what could make parsing noticeable.
pub(crate) const QUESTION_BYTES_MAX: usize = 4_096;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// As written; without the quotes.
    pub(crate) text: String,
    /// In lower case, for keywords. Empty for quoted strings, which are never keywords.
    pub(crate) low: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Quoted,
    Sign,
}

/// Splits a question into tokens.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.len() > QUESTION_BYTES_MAX {
        return Err(format!("the question has {} bytes; the limit is {QUESTION_BYTES_MAX}", text.len()));
    }
    let mut out = Vec::new();
    let mut rest = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '?' | '!' | '.' | ';'));
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(out) };
        let (token, after) = if let Some(close) = closing_quote(first) {
            quoted(rest, first, close)?
        } else if let Some(found) = sign(rest) {
            found
        } else {
            word(rest)
        };
        out.extend(token);
        rest = after;
    }
}

const fn closing_quote(open: char) -> Option<char> {
    match open {
        '"' | '\'' | '`' => Some(open),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        '«' => Some('»'),
        _ => None,
    }
}

/// A quoted string; the quote doubled inside stands for itself, as in CSV.
fn quoted(text: &str, open: char, close: char) -> Result<(Option<Token>, &str), String> {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != close {
            inside.push(c);
        } else if chars.peek().is_some_and(|&(_, next)| next == close) {
            inside.push(c);
            chars.next();
        } else {
            let after = text.get(at + c.len_utf8()..).unwrap_or_default();
            let token = Token { kind: Kind::Quoted, text: inside, low: String::new() };
            return Ok((Some(token), after));
        }
    }
    Err(format!("the quote {open} before “{}” is never closed", inside.chars().take(30).collect::<String>()))
}

fn sign(text: &str) -> Option<(Option<Token>, &str)> {
    const SIGNS: [(&str, &str); 16] = [
        ("<=", "<="),
        ("=<", "<="),
        (">=", ">="),
        ("=>", ">="),
        ("!=", "!="),
        ("<>", "!="),
        ("==", "="),
        ("=", "="),
        ("<", "<"),
        (">", ">"),
        ("≤", "<="),
        ("≥", ">="),
        ("≠", "!="),
        ("(", "("),
        (")", ")"),
        (",", ","),
    ];
    SIGNS.iter().find_map(|&(written, meaning)| {
        let after = text.strip_prefix(written)?;
        let token = Token { kind: Kind::Sign, text: written.to_owned(), low: meaning.to_owned() };
        Some((Some(token), after))
    })
}

/// A run of characters without white space or signs. Punctuation that only closes a clause is dropped.
fn word(text: &str) -> (Option<Token>, &str) {
    let end = text
        .char_indices()
        .find(|&(at, c)| {
            c.is_whitespace()
                || matches!(c, '=' | '<' | '>' | '≤' | '≥' | '≠' | '(' | ')' | ',' | '"' | '`')
                || (at > 0 && c == '!' && text.get(at..).is_some_and(|rest| rest.starts_with("!=")))
        })
        .map_or(text.len(), |(at, _)| at);
    let (head, after) = text.split_at(end);
    let head = head.trim_end_matches([':', ';', '?', '!', '.']);
    let token = (!head.is_empty()).then(|| Token {
        kind: Kind::Word,
        text: head.to_owned(),
        // Typographic apostrophes, so that "isn’t" is "isn't".
        low: head.to_lowercase().replace('’', "'"),
    });
    (token, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(question: &str) -> Vec<String> {
        tokens(question).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_signs_and_quotes() {
        assert_eq!(texts("mean x by y?"), ["mean", "x", "by", "y"]);
        assert_eq!(texts("a>=1 b!=2,c"), ["a", ">=", "1", "b", "!=", "2", ",", "c"]);
        assert_eq!(texts("'it''s' = “a b”"), ["it's", "=", "a b"]);
        assert_eq!(texts("what's the date: 2024-01-01."), ["what's", "the", "date", "2024-01-01"]);
        assert!(texts(" ?! ").is_empty());
    }

    #[test]
    fn open_quotes_and_novels_are_refused() {
        assert!(tokens("mean 'x").unwrap_err().contains("never closed"));
        assert!(tokens(&"x ".repeat(3_000)).unwrap_err().contains("limit"));
    }
}
