//! What a component is, before anybody runs it: what it imports and exports, what it says of itself, and what it would
//! have to be granted.

use crate::component::{Interface, LoadError, Loaded};
use crate::deploy::{self, HANDLER};
use crate::engine::Wasm;
use crate::provider::Mirror;
use crate::question::{self, Asker};
use crate::seams::Seams;
use manes_core::function::unversioned;
use manes_core::ids::Digest;
use manes_core::value::Value;
use serde::Serialize;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a component cannot be looked at.
#[derive(Debug, Error)]
pub enum InspectError {
    /// It cannot be used at all.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It cannot say what it is.
    #[error("it failed to describe itself: {0}")]
    Silent(String),
}

/// A component, looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub bytes: usize,
    /// `agent`, `capability`, or nothing that can be loaded.
    pub role: Option<&'static str>,
    /// Interfaces that it imports.
    pub imports: Vec<InterfaceView>,
    /// Interfaces that it exports.
    pub exports: Vec<InterfaceView>,
    /// What an agent says of itself.
    pub description: Option<Description>,
    /// What it would need, as lines of a manifest.
    pub manifest: String,
}

/// An interface with its functions.
#[derive(Debug, Clone, Serialize)]
pub struct InterfaceView {
    /// Its name, with its compatible version.
    pub interface: String,
    /// Who provides it: `host` for everybody, `grant` where the manifest has to say so, `capability` for another
    /// component, `nobody` what is off; of an export nothing.
    pub from: Option<&'static str>,
    /// Types by function.
    pub functions: BTreeMap<String, String>,
}

/// What an agent says of itself: wishes, no rights.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub summary: String,
    /// Topics that it wants.
    pub subscribes: Vec<String>,
    /// Topics that it emits on.
    pub publishes: Vec<String>,
}

/// Looks at a component. `name` is what it is to be called, `file` what a manifest would name.
///
/// # Errors
/// What is no component, or cannot be used here.
pub async fn inspect(wasm: &Wasm, bytes: &[u8], name: &str, file: &str) -> Result<Inspection, InspectError> {
    let loaded = Loaded::new(wasm, bytes)?;
    let (seams, mirror) = (Seams::system(), Mirror::new(wasm));
    let asker = Asker { name, seams: &seams, mirror: &mirror };
    let said = question::description(&loaded, &asker).await.map_err(InspectError::Silent)?;
    let description = said.as_ref().map(Description::from_value);
    let role = match (loaded.export(HANDLER), deploy::check_capability(&loaded)) {
        (Some(_), _) => Some("agent"),
        (None, Ok(())) => Some("capability"),
        (None, Err(_)) => None,
    };
    let view = |interface: &Interface, from| InterfaceView {
        interface: interface.id(),
        from,
        functions: interface.functions.iter().map(|(name, f)| (name.clone(), f.signature.to_string())).collect(),
    };
    Ok(Inspection {
        digest: loaded.digest,
        bytes: loaded.bytes,
        role,
        imports: loaded.imports.values().map(|interface| view(interface, Some(provided(interface)))).collect(),
        exports: loaded.exports.values().map(|interface| view(interface, None)).collect(),
        manifest: manifest(&loaded, role, name, file, description.as_ref()),
        description,
    })
}

/// Who provides an import.
fn provided(interface: &Interface) -> &'static str {
    let package = interface.name.split('/').next().unwrap_or_default();
    match package {
        _ if deploy::is_offered(&interface.name) => "capability",
        "wasi:http" | "wasi:filesystem" => "grant",
        "wasi:sockets" => "nobody",
        _ => "host",
    }
}

/// The section that a manifest would have.
fn manifest(
    loaded: &Loaded,
    role: Option<&'static str>,
    name: &str,
    file: &str,
    description: Option<&Description>,
) -> String {
    let Some(role) = role else { return String::new() };
    let list = |names: &[String]| toml::Value::from(names.to_vec()).to_string();
    let mut lines = vec![format!("[{role}.{name}]"), format!("component = {}", toml::Value::from(file))];
    if let Some(description) = description {
        let topics = match description.subscribes.as_slice() {
            [] => vec![format!("{name}.asked")],
            topics => topics.to_vec(),
        };
        lines.push(format!("subscribe = {}", list(&topics)));
        if !description.publishes.is_empty() {
            lines.push(format!("publish = {}", list(&description.publishes)));
        }
    }
    let foreign: Vec<String> = loaded.foreign_imports().map(|i| unversioned(&i.name).to_owned()).collect();
    if !foreign.is_empty() {
        lines.push(format!("capabilities = {}", list(&foreign)));
    }
    let imports = |package: &str| loaded.imports.values().any(|interface| interface.name.starts_with(package));
    if imports("wasi:http/") {
        lines.push("# It may send requests; each must be granted:\n# http = [\"GET api.example.com/v1/\"]".into());
    }
    if imports("wasi:filesystem/") {
        let grant = "directories = [{ host = \"data\", guest = \"/data\", access = \"read\" }]";
        lines.push(format!("# It may open files; it sees none unless it is granted a folder:\n# {grant}"));
    }
    lines.join("\n")
}

impl Description {
    fn from_value(value: &Value) -> Self {
        let Value::Record(fields) = value else { return Self::default() };
        let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
        let text = |name: &str| match field(name) {
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        let list = |name: &str| match field(name) {
            Some(Value::List(values)) => values.iter().filter_map(text_of).collect(),
            _ => Vec::new(),
        };
        Self {
            name: text("name"),
            version: text("version"),
            summary: text("summary"),
            subscribes: list("subscribes"),
            publishes: list("publishes"),
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
