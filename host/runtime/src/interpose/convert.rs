//! Between wasmtime's `Val` and our [`Value`], led by the shape.
//!
//! Handles are the caller's business: it alone knows whose table they live in.

use manes_core::value::{Handle, Shape, Value};
use wasmtime::component::{ResourceAny, Val};
use wasmtime::{Result, bail, format_err};

/// How a handle is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lend {
    /// Ownership moves.
    Own,
    /// For the duration of the call.
    Borrow,
}

/// A `Val` as a `Value`; `handle` names each resource that is met.
///
/// # Errors
/// A value that does not fit the shape, or what `handle` says.
pub fn from_val(
    shape: &Shape,
    val: &Val,
    handle: &mut dyn FnMut(&str, ResourceAny, Lend) -> Result<Handle>,
) -> Result<Value> {
    Ok(match (shape, val) {
        (Shape::Bool, Val::Bool(v)) => Value::Bool(*v),
        (Shape::S8, Val::S8(v)) => Value::S8(*v),
        (Shape::U8, Val::U8(v)) => Value::U8(*v),
        (Shape::S16, Val::S16(v)) => Value::S16(*v),
        (Shape::U16, Val::U16(v)) => Value::U16(*v),
        (Shape::S32, Val::S32(v)) => Value::S32(*v),
        (Shape::U32, Val::U32(v)) => Value::U32(*v),
        (Shape::S64, Val::S64(v)) => Value::S64(*v),
        (Shape::U64, Val::U64(v)) => Value::U64(*v),
        (Shape::F32, Val::Float32(v)) => Value::F32(v.to_bits()),
        (Shape::F64, Val::Float64(v)) => Value::F64(v.to_bits()),
        (Shape::Char, Val::Char(v)) => Value::Char(*v),
        (Shape::String, Val::String(v)) => Value::String(v.clone()),
        (Shape::Bytes, Val::List(items)) => Value::Bytes(items.iter().map(byte).collect::<Result<_>>()?),
        (Shape::List(item), Val::List(items)) => {
            Value::List(items.iter().map(|v| from_val(item, v, handle)).collect::<Result<_>>()?)
        }
        (Shape::Record(fields), Val::Record(vals)) if fields.len() == vals.len() => {
            let field = |((name, shape), (_, v)): (&(String, Shape), &(String, Val))| {
                Ok((name.clone(), from_val(shape, v, handle)?))
            };
            Value::Record(fields.iter().zip(vals).map(field).collect::<Result<_>>()?)
        }
        (Shape::Tuple(shapes), Val::Tuple(vals)) if shapes.len() == vals.len() => {
            Value::Tuple(shapes.iter().zip(vals).map(|(s, v)| from_val(s, v, handle)).collect::<Result<_>>()?)
        }
        (Shape::Variant(cases), Val::Variant(name, payload)) => {
            let case = cases.iter().find(|(n, _)| n == name).ok_or_else(|| misfit(shape))?;
            Value::Variant(name.clone(), payload_from(case.1.as_ref(), payload.as_deref(), handle)?)
        }
        (Shape::Enum(_), Val::Enum(name)) => Value::Enum(name.clone()),
        (Shape::Flags(names), Val::Flags(set)) => {
            Value::Flags(names.iter().filter(|name| set.contains(name)).cloned().collect())
        }
        (Shape::Option(inner), Val::Option(v)) => {
            Value::Option(payload_from(v.as_ref().map(|_| &**inner), v.as_deref(), handle)?)
        }
        (Shape::Result(ok, _), Val::Result(Ok(v))) => {
            Value::Result(Ok(payload_from(ok.as_deref(), v.as_deref(), handle)?))
        }
        (Shape::Result(_, err), Val::Result(Err(v))) => {
            Value::Result(Err(payload_from(err.as_deref(), v.as_deref(), handle)?))
        }
        (Shape::Own(name), Val::Resource(any)) => Value::Handle(handle(name, *any, Lend::Own)?),
        (Shape::Borrow(name), Val::Resource(any)) => Value::Handle(handle(name, *any, Lend::Borrow)?),
        _ => return Err(misfit(shape)),
    })
}

fn byte(val: &Val) -> Result<u8> {
    match val {
        Val::U8(v) => Ok(*v),
        _ => bail!("a byte list holds something else"),
    }
}

fn misfit(shape: &Shape) -> wasmtime::Error {
    format_err!("a value does not fit its type {shape}")
}

fn payload_from(
    shape: Option<&Shape>,
    val: Option<&Val>,
    handle: &mut dyn FnMut(&str, ResourceAny, Lend) -> Result<Handle>,
) -> Result<Option<Box<Value>>> {
    match (shape, val) {
        (Some(shape), Some(val)) => Ok(Some(Box::new(from_val(shape, val, handle)?))),
        (None, None) => Ok(None),
        (Some(shape), None) => Err(misfit(shape)),
        (None, Some(_)) => bail!("a payload where the type has none"),
    }
}

/// A `Value` as a `Val`; `resource` finds or makes what a handle stands for.
///
/// # Errors
/// A value that does not fit the shape, or what `resource` says.
pub fn to_val(
    shape: &Shape,
    value: &Value,
    resource: &mut dyn FnMut(&Handle, Lend) -> Result<ResourceAny>,
) -> Result<Val> {
    Ok(match (shape, value) {
        (Shape::Bool, Value::Bool(v)) => Val::Bool(*v),
        (Shape::S8, Value::S8(v)) => Val::S8(*v),
        (Shape::U8, Value::U8(v)) => Val::U8(*v),
        (Shape::S16, Value::S16(v)) => Val::S16(*v),
        (Shape::U16, Value::U16(v)) => Val::U16(*v),
        (Shape::S32, Value::S32(v)) => Val::S32(*v),
        (Shape::U32, Value::U32(v)) => Val::U32(*v),
        (Shape::S64, Value::S64(v)) => Val::S64(*v),
        (Shape::U64, Value::U64(v)) => Val::U64(*v),
        (Shape::F32, Value::F32(bits)) => Val::Float32(f32::from_bits(*bits)),
        (Shape::F64, Value::F64(bits)) => Val::Float64(f64::from_bits(*bits)),
        (Shape::Char, Value::Char(v)) => Val::Char(*v),
        (Shape::String, Value::String(v)) => Val::String(v.clone()),
        (Shape::Bytes, Value::Bytes(bytes)) => Val::List(bytes.iter().map(|b| Val::U8(*b)).collect()),
        (Shape::List(item), Value::List(items)) => {
            Val::List(items.iter().map(|v| to_val(item, v, resource)).collect::<Result<_>>()?)
        }
        (Shape::Record(fields), Value::Record(values)) if fields.len() == values.len() => {
            let field = |((name, shape), (_, v)): (&(String, Shape), &(String, Value))| {
                Ok((name.clone(), to_val(shape, v, resource)?))
            };
            Val::Record(fields.iter().zip(values).map(field).collect::<Result<_>>()?)
        }
        (Shape::Tuple(shapes), Value::Tuple(values)) if shapes.len() == values.len() => {
            Val::Tuple(shapes.iter().zip(values).map(|(s, v)| to_val(s, v, resource)).collect::<Result<_>>()?)
        }
        (Shape::Variant(cases), Value::Variant(name, payload)) => {
            let case = cases.iter().find(|(n, _)| n == name).ok_or_else(|| misfit(shape))?;
            Val::Variant(name.clone(), payload_to(case.1.as_ref(), payload.as_deref(), resource)?)
        }
        (Shape::Enum(names), Value::Enum(name)) if names.contains(name) => Val::Enum(name.clone()),
        (Shape::Flags(_), Value::Flags(set)) => Val::Flags(set.clone()),
        (Shape::Option(inner), Value::Option(v)) => {
            Val::Option(payload_to(v.as_ref().map(|_| &**inner), v.as_deref(), resource)?)
        }
        (Shape::Result(ok, _), Value::Result(Ok(v))) => {
            Val::Result(Ok(payload_to(ok.as_deref(), v.as_deref(), resource)?))
        }
        (Shape::Result(_, err), Value::Result(Err(v))) => {
            Val::Result(Err(payload_to(err.as_deref(), v.as_deref(), resource)?))
        }
        (Shape::Own(_), Value::Handle(handle)) => Val::Resource(resource(handle, Lend::Own)?),
        (Shape::Borrow(_), Value::Handle(handle)) => Val::Resource(resource(handle, Lend::Borrow)?),
        _ => return Err(misfit(shape)),
    })
}

fn payload_to(
    shape: Option<&Shape>,
    value: Option<&Value>,
    resource: &mut dyn FnMut(&Handle, Lend) -> Result<ResourceAny>,
) -> Result<Option<Box<Val>>> {
    match (shape, value) {
        (Some(shape), Some(value)) => Ok(Some(Box::new(to_val(shape, value, resource)?))),
        (None, None) => Ok(None),
        (Some(shape), None) => Err(misfit(shape)),
        (None, Some(_)) => bail!("a payload where the type has none"),
    }
}
