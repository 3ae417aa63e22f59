//! Sections of a manifest, written from what the records of deployments say.

use super::{ATTEMPTS_RETRY, CONCURRENCY_DEFAULT};
use crate::deploy::DeploymentBody;
use manes_core::limits::{Limit, Limits};
use manes_core::policy::Grants;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// In which order the keys of a grant are written.
const ORDER: [&str; 7] = ["host", "guest", "access", "request", "interface", "effects", "on-unknown"];

/// The section of what was deployed, under other grants than its own. Which file the component lay in, and what made it,
/// no record says.
#[must_use]
pub fn section(body: &DeploymentBody, grants: &Grants, component: &str, build: Option<&str>) -> String {
    let DeploymentBody { role, name, subscribe, limits, config, concurrency, attempts, .. } = body;
    let defaults = Limits::default();
    let limits = Limit::ALL.into_iter().filter(|limit| limit.of(limits) != limit.of(&defaults));
    let limits: BTreeMap<&str, u64> = limits.map(|limit| (limit.key(), limit.of(&body.limits))).collect();
    let mut text = format!("[{role}.{name}]\n");
    text += &line("component", &component);
    text += &build.map(|build| line("build", &build)).unwrap_or_default();
    text += &list("subscribe", subscribe);
    text += &lines(grants);
    text += &unless(config.is_empty(), "config", config);
    text += &unless(limits.is_empty(), "limits", &limits);
    if role == "agent" {
        text += &unless(*concurrency == CONCURRENCY_DEFAULT, "concurrency", concurrency);
        text += &unless(*attempts == ATTEMPTS_RETRY, "attempts", attempts);
    }
    text
}

/// The lines of a section that grant.
#[must_use]
pub fn lines(grants: &Grants) -> String {
    let Grants { publish, http, directories, env, capabilities } = grants;
    let first = list("publish", publish) + &list("http", http) + &list("directories", directories);
    first + &list("env", env) + &list("capabilities", capabilities)
}

/// A list, unless it is empty.
#[must_use]
pub fn list<T: Serialize>(key: &str, items: &[T]) -> String {
    unless(items.is_empty(), key, items)
}

fn unless<T: Serialize + ?Sized>(left_out: bool, key: &str, value: &T) -> String {
    if left_out { String::new() } else { line(key, value) }
}

/// A key with its value.
#[must_use]
pub fn line<T: Serialize + ?Sized>(key: &str, value: &T) -> String {
    // What was read from a manifest can be written into one.
    format!("{key} = {}\n", inline(&serde_json::to_value(value).unwrap_or_default()))
}

/// A value in a line. Text is escaped so far that it can be shown on a terminal as it is and means the same.
fn inline(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) => {
            let place = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
            let mut fields: Vec<_> = fields.iter().filter(|(_, field)| !field.is_null()).collect();
            fields.sort_by_key(|(key, _)| place(key));
            let fields: Vec<String> =
                fields.iter().map(|(key, field)| format!("{} = {}", named(key), inline(field))).collect();
            if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        plain => plain.to_string(),
    }
}

fn named(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if bare { key.to_owned() } else { quoted(key) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // What `escape_debug` would not show as it is: controls, and what steers or hides other text.
            c if c != '\'' && c.escape_debug().count() > 1 => out.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use manes_core::ids::Digest;
    use std::path::Path;

    const MANIFEST: &str = r#"
[agent.full]
component = "full.wasm"
build = "make 'it'"
subscribe = ["a.do", "b.>"]
publish = ["a.done"]
http = ["GET example.com/", { request = "POST example.com/v1/", on-unknown = "ask" }]
directories = [{ host = "/srv/in", guest = "/in", access = "read" }, { host = "/o\"ut", guest = "/out", access = "read-write" }]
env = ["LEVEL"]
capabilities = ["manes:table/table", { interface = "x:y/z", effects = { "*" = "write" }, on-unknown = "repeat" }]
config = { text = "two\nlines \\ and a \"quote\"", other = "", "a key" = "\u200B\u202E\u0007\u0085 👩\u200D💻 'it' \t" }
limits = { fuel = 17, memory_mib = 32 }
concurrency = 1
attempts = 2

[agent.plain]
component = "plain.wasm"
subscribe = ["c"]

[capability.table]
component = "table.wasm"
http = ["GET example.com/"]
limits = { memory_mib = 256 }
"#;

    /// What a deployment of a section would record.
    fn bodies(manifest: &Manifest) -> Vec<DeploymentBody> {
        let empty = |role: &str, name: &str| DeploymentBody {
            role: role.into(),
            name: name.into(),
            component: Digest::of(b""),
            imports: BTreeMap::new(),
            exports: BTreeMap::new(),
            subscribe: Vec::new(),
            grants: Grants::default(),
            limits: Limits::default(),
            config: BTreeMap::new(),
            concurrency: 0,
            attempts: 0,
            results: Vec::new(),
            providers: BTreeMap::new(),
            provider_components: BTreeMap::new(),
            engine: Digest::of(b""),
        };
        let agent = |(name, section): (&String, &crate::manifest::AgentSection)| DeploymentBody {
            subscribe: section.subscribe.clone(),
            grants: manifest.agent_grants(section),
            limits: section.limits.clone(),
            config: section.config.clone(),
            concurrency: section.concurrency,
            attempts: section.attempts,
            ..empty("agent", name)
        };
        let capability = |(name, section): (&String, &crate::manifest::CapabilitySection)| DeploymentBody {
            grants: manifest.capability_grants(section),
            limits: section.limits.clone(),
            config: section.config.clone(),
            ..empty("capability", name)
        };
        manifest.agent.iter().map(agent).chain(manifest.capability.iter().map(capability)).collect()
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let before = Manifest::parse(MANIFEST, Path::new("/")).expect("a manifest");
        let build = |name: &str| before.agent.get(name).and_then(|section| section.build.as_deref());
        let sections = bodies(&before)
            .into_iter()
            .map(|body| section(&body, &body.grants, &format!("{}.wasm", body.name), build(&body.name)));
        let text: String = sections.collect();
        let after = Manifest::parse(&text, Path::new("/")).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!((&after.agent, &after.capability), (&before.agent, &before.capability), "{text}");
        assert!(text.chars().all(|c| matches!(c, '\n' | '"' | '\\' | '\'') || c.escape_debug().count() == 1), "{text}");
        assert!(text.contains("[agent.plain]\ncomponent = \"plain.wasm\"\nsubscribe = [\"c\"]\n["), "{text}");
    }
}
