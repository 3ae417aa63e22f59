//! Puts the component together, in the text format.
//!
//! ```text
//! imports     one instance per interface, and identifiers for its types
//! $heap       memory and the allocator
//! lowered     every imported function as a core function; drop functions
//! $glue       one core function per export
//! lifted      every glue function as a component function
//! shims       one nested component and its instance per interface
//! exports     those instances
//! ```
//!
//! The host cannot call an import that is exported as it is: a function needs core code behind it. Nor can
//! an instance simply be listed together from types and lifted functions: `[method]input-stream.read` is a
//! valid name only where `input-stream` has been *exported*, and only a component's exports do that. So each
//! interface goes through a shim, a nested component that imports the types and the lifted functions and
//! exports them again. A resource that passes through stays the same resource.

use crate::Result;
use crate::glue::{Glue, Lifting};
use crate::types::Types;
use crate::world::{self, Interface};
use std::fmt::Write as _;
use wit_parser::Resolve;

/// Tells a shim's exported types from those it imports.
const EXPORTED: &str = "exported/";

/// The text of a component that imports and exports each of `interfaces`.
pub(crate) fn generate(resolve: &Resolve, interfaces: &[Interface<'_>]) -> Result<String> {
    let types = Types::new(resolve);
    let mut glue = Glue::new(resolve, &types);
    let mut parts = Parts::default();
    for (index, interface) in interfaces.iter().enumerate() {
        let known = interfaces.get(..=index).unwrap_or_default();
        parts
            .add(&types, &mut glue, interface, &world::closure(known))
            .map_err(|error| format!("in `{}`: {error}", interface.id))?;
    }
    let heap_module = glue.heap_module();
    let glue_module = glue.glue_module()?;
    let drops = glue.drop_definitions()?;
    let drop_exports = glue.drop_exports()?;
    let Parts { imports, lowered, lowered_exports, lifted, exports } = parts;
    Ok(format!(
        "(component $mirror
{imports}{heap_module}  (core instance $heap (instantiate $heap))
  (alias core export $heap \"memory\" (core memory $memory))
  (alias core export $heap \"realloc\" (core func $realloc))
  (alias core export $heap \"reset\" (core func $reset))
{lowered}{drops}{glue_module}  (core instance $lowered
{lowered_exports}{drop_exports}  )
  (core instance $glue (instantiate $glue
    (with \"heap\" (instance $heap)) (with \"lowered\" (instance $lowered))))
{lifted}{exports})
"
    ))
}

/// The parts of the text that grow with each interface.
#[derive(Default)]
struct Parts {
    imports: String,
    lowered: String,
    lowered_exports: String,
    lifted: String,
    exports: String,
}

impl Parts {
    /// Everything about one interface. `sources` are the interface itself and all that its types come
    /// from.
    fn add(
        &mut self,
        types: &Types<'_>,
        glue: &mut Glue<'_>,
        interface: &Interface<'_>,
        sources: &[&Interface<'_>],
    ) -> Result<()> {
        self.imports.push_str(&import(types, interface, true)?);
        self.functions(types, glue, interface)?;
        self.export(types, interface, sources)
    }

    /// The functions of one interface on their way through the core modules.
    fn functions(&mut self, types: &Types<'_>, glue: &mut Glue<'_>, interface: &Interface<'_>) -> Result<()> {
        let id = &interface.id;
        for (name, function) in &interface.definition.functions {
            let label = format!("{id}#{name}");
            let Lifting { post_return } = glue.add(&label, function)?;
            writeln!(
                self.lowered,
                "  (core func $\"lowered/{label}\" (canon lower (func $\"{id}\" \"{name}\") (memory $memory) (realloc $realloc)))",
            )?;
            writeln!(self.lowered_exports, "    (export \"{label}\" (func $\"lowered/{label}\"))")?;
            let signature = types.signature(function)?;
            let after = if post_return { " (post-return $reset)" } else { "" };
            writeln!(
                self.lifted,
                "  (func $\"lifted/{label}\"{signature} (canon lift (core func $glue \"{label}\") (memory $memory) (realloc $realloc){after}))",
            )?;
        }
        Ok(())
    }

    /// The shim of one interface, and the export.
    fn export(&mut self, types: &Types<'_>, interface: &Interface<'_>, sources: &[&Interface<'_>]) -> Result<()> {
        let id = &interface.id;
        let exported = types.prefixed(EXPORTED);
        let (mut shim, mut arguments) = (String::new(), String::new());
        for source in sources {
            shim.push_str(&import(types, source, false)?);
            let source = &source.id;
            writeln!(arguments, "    (with \"{source}\" (instance $\"{source}\"))")?;
        }
        for (name, ty) in &interface.definition.types {
            let (from, to) = (types.identifier(*ty)?, exported.identifier(*ty)?);
            writeln!(shim, "  (export {to} \"{name}\" (type {from}))")?;
        }
        for (index, (name, function)) in interface.definition.functions.iter().enumerate() {
            // Not its own name, which would have to obey the rules for methods.
            let import = format!("f{index}");
            let (from, to) = (types.signature(function)?, exported.signature(function)?);
            writeln!(
                shim,
                "  (import \"{import}\" (func ${import}{from}))\n  (export \"{name}\" (func ${import}) (func{to}))"
            )?;
            writeln!(arguments, "    (with \"{import}\" (func $\"lifted/{id}#{name}\"))")?;
        }
        write!(
            self.exports,
            "  (component $\"shim/{id}\"\n{shim}  )
  (instance $\"shim/{id}\" (instantiate $\"shim/{id}\"\n{arguments}  ))
  (export \"{id}\" (instance $\"shim/{id}\"))\n"
        )?;
        Ok(())
    }
}

/// The import of one interface, with or without its functions, and identifiers for its types.
fn import(types: &Types<'_>, interface: &Interface<'_>, functions: bool) -> Result<String> {
    let id = &interface.id;
    let mut text = format!("  (import \"{id}\" (instance $\"{id}\"\n");
    for (name, ty) in &interface.definition.types {
        writeln!(text, "{}", types.declaration(name, *ty)?)?;
    }
    if functions {
        for (name, function) in &interface.definition.functions {
            let signature = types.signature(function)?;
            writeln!(text, "    (export \"{name}\" (func{signature}))")?;
        }
    }
    text.push_str("  ))\n");
    for (name, ty) in &interface.definition.types {
        let identifier = types.identifier(*ty)?;
        writeln!(text, "  (alias export $\"{id}\" \"{name}\" (type {identifier}))")?;
    }
    Ok(text)
}
