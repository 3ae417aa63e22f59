//! `manes wit add`: the interfaces that a component exports, written where another one can import them.

use crate::args::{Global, WitAddArgs, WitCommand};
use crate::exit::{Exit, usage};
use crate::files;
use crate::output::{say, tell};
use anyhow::Context as _;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use wit_component::WitPrinter;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{InterfaceId, PackageId, Resolve, WorldItem};

/// The file that names what is imported, and its world.
const IMPORTS: &str = "imports.wit";
const WORLD: &str = "imports";

/// An interface that can be imported now.
#[derive(Debug, Serialize)]
struct Added {
    /// Its name, with its version.
    interface: String,
    /// Its functions.
    functions: Vec<String>,
    /// Where the bindings of Rust have it.
    rust: String,
    /// The grant that allows its calls.
    grant: String,
}

/// Does what is asked about interfaces.
pub(crate) fn wit(global: &Global, command: WitCommand) -> anyhow::Result<Exit> {
    let WitCommand::Add(args) = command;
    let folder = global.manifest.parent().unwrap_or_else(|| Path::new("")).join("wit");
    let (resolve, interfaces) = exported(&args)?;
    let mut written = texts(&resolve, &interfaces)?;
    let imports = imports(&folder, &resolve, &interfaces)?;
    written.insert(PathBuf::from(IMPORTS), imports);
    check(&folder, &written)?;
    put(&folder, &written)?;
    let added: Vec<Added> = interfaces.iter().filter_map(|id| describe(&resolve, *id)).collect();
    if global.json {
        let paths: Vec<PathBuf> = written.keys().map(|path| folder.join(path)).collect();
        say!("{}", serde_json::json!({ "interfaces": added, "files": paths }));
        return Ok(Exit::Done);
    }
    for interface in &added {
        say!("{}  {}", interface.interface, interface.functions.join(", "));
    }
    explain(&args.file, &folder, &added);
    Ok(Exit::Done)
}

/// What to write where, for people.
fn explain(component: &Path, folder: &Path, added: &[Added]) {
    let name = component.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let grants: Vec<String> = added.iter().map(|interface| format!("{:?}", interface.grant)).collect();
    tell!("written into {}", folder.display());
    tell!("in src/lib.rs:");
    tell!(
        "  mod bindings {{\n      wit_bindgen::generate!({{ path: \"wit\", world: \"{WORLD}\", generate_all }});\n  }}"
    );
    added.iter().for_each(|interface| tell!("  use {};", interface.rust));
    tell!("  (for native tests with mocks, name the functions in manes_sdk::imports! instead: docs/testing.md)");
    tell!("in manes.toml, in the section of who calls it:\n  capabilities = [{}]", grants.join(", "));
    tell!(
        "and, unless it is there already:\n  [capability.{name}]\n  component = {:?}",
        component.display().to_string()
    );
}

/// The interfaces of a component that another one may be granted.
fn exported(args: &WitAddArgs) -> anyhow::Result<(Resolve, Vec<InterfaceId>)> {
    let file = args.file.display();
    let bytes = std::fs::read(&args.file).map_err(|error| usage(format!("failed to read {file}: {error}")))?;
    if !bytes.starts_with(b"\0asm") {
        return Err(usage(format!("{file} is no component: it is no WebAssembly")));
    }
    let decoded = decode(&bytes).map_err(|error| usage(format!("{file} is no component: {error}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(usage(format!("{file} is an interface's text and no component; put it into wit/deps yourself")));
    };
    let exports = resolve.worlds.get(world).into_iter().flat_map(|world| world.exports.values());
    let interfaces = exports.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        WorldItem::Function(_) | WorldItem::Type { .. } => None,
    });
    let offered = |id: &InterfaceId| resolve.id_of(*id).is_some_and(|name| manes_runtime::deploy::is_offered(&name));
    let interfaces: Vec<InterfaceId> = interfaces.filter(offered).collect();
    if interfaces.is_empty() {
        return Err(usage(format!(
            "{file} exports no interface that others could call; `manes inspect {file}` shows what it exports"
        )));
    }
    Ok((resolve, interfaces))
}

/// The packages that these interfaces are in or use, as files below `wit/`.
fn texts(resolve: &Resolve, interfaces: &[InterfaceId]) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let (mut seen, mut left) = (BTreeSet::new(), interfaces.to_vec());
    while let Some(id) = left.pop() {
        if seen.insert(id) {
            left.extend(resolve.interface_direct_deps(id));
        }
    }
    let packages: BTreeSet<PackageId> =
        seen.iter().filter_map(|id| resolve.interfaces.get(*id).and_then(|interface| interface.package)).collect();
    let mut written = BTreeMap::new();
    for package in packages {
        let Some(name) = resolve.packages.get(package).map(|package| &package.name) else { continue };
        let path = Path::new("deps").join(format!("{}-{}", name.namespace, name.name)).join("package.wit");
        let mut printer = WitPrinter::default();
        printer.print(resolve, package, &[])?;
        written.insert(path, printer.output.to_string());
    }
    Ok(written)
}

/// The text of the file that names all imports: those that it named before, and these.
fn imports(folder: &Path, resolve: &Resolve, interfaces: &[InterfaceId]) -> anyhow::Result<String> {
    let before = std::fs::read_to_string(folder.join(IMPORTS)).unwrap_or_default();
    let named = before.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
    let plain = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    // In another version it is the same interface, and takes the old one's place.
    let mut names: BTreeMap<String, String> = named.map(|name| (plain(name), name.to_owned())).collect();
    // What was written into it by hand would be lost.
    let package = if names_package(folder)? { "" } else { "package local:imports;\n\n" };
    if !before.is_empty() && before != imports_text(package, names.values()) {
        let lines: Vec<String> =
            interfaces.iter().filter_map(|id| resolve.id_of(*id)).map(|name| format!("import {name};")).collect();
        let file = folder.join(IMPORTS);
        return Err(usage(format!(
            "{} was edited by hand: add to its world yourself: {}; nothing was written",
            file.display(),
            lines.join(" ")
        )));
    }
    names.extend(interfaces.iter().filter_map(|id| resolve.id_of(*id)).map(|name| (plain(&name), name)));
    Ok(imports_text(package, names.values()))
}

fn imports_text<'a>(package: &str, names: impl Iterator<Item = &'a String>) -> String {
    let lines: String = names.map(|name| format!("  import {name};\n")).collect();
    format!(
        "// What may be imported here besides what everybody has; written by `manes wit add`.\n{package}world {WORLD} \
         {{\n{lines}}}\n"
    )
}

/// True if a file of the author's own says which package the folder is.
fn names_package(folder: &Path) -> anyhow::Result<bool> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(false) };
    for entry in entries {
        let path = entry?.path();
        let own = path.extension().is_some_and(|extension| extension == "wit") && !path.ends_with(IMPORTS);
        if own && std::fs::read_to_string(&path)?.lines().any(|line| line.trim_start().starts_with("package ")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folder must hold together with what is to be written into it.
fn check(folder: &Path, written: &BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("failed to create a folder")?;
    if folder.is_dir() {
        files::copy(folder, scratch.path())?;
    }
    put(scratch.path(), written)?;
    let parsed = Resolve::default().push_dir(scratch.path());
    let parsed = parsed.map_err(|error| {
        let text = format!("{error:#}").replace(&scratch.path().display().to_string(), &folder.display().to_string());
        usage(format!("{} does not hold together with it; nothing was written: {text}", folder.display()))
    });
    parsed.map(|_| ())
}

fn put(folder: &Path, written: &BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    written.iter().try_for_each(|(path, text)| files::write(&folder.join(path), text))
}

fn describe(resolve: &Resolve, id: InterfaceId) -> Option<Added> {
    let interface = resolve.interfaces.get(id)?;
    let package = &resolve.packages.get(interface.package?)?.name;
    let name = interface.name.as_ref()?;
    let snake = |name: &str| name.replace('-', "_");
    let rust = format!("bindings::{}::{}::{}", snake(&package.namespace), snake(&package.name), snake(name));
    let grant = format!("{}:{}/{name}", package.namespace, package.name);
    let functions = interface.functions.keys().cloned().collect();
    Some(Added { interface: resolve.id_of(id)?, functions, rust, grant })
}
