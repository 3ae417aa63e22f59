//! Writes what came into a case that is there: `--update`.

use super::case::Case;
use super::play::Played;
use super::transcript::{Came, JSON, Outcome};
use anyhow::Context as _;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

/// Writes what came into the case's file; comments and everything else stay.
pub(super) fn update(case: &Case, played: &Played, outcome: &Outcome) -> anyhow::Result<()> {
    let file = case.path.display();
    let text = std::fs::read_to_string(&case.path).with_context(|| format!("failed to read {file}"))?;
    let mut document: DocumentMut = text.parse().with_context(|| format!("failed to read {file}"))?;
    prune(&mut document, "call", &played.used);
    prune(&mut document, "http", &played.sent);
    let kept = case.call.iter().zip(&played.used).filter(|(_, used)| **used).map(|(call, _)| call.agent.get_ref());
    let agents: Vec<String> = kept.cloned().collect();
    renumber(&mut document, &agents, &numbers(case, &played.used));
    put(&mut document, outcome);
    std::fs::write(&case.path, document.to_string()).with_context(|| format!("failed to write {file}"))
}

/// Leaves out the elements that nothing came of.
fn prune(document: &mut DocumentMut, key: &str, used: &[bool]) {
    let mut place = 0;
    let mut kept = || {
        place += 1;
        used.get(place - 1).copied().unwrap_or(true)
    };
    match document.get_mut(key) {
        Some(Item::ArrayOfTables(tables)) => tables.retain(|_| kept()),
        Some(Item::Value(Value::Array(array))) => array.retain(|_| kept()),
        _ => {}
    }
}

/// What became of the lines' numbers, by agent: handles name lines by them.
fn numbers(case: &Case, used: &[bool]) -> HashMap<String, BTreeMap<u64, u64>> {
    let mut counts: HashMap<&str, (u64, u64)> = HashMap::new();
    let mut numbers: HashMap<String, BTreeMap<u64, u64>> = HashMap::new();
    for (call, used) in case.call.iter().zip(used) {
        let agent = call.agent.get_ref();
        let (before, after) = counts.entry(agent).or_default();
        *before += 1;
        if *used {
            *after += 1;
            numbers.entry(agent.clone()).or_default().insert(*before, *after);
        }
    }
    numbers
}

fn renumber(document: &mut DocumentMut, agents: &[String], numbers: &HashMap<String, BTreeMap<u64, u64>>) {
    let tables: Vec<&mut dyn TableLike> = match document.get_mut("call") {
        Some(Item::ArrayOfTables(tables)) => tables.iter_mut().map(|table| table as &mut dyn TableLike).collect(),
        Some(Item::Value(Value::Array(array))) => {
            let tables = array.iter_mut().filter_map(Value::as_inline_table_mut);
            tables.map(|table| table as &mut dyn TableLike).collect()
        }
        _ => Vec::new(),
    };
    for (table, agent) in tables.into_iter().zip(agents) {
        let Some(numbers) = numbers.get(agent) else { continue };
        for key in ["args", "result"] {
            let Some(text) = table.get(key).and_then(Item::as_str) else { continue };
            let changed = renumbered(text, numbers);
            if changed != text {
                table.insert(key, value(changed));
            }
        }
    }
}

/// The text with `"@3"` and `"@3.1"` as the lines are numbered now.
fn renumbered(text: &str, numbers: &BTreeMap<u64, u64>) -> String {
    let mut parts = text.split("\"@");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let now = number.parse().ok().and_then(|number: u64| numbers.get(&number));
        out.push_str("\"@");
        out.push_str(&now.map_or_else(|| number.to_owned(), ToString::to_string));
        out.push_str(rest);
    }
    out
}

/// Replaces what is expected. A comment above it stays.
pub(super) fn put(document: &mut DocumentMut, outcome: &Outcome) {
    let events = outcome.events.iter().map(event).collect();
    let failures = outcome.failures.iter().map(|gave| {
        let mut table = Table::new();
        table.insert("agent", value(&gave.agent));
        table.insert("status", value(&gave.status));
        table.insert("message", value(&gave.message));
        table
    });
    replace(document, "expect", events);
    replace(document, "fail", failures.collect());
}

fn replace(document: &mut DocumentMut, key: &str, tables: Vec<Table>) {
    let before = document.remove(key);
    let first = before.as_ref().and_then(Item::as_array_of_tables).and_then(|tables| tables.get(0));
    let comment = first.and_then(|table| table.decor().prefix()).cloned();
    let mut array = ArrayOfTables::new();
    for (place, mut table) in tables.into_iter().enumerate() {
        if let (0, Some(comment)) = (place, &comment) {
            table.decor_mut().set_prefix(comment.clone());
        }
        array.push(table);
    }
    if !array.is_empty() {
        document.insert(key, Item::ArrayOfTables(array));
    }
}

fn event(came: &Came) -> Table {
    let mut table = Table::new();
    table.insert("topic", value(&came.topic));
    table.insert("agent", value(&came.agent));
    if came.content_type != JSON {
        table.insert("content-type", value(&came.content_type));
    }
    if came.delay_ms > 0 {
        table.insert("delay-ms", value(i64::try_from(came.delay_ms).unwrap_or(i64::MAX)));
    }
    if !came.extensions.is_empty() {
        table.insert("extensions", value(texts(&came.extensions)));
    }
    if came.unrouted {
        table.insert("unrouted", value(true));
    }
    table.insert("data", Item::Value(data(&came.data)));
    table
}

/// Texts by name, in a line.
pub(super) fn texts(texts: &BTreeMap<String, String>) -> InlineTable {
    texts.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str()))).collect()
}

/// Data as TOML, where TOML can say the same; else as text.
pub(super) fn data(text: &str) -> Value {
    let json: Option<Json> = serde_json::from_str(text).ok();
    json.filter(|json| json.is_object() || json.is_array()).as_ref().and_then(toml).unwrap_or_else(|| text.into())
}

/// Data as TOML, where it becomes the very same text again; else as text.
pub(super) fn exact(text: &str) -> Value {
    let again = serde_json::from_str(text).ok().map(|json: Json| json.to_string());
    if again.as_deref() == Some(text) { data(text) } else { text.into() }
}

fn toml(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None if number.is_f64() => number.as_f64()?.into(),
            None => return None,
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => items.iter().map(toml).collect::<Option<Array>>()?.into(),
        Json::Object(fields) => {
            let mut table = InlineTable::new();
            for (key, field) in fields {
                table.insert(key, toml(field)?);
            }
            table.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_follow_their_lines() {
        let numbers = BTreeMap::from([(2, 1), (12, 11)]);
        assert_eq!(
            renumbered("\"@2\", 2, [\"@12.1\", \"@3\"], \"a@2\"", &numbers),
            "\"@1\", 2, [\"@11.1\", \"@3\"], \"a@2\""
        );
    }

    #[test]
    fn data_that_is_sent_stays_as_it_is() {
        let shown = |text: &str| exact(text).to_string();
        assert_eq!(shown("{\"a\":1,\"b\":[true]}"), "{ a = 1, b = [true] }");
        for text in ["{\"b\":1,\"a\":2}", "{ \"a\": 1}", "{\"a\":null}", "7", "plain"] {
            assert_eq!(exact(text).as_str(), Some(text));
        }
    }
}
