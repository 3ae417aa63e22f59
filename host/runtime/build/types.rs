//! WIT types as component text, and what the glue needs to know about them.
//!
//! Every named type has one identifier, `$"interface/type"`, wherever it stands. Identifiers are looked up
//! outwards, so the same text is right at the top of the component and inside the type of an imported
//! instance, where it means the local declaration.

use crate::Result;
use std::fmt::Write as _;
use wit_parser::{Function, Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

/// A borrow that the glue would not find. WASI has none.
const NESTED_BORROW: &str = "a borrow must be the parameter itself or an element of a list";

/// Turns the types of one `Resolve` into text.
pub(crate) struct Types<'a> {
    resolve: &'a Resolve,
    /// Put in front of every identifier.
    prefix: &'static str,
}

impl<'a> Types<'a> {
    pub(crate) fn new(resolve: &'a Resolve) -> Self {
        Self { resolve, prefix: "" }
    }

    /// The same types under other identifiers, each with `prefix` in front.
    pub(crate) fn prefixed(&self, prefix: &'static str) -> Self {
        Self { resolve: self.resolve, prefix }
    }

    /// The identifier of a named type: `$"wasi:io/poll@0.2.12/pollable"`.
    pub(crate) fn identifier(&self, id: TypeId) -> Result<String> {
        Ok(format!("$\"{}{}\"", self.prefix, self.name(id)?))
    }

    /// The name of a type among all interfaces: `wasi:io/poll@0.2.12/pollable`.
    pub(crate) fn name(&self, id: TypeId) -> Result<String> {
        let ty = self.get(id)?;
        let name = ty.name.as_deref().ok_or("a type without a name")?;
        let TypeOwner::Interface(owner) = ty.owner else {
            return Err(format!("type `{name}` does not belong to an interface").into());
        };
        let owner =
            self.resolve.id_of(owner).ok_or_else(|| format!("type `{name}` belongs to a nameless interface"))?;
        Ok(format!("{owner}/{name}"))
    }

    /// The declarations that an imported instance's type needs to export the type `id` as `name`.
    pub(crate) fn declaration(&self, name: &str, id: TypeId) -> Result<String> {
        let identifier = self.identifier(id)?;
        let bound = match &self.get(id)?.kind {
            TypeDefKind::Resource => "(sub resource)".to_owned(),
            TypeDefKind::Type(target @ Type::Id(_)) => format!("(eq {})", self.reference(target)?),
            _ => {
                let shape = format!("$\"shape/{}\"", self.name(id)?);
                return Ok(format!(
                    "    (type {shape} {})\n    (export \"{name}\" (type {identifier} (eq {shape})))",
                    self.shape(id)?
                ));
            }
        };
        Ok(format!("    (export \"{name}\" (type {identifier} {bound}))"))
    }

    /// Parameters and result of `function`, as they stand in a function type.
    pub(crate) fn signature(&self, function: &Function) -> Result<String> {
        let mut text = String::new();
        for parameter in &function.params {
            let ty = self.reference(&parameter.ty)?;
            write!(text, " (param \"{}\" {ty})", parameter.name)?;
        }
        if let Some(result) = &function.result {
            write!(text, " (result {})", self.reference(result)?)?;
        }
        Ok(text)
    }

    /// What kind of parameter `ty` is with regard to the handles it lends.
    pub(crate) fn lending(&self, ty: &Type) -> Result<Lending> {
        let Type::Id(id) = ty else {
            return Ok(Lending::Nothing);
        };
        match &self.get(*id)?.kind {
            TypeDefKind::Handle(Handle::Borrow(resource)) => Ok(Lending::One(*resource)),
            TypeDefKind::Type(target) => self.lending(target),
            TypeDefKind::List(element) => match self.lending(element)? {
                Lending::One(resource) => Ok(Lending::Many(resource)),
                Lending::Nothing => Ok(Lending::Nothing),
                Lending::Many(_) => Err(NESTED_BORROW.into()),
            },
            _ if self.contains(ty, &|ty| self.is_borrow(ty))? => Err(NESTED_BORROW.into()),
            _ => Ok(Lending::Nothing),
        }
    }

    /// Whether a value of `ty` has a part that lives in memory of its own: a string or a list.
    pub(crate) fn needs_memory(&self, ty: &Type) -> Result<bool> {
        self.contains(ty, &|ty| match ty {
            Type::String => true,
            Type::Id(id) => self.get(*id).is_ok_and(|ty| matches!(ty.kind, TypeDefKind::List(_))),
            _ => false,
        })
    }

    fn is_borrow(&self, ty: &Type) -> bool {
        let Type::Id(id) = ty else { return false };
        self.get(*id).is_ok_and(|ty| matches!(ty.kind, TypeDefKind::Handle(Handle::Borrow(_))))
    }

    fn get(&self, id: TypeId) -> Result<&'a TypeDef> {
        let ty = self.resolve.types.get(id);
        Ok(ty.ok_or("a type that is not in the parsed WIT")?)
    }

    /// Whether `ty` or anything it is made of is what `wanted` looks for. Handles are not looked into.
    fn contains(&self, ty: &Type, wanted: &dyn Fn(&Type) -> bool) -> Result<bool> {
        if wanted(ty) {
            return Ok(true);
        }
        let Type::Id(id) = ty else { return Ok(false) };
        for part in self.parts(*id)? {
            if self.contains(part, wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The types that `id` is directly made of.
    fn parts(&self, id: TypeId) -> Result<Vec<&'a Type>> {
        Ok(match &self.get(id)?.kind {
            TypeDefKind::Resource | TypeDefKind::Handle(_) | TypeDefKind::Flags(_) | TypeDefKind::Enum(_) => Vec::new(),
            TypeDefKind::Record(record) => record.fields.iter().map(|field| &field.ty).collect(),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().collect(),
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                cases.filter_map(|case| case.ty.as_ref()).collect()
            }
            TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).collect(),
            TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => vec![ty],
            other => return Err(unsupported(other)),
        })
    }

    /// How `ty` is written where it is used.
    fn reference(&self, ty: &Type) -> Result<String> {
        let primitive = match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "s8",
            Type::S16 => "s16",
            Type::S32 => "s32",
            Type::S64 => "s64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::ErrorContext => return Err("`error-context` cannot be mirrored".into()),
            Type::Id(id) if self.get(*id)?.name.is_some() => return self.identifier(*id),
            Type::Id(id) => return self.shape(*id),
        };
        Ok(primitive.to_owned())
    }

    fn optional(&self, ty: Option<&Type>) -> Result<String> {
        ty.map_or_else(|| Ok(String::new()), |ty| Ok(format!(" {}", self.reference(ty)?)))
    }

    /// How `id` is defined.
    fn shape(&self, id: TypeId) -> Result<String> {
        let mut text = String::new();
        match &self.get(id)?.kind {
            TypeDefKind::Type(ty) => return self.reference(ty),
            TypeDefKind::Handle(Handle::Own(id)) => write!(text, "(own {}", self.identifier(*id)?)?,
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                write!(text, "(borrow {}", self.identifier(*id)?)?;
            }
            TypeDefKind::Option(ty) => write!(text, "(option {}", self.reference(ty)?)?,
            TypeDefKind::List(ty) => write!(text, "(list {}", self.reference(ty)?)?,
            TypeDefKind::Result(result) => {
                write!(text, "(result{}", self.optional(result.ok.as_ref())?)?;
                if let Some(error) = &result.err {
                    write!(text, " (error {})", self.reference(error)?)?;
                }
            }
            TypeDefKind::Tuple(tuple) => {
                text.push_str("(tuple");
                for ty in &tuple.types {
                    write!(text, " {}", self.reference(ty)?)?;
                }
            }
            TypeDefKind::Record(record) => {
                text.push_str("(record");
                for field in &record.fields {
                    let ty = self.reference(&field.ty)?;
                    write!(text, " (field \"{}\" {ty})", field.name)?;
                }
            }
            TypeDefKind::Variant(variant) => {
                text.push_str("(variant");
                for case in &variant.cases {
                    let payload = self.optional(case.ty.as_ref())?;
                    write!(text, " (case \"{}\"{payload})", case.name)?;
                }
            }
            TypeDefKind::Enum(cases) => {
                names(&mut text, "enum", cases.cases.iter().map(|case| &case.name))?;
            }
            TypeDefKind::Flags(flags) => {
                names(&mut text, "flags", flags.flags.iter().map(|flag| &flag.name))?;
            }
            other => return Err(unsupported(other)),
        }
        text.push(')');
        Ok(text)
    }
}

/// Which borrowed handles arrive with a parameter.
#[derive(Clone, Copy)]
pub(crate) enum Lending {
    /// None.
    Nothing,
    /// The parameter is a borrowed handle to this resource.
    One(TypeId),
    /// The parameter is a list of borrowed handles to this resource.
    Many(TypeId),
}

fn names<'a>(text: &mut String, kind: &str, all: impl Iterator<Item = &'a String>) -> Result<()> {
    write!(text, "({kind}")?;
    for name in all {
        write!(text, " \"{name}\"")?;
    }
    Ok(())
}

fn unsupported(kind: &TypeDefKind) -> Box<dyn std::error::Error> {
    format!("a {} cannot be mirrored", kind.as_str()).into()
}
