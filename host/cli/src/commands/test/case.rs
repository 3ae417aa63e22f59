//! A case: what goes in, what is called and answered, what must come out. One file of TOML.

use crate::exit::usage;
use manes_core::record::EndStatus;
use manes_runtime::event::{Content, Data};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A case as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Case {
    /// What it shows.
    #[serde(default)]
    pub(super) about: String,
    /// What the clock shows at the start, RFC 3339.
    #[serde(default = "time")]
    pub(super) time: String,
    /// Capabilities of the manifest that are there; calls of all others are scripted.
    #[serde(default)]
    pub(super) live: Vec<String>,
    /// What granted directories hold, by the guest's path: a copy of a folder. Without that they are empty.
    #[serde(default)]
    pub(super) directories: BTreeMap<String, PathBuf>,
    /// The environment.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// Events in.
    pub(super) event: Vec<EventIn>,
    /// Requests that are expected, with their answers.
    #[serde(default)]
    pub(super) http: Vec<Exchange>,
    /// Calls that are expected, with their answers.
    #[serde(default)]
    pub(super) call: Vec<Call>,
    /// Events out.
    #[serde(default)]
    pub(super) expect: Vec<EventOut>,
    /// Activations that are given up.
    #[serde(default)]
    pub(super) fail: Vec<Failing>,
    /// The file's text, for messages.
    #[serde(skip)]
    text: String,
    /// The file.
    #[serde(skip)]
    pub(super) path: PathBuf,
}

fn time() -> String {
    "2026-01-01T00:00:00Z".to_owned()
}

fn json_type() -> String {
    "application/json".to_owned()
}

const fn ok() -> u16 {
    200
}

/// An event in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EventIn {
    pub(super) topic: Spanned<String>,
    /// Text, or a value that becomes JSON.
    #[serde(default)]
    pub(super) data: Option<toml::Value>,
    #[serde(default = "json_type")]
    pub(super) content_type: String,
    #[serde(default)]
    pub(super) extensions: BTreeMap<String, String>,
}

/// A request and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Exchange {
    /// `METHOD URL`.
    pub(super) request: Spanned<String>,
    /// The body that is sent; anything goes without it.
    #[serde(default)]
    pub(super) body: Option<toml::Value>,
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Text, or a value that becomes JSON.
    #[serde(default)]
    pub(super) answer: Option<toml::Value>,
}

/// A call and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Call {
    pub(super) agent: Spanned<String>,
    /// `namespace:package/interface#function`.
    pub(super) function: Spanned<String>,
    /// In WAVE; anything goes without it.
    #[serde(default)]
    pub(super) args: Option<Spanned<String>>,
    /// In WAVE.
    #[serde(default)]
    pub(super) result: Option<Spanned<String>>,
    /// The capability fails with this message.
    #[serde(default)]
    pub(super) fails: Option<String>,
}

/// An event out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EventOut {
    pub(super) topic: String,
    #[serde(default)]
    pub(super) agent: Option<String>,
    #[serde(default)]
    pub(super) data: Option<toml::Value>,
    #[serde(default)]
    pub(super) content_type: Option<String>,
    /// How much later than it was emitted it may be delivered.
    #[serde(default)]
    pub(super) delay_ms: Option<u64>,
    #[serde(default)]
    pub(super) extensions: Option<BTreeMap<String, String>>,
    /// True where nobody takes it and it is no answer.
    #[serde(default)]
    pub(super) unrouted: bool,
}

/// An activation that is given up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Failing {
    pub(super) agent: String,
    pub(super) status: Spanned<String>,
    /// Words of its reason.
    #[serde(default)]
    pub(super) message: Option<String>,
}

impl Case {
    /// Reads a case.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let file = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| usage(format!("failed to read {file}: {error}")))?;
        let case: Result<Self, _> = toml::from_str(&text);
        let mut case = case.map_err(|error| usage(format!("{file}: {}", error.to_string().trim_end())))?;
        path.clone_into(&mut case.path);
        case.text = text;
        if case.event.is_empty() {
            return Err(usage(format!("{file}: nothing goes in; add an [[event]] with a topic")));
        }
        let known: Vec<&str> = (0..).map_while(EndStatus::from_number).map(EndStatus::name).collect();
        if let Some(fail) = case.fail.iter().find(|fail| !known.contains(&fail.status.get_ref().as_str())) {
            let status = fail.status.get_ref();
            return Err(case.wrong(&fail.status, format!("{status:?} is no status; one of: {}", known.join(", "))));
        }
        for call in &case.call {
            if call.result.is_some() && call.fails.is_some() {
                return Err(case.wrong(&call.function, "a call has a result, or it fails: not both"));
            }
        }
        Ok(case)
    }

    /// An error about a place of the file.
    pub(super) fn wrong<T>(&self, place: &Spanned<T>, message: impl std::fmt::Display) -> anyhow::Error {
        let before = self.text.get(..place.span().start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        usage(format!("{} line {line}: {message}", self.path.display()))
    }
}

impl EventIn {
    pub(super) fn content(&self) -> Content {
        let data = self.data.as_ref().map_or_else(|| "{}".to_owned(), text);
        Content { content_type: self.content_type.clone(), data: Data::Text(data), extensions: self.extensions.clone() }
    }
}

/// Text as it is; any other value as JSON.
pub(super) fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => json(other).to_string(),
    }
}

/// The JSON of a value of TOML; a date is its text.
pub(super) fn json(value: &toml::Value) -> Json {
    match value {
        toml::Value::String(text) => Json::from(text.as_str()),
        toml::Value::Integer(number) => Json::from(*number),
        toml::Value::Float(number) => Json::from(*number),
        toml::Value::Boolean(flag) => Json::from(*flag),
        toml::Value::Datetime(time) => Json::from(time.to_string()),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Table(fields) => fields.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

/// Data as it is compared and shown: JSON in one form, anything else as it is.
pub(super) fn canonical(data: &str) -> String {
    match serde_json::from_str::<Json>(data) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_else(|_| data.to_owned()),
        Err(_) => data.to_owned(),
    }
}
