//! Component-model values as Manes records them, and the shapes that give them meaning.
//!
//! A value is encoded **by its type, never by what it happens to hold**: an empty `list<u8>` is bytes, a `none`
//! is null because the type says option. Floats are bits. A resource handle is who provides it, what it is and
//! which call made it, so that the same program has the same handles in every run.

use crate::cbor::{CborError, DEPTH_MAX, Reader, Writer, key_cmp};
mod walk;

use std::fmt;
use thiserror::Error;

/// Where a handle came from: the call that returned it and its place among that call's handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Call number inside the attempt, from 1.
    pub call: u64,
    /// 0 for the first handle in the call's outcome.
    pub index: u32,
}

/// A resource handle, independent of any store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    /// Who provides it: `base`, `wasi`, or the name of a capability.
    pub provider: String,
    /// Interface and resource: `wasi:io/streams@0.2/input-stream`.
    pub resource: String,
    /// The call that made it.
    pub origin: Origin,
}

/// One value of a component-model type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are the component model's own types")]
pub enum Value {
    Bool(bool),
    S8(i8),
    U8(u8),
    S16(i16),
    U16(u16),
    S32(i32),
    U32(u32),
    S64(i64),
    U64(u64),
    /// Bits.
    F32(u32),
    /// Bits.
    F64(u64),
    Char(char),
    String(String),
    /// `list<u8>`.
    Bytes(Vec<u8>),
    List(Vec<Value>),
    /// Fields in declared order.
    Record(Vec<(String, Value)>),
    Tuple(Vec<Value>),
    Variant(String, Option<Box<Value>>),
    Enum(String),
    /// The flags that are set, in declared order.
    Flags(Vec<String>),
    Option(Option<Box<Value>>),
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    /// `own` or `borrow`; which one is the type's business.
    Handle(Handle),
}

/// A component-model type, with resources by name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the cases are the component model's own types")]
pub enum Shape {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`.
    Bytes,
    List(Box<Shape>),
    Record(Vec<(String, Shape)>),
    Tuple(Vec<Shape>),
    Variant(Vec<(String, Option<Shape>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Option(Box<Shape>),
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
    /// An owned handle to the named resource.
    Own(String),
    /// A borrowed handle to the named resource.
    Borrow(String),
}

/// The type of a function: named parameters and at most one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Names and shapes of the parameters, in order.
    pub params: Vec<(String, Shape)>,
    /// Shape of the result.
    pub result: Option<Shape>,
}

/// Why bytes are not a value of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// The bytes are not canonical CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// The value does not fit its shape.
    #[error("a value does not fit its type: expected {expected}")]
    Shape {
        /// The type that was asked for.
        expected: String,
    },
}

/// Key of the map that stands for a handle. No WIT identifier contains `@`, so it can be no variant's case.
const HANDLE_KEY: &str = "@";

impl Handle {
    fn encode(&self, w: &mut Writer) {
        w.map(1);
        w.text(HANDLE_KEY);
        w.array(4);
        w.text(&self.provider);
        w.text(&self.resource);
        w.uint(self.origin.call);
        w.uint(u64::from(self.origin.index));
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, ValueError> {
        let wrong = || ValueError::Shape { expected: "a handle".into() };
        if r.map()? != 1 || r.text()? != HANDLE_KEY || r.array()? != 4 {
            return Err(wrong());
        }
        let (provider, resource) = (r.text()?.to_owned(), r.text()?.to_owned());
        let call = r.uint()?;
        let index = u32::try_from(r.uint()?).map_err(|_| wrong())?;
        Ok(Self { provider, resource, origin: Origin { call, index } })
    }
}

impl Value {
    /// Appends the canonical encoding.
    pub fn encode(&self, w: &mut Writer) {
        match self {
            Self::Bool(v) => w.bool(*v),
            Self::S8(v) => w.int(i64::from(*v)),
            Self::U8(v) => w.uint(u64::from(*v)),
            Self::S16(v) => w.int(i64::from(*v)),
            Self::U16(v) => w.uint(u64::from(*v)),
            Self::S32(v) => w.int(i64::from(*v)),
            Self::U32(v) => w.uint(u64::from(*v)),
            Self::S64(v) => w.int(*v),
            Self::U64(v) => w.uint(*v),
            Self::F32(bits) => w.f32_bits(*bits),
            Self::F64(bits) => w.f64_bits(*bits),
            Self::Char(c) => w.text(c.encode_utf8(&mut [0; 4])),
            Self::String(s) | Self::Enum(s) => w.text(s),
            Self::Bytes(b) => w.bytes(b),
            Self::List(items) | Self::Tuple(items) => {
                w.array(items.len());
                for item in items {
                    item.encode(w);
                }
            }
            Self::Record(fields) => encode_fields(fields, w),
            Self::Variant(case, payload) => encode_case(case, payload.as_deref(), w),
            Self::Flags(names) => {
                w.array(names.len());
                for name in names {
                    w.text(name);
                }
            }
            Self::Option(None) => w.null(),
            Self::Option(Some(v)) => {
                w.array(1);
                v.encode(w);
            }
            Self::Result(Ok(v)) => encode_case("ok", v.as_deref(), w),
            Self::Result(Err(v)) => encode_case("err", v.as_deref(), w),
            Self::Handle(handle) => handle.encode(w),
        }
    }

    /// The canonical encoding alone.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.encode(&mut w);
        w.finish()
    }

    /// Reads a value of `shape`.
    ///
    /// # Errors
    /// Bytes that are not canonical, or not of that shape.
    pub fn decode(shape: &Shape, r: &mut Reader<'_>) -> Result<Self, ValueError> {
        decode(shape, r, 0)
    }

    /// The text, if this is a string or an enum's case.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(s) | Self::Enum(s) => Some(s),
            _ => None,
        }
    }

    /// The field of a record.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Record(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The handle, if this is one.
    #[must_use]
    pub const fn as_handle(&self) -> Option<&Handle> {
        match self {
            Self::Handle(handle) => Some(handle),
            _ => None,
        }
    }

    /// `ok(value)` of a result.
    #[must_use]
    pub fn ok(value: Option<Self>) -> Self {
        Self::Result(Ok(value.map(Box::new)))
    }

    /// `err(value)` of a result.
    #[must_use]
    pub fn err(value: Option<Self>) -> Self {
        Self::Result(Err(value.map(Box::new)))
    }
}

fn encode_fields(fields: &[(String, Value)], w: &mut Writer) {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by(|a, b| key_cmp(&a.0, &b.0));
    w.map(sorted.len());
    for (name, value) in sorted {
        w.text(name);
        value.encode(w);
    }
}

fn encode_case(case: &str, payload: Option<&Value>, w: &mut Writer) {
    w.map(1);
    w.text(case);
    match payload {
        Some(value) => value.encode(w),
        None => w.null(),
    }
}

fn decode(shape: &Shape, r: &mut Reader<'_>, depth: usize) -> Result<Value, ValueError> {
    if depth == DEPTH_MAX {
        return Err(CborError::Deep { at: r.position() }.into());
    }
    let wrong = || ValueError::Shape { expected: shape.to_string() };
    macro_rules! narrow {
        ($case:ident, $read:ident, $ty:ty) => {
            Value::$case(<$ty>::try_from(r.$read()?).map_err(|_| wrong())?)
        };
    }
    Ok(match shape {
        Shape::Bool => Value::Bool(r.bool()?),
        Shape::S8 => narrow!(S8, int, i8),
        Shape::U8 => narrow!(U8, uint, u8),
        Shape::S16 => narrow!(S16, int, i16),
        Shape::U16 => narrow!(U16, uint, u16),
        Shape::S32 => narrow!(S32, int, i32),
        Shape::U32 => narrow!(U32, uint, u32),
        Shape::S64 => Value::S64(r.int()?),
        Shape::U64 => Value::U64(r.uint()?),
        Shape::F32 => Value::F32(r.f32_bits()?),
        Shape::F64 => Value::F64(r.f64_bits()?),
        Shape::Char => {
            let mut chars = r.text()?.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Value::Char(c),
                _ => return Err(wrong()),
            }
        }
        Shape::String => Value::String(r.text()?.to_owned()),
        Shape::Bytes => Value::Bytes(r.bytes()?.to_vec()),
        Shape::List(item) => {
            let len = r.array()?;
            Value::List((0..len).map(|_| decode(item, r, depth + 1)).collect::<Result<_, _>>()?)
        }
        Shape::Tuple(items) => {
            if r.array()? != items.len() {
                return Err(wrong());
            }
            Value::Tuple(items.iter().map(|item| decode(item, r, depth + 1)).collect::<Result<_, _>>()?)
        }
        Shape::Record(fields) => decode_fields(fields, r, depth)?,
        Shape::Variant(cases) => {
            if r.map()? != 1 {
                return Err(wrong());
            }
            let name = r.text()?;
            let (_, payload) = cases.iter().find(|(n, _)| n == name).ok_or_else(wrong)?;
            Value::Variant(name.to_owned(), decode_payload(payload.as_ref(), r, depth)?)
        }
        Shape::Enum(names) => {
            let name = r.text()?;
            Value::Enum(names.iter().find(|n| *n == name).ok_or_else(wrong)?.clone())
        }
        Shape::Flags(names) => decode_flags(names, r).and_then(|flags| flags.ok_or_else(wrong))?,
        Shape::Option(_) if r.null()? => Value::Option(None),
        Shape::Option(inner) => {
            if r.array()? != 1 {
                return Err(wrong());
            }
            Value::Option(Some(Box::new(decode(inner, r, depth + 1)?)))
        }
        Shape::Result(ok, err) => {
            if r.map()? != 1 {
                return Err(wrong());
            }
            match r.text()? {
                "ok" => Value::Result(Ok(decode_payload(ok.as_deref(), r, depth)?)),
                "err" => Value::Result(Err(decode_payload(err.as_deref(), r, depth)?)),
                _ => return Err(wrong()),
            }
        }
        Shape::Own(name) | Shape::Borrow(name) => {
            let handle = Handle::decode(r)?;
            if handle.resource != *name {
                return Err(wrong());
            }
            Value::Handle(handle)
        }
    })
}

fn decode_fields(fields: &[(String, Shape)], r: &mut Reader<'_>, depth: usize) -> Result<Value, ValueError> {
    let mut sorted: Vec<_> = fields.iter().enumerate().collect();
    sorted.sort_by(|a, b| key_cmp(&a.1.0, &b.1.0));
    if r.map()? != sorted.len() {
        return Err(ValueError::Shape { expected: "a record with exactly its fields".into() });
    }
    let mut found = Vec::with_capacity(sorted.len());
    for (place, (name, shape)) in sorted {
        if r.text()? != name {
            return Err(ValueError::Shape { expected: format!("the field {name}") });
        }
        found.push((place, (name.clone(), decode(shape, r, depth + 1)?)));
    }
    found.sort_by_key(|(place, _)| *place);
    Ok(Value::Record(found.into_iter().map(|(_, field)| field).collect()))
}

fn decode_payload(shape: Option<&Shape>, r: &mut Reader<'_>, depth: usize) -> Result<Option<Box<Value>>, ValueError> {
    match shape {
        Some(shape) => Ok(Some(Box::new(decode(shape, r, depth + 1)?))),
        None if r.null()? => Ok(None),
        None => Err(ValueError::Shape { expected: "a case without payload".into() }),
    }
}

/// `None` where a flag is unknown or out of the declared order.
fn decode_flags(names: &[String], r: &mut Reader<'_>) -> Result<Option<Value>, ValueError> {
    let len = r.array()?;
    let mut declared = names.iter();
    let mut set = Vec::new();
    for _ in 0..len {
        let name = r.text()?;
        if !declared.by_ref().any(|n| n == name) {
            return Ok(None);
        }
        set.push(name.to_owned());
    }
    Ok(Some(Value::Flags(set)))
}

impl fmt::Display for Shape {
    /// WIT's own notation, with nominal types written out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::S8 => f.write_str("s8"),
            Self::U8 => f.write_str("u8"),
            Self::S16 => f.write_str("s16"),
            Self::U16 => f.write_str("u16"),
            Self::S32 => f.write_str("s32"),
            Self::U32 => f.write_str("u32"),
            Self::S64 => f.write_str("s64"),
            Self::U64 => f.write_str("u64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("list<u8>"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Record(fields) => named(f, "record", fields.iter().map(|(n, s)| (n, Some(s)))),
            Self::Variant(cases) => named(f, "variant", cases.iter().map(|(n, s)| (n, s.as_ref()))),
            Self::Tuple(items) => {
                f.write_str("tuple<")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(">")
            }
            Self::Enum(names) => write!(f, "enum {{ {} }}", names.join(", ")),
            Self::Flags(names) => write!(f, "flags {{ {} }}", names.join(", ")),
            Self::Option(inner) => write!(f, "option<{inner}>"),
            Self::Result(None, None) => f.write_str("result"),
            Self::Result(Some(ok), None) => write!(f, "result<{ok}>"),
            Self::Result(ok, Some(err)) => match ok {
                Some(ok) => write!(f, "result<{ok}, {err}>"),
                None => write!(f, "result<_, {err}>"),
            },
            Self::Own(name) => write!(f, "own<{name}>"),
            Self::Borrow(name) => write!(f, "borrow<{name}>"),
        }
    }
}

fn named<'a>(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    parts: impl Iterator<Item = (&'a String, Option<&'a Shape>)>,
) -> fmt::Result {
    write!(f, "{word} {{ ")?;
    for (i, (name, shape)) in parts.enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        match shape {
            Some(shape) => write!(f, "{name}: {shape}")?,
            None => f.write_str(name)?,
        }
    }
    f.write_str(" }")
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        for (i, (name, shape)) in self.params.iter().enumerate() {
            write!(f, "{}{name}: {shape}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str(")")?;
        match &self.result {
            Some(shape) => write!(f, " -> {shape}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.resource.rsplit('/').next().unwrap_or(&self.resource);
        write!(f, "{name}#{}.{}", self.origin.call, self.origin.index)
    }
}
