//! Topics and NATS patterns, by the host's rules.
//!
//! Invariant: what is matched was checked before, so that a test cannot pass with a pattern that a host refuses.

/// Longest topic or pattern in bytes.
const BYTES_MAX: usize = 256;
/// Most tokens in a topic or pattern.
const TOKENS_MAX: usize = 16;

/// Says what keeps `topic` from being a literal topic.
pub(super) fn check_topic(topic: &str) -> Result<(), String> {
    check(topic)?;
    if topic.contains(['*', '>']) {
        return Err("a topic to publish on is literal: no * and no >".to_owned());
    }
    Ok(())
}

/// Says what keeps `pattern` from being a pattern.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    check(pattern)?;
    let mut tokens = pattern.split('.').peekable();
    while let Some(token) = tokens.next() {
        if token == ">" && tokens.peek().is_some() {
            return Err("> stands for the rest of a topic and can only come last".to_owned());
        }
        if token.len() > 1 && token.contains(['*', '>']) {
            return Err("a wildcard is a token of its own: csv.* or csv.>, not csv.a*".to_owned());
        }
    }
    Ok(())
}

/// Whether `pattern` describes `topic`: `*` is one token, `>` at the end one or more.
pub(super) fn matches(pattern: &str, topic: &str) -> bool {
    let (mut tokens, mut wanted) = (topic.split('.'), pattern.split('.'));
    loop {
        match (tokens.next(), wanted.next()) {
            (None, None) | (Some(_), Some(">")) => return true,
            (Some(_), Some("*")) => {}
            (Some(token), Some(other)) if token == other => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

fn check(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a topic is not empty".to_owned());
    }
    if text.len() > BYTES_MAX {
        return Err(format!("a topic has at most {BYTES_MAX} bytes, this one has {}", text.len()));
    }
    if let Some(found) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(format!("a topic is printable ASCII without spaces, not {found:?}"));
    }
    let tokens = text.split('.').count();
    if tokens > TOKENS_MAX {
        return Err(format!("a topic has at most {TOKENS_MAX} tokens, this one has {tokens}"));
    }
    if text.split('.').any(str::is_empty) {
        return Err("a topic has no empty token: no dot at its ends, no two in a row".to_owned());
    }
    Ok(())
}
