//! `manes inspect`: what a component is and would need, before it is in any manifest.

use crate::args::{Global, InspectArgs};
use crate::exit::{Exit, usage};
use crate::output::say;
use crate::progress::Progress;
use crate::{open, render};
use manes_runtime::inspect::{Inspection, InterfaceView, inspect as look};

/// Looks at the file.
pub(crate) async fn inspect(global: &Global, args: InspectArgs) -> anyhow::Result<Exit> {
    let file = args.file.display().to_string();
    let bytes = std::fs::read(&args.file).map_err(|error| usage(format!("failed to read {file}: {error}")))?;
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = stem.chars().map(plain).collect();
    let looking = Progress::begin("compiling");
    let found = look(&open::wasm()?, &bytes, &name, &file).await;
    drop(looking);
    let found = found.map_err(|error| usage(format!("{file}: {error}")))?;
    if global.json {
        say!("{}", serde_json::to_string(&found)?);
    } else {
        print(&found, args.functions);
    }
    Ok(Exit::Done)
}

fn print(found: &Inspection, functions: bool) {
    let style = render::Style::stdout();
    let role = found.role.unwrap_or("a component that is neither an agent nor a capability");
    say!("{}  {}  sha256 {}", style.name(role), render::bytes(found.bytes as u64), found.digest);
    if let Some(says) = &found.description {
        let (name, version, summary) = (&says.name, &says.version, &says.summary);
        say!("{} {}: {}", render::plain(name), render::plain(version), render::plain(summary));
    }
    let list = |title: &str, interfaces: &[InterfaceView]| {
        if interfaces.is_empty() {
            return;
        }
        say!("{title}");
        for interface in interfaces {
            let from = match interface.from {
                Some("host") => style.dim("  everybody has it"),
                Some("grant") => "  by grant".to_owned(),
                Some("nobody") => "  off: every call is denied".to_owned(),
                Some(_) => "  from a capability, by grant".to_owned(),
                None => String::new(),
            };
            say!("  {}{from}", interface.interface);
            for (name, signature) in interface.functions.iter().filter(|_| functions) {
                say!("    {}", style.dim(&format!("{name}: {signature}")));
            }
        }
    };
    list("exports", &found.exports);
    list("imports", &found.imports);
    if !found.manifest.is_empty() {
        say!("in manes.toml");
        for line in found.manifest.lines() {
            say!("  {}", render::plain(line));
        }
    }
}
