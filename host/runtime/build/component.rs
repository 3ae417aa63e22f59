//! Puts the component together, in the text format.
//!
//! ```text
//! imports                one instance per interface, and names for its types
//! $Heap                  memory and the allocator
//! lowered                every imported function as a core function; drop functions
//! $Glue                  one core function per export
//! lifted                 every glue function as a component function
//! exports                one instance per interface: the imported types, the lifted functions
//! ```
//!
//! An export is an instance made of the *imported* types themselves, which is what keeps a handle from one
//! interface usable in all others. Re-exporting an imported instance as it is would do so too, but the
//! host cannot call a function that no core code stands behind.

use crate::Result;
use crate::glue::{Glue, Lifting};
use crate::types::Types;
use crate::world::Interface;
use std::fmt::Write as _;
use wit_parser::Resolve;

/// The text of a component that imports and exports each of `interfaces`.
pub(crate) fn generate(resolve: &Resolve, interfaces: &[Interface<'_>]) -> Result<String> {
    let types = Types::new(resolve);
    let mut glue = Glue::new(resolve, &types);
    let mut parts = Parts::default();
    for interface in interfaces {
        parts.import(&types, interface)?;
        parts.functions(&types, &mut glue, interface)?;
    }
    let Parts {
        imports,
        lowered,
        lowered_exports,
        lifted,
        exports,
    } = parts;
    let heap_module = glue.heap_module();
    let glue_module = glue.glue_module()?;
    let drops = glue.drop_definitions()?;
    let drop_exports = glue.drop_exports()?;
    Ok(format!(
        "(component $mirror
{imports}{heap_module}  (core instance $heap (instantiate $Heap))
  (alias core export $heap \"memory\" (core memory $memory))
  (alias core export $heap \"realloc\" (core func $realloc))
  (alias core export $heap \"reset\" (core func $reset))
{lowered}{drops}{glue_module}  (core instance $lowered
{lowered_exports}{drop_exports}  )
  (core instance $glue (instantiate $Glue (with \"heap\" (instance $heap)) (with \"lowered\" (instance $lowered))))
{lifted}{exports})
"
    ))
}

/// The parts of the text that grow with each function.
#[derive(Default)]
struct Parts {
    imports: String,
    lowered: String,
    lowered_exports: String,
    lifted: String,
    exports: String,
}

impl Parts {
    /// The import of one interface.
    fn import(&mut self, types: &Types<'_>, interface: &Interface<'_>) -> Result<()> {
        let id = &interface.id;
        let text = &mut self.imports;
        writeln!(text, "  (import \"{id}\" (instance ${id}")?;
        for (name, ty) in &interface.definition.types {
            writeln!(text, "{}", types.declaration(name, *ty)?)?;
        }
        for (name, function) in &interface.definition.functions {
            let signature = types.signature(function)?;
            writeln!(text, "    (export \"{name}\" (func{signature}))")?;
        }
        writeln!(text, "  ))")?;
        for (name, ty) in &interface.definition.types {
            let identifier = types.identifier(*ty)?;
            writeln!(
                text,
                "  (alias export ${id} \"{name}\" (type {identifier}))"
            )?;
        }
        Ok(())
    }

    /// Everything else about one interface: its functions on their way through, and its export.
    fn functions(
        &mut self,
        types: &Types<'_>,
        glue: &mut Glue<'_>,
        interface: &Interface<'_>,
    ) -> Result<()> {
        let id = &interface.id;
        let mut items = String::new();
        for (name, ty) in &interface.definition.types {
            let identifier = types.identifier(*ty)?;
            writeln!(items, "    (export \"{name}\" (type {identifier}))")?;
        }
        for (name, function) in &interface.definition.functions {
            let label = format!("{id}#{name}");
            let Lifting { post_return } = glue.add(&label, function)?;
            let signature = types.signature(function)?;
            writeln!(
                self.lowered,
                "  (core func $lowered/{label} (canon lower (func ${id} \"{name}\") (memory $memory) (realloc $realloc)))",
            )?;
            writeln!(
                self.lowered_exports,
                "    (export \"{label}\" (func $lowered/{label}))"
            )?;
            let after = if post_return {
                " (post-return $reset)"
            } else {
                ""
            };
            writeln!(
                self.lifted,
                "  (func $lifted/{label}{signature} (canon lift (core func $glue \"{label}\") (memory $memory) (realloc $realloc){after}))",
            )?;
            writeln!(items, "    (export \"{name}\" (func $lifted/{label}))")?;
        }
        writeln!(self.exports, "  (instance $export/{id}\n{items}  )")?;
        writeln!(
            self.exports,
            "  (export \"{id}\" (instance $export/{id}))"
        )?;
        Ok(())
    }
}
