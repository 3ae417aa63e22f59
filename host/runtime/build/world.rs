//! Reads the WIT and decides what the mirror is made of.
//!
//! Items behind an `@unstable` gate never get this far: the parser drops them unless a feature is turned
//! on, and none is, exactly as in the default linkage of `wasmtime-wasi`.

use crate::Result;
use std::collections::BTreeSet;
use std::path::Path;
use wit_parser::{InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem};

/// One interface that the mirror imports and exports.
pub(crate) struct Interface<'a> {
    /// The name on both sides, such as `wasi:io/streams@0.2.12`.
    pub(crate) id: String,
    /// Its types and functions.
    pub(crate) definition: &'a wit_parser::Interface,
    key: InterfaceId,
    /// The interfaces that it takes types from.
    uses: BTreeSet<InterfaceId>,
}

/// Parses the package in `directory`, its `deps` included, and finds `world` in it.
pub(crate) fn load(directory: &Path, world: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(directory).map_err(|error| resolve.render_error(&error))?;
    let world = resolve.select_world(&[package], Some(world))?;
    Ok((resolve, world))
}

/// The interfaces that `world` imports, each after those whose types it uses.
pub(crate) fn interfaces(resolve: &Resolve, world: WorldId) -> Result<Vec<Interface<'_>>> {
    let world = resolve.worlds.get(world).ok_or("the world is not in the parsed WIT")?;
    if !world.exports.is_empty() {
        return Err(format!("world `{}` must not export anything", world.name).into());
    }
    let mut interfaces: Vec<Interface<'_>> = Vec::new();
    for (key, item) in &world.imports {
        let name = resolve.name_world_key(key);
        let WorldItem::Interface { id, .. } = item else {
            return Err(format!("`{name}`: only interfaces can be mirrored").into());
        };
        let interface = interface(resolve, *id, name)?;
        // The component text names types of earlier imports. The parser orders them that way; this is
        // what notices if it ever does not.
        let known = |key| interfaces.iter().any(|earlier| earlier.key == key);
        if !interface.uses.iter().copied().all(known) {
            return Err(format!("`{}` comes before one that it uses", interface.id).into());
        }
        interfaces.push(interface);
    }
    Ok(interfaces)
}

/// The last of `interfaces`, and those before it that its types are made of, in the same order.
pub(crate) fn closure<'a, 'b>(interfaces: &'b [Interface<'a>]) -> Vec<&'b Interface<'a>> {
    let mut wanted: BTreeSet<_> = interfaces.last().map(|last| last.key).into_iter().collect();
    let mut found = Vec::new();
    for interface in interfaces.iter().rev() {
        if wanted.contains(&interface.key) {
            wanted.extend(&interface.uses);
            found.push(interface);
        }
    }
    found.reverse();
    found
}

/// The resources that `interface` defines itself, aliases left out.
pub(crate) fn resources(resolve: &Resolve, interface: &Interface<'_>) -> Vec<String> {
    let defines = |id: &TypeId| resolve.types.get(*id).is_some_and(|ty| matches!(ty.kind, TypeDefKind::Resource));
    let types = interface.definition.types.iter();
    types.filter(|(_, id)| defines(id)).map(|(name, _)| name.clone()).collect()
}

/// The type a `use` or `type x = y` stands for, one step on, or `None` for any other type.
pub(crate) fn aliased(resolve: &Resolve, id: TypeId) -> Option<TypeId> {
    match resolve.types.get(id)?.kind {
        TypeDefKind::Type(Type::Id(target)) => Some(target),
        _ => None,
    }
}

fn interface(resolve: &Resolve, id: InterfaceId, name: String) -> Result<Interface<'_>> {
    let definition = resolve.interfaces.get(id).ok_or_else(|| format!("`{name}` is not in the parsed WIT"))?;
    for function in definition.functions.values() {
        if function.kind.is_async() {
            let refused = format!("`{name}.{}`: async cannot be mirrored", function.name);
            return Err(refused.into());
        }
    }
    let mut uses = BTreeSet::new();
    for ty in definition.types.values() {
        let target = aliased(resolve, *ty).and_then(|target| resolve.types.get(target));
        match target.map(|target| target.owner) {
            Some(TypeOwner::Interface(owner)) if owner != id => {
                uses.insert(owner);
            }
            _ => {}
        }
    }
    Ok(Interface { id: name, definition, key: id, uses })
}
