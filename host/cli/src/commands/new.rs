//! `manes new` and `manes build`: a project, and the components that it makes.

use crate::args::{BuildArgs, Global, NewArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::{build, files, open, render, sdk};

const AGENT: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../templates/agent/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../../templates/agent/lib.rs.in")),
    ("manes.toml", include_str!("../../templates/agent/manes.toml.in")),
    ("README.md", include_str!("../../templates/agent/README.md.in")),
    ("cases/ada.toml", include_str!("../../templates/agent/case.toml.in")),
    (".gitignore", include_str!("../../templates/agent/gitignore.in")),
];

const CAPABILITY: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../templates/capability/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../../templates/capability/lib.rs.in")),
    ("wit/api.wit", include_str!("../../templates/capability/api.wit.in")),
    ("manes.toml", include_str!("../../templates/capability/manes.toml.in")),
    ("README.md", include_str!("../../templates/capability/README.md.in")),
    (".gitignore", include_str!("../../templates/agent/gitignore.in")),
];

/// Makes a project.
pub(crate) fn new(global: &Global, args: &NewArgs) -> anyhow::Result<Exit> {
    let folder = &args.folder;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    check(&name)?;
    let templates = if args.capability { &CAPABILITY } else { &AGENT };
    let plain = name.replace('_', "-");
    if args.capability {
        check_wit(&plain)?;
    }
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(usage(format!("{} is not empty; name a new folder", folder.display())));
    }
    for (path, text) in templates {
        let filled = text.replace("{{name}}", &name).replace("{{type}}", &camel(&name));
        let filled = filled.replace("{{file}}", &name.replace('-', "_")).replace("{{plain}}", &plain);
        let filled = filled.replace("{{wit}}", &escaped(&plain));
        files::write(&folder.join(path), &filled)?;
    }
    sdk::write(folder)?;
    if global.json {
        say!("{}", serde_json::json!({ "folder": folder, "name": name }));
    } else {
        say!("{} made", folder.display());
        match args.capability {
            true => tell!("cd {} && manes build", folder.display()),
            false => tell!("cd {} && manes run {name}.greet '{{\"name\":\"Ada\"}}'", folder.display()),
        }
    }
    Ok(Exit::Done)
}

/// Names of what the templates bring into scope, and words that no crate may have as its name.
const TAKEN: [&str; 47] = [
    "agent",
    "api",
    "ask",
    "bindings",
    "capability",
    "context",
    "draft",
    "effect",
    "event",
    "failure",
    "greeting",
    "guest",
    "handled",
    "info",
    "input",
    "log",
    "manes",
    "option",
    "payload",
    "result",
    "serialize",
    "deserialize",
    "string",
    "vec",
    "alloc",
    "core",
    "std",
    "test",
    "self",
    "super",
    "crate",
    "as",
    "async",
    "await",
    "box",
    "dyn",
    "else",
    "enum",
    "extern",
    "final",
    "fn",
    "impl",
    "loop",
    "match",
    "mod",
    "type",
    "use",
];

/// A name is one of a crate, of an agent, and the first part of topics.
fn check(name: &str) -> anyhow::Result<()> {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    if TAKEN.contains(&name) {
        return Err(usage(format!(
            "{name:?} is a word of Rust or of the SDK; choose another name, as in `manes new my-{name}`"
        )));
    }
    if plain && name.chars().next().is_some_and(|c| c.is_ascii_lowercase()) && name.len() <= 64 {
        return Ok(());
    }
    Err(usage(format!(
        "{name:?} cannot be a name: small letters, digits, - and _, a letter first; as in `manes new hello`"
    )))
}

/// A capability's name is one in WIT, too.
fn check_wit(name: &str) -> anyhow::Result<()> {
    if name.split('-').all(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) {
        return Ok(());
    }
    Err(usage(format!("{name:?} cannot name a capability: each of its words begins with a letter, as in word-count")))
}

/// A name as WIT writes it where it has a word of its own for that.
fn escaped(name: &str) -> String {
    let text = format!("package local:{name};");
    match wit_parser::Resolve::default().push_str("name.wit", &text) {
        Ok(_) => name.to_owned(),
        Err(_) => format!("%{name}"),
    }
}

/// `my-agent` is `MyAgent`.
fn camel(name: &str) -> String {
    let part = |part: &str| {
        let mut chars = part.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    name.split(['-', '_']).map(part).collect()
}

/// Makes the manifest's components, or those that are named.
pub(crate) async fn make(global: &Global, args: BuildArgs) -> anyhow::Result<Exit> {
    let manifest = open::manifest(global)?;
    let mut targets = build::targets(&manifest);
    for name in &args.names {
        if !targets.iter().any(|target| target.name == *name) {
            let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(usage(format!("{name} has no `build` in the manifest; those that have: {known}")));
        }
    }
    if !args.names.is_empty() {
        targets.retain(|target| args.names.contains(&target.name));
    }
    if targets.is_empty() {
        return Err(usage(
            "nothing in the manifest says how it is built; add to a section: build = \"cargo build --release --target \
             wasm32-wasip2\""
                .to_owned(),
        ));
    }
    build::make(&manifest, targets.iter().cloned()).await?;
    let mut made = Vec::new();
    for target in targets {
        let bytes = target.component.metadata()?.len();
        if !global.json {
            say!("{}  {}  {}", target.name, target.component.display(), render::bytes(bytes));
        }
        made.push(serde_json::json!({ "name": target.name, "component": target.component, "bytes": bytes }));
    }
    if global.json {
        say!("{}", serde_json::Value::from(made));
    }
    Ok(Exit::Done)
}
