//! The core modules of the mirror: a heap for one call, and one function per export.
//!
//! Neither looks at a value. The canonical ABI lays a list or a record out the same way when it is
//! handed to an export and when an import reads it, so each function passes its core arguments on as
//! they came. What is left to do is:
//!
//! - **lend nothing past the call**: a borrowed handle that an export received has to be dropped before
//!   it returns, or the canonical ABI traps. Borrows are handled as parameters and as elements of a list,
//!   the two forms WASI has; any other position fails the build;
//! - **say where results go**: an import writes a result of several words through a pointer, an export
//!   returns one. All functions share one area, since an instance is never entered twice at once;
//! - **free everything after the call**: the heap only counts upwards and starts over when a call ends.
//!   It never returns memory, so an instance holds what its largest call needed.

use crate::Result;
use crate::types::{Lending, Types};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Function, Resolve, SizeAlign, Type, TypeId};

/// Where the area for results starts. Not 0, so that a stray null pointer is never a valid one.
const RESULTS_AT: usize = 16;
/// Alignment of the area for results and of the heap: more than any WIT type needs.
const ALIGNMENT: usize = 16;

/// Memory and a bump allocator. `{heap}` stands for the address where the heap starts.
///
/// One page is enough for most calls; lists grow it, up to what the host's limits allow. A failed growth
/// traps, because a call that cannot be completed has no other way to say so.
const HEAP: &str = r#"  (core module $heap
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const {heap}))
    ;; The parameter makes this usable as a post-return function.
    (func (export "reset") (param i32) (global.set $top (i32.const {heap})))
    (func (export "realloc") (param $old i32) (param $held i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32) (local $end i32) (local $missing i32)
      (local.set $at (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (local.set $end (i32.add (local.get $at) (local.get $size)))
      (if (i32.lt_u (local.get $end) (local.get $at)) (then unreachable))
      ;; Pages needed for the bytes in front of $end, less those there are.
      (local.set $missing (i32.sub
        (i32.add (i32.shr_u (local.get $end) (i32.const 16))
          (i32.ne (i32.and (local.get $end) (i32.const 0xffff)) (i32.const 0)))
        (memory.size)))
      (if (i32.gt_s (local.get $missing) (i32.const 0)) (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then unreachable))))
      (global.set $top (local.get $end))
      (if (local.get $held) (then
        (memory.copy (local.get $at) (local.get $old)
          (select (local.get $held) (local.get $size)
            (i32.lt_u (local.get $held) (local.get $size))))))
      (local.get $at)))
"#;

/// Collects the functions of the core module `$glue`, and what it has to be instantiated with.
pub(crate) struct Glue<'a> {
    resolve: &'a Resolve,
    types: &'a Types<'a>,
    sizes: SizeAlign,
    imports: String,
    functions: String,
    /// Resources that are dropped somewhere, with the name of their drop function.
    drops: BTreeMap<TypeId, String>,
    /// Size of the largest result that goes through memory.
    results: usize,
}

/// What the caller has to know to lift a function of the glue.
pub(crate) struct Lifting {
    /// Whether the result stays in memory after the function returned.
    pub(crate) post_return: bool,
}

impl<'a> Glue<'a> {
    pub(crate) fn new(resolve: &'a Resolve, types: &'a Types<'a>) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        Self {
            resolve,
            types,
            sizes,
            imports: String::new(),
            functions: String::new(),
            drops: BTreeMap::new(),
            results: 0,
        }
    }

    /// Adds the function that passes a call of the export `label` on to the import `label`.
    pub(crate) fn add(&mut self, label: &str, function: &Function) -> Result<Lifting> {
        let outer = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
        let inner = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let drops = self.drop_borrows(function, &outer)?;
        let (taken, returned) = self.memory(function)?;

        let (params, results) = (words(&inner.params), words(&inner.results));
        writeln!(
            self.imports,
            "    (import \"lowered\" \"{label}\" (func $\"lowered/{label}\" (param{params}) (result{results})))",
        )?;
        let (params, results) = (words(&outer.params), words(&outer.results));
        let text = &mut self.functions;
        write!(text, "    (func $\"{label}\" (export \"{label}\") (param{params}) (result{results})\n     ")?;
        for index in 0..outer.params.len() {
            write!(text, " (local.get {index})")?;
        }
        let area = if outer.retptr { format!(" (i32.const {RESULTS_AT})") } else { String::new() };
        write!(text, "{area} (call $\"lowered/{label}\"){drops}")?;
        if (taken || outer.indirect_params) && !returned {
            text.push_str(" (call $reset (i32.const 0))");
        }
        writeln!(text, "{area})")?;
        Ok(Lifting { post_return: returned })
    }

    /// The module `$heap`. Complete once every function was added.
    pub(crate) fn heap_module(&self) -> String {
        let heap = (RESULTS_AT + self.results).next_multiple_of(ALIGNMENT);
        HEAP.replace("{heap}", &heap.to_string())
    }

    /// The drop functions, as definitions of the component.
    pub(crate) fn drop_definitions(&self) -> Result<String> {
        let mut text = String::new();
        for (resource, name) in &self.drops {
            let resource = self.types.identifier(*resource)?;
            writeln!(text, "  (core func $\"{name}\" (canon resource.drop {resource}))")?;
        }
        Ok(text)
    }

    /// The drop functions, as items of the instance that the glue imports from.
    pub(crate) fn drop_exports(&self) -> Result<String> {
        let mut text = String::new();
        for name in self.drops.values() {
            writeln!(text, "    (export \"{name}\" (func $\"{name}\"))")?;
        }
        Ok(text)
    }

    /// The module `$glue`. Complete once every function was added.
    pub(crate) fn glue_module(&self) -> Result<String> {
        let mut text = String::from("  (core module $glue\n");
        text.push_str("    (import \"heap\" \"memory\" (memory 1))\n");
        text.push_str("    (import \"heap\" \"reset\" (func $reset (param i32)))\n");
        text.push_str(&self.imports);
        for name in self.drops.values() {
            writeln!(text, "    (import \"lowered\" \"{name}\" (func $\"{name}\" (param i32)))")?;
        }
        for name in self.drops.values() {
            text.push_str(&drop_all(name));
        }
        text.push_str(&self.functions);
        text.push_str("  )\n");
        Ok(text)
    }

    /// Code that drops the borrowed handles among the parameters of `function`.
    fn drop_borrows(&mut self, function: &Function, signature: &WasmSignature) -> Result<String> {
        let mut text = String::new();
        let mut local = 0;
        for parameter in &function.params {
            let lending = self
                .types
                .lending(&parameter.ty)
                .map_err(|error| format!("`{}`, `{}`: {error}", function.name, parameter.name))?;
            if signature.indirect_params && !matches!(lending, Lending::Nothing) {
                let refused = format!("`{}`: a borrow among spilled parameters", function.name);
                return Err(refused.into());
            }
            match lending {
                Lending::Nothing => {}
                Lending::One(resource) => {
                    let name = self.drop_function(resource)?;
                    write!(text, " (call $\"{name}\" (local.get {local}))")?;
                }
                Lending::Many(resource) => {
                    let name = self.drop_function(resource)?;
                    let length = local + 1;
                    write!(text, " (call $\"all/{name}\" (local.get {local}) (local.get {length}))")?;
                }
            }
            local += self.flat_words(&parameter.ty);
        }
        Ok(text)
    }

    /// The name of the function that drops a handle to `resource`, which may be an alias.
    fn drop_function(&mut self, mut resource: TypeId) -> Result<String> {
        while let Some(target) = crate::world::aliased(self.resolve, resource) {
            resource = target;
        }
        let name = format!("drop/{}", self.types.name(resource)?);
        self.drops.insert(resource, name.clone());
        Ok(name)
    }

    /// How many core words `ty` takes as a parameter.
    fn flat_words(&self, ty: &Type) -> usize {
        let mut storage = [WasmType::I32; Resolve::MAX_FLAT_PARAMS];
        let mut flat = wit_parser::abi::FlatTypes::new(&mut storage);
        // Too many to fit only happens where parameters are spilled, and then no local is looked at.
        let _ = self.resolve.push_flat(ty, &mut flat);
        flat.to_vec().len()
    }

    /// Whether parameters and result use the heap; makes room for a result that goes through memory.
    fn memory(&mut self, function: &Function) -> Result<(bool, bool)> {
        let mut taken = false;
        for parameter in &function.params {
            taken |= self.types.needs_memory(&parameter.ty)?;
        }
        let Some(result) = &function.result else {
            return Ok((taken, false));
        };
        if self.sizes.align(result).align_wasm32() > ALIGNMENT {
            return Err(format!("`{}`: a result of odd alignment", function.name).into());
        }
        self.results = self.results.max(self.sizes.size(result).size_wasm32());
        Ok((taken, self.types.needs_memory(result)?))
    }
}

/// A function that drops each handle in a list.
fn drop_all(name: &str) -> String {
    format!(
        "    (func $\"all/{name}\" (param $at i32) (param $left i32)
      (block $done (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (call $\"{name}\" (i32.load (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next))))\n"
    )
}

/// Core types as text, each with a space in front.
fn words(types: &[WasmType]) -> String {
    let name = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => " i32",
        WasmType::I64 | WasmType::PointerOrI64 => " i64",
        WasmType::F32 => " f32",
        WasmType::F64 => " f64",
    };
    types.iter().map(name).collect()
}
