//! What of a flow is for nobody's repository: values of the environment, wherever they came to lie.

use super::exchange::Exchange;
use super::record::{Components, function};
use super::transcript::{Came, Gave, Outcome};
use super::write::{data, exact, texts};
use crate::exit::usage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use manes_core::value::Value;
use manes_runtime::query::{self, FlowRecord};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use toml_edit::{Item, Table, value};

/// Values of the environment that are shorter are no secrets, and stand for too much else to be looked for.
const SECRET_CHARS_MIN: usize = 8;

/// What the environment held, and what stands in its place: secrets are for nobody's repository.
#[derive(Default)]
pub(super) struct Environment {
    /// The case's own.
    pub(super) shown: BTreeMap<String, String>,
    /// Names by secret values, longest first.
    secrets: Vec<(String, String)>,
}

impl Environment {
    pub(super) fn read(components: &mut Components<'_>, flow: &FlowRecord) -> anyhow::Result<Self> {
        let mut environment = Self::default();
        for attempt in &flow.attempts {
            let loaded = components.of(attempt)?;
            for call in attempt.recorded_calls()?.iter().filter(|call| call.function.name == "get-environment") {
                let returned = function(&loaded, call).and_then(|function| call.returned(&function.signature));
                let Some(Value::List(pairs)) = returned else { continue };
                pairs.iter().filter_map(pair).for_each(|(name, value)| environment.add(name, value));
            }
        }
        environment.look_into_capabilities(flow);
        environment.secrets.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Ok(environment)
    }

    /// A capability is not asked in a test, but what it said of its secrets is in the record.
    fn look_into_capabilities(&mut self, flow: &FlowRecord) {
        let id = flow.events.first().and_then(|event| event.envelope.flow).unwrap_or_default();
        let activations = query::view(id, flow).activations;
        let calls = activations.iter().flat_map(|activation| &activation.calls);
        for call in calls.filter(|call| call.parent.is_some() && call.function.ends_with("#get-environment")) {
            for pair in call.outcome.as_ref().and_then(Json::as_array).into_iter().flatten() {
                let text = |place: usize| pair.get(place).and_then(Json::as_str).map(str::to_owned);
                let (Some(name), Some(value)) = (text(0), text(1)) else { continue };
                if value.chars().count() >= SECRET_CHARS_MIN {
                    self.secret(name, value);
                }
            }
        }
    }

    fn add(&mut self, name: String, value: String) {
        if value.chars().count() < SECRET_CHARS_MIN {
            self.shown.insert(name, value);
            return;
        }
        self.shown.insert(name.clone(), format!("test-{name}"));
        self.secret(name, value);
    }

    fn secret(&mut self, name: String, value: String) {
        if !self.secrets.iter().any(|(known, _)| *known == value) {
            self.secrets.push((value, name));
        }
    }

    pub(super) fn hide(&self, text: &str) -> String {
        let replaced = |text: String, (secret, name): &(String, String)| text.replace(secret, &format!("test-{name}"));
        self.secrets.iter().fold(text.to_owned(), replaced)
    }

    /// In bytes that are no text.
    fn hide_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.secrets.iter().fold(bytes.to_vec(), |bytes, (secret, name)| {
            let (secret, mut out, mut rest) = (secret.as_bytes(), Vec::new(), bytes.as_slice());
            while let Some((first, after)) = rest.split_first() {
                match rest.strip_prefix(secret) {
                    Some(left) => {
                        out.extend(format!("test-{name}").into_bytes());
                        rest = left;
                    }
                    None => {
                        out.push(*first);
                        rest = after;
                    }
                }
            }
            out
        })
    }

    /// Event data: JSON by its texts, for what is escaped there is not what was read.
    pub(super) fn data(&self, data: &str) -> String {
        match serde_json::from_str::<Json>(data) {
            Ok(json) if !self.secrets.is_empty() => {
                let hidden = self.json(&json);
                if hidden == json { data.to_owned() } else { hidden.to_string() }
            }
            _ => self.hide(data),
        }
    }

    fn json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => Json::from(self.hide(text)),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(fields) => fields.iter().map(|(key, field)| (self.hide(key), self.json(field))).collect(),
            plain => plain.clone(),
        }
    }

    pub(super) fn value(&self, value: &Value) -> Value {
        let changed = value.with_leaves(&|leaf| {
            Some(match leaf {
                Value::String(text) => Value::String(self.hide(text)),
                Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => Value::Bytes(self.hide(text).into_bytes()),
                    Err(_) => Value::Bytes(self.hide_bytes(bytes)),
                },
                plain => plain.clone(),
            })
        });
        changed.unwrap_or_else(|| value.clone())
    }

    pub(super) fn exchange(&self, exchange: &Exchange) -> Table {
        let Exchange { method, url, body, status, headers, answer } = exchange;
        let mut table = Table::new();
        table.insert("request", value(self.hide(&format!("{method} {url}"))));
        // Without it any body would do.
        if !body.is_empty() || !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "DELETE") {
            table.insert("body", Item::Value(data(&self.data(body))));
        }
        if let Some(status) = status {
            table.insert("status", value(i64::from(*status)));
        }
        if !headers.is_empty() {
            let headers = headers.iter().map(|(name, text)| (name.clone(), self.hide(text))).collect();
            table.insert("headers", value(texts(&headers)));
        }
        if !answer.is_empty() {
            table.insert("answer", Item::Value(exact(&self.data(answer))));
        }
        table
    }

    pub(super) fn outcome(&self, outcome: Outcome) -> Outcome {
        let events = outcome.events.into_iter().map(|came| Came { data: self.data(&came.data), ..came });
        let failures = outcome.failures.into_iter().map(|gave| Gave { message: self.hide(&gave.message), ..gave });
        Outcome { events: events.collect(), failures: failures.collect() }
    }

    /// Nothing may have been missed.
    pub(super) fn check(&self, written: &str) -> anyhow::Result<()> {
        for (secret, name) in &self.secrets {
            let escaped = Json::from(secret.as_str()).to_string();
            let percent: String = secret.bytes().map(percent_encoded).collect();
            let forms = [secret.clone(), escaped.trim_matches('"').to_owned(), percent.clone(), percent.to_lowercase()];
            // Wherever it begins in what was encoded, these digits of it stay the same.
            let shifted = (0..3).map(|before| aligned(secret, before));
            if forms.into_iter().chain(shifted).any(|form| written.contains(form.as_str())) {
                return Err(usage(format!(
                    "what {name} held is in this flow in a form that cannot be taken out; write the case by hand, as \
                     docs/testing.md has it"
                )));
            }
        }
        Ok(())
    }
}

/// As a URL has it.
fn percent_encoded(byte: u8) -> String {
    let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// The base64 digits of a text that begins `before` bytes into a group of three, without those that its neighbours share.
fn aligned(secret: &str, before: usize) -> String {
    let digits = STANDARD_NO_PAD.encode([vec![0; before].as_slice(), secret.as_bytes()].concat());
    let shared_behind = usize::from(!(before + secret.len()).is_multiple_of(3));
    let from = if before == 0 { 0 } else { before + 1 };
    digits.get(from..digits.len() - shared_behind).unwrap_or_default().to_owned()
}

fn pair(value: &Value) -> Option<(String, String)> {
    match value {
        Value::Tuple(pair) => match pair.as_slice() {
            [Value::String(name), Value::String(value)] => Some((name.clone(), value.clone())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_begins_in_what_was_encoded() {
        for (secret, before, after) in
            [("SECRET-9a", 0, 0), ("SECRET-9a", 1, 2), ("SECRET-9", 2, 1), ("a secret", 4, 5)]
        {
            let whole = format!("{}{secret}{}", "x".repeat(before), "y".repeat(after));
            let encoded = base64::engine::general_purpose::STANDARD.encode(whole);
            assert!(encoded.contains(&aligned(secret, before % 3)), "{secret} after {before}: {encoded}");
        }
        assert_eq!("abc/def+9".bytes().map(percent_encoded).collect::<String>(), "abc%2Fdef%2B9");
    }

    #[test]
    fn bytes_that_are_no_text_are_searched_too() {
        let mut environment = Environment::default();
        environment.secret("KEY".into(), "SECRET-9a".into());
        assert_eq!(environment.hide_bytes(b"\xffSECRET-9a\xfeSECRET-9"), b"\xfftest-KEY\xfeSECRET-9");
    }
}
