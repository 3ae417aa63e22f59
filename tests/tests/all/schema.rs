//! The published schema of `manes.toml` says what the code does.
//!
//! Method: the keys of each section are those that the parser itself lists; limits are the code's own table; and a list of
//! manifests, right and wrong, is judged by both. Every manifest of the repository is judged, too.

use jsonschema::Validator;
use manes_core::limits::{Limit, Limits};
use manes_runtime::manifest::{Manifest, SCHEMA};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).expect("the schema is a schema")
}

/// What the schema says of a manifest.
fn judged(validator: &Validator, text: &str) -> Result<(), String> {
    let json: Value = toml::from_str(text).expect("TOML");
    validator.validate(&json).map_err(|error| format!("{error} at {}", error.instance_path()))
}

/// What the code says of it.
fn parsed(text: &str) -> Result<Manifest, String> {
    Manifest::parse(text, Path::new("/"))
}

const AGENT: &str = "[agent.a]\ncomponent = \"a.wasm\"\nsubscribe = [\"a.do\"]\n";
const CAPABILITY: &str = "[capability.c]\ncomponent = \"c.wasm\"\n";

/// The keys that the parser says it expects where an unknown one stands.
fn expected(text: &str) -> BTreeSet<String> {
    let error = parsed(text).expect_err("an unknown key");
    let (_, known) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn properties(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let at = schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in the schema"));
    at["properties"].as_object().expect("properties").keys().cloned().collect()
}

#[test]
fn the_keys_of_every_section_are_the_parsers() {
    let schema = schema();
    for (text, pointer) in [
        ("unknown = 1\n".to_owned(), ""),
        (format!("{AGENT}unknown = 1\n"), "/$defs/agent"),
        (format!("{CAPABILITY}unknown = 1\n"), "/$defs/capability"),
        (format!("{AGENT}limits = {{ unknown = 1 }}\n"), "/$defs/agent/properties/limits"),
        (format!("{AGENT}http = [{{ unknown = 1 }}]\n"), "/$defs/http/items/anyOf/1"),
        (format!("{AGENT}directories = [{{ unknown = 1 }}]\n"), "/$defs/directories/items"),
        (format!("{AGENT}capabilities = [{{ unknown = 1 }}]\n"), "/$defs/capabilities/items/anyOf/1"),
    ] {
        let mut known = expected(&text);
        // The parser proposes the nearest key once more.
        known.remove("unknown");
        assert_eq!(properties(&schema, pointer), known, "{pointer}: {text}");
    }
    let own: BTreeSet<String> =
        Limit::ALL.into_iter().filter(|limit| limit.is_capabilitys()).map(|limit| limit.key().to_owned()).collect();
    assert_eq!(properties(&schema, "/$defs/capability/properties/limits"), own);
}

#[test]
fn limits_and_defaults_are_the_codes() {
    let schema = schema();
    let resolved = |value: &Value| match value["$ref"].as_str() {
        Some(path) => schema.pointer(&path[1..]).expect("a definition").clone(),
        None => value.clone(),
    };
    for limit in Limit::ALL {
        let of = resolved(&schema["$defs"]["agent"]["properties"]["limits"]["properties"][limit.key()]);
        assert_eq!(of["minimum"], 1, "{limit:?}");
        assert_eq!(of["maximum"], limit.max(), "{limit:?}");
        assert_eq!(of["default"], limit.of(&Limits::default()), "{limit:?}");
    }
    let manifest = parsed(&format!("{AGENT}{CAPABILITY}")).expect("the least manifest");
    let (agent, capability) = (&manifest.agent["a"], &manifest.capability["c"]);
    let default = |section: &str, key: &str| schema["$defs"][section]["properties"][key]["default"].clone();
    assert_eq!(default("agent", "concurrency"), agent.concurrency);
    assert_eq!(default("agent", "attempts"), agent.attempts);
    assert_eq!(default("capability", "load"), capability.load);
    for (key, empty) in [("http", agent.http.is_empty()), ("env", agent.env.is_empty())] {
        assert_eq!(schema["$defs"][key]["default"], serde_json::json!([]));
        assert!(empty, "{key}");
    }
}

#[test]
fn what_is_right_is_right_to_both() {
    let validator = validator();
    for line in [
        "publish = [\"a.b\", \"a.*\", \"a.>\", \">\", \"*\", \"*.b\", \"a/b.c-d\"]",
        "http = [\"GET example.com/\", \"* *.example.com/\", \"POST http://localhost:8080/v1/x\"]",
        "http = [{ request = \"POST a.example/\", on-unknown = \"repeat\" }, { request = \"GET b.example/\" }]",
        "directories = [{ host = \"d\", guest = \"/d\", access = \"read-write\" }]",
        "env = [\"HOME\", \"api.key\"]",
        "capabilities = [\"a:b/c\", \"a:b/c@0.1\", { interface = \"x:y/z\", effects = { \"*\" = \"write\" } }]",
        "config = { any = \"text\" }",
        "limits = { fuel = 1, memory_mib = 1024 }",
        "build = \"make\"",
        "concurrency = 64",
        "attempts = 1",
    ] {
        let text = format!("{AGENT}{line}\n");
        assert_eq!(judged(&validator, &text), Ok(()), "{line}");
        assert!(parsed(&text).is_ok(), "{line}: {:?}", parsed(&text).err());
    }
    for text in [
        String::new(),
        "ledger = \"state\"\n".to_owned(),
        "results = [\"a.>\"]\n".to_owned(),
        format!("{CAPABILITY}load = false\n"),
    ] {
        assert_eq!(judged(&validator, &text), Ok(()), "{text}");
        assert!(parsed(&text).is_ok(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_wrong_to_both() {
    let validator = validator();
    let lines = [
        "publish = [\"a..b\"]",
        "publish = [\"a b\"]",
        "publish = [\"a.b*\"]",
        "publish = [\">.a\"]",
        "publish = [\"\"]",
        "publish = \"a\"",
        "http = [\"GET\"]",
        "http = [\"GET example.com\"]",
        "http = [{ on-unknown = \"ask\" }]",
        "http = [{ request = \"GET a/\", on-unknown = \"maybe\" }]",
        "directories = [{ host = \"d\", guest = \"/d\" }]",
        "directories = [{ host = \"\", guest = \"/d\", access = \"read\" }]",
        "directories = [{ host = \"d\", guest = \"d\", access = \"read\" }]",
        "directories = [{ host = \"d\", guest = \"/d\", access = \"write\" }]",
        "env = [\"A=B\"]",
        "env = [\"\"]",
        "capabilities = [\"table\"]",
        "capabilities = [\"a:b/c@x\"]",
        "capabilities = [{ interface = \"a:b/c\", effects = { d = \"none\" } }]",
        "config = { n = 1 }",
        "limits = { memory_mib = 0 }",
        "limits = { memory_mib = 1025 }",
        "limits = { log_kib = \"1\" }",
        "concurrency = 0",
        "concurrency = 65",
        "attempts = 6",
        "load = true",
    ];
    let mut texts: Vec<String> = lines.iter().map(|line| format!("{AGENT}{line}\n")).collect();
    texts.extend([
        "[agent.a]\ncomponent = \"a.wasm\"\n".to_owned(),
        "[agent.a]\ncomponent = \"a.wasm\"\nsubscribe = []\n".to_owned(),
        "[agent.a]\nsubscribe = [\"a\"]\n".to_owned(),
        AGENT.replace("agent.a", "agent.\"a b\""),
        AGENT.replace("agent.a", "agent.wasi"),
        "[capability.c]\n".to_owned(),
        format!("{CAPABILITY}subscribe = [\"a\"]\n"),
        format!("{CAPABILITY}limits = {{ deadline_ms = 1 }}\n"),
        "[agents.a]\n".to_owned(),
        "ledger = \"\"\n".to_owned(),
        "ledger = 7\n".to_owned(),
    ]);
    for text in texts {
        assert!(judged(&validator, &text).is_err(), "the schema takes {text}");
        assert!(parsed(&text).is_err(), "the code takes {text}");
    }
}

/// Every `manes.toml` below a folder, build output left out.
fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !["target", ".git", ".manes"].iter().any(|skip| name == *skip) {
            manifests(&path, found);
        } else if name.to_string_lossy().starts_with("manes.toml") {
            found.push(path);
        }
    }
}

#[test]
fn every_manifest_of_the_repository_is_right() {
    let (validator, mut found) = (validator(), Vec::new());
    manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    assert!(found.len() >= 3, "{found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).expect("a manifest");
        let text = text.replace("{{name}}", "filled").replace("{{file}}", "filled");
        assert_eq!(judged(&validator, &text), Ok(()), "{}", path.display());
        assert!(parsed(&text).is_ok(), "{}", path.display());
    }
}

#[test]
fn every_key_is_described_and_every_example_of_the_schema_holds() {
    let (schema, validator) = (schema(), validator());
    for (section, text) in [("agent", AGENT), ("capability", CAPABILITY)] {
        for (key, value) in schema["$defs"][section]["properties"].as_object().expect("properties") {
            let value = match value["$ref"].as_str() {
                Some(path) => schema.pointer(&path[1..]).expect("a definition"),
                None => value,
            };
            assert!(value["description"].is_string(), "{section}.{key} is not described");
            for example in value["examples"].as_array().into_iter().flatten() {
                let mut json: Value = toml::from_str(text).expect("TOML");
                let name = if section == "agent" { "a" } else { "c" };
                json[section][name][key] = example.clone();
                let judged = validator.validate(&json);
                assert!(judged.is_ok(), "{section}.{key}: {example}");
                let written = toml::to_string(&json).expect("TOML");
                assert!(parsed(&written).is_ok(), "{section}.{key}: {:?}", parsed(&written).err());
            }
        }
    }
}
