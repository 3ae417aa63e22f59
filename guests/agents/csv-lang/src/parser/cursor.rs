//! A position in the tokens, with the few questions a parser asks of it.

use super::words;
use crate::ast::Name;
use crate::lexer::{Kind, Token};

pub(super) struct Cursor {
    tokens: Vec<Token>,
    at: usize,
}

impl Cursor {
    pub(super) const fn new(tokens: Vec<Token>) -> Self {
        Self { tokens, at: 0 }
    }

    pub(super) const fn mark(&self) -> usize {
        self.at
    }

    pub(super) const fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// The keyword or sign `ahead` tokens from here; empty at the end and for quoted strings.
    pub(super) fn low(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.low.as_str())
    }

    pub(super) const fn skip(&mut self, count: usize) {
        self.at += count;
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Consumes these words if they come next, in this order.
    pub(super) fn accept(&mut self, phrase: &str) -> bool {
        let mut count = 0;
        for word in phrase.split(' ') {
            if self.low(count) != word {
                return false;
            }
            count += 1;
        }
        self.at += count;
        true
    }

    /// Consumes the first of these phrases that comes next.
    pub(super) fn accept_any(&mut self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.accept(phrase))
    }

    /// Consumes `,`, `and` or `, and`; says whether there was one.
    pub(super) fn accept_separator(&mut self) -> bool {
        let comma = self.accept(",");
        let and = self.accept_any(&["and", "&"]);
        comma || and
    }

    /// A count: digits, or a small number in words.
    pub(super) fn accept_count(&mut self) -> Option<u32> {
        let count = words::count(self.low(0))?;
        self.skip(1);
        Some(count)
    }

    /// Drops articles, unless nothing follows that they could belong to: a column may be called "a".
    pub(super) fn skip_articles(&mut self, stops: &impl Fn(&Self) -> bool) {
        while words::is_article(self.low(0)) {
            self.skip(1);
            let noun = self.peek().is_some_and(|token| token.kind != Kind::Sign) && !stops(self);
            if !noun {
                self.at -= 1;
                return;
            }
        }
    }

    /// A name: a quoted string, or words up to a sign or to one that `stops`. Leading articles are dropped.
    pub(super) fn name(&mut self, stops: impl Fn(&Self) -> bool) -> Option<Name> {
        self.skip_articles(&stops);
        if let Some(Token { kind: Kind::Quoted, text, .. }) = self.peek() {
            let name = Name { text: text.clone(), quoted: true };
            self.skip(1);
            return Some(name);
        }
        let mut text = String::new();
        while let Some(token) = self.peek() {
            if token.kind != Kind::Word || stops(self) {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&token.text);
            self.skip(1);
        }
        (!text.is_empty()).then_some(Name { text, quoted: false })
    }

    /// A name of a column outside conditions: up to a word that starts a clause.
    pub(super) fn column(&mut self) -> Option<Name> {
        self.name(words::at_clause)
    }

    /// Where the cursor stands, for messages.
    pub(super) fn place(&self) -> String {
        let written = |tokens: &[Token]| tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ");
        let from = self.at.saturating_sub(4);
        let before = written(self.tokens.get(from..self.at.min(self.tokens.len())).unwrap_or_default());
        let after = written(self.tokens.get(self.at..(self.at + 4).min(self.tokens.len())).unwrap_or_default());
        match (before.is_empty(), after.is_empty()) {
            (true, _) => format!("at the start (“{after}”)"),
            (false, true) => format!("at the end, after “{before}”"),
            (false, false) => format!("after “{before}”, at “{after}”"),
        }
    }

    pub(super) fn expected(&self, what: &str) -> String {
        format!("{}: expected {what}", self.place())
    }
}
