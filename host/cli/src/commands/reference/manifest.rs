//! The page of the manifest, from its schema.
#![expect(clippy::indexing_slicing, reason = "a JSON value has null where nothing is")]

use anyhow::Context as _;
use manes_runtime::manifest::SCHEMA;
use serde_json::{Map, Value};
use std::fmt::Write as _;

const HEAD: &str = "# The manifest, `manes.toml`

Made by `just docs` of the [schema](../host/runtime/src/manifest/schema.json), which `manes schema` prints and which is
tested against the code. `manes new` puts it into a project as `.manes/sdk/manes.schema.json`; an editor that knows TOML
takes it from the first line, `#:schema .manes/sdk/manes.schema.json`.

What is not written here is denied. An unknown key, a wrong type, or a grant that can match nothing is an error that points
at its line. Paths begin in the manifest's own folder, wherever it is called from.
";

/// The page.
pub(super) fn page() -> anyhow::Result<String> {
    let schema: Value = serde_json::from_str(SCHEMA).context("the schema")?;
    let mut out = HEAD.to_owned();
    let top = &schema["properties"];
    let _ = write!(
        out,
        "\n## At the top\n\n{}",
        keys(&schema, &serde_json::json!({ "ledger": top["ledger"], "results": top["results"] }), &[])
    );
    for (name, title) in [("agent", "`[agent.NAME]`"), ("capability", "`[capability.NAME]`")] {
        let section = &schema["$defs"][name];
        let about = top[name]["description"].as_str().unwrap_or_default();
        let required = names(&section["required"]);
        let _ = write!(out, "\n## {title}\n\n{about}\n\n{}", keys(&schema, &section["properties"], &required));
        let limits = &section["properties"]["limits"];
        let about = limits["description"].as_str().unwrap_or_default();
        let _ = write!(out, "\n### `limits` of {}\n\n{about}\n\n{}", article(name), numbers(&schema, limits));
    }
    out.push_str("\n## Tables instead of text\n");
    for (key, item) in [("http", "request"), ("capabilities", "interface")] {
        let table = &schema["$defs"][key]["items"]["anyOf"][1];
        let _ = write!(
            out,
            "\nAn element of `{key}` may be a table, which says more than its `{item}`:\n\n{}",
            keys(&schema, &table["properties"], &names(&table["required"]))
        );
    }
    let directory = &schema["$defs"]["directories"]["items"];
    let _ = write!(
        out,
        "\nAn element of `directories` is a table:\n\n{}",
        keys(&schema, &directory["properties"], &names(&directory["required"]))
    );
    Ok(out)
}

fn article(name: &str) -> &'static str {
    if name == "agent" { "an agent" } else { "a capability" }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A definition, wherever it stands.
fn resolved<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    let path = value["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    path.and_then(|path| schema.pointer(path)).unwrap_or(value)
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A table of keys.
fn keys(schema: &Value, properties: &Value, required: &[&str]) -> String {
    let mut out = String::from("| key | means | default |\n|---|---|---|\n");
    for (key, value) in fields(properties) {
        let value = resolved(schema, value);
        let mut means = value["description"].as_str().unwrap_or_default().to_owned();
        for example in value["examples"].as_array().into_iter().flatten() {
            let _ = write!(means, "<br>`{key} = {}`", toml(example));
        }
        let choices: Vec<String> = names(&value["enum"]).iter().map(|choice| format!("`{choice}`")).collect();
        if !choices.is_empty() {
            let _ = write!(means, " One of {}.", choices.join(", "));
        }
        if let (Some(least), Some(most)) = (value["minimum"].as_u64(), value["maximum"].as_u64()) {
            let _ = write!(means, " From {least} to {most}.");
        }
        let default = match (&value["default"], required.contains(&key.as_str())) {
            (_, true) => "required".to_owned(),
            (Value::Null, false) => String::new(),
            (default, false) => format!("`{}`", toml(default)),
        };
        let _ = writeln!(out, "| `{key}` | {} | {default} |", means.trim().replace('|', "\\|"));
    }
    out
}

fn numbers(schema: &Value, limits: &Value) -> String {
    let mut out = String::from("| key | means | default | at most |\n|---|---|---|---|\n");
    for (key, value) in fields(&limits["properties"]) {
        let value = resolved(schema, value);
        let about = value["description"].as_str().unwrap_or_default();
        let _ = writeln!(out, "| `{key}` | {about} | {} | {} |", value["default"], value["maximum"]);
    }
    out
}

/// A value as it is written in a manifest.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        plain => plain.to_string(),
    }
}
