//! From wasmtime's types to [`Shape`]s: resources by name, everything else by structure.

use manes_core::value::{Shape, Signature};
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{ResourceType, Type};

/// Deepest nesting of a type. WIT cannot recurse, but it can nest.
const TYPE_DEPTH_MAX: usize = 48;

/// Which abstract resource has which name. An interface that defines a resource comes before those that use it.
#[derive(Debug, Default)]
pub struct ResourceNames {
    known: Vec<(ResourceType, String)>,
}

impl ResourceNames {
    /// The name of `resource`, first met as `item` of `interface`; true if this is that first time.
    pub fn name(&mut self, resource: ResourceType, interface: &str, item: &str) -> (String, bool) {
        if let Some(name) = self.get(resource) {
            return (name.to_owned(), false);
        }
        let name = format!("{interface}/{item}");
        self.known.push((resource, name.clone()));
        (name, true)
    }

    fn get(&self, resource: ResourceType) -> Option<&str> {
        self.known.iter().find(|(known, _)| *known == resource).map(|(_, name)| name.as_str())
    }
}

/// The signature of a function.
///
/// # Errors
/// Why it cannot be recorded and replayed.
pub fn signature(function: &ComponentFunc, names: &ResourceNames) -> Result<Signature, String> {
    if function.async_() {
        return Err("async functions cannot be recorded yet; use a synchronous one".into());
    }
    let params = function
        .params()
        .map(|(name, ty)| Ok((name.to_owned(), shape(&ty, names, 0)?)))
        .collect::<Result<_, String>>()?;
    let mut results = function.results();
    let result = results.next().map(|ty| shape(&ty, names, 0)).transpose()?;
    if results.next().is_some() {
        return Err("functions with several results are not part of the component model any more".into());
    }
    Ok(Signature { params, result })
}

fn shape(ty: &Type, names: &ResourceNames, depth: usize) -> Result<Shape, String> {
    if depth > TYPE_DEPTH_MAX {
        return Err(format!("its type nests deeper than {TYPE_DEPTH_MAX}"));
    }
    let inner = |ty: &Type| shape(ty, names, depth + 1);
    let boxed = |ty: Option<Type>| ty.map(|ty| inner(&ty).map(Box::new)).transpose();
    let resource = |r: &ResourceType| {
        names.get(*r).map(str::to_owned).ok_or_else(|| "it uses a resource without a name".to_owned())
    };
    Ok(match ty {
        Type::Bool => Shape::Bool,
        Type::S8 => Shape::S8,
        Type::U8 => Shape::U8,
        Type::S16 => Shape::S16,
        Type::U16 => Shape::U16,
        Type::S32 => Shape::S32,
        Type::U32 => Shape::U32,
        Type::S64 => Shape::S64,
        Type::U64 => Shape::U64,
        Type::Float32 => Shape::F32,
        Type::Float64 => Shape::F64,
        Type::Char => Shape::Char,
        Type::String => Shape::String,
        Type::List(list) => match list.ty() {
            Type::U8 => Shape::Bytes,
            item => Shape::List(Box::new(inner(&item)?)),
        },
        Type::Record(record) => Shape::Record(
            record.fields().map(|f| Ok((f.name.to_owned(), inner(&f.ty)?))).collect::<Result<_, String>>()?,
        ),
        Type::Tuple(tuple) => Shape::Tuple(tuple.types().map(|ty| inner(&ty)).collect::<Result<_, _>>()?),
        Type::Variant(variant) => Shape::Variant(
            variant
                .cases()
                .map(|case| Ok((case.name.to_owned(), case.ty.map(|ty| inner(&ty)).transpose()?)))
                .collect::<Result<_, String>>()?,
        ),
        Type::Enum(names) => Shape::Enum(names.names().map(str::to_owned).collect()),
        Type::Flags(names) => Shape::Flags(names.names().map(str::to_owned).collect()),
        Type::Option(option) => Shape::Option(Box::new(inner(&option.ty())?)),
        Type::Result(result) => Shape::Result(boxed(result.ok())?, boxed(result.err())?),
        Type::Own(r) => Shape::Own(resource(r)?),
        Type::Borrow(r) => Shape::Borrow(resource(r)?),
        Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
            return Err("futures, streams and error contexts cannot be recorded yet; use wasi:io streams".into());
        }
        Type::Map(_) | Type::FixedLengthList(_) => {
            return Err("maps and fixed-length lists are not supported yet; use a list".into());
        }
    })
}
