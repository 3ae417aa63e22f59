//! A loaded component: its digest, what it imports and exports, and the code ready to instantiate.
//!
//! Everything that is linked is linked through the waist. What cannot be recorded and replayed (`async`, `stream`,
//! `future`, functions outside an interface) is refused here, with the reason, before anything runs.

use crate::engine::Wasm;
use crate::interpose::{self, shape};
use crate::state::Guest;
use manes_core::function::{FunctionId, compatible};
use manes_core::ids::{Digest, hash};
use manes_core::value::Signature;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker};

/// Largest component that is compiled: compiling costs time and memory in proportion.
pub const COMPONENT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Why a component cannot be used. Nothing of it was run.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Above [`COMPONENT_BYTES_MAX`].
    #[error("the component has {bytes} bytes; at most {COMPONENT_BYTES_MAX} are compiled")]
    Size {
        /// Its size.
        bytes: usize,
    },
    /// A core module, not a component.
    #[error(
        "this is a core WebAssembly module, not a component; build it for wasm32-wasip2, or encode it with an adapter"
    )]
    CoreModule,
    /// wasmtime refuses it.
    #[error("not a usable component: {0}")]
    Invalid(String),
    /// Something the host cannot record.
    #[error("{item}: {reason}")]
    Unsupported {
        /// The import or export.
        item: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// It does not export what an agent or capability must.
    #[error("it does not export {missing}; {help}")]
    Missing {
        /// The interface.
        missing: String,
        /// What to do.
        help: &'static str,
    },
}

/// One function of an imported or exported interface.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its id, as records name it.
    pub id: FunctionId,
    /// Its type, resources by name.
    pub signature: Signature,
}

/// An interface as a component imports or exports it.
#[derive(Debug, Clone)]
pub struct Interface {
    /// The full name with its version, as the component spells it.
    pub name: String,
    /// Functions by their name.
    pub functions: BTreeMap<String, Function>,
    /// Resources it defines or uses: the name in this interface, and the full name.
    pub resources: Vec<(String, String)>,
    /// Names of the resources that it defines itself.
    pub defines: Vec<String>,
}

impl Interface {
    /// The name with its compatible version.
    #[must_use]
    pub fn id(&self) -> String {
        compatible(&self.name)
    }

    /// Hash over the interface's functions and their types: equal digests mean equal contracts.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let lines: Vec<String> = self.functions.iter().map(|(name, f)| format!("{name}: {}", f.signature)).collect();
        Digest(hash("wit", &[self.id().as_bytes(), lines.join("\n").as_bytes()]))
    }
}

/// A component, compiled and linked.
pub struct Loaded {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub bytes: usize,
    /// Imports by compatible name.
    pub imports: BTreeMap<String, Interface>,
    /// Exports by compatible name.
    pub exports: BTreeMap<String, Interface>,
    /// The code, linked to the waist.
    pub pre: InstancePre<Guest>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("digest", &self.digest)
            .field("imports", &self.imports.keys())
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Compiles and links `bytes`.
    ///
    /// # Errors
    /// A component that is invalid, too large, or uses what cannot be recorded.
    pub fn new(wasm: &Wasm, bytes: &[u8]) -> Result<Arc<Self>, LoadError> {
        glance(bytes.len(), bytes)?;
        let invalid = |error: wasmtime::Error| LoadError::Invalid(format!("{error:#}"));
        let engine = wasm.engine();
        // `from_binary` takes no text format and no precompiled code: only bytes whose hash is their name.
        let component = Component::from_binary(engine, bytes).map_err(invalid)?;
        let mut names = shape::ResourceNames::default();
        let imports = interfaces(wasm, &component, &mut names, Side::Import)?;
        let exports = interfaces(wasm, &component, &mut names, Side::Export)?;
        let mut linker = Linker::<Guest>::new(engine);
        interpose::link(&mut linker, engine, &component, &imports).map_err(invalid)?;
        let pre = linker.instantiate_pre(&component).map_err(invalid)?;
        Ok(Arc::new(Self { digest: Digest::of(bytes), bytes: bytes.len(), imports, exports, pre }))
    }

    /// The exported interface with this compatible name.
    #[must_use]
    pub fn export(&self, id: &str) -> Option<&Interface> {
        self.exports.get(id)
    }

    /// Interfaces that neither the base world nor WASI provides: what capabilities must be granted.
    pub fn foreign_imports(&self) -> impl Iterator<Item = &Interface> {
        self.imports.values().filter(|i| !is_hosts(&i.name))
    }
}

/// What can be said of a component of `bytes` bytes that begin with `head` without compiling it.
pub(crate) fn glance(bytes: usize, head: &[u8]) -> Result<(), LoadError> {
    if bytes > COMPONENT_BYTES_MAX {
        return Err(LoadError::Size { bytes });
    }
    match head {
        head if head.starts_with(b"\0asm\x01\0\0\0") => Err(LoadError::CoreModule),
        head if !head.starts_with(b"\0asm") => Err(LoadError::Invalid("it is no WebAssembly".to_owned())),
        _ => Ok(()),
    }
}

/// True for the interfaces that the host itself provides: the base world and WASI 0.2 behind the mirror.
#[must_use]
pub fn is_hosts(interface: &str) -> bool {
    const PACKAGES: [&str; 8] = [
        "manes:agent",
        "wasi:io",
        "wasi:clocks",
        "wasi:random",
        "wasi:cli",
        "wasi:filesystem",
        "wasi:http",
        "wasi:sockets",
    ];
    let package = interface.split(['/', '@']).next().unwrap_or_default();
    PACKAGES.contains(&package)
}

/// The exported interfaces of a component, imports named first.
///
/// # Errors
/// What cannot be recorded.
pub fn exports(wasm: &Wasm, component: &Component) -> Result<BTreeMap<String, Interface>, LoadError> {
    let mut names = shape::ResourceNames::default();
    interfaces(wasm, component, &mut names, Side::Import)?;
    interfaces(wasm, component, &mut names, Side::Export)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Import,
    Export,
}

fn interfaces(
    wasm: &Wasm,
    component: &Component,
    names: &mut shape::ResourceNames,
    side: Side,
) -> Result<BTreeMap<String, Interface>, LoadError> {
    let engine = wasm.engine();
    let ty = component.component_type();
    let items: Vec<(String, ComponentItem)> = match side {
        Side::Import => ty.imports(engine).map(|(name, item)| (name.to_owned(), item.ty)).collect(),
        Side::Export => ty.exports(engine).map(|(name, item)| (name.to_owned(), item.ty)).collect(),
    };
    let mut found = BTreeMap::new();
    for (name, item) in items {
        match item {
            ComponentItem::ComponentInstance(instance) => {
                let exports = instance.exports(engine).map(|(n, e)| (n.to_owned(), e.ty)).collect();
                let interface = interface(&name, exports, names)?;
                merge(&mut found, interface);
            }
            // Language toolchains export helpers beside the contract; what nobody calls cannot hurt.
            _ if side == Side::Export => {}
            ComponentItem::Type(_) | ComponentItem::Resource(_) => {}
            ComponentItem::ComponentFunc(_) => {
                let reason = "a function outside an interface has no provider; import it through an interface".into();
                return Err(LoadError::Unsupported { item: name, reason });
            }
            _ => {
                let reason = "components that import modules or components are not supported".into();
                return Err(LoadError::Unsupported { item: name, reason });
            }
        }
    }
    Ok(found)
}

/// A component may import two patch levels of one interface; they are one interface to everybody else.
fn merge(found: &mut BTreeMap<String, Interface>, interface: Interface) {
    match found.entry(interface.id()) {
        std::collections::btree_map::Entry::Vacant(slot) => drop(slot.insert(interface)),
        std::collections::btree_map::Entry::Occupied(mut slot) => {
            let known = slot.get_mut();
            known.functions.extend(interface.functions);
            known.resources.extend(interface.resources);
            known.defines.extend(interface.defines);
        }
    }
}

fn interface(
    name: &str,
    items: Vec<(String, ComponentItem)>,
    names: &mut shape::ResourceNames,
) -> Result<Interface, LoadError> {
    let id = compatible(name);
    let mut interface =
        Interface { name: name.to_owned(), functions: BTreeMap::new(), resources: Vec::new(), defines: Vec::new() };
    for (item, ty) in &items {
        if let ComponentItem::Resource(resource) = ty {
            let (resource, new) = names.name(*resource, &id, item);
            if new {
                interface.defines.push(resource.clone());
            }
            interface.resources.push((item.clone(), resource));
        }
    }
    for (item, ty) in items {
        if let ComponentItem::ComponentFunc(function) = ty {
            let signature = shape::signature(&function, names)
                .map_err(|reason| LoadError::Unsupported { item: format!("{name}#{item}"), reason })?;
            interface.functions.insert(item.clone(), Function { id: FunctionId::new(name, &item), signature });
        }
    }
    Ok(interface)
}
