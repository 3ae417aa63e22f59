//! Generates the *mirror*: a component that imports WASI 0.2 and exports it again.
//!
//! `wasmtime-wasi` and `wasmtime-wasi-http` implement WASI as typed Rust functions in a `Linker`, which
//! nothing but a guest can call. The waist needs to call them with values it only knows at run time. An
//! instance of the mirror closes the gap: each of its exports passes its arguments on to the import of
//! the same name, and the resource types on both sides are the same, so that a handle which comes out of
//! one export goes into any other.
//!
//! Written to `OUT_DIR`:
//!
//! - `mirror.wasm`: the component;
//! - `mirror_functions.rs`: an expression, `&[(interface, function), …]`, every export in order;
//! - `mirror_resources.rs`: an expression, `&[(interface, resource), …]`, where each resource is defined.
//!
//! The component is built from the vendored WIT in `wit/` and from nothing else: never from a stranger's
//! types.

#[path = "build/component.rs"]
mod component;
#[path = "build/glue.rs"]
mod glue;
#[path = "build/types.rs"]
mod types;
#[path = "build/world.rs"]
mod world;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, error, fs, result};

/// What each step returns; the message of a failure is what cargo shows.
type Result<T> = result::Result<T, Box<dyn error::Error>>;

fn main() -> ExitCode {
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the mirror could not be generated: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<()> {
    // A directory is watched with everything below it.
    for path in ["build.rs", "build", "wit"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let root = directory("CARGO_MANIFEST_DIR")?;
    let out = directory("OUT_DIR")?;

    let (resolve, world) = world::load(&root.join("wit"), "mirror")?;
    let interfaces = world::interfaces(&resolve, world)?;
    let text = component::generate(&resolve, &interfaces)?;
    // Kept beside the binary: the one thing to read when a generated component is refused.
    fs::write(out.join("mirror.wat"), &text)?;
    let binary = wat::parse_str(&text)?;
    // Assembling does not validate. Decoding does: better here than when a host starts.
    wit_parser::decoding::decode(&binary).map_err(|error| format!("{error:#}"))?;
    fs::write(out.join("mirror.wasm"), binary)?;

    write_pairs(&out.join("mirror_functions.rs"), &interfaces, |interface| {
        interface.definition.functions.keys().cloned().collect()
    })?;
    write_pairs(&out.join("mirror_resources.rs"), &interfaces, |interface| world::resources(&resolve, interface))
}

/// The directory that cargo passed in the variable `name`.
fn directory(name: &str) -> Result<PathBuf> {
    let value = env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))?;
    Ok(PathBuf::from(value))
}

/// Writes a Rust expression that lists (interface, name) for each name that `names` finds.
fn write_pairs(
    path: &Path,
    interfaces: &[world::Interface<'_>],
    names: impl Fn(&world::Interface<'_>) -> Vec<String>,
) -> Result<()> {
    let mut text = String::from("&[\n");
    for interface in interfaces {
        for name in names(interface) {
            writeln!(text, "    ({:?}, {name:?}),", interface.id)?;
        }
    }
    text.push_str("]\n");
    fs::write(path, text)?;
    Ok(())
}
