//! Values as text: [WAVE], the component model's own notation, with two additions for what it leaves out.
//!
//! `list<u8>` is `text("…")` where the bytes are UTF-8, else `base64("…")`. A handle is `"@3"`: the first that line 3 of
//! its agent's script returned, `"@3.1"` the second.
//!
//! [WAVE]: https://github.com/bytecodealliance/wasm-tools/tree/main/crates/wasm-wave

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use manes_core::value::{Handle, Origin, Shape, Signature, Value};
use std::borrow::Cow;
use thiserror::Error;
use wasm_wave::value::{Type, Value as Wave};
use wasm_wave::wasm::WasmValue as _;

/// Why a text is no value of a type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no {wanted}: {why}")]
pub struct TextError {
    text: String,
    wanted: String,
    why: String,
}

/// Reads a value.
///
/// # Errors
/// Text that is no value of this shape.
pub fn parse(shape: &Shape, text: &str) -> Result<Value, TextError> {
    let error = |why: String| TextError { text: text.to_owned(), wanted: shape.to_string(), why };
    let ty = wave_type(shape).ok_or_else(|| error("it cannot be written".to_owned()))?;
    let wave: Wave = wasm_wave::from_str(&ty, text).map_err(|why| error(why.to_string()))?;
    from_wave(shape, &wave).map_err(|why| error(why.to_owned()))
}

/// Reads the arguments of a call, separated by commas.
///
/// # Errors
/// Text that is no list of these arguments.
pub fn parse_args(signature: &Signature, text: &str) -> Result<Vec<Value>, TextError> {
    let shapes: Vec<Shape> = signature.params.iter().map(|(_, shape)| shape.clone()).collect();
    match (shapes.as_slice(), text.trim()) {
        ([], "") => Ok(Vec::new()),
        ([], _) => Err(TextError {
            text: text.to_owned(),
            wanted: "list of arguments".to_owned(),
            why: "the function takes none".to_owned(),
        }),
        // A tuple of one is written as its element is.
        ([one], _) => parse(one, text).map(|value| vec![value]),
        _ => match parse(&Shape::Tuple(shapes), &format!("({text})")) {
            Ok(Value::Tuple(values)) => Ok(values),
            Ok(other) => Ok(vec![other]),
            Err(error) => Err(TextError { text: text.to_owned(), ..error }),
        },
    }
}

/// Writes a value.
#[must_use]
pub fn print(shape: &Shape, value: &Value) -> String {
    let written = to_wave(shape, value).and_then(|wave| wasm_wave::to_string(&wave).ok());
    written.unwrap_or_else(|| value.to_string())
}

/// Writes the arguments of a call.
#[must_use]
pub fn print_args(signature: &Signature, args: &[Value]) -> String {
    let written = signature.params.iter().zip(args).map(|((_, shape), value)| print(shape, value));
    written.collect::<Vec<_>>().join(", ")
}

const TEXT: &str = "text";
const BASE64: &str = "base64";

fn wave_type(shape: &Shape) -> Option<Type> {
    Some(match shape {
        Shape::Bool => Type::BOOL,
        Shape::S8 => Type::S8,
        Shape::U8 => Type::U8,
        Shape::S16 => Type::S16,
        Shape::U16 => Type::U16,
        Shape::S32 => Type::S32,
        Shape::U32 => Type::U32,
        Shape::S64 => Type::S64,
        Shape::U64 => Type::U64,
        Shape::F32 => Type::F32,
        Shape::F64 => Type::F64,
        Shape::Char => Type::CHAR,
        Shape::String | Shape::Own(_) | Shape::Borrow(_) => Type::STRING,
        Shape::Bytes => Type::variant([(TEXT, Some(Type::STRING)), (BASE64, Some(Type::STRING))])?,
        Shape::List(item) => Type::list(wave_type(item)?),
        Shape::Record(fields) => {
            let fields: Option<Vec<_>> = fields.iter().map(|(n, s)| Some((n.as_str(), wave_type(s)?))).collect();
            Type::record(fields?)?
        }
        Shape::Tuple(items) => Type::tuple(items.iter().map(wave_type).collect::<Option<Vec<_>>>()?)?,
        Shape::Variant(cases) => {
            let case = |(name, payload): &'_ (String, Option<Shape>)| match payload {
                Some(payload) => Some((name.clone(), Some(wave_type(payload)?))),
                None => Some((name.clone(), None)),
            };
            Type::variant(cases.iter().map(case).collect::<Option<Vec<_>>>()?)?
        }
        Shape::Enum(cases) => Type::enum_ty(cases.iter().map(String::as_str))?,
        Shape::Flags(names) => Type::flags(names.iter().map(String::as_str))?,
        Shape::Option(inner) => Type::option(wave_type(inner)?),
        Shape::Result(ok, err) => {
            let side = |side: &Option<Box<Shape>>| side.as_deref().map(|shape| wave_type(shape).ok_or(())).transpose();
            Type::result(side(ok).ok()?, side(err).ok()?)
        }
    })
}

fn to_wave(shape: &Shape, value: &Value) -> Option<Wave> {
    let ty = wave_type(shape)?;
    Some(match (shape, value) {
        (_, Value::Bool(v)) => Wave::make_bool(*v),
        (_, Value::S8(v)) => Wave::make_s8(*v),
        (_, Value::U8(v)) => Wave::make_u8(*v),
        (_, Value::S16(v)) => Wave::make_s16(*v),
        (_, Value::U16(v)) => Wave::make_u16(*v),
        (_, Value::S32(v)) => Wave::make_s32(*v),
        (_, Value::U32(v)) => Wave::make_u32(*v),
        (_, Value::S64(v)) => Wave::make_s64(*v),
        (_, Value::U64(v)) => Wave::make_u64(*v),
        (_, Value::F32(bits)) => Wave::make_f32(f32::from_bits(*bits)),
        (_, Value::F64(bits)) => Wave::make_f64(f64::from_bits(*bits)),
        (_, Value::Char(c)) => Wave::make_char(*c),
        (_, Value::String(text)) => Wave::make_string(Cow::Borrowed(text)),
        (_, Value::Bytes(bytes)) => {
            let (case, text) = match std::str::from_utf8(bytes) {
                Ok(text) => (TEXT, Cow::Borrowed(text)),
                Err(_) => (BASE64, Cow::Owned(STANDARD.encode(bytes))),
            };
            Wave::make_variant(&ty, case, Some(Wave::make_string(text))).ok()?
        }
        (_, Value::Handle(handle)) => Wave::make_string(Cow::Owned(mark(handle))),
        (Shape::List(item), Value::List(items)) => {
            let items: Option<Vec<_>> = items.iter().map(|v| to_wave(item, v)).collect();
            Wave::make_list(&ty, items?).ok()?
        }
        (Shape::Tuple(shapes), Value::Tuple(items)) => {
            let items: Option<Vec<_>> = shapes.iter().zip(items).map(|(s, v)| to_wave(s, v)).collect();
            Wave::make_tuple(&ty, items?).ok()?
        }
        (Shape::Record(shapes), Value::Record(fields)) => {
            let field = |((name, shape), (_, value)): (&'_ (String, Shape), &(String, Value))| {
                Some((name.clone(), to_wave(shape, value)?))
            };
            let fields: Vec<(String, Wave)> = shapes.iter().zip(fields).map(field).collect::<Option<_>>()?;
            Wave::make_record(&ty, fields.iter().map(|(name, wave)| (name.as_str(), wave.clone()))).ok()?
        }
        (Shape::Variant(cases), Value::Variant(case, payload)) => {
            let shape = cases.iter().find(|(name, _)| name == case)?.1.as_ref();
            Wave::make_variant(&ty, case, optional(shape, payload.as_deref())?).ok()?
        }
        (_, Value::Enum(case)) => Wave::make_enum(&ty, case).ok()?,
        (_, Value::Flags(names)) => Wave::make_flags(&ty, names.iter().map(String::as_str)).ok()?,
        (Shape::Option(inner), Value::Option(value)) => {
            Wave::make_option(&ty, optional(Some(inner), value.as_deref())?).ok()?
        }
        (Shape::Result(ok, err), Value::Result(value)) => {
            let sides = match value {
                Ok(value) => Ok(optional(ok.as_deref(), value.as_deref())?),
                Err(value) => Err(optional(err.as_deref(), value.as_deref())?),
            };
            Wave::make_result(&ty, sides).ok()?
        }
        _ => return None,
    })
}

fn optional(shape: Option<&Shape>, value: Option<&Value>) -> Option<Option<Wave>> {
    match (shape, value) {
        (Some(shape), Some(value)) => to_wave(shape, value).map(Some),
        _ => Some(None),
    }
}

/// `"@3"` or `"@3.1"`.
fn mark(handle: &Handle) -> String {
    let Origin { call, index } = handle.origin;
    if index == 0 { format!("@{call}") } else { format!("@{call}.{index}") }
}

fn handle(resource: &str, text: &str) -> Option<Value> {
    let place = text.strip_prefix('@')?;
    let (call, index) = place.split_once('.').unwrap_or((place, "0"));
    let origin = Origin { call: call.parse().ok()?, index: index.parse().ok()? };
    Some(Value::Handle(Handle { provider: String::new(), resource: resource.to_owned(), origin }))
}

fn from_wave(shape: &Shape, wave: &Wave) -> Result<Value, &'static str> {
    let boxed = |shape: Option<&Shape>, wave: Option<Cow<'_, Wave>>| match (shape, wave) {
        (Some(shape), Some(wave)) => from_wave(shape, &wave).map(|value| Some(Box::new(value))),
        _ => Ok(None),
    };
    Ok(match shape {
        Shape::Bool => Value::Bool(wave.unwrap_bool()),
        Shape::S8 => Value::S8(wave.unwrap_s8()),
        Shape::U8 => Value::U8(wave.unwrap_u8()),
        Shape::S16 => Value::S16(wave.unwrap_s16()),
        Shape::U16 => Value::U16(wave.unwrap_u16()),
        Shape::S32 => Value::S32(wave.unwrap_s32()),
        Shape::U32 => Value::U32(wave.unwrap_u32()),
        Shape::S64 => Value::S64(wave.unwrap_s64()),
        Shape::U64 => Value::U64(wave.unwrap_u64()),
        Shape::F32 => Value::F32(wave.unwrap_f32().to_bits()),
        Shape::F64 => Value::F64(wave.unwrap_f64().to_bits()),
        Shape::Char => Value::Char(wave.unwrap_char()),
        Shape::String => Value::String(wave.unwrap_string().into_owned()),
        Shape::Own(resource) | Shape::Borrow(resource) => handle(resource, &wave.unwrap_string())
            .ok_or("a handle is \"@\" and the number of the line that made it")?,
        Shape::Bytes => {
            let (case, text) = wave.unwrap_variant();
            let text = text.map(|text| text.unwrap_string().into_owned()).unwrap_or_default();
            match case.as_ref() {
                BASE64 => Value::Bytes(STANDARD.decode(text).map_err(|_| "its base64 is none")?),
                _ => Value::Bytes(text.into_bytes()),
            }
        }
        Shape::List(item) => Value::List(wave.unwrap_list().map(|w| from_wave(item, &w)).collect::<Result<_, _>>()?),
        Shape::Tuple(items) => {
            let values = items.iter().zip(wave.unwrap_tuple()).map(|(shape, w)| from_wave(shape, &w));
            Value::Tuple(values.collect::<Result<_, _>>()?)
        }
        Shape::Record(fields) => {
            let written: Vec<(String, Wave)> =
                wave.unwrap_record().map(|(name, w)| (name.into_owned(), w.into_owned())).collect();
            let field = |(name, shape): &(String, Shape)| {
                let found = written.iter().find(|(written, _)| written == name);
                // What WAVE leaves out of a record is an option without a value.
                found.map_or(Ok((name.clone(), Value::Option(None))), |(_, wave)| {
                    from_wave(shape, wave).map(|value| (name.clone(), value))
                })
            };
            Value::Record(fields.iter().map(field).collect::<Result<_, _>>()?)
        }
        Shape::Variant(cases) => {
            let (case, payload) = wave.unwrap_variant();
            let shape = cases.iter().find(|(name, _)| *name == case).and_then(|(_, shape)| shape.as_ref());
            Value::Variant(case.into_owned(), boxed(shape, payload)?)
        }
        Shape::Enum(_) => Value::Enum(wave.unwrap_enum().into_owned()),
        Shape::Flags(names) => {
            let set: Vec<String> = wave.unwrap_flags().map(Cow::into_owned).collect();
            Value::Flags(names.iter().filter(|name| set.contains(name)).cloned().collect())
        }
        Shape::Option(inner) => Value::Option(boxed(Some(inner), wave.unwrap_option())?),
        Shape::Result(ok, err) => Value::Result(match wave.unwrap_result() {
            Ok(value) => Ok(boxed(ok.as_deref(), value)?),
            Err(value) => Err(boxed(err.as_deref(), value)?),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Shape {
        let option = Shape::Option(Box::new(Shape::F64));
        Shape::Record(vec![("id".into(), Shape::U64), ("price".into(), option), ("data".into(), Shape::Bytes)])
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        let own = Shape::Own("my:shop/orders@1/cart".into());
        for (shape, text) in [
            (Shape::String, r#""a \"b\"""#),
            (Shape::S8, "-3"),
            (Shape::F64, "nan"),
            (Shape::F32, "1.5"),
            (Shape::Char, "'x'"),
            (Shape::Bytes, r#"text("plain")"#),
            (Shape::Bytes, r#"base64("/wA=")"#),
            (own.clone(), r#""@3""#),
            (own, r#""@3.1""#),
            (Shape::List(Box::new(Shape::U8)), "[1, 2]"),
            (Shape::Tuple(vec![Shape::Bool, Shape::String]), r#"(true, "a")"#),
            (Shape::Enum(vec!["red".into(), "green".into()]), "green"),
            (Shape::Flags(vec!["read".into(), "write".into()]), "{read}"),
            (Shape::Variant(vec![("none".into(), None), ("some".into(), Some(Shape::U8))]), "%some(1)"),
            (Shape::Result(Some(Box::new(record())), Some(Box::new(Shape::String))), r#"err("gone")"#),
            (Shape::Result(None, None), "ok"),
            (record(), r#"{id: 7, price: some(2.5), data: text("x")}"#),
        ] {
            let value = parse(&shape, text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(print(&shape, &value), text, "{shape}");
        }
        let short = parse(&record(), r#"{id: 7, data: text("x")}"#).unwrap();
        assert_eq!(short.field("price"), Some(&Value::Option(None)));
    }

    #[test]
    fn arguments_are_a_list() {
        let signature = |params: Vec<Shape>| {
            let params = params.into_iter().map(|shape| ("p".to_owned(), shape)).collect();
            Signature { params, result: None }
        };
        let two = signature(vec![Shape::String, Shape::U32]);
        let args = parse_args(&two, "\"apple\", 3").unwrap();
        assert_eq!(args, [Value::String("apple".into()), Value::U32(3)]);
        assert_eq!(print_args(&two, &args), "\"apple\", 3");
        assert_eq!(parse_args(&signature(vec![]), " "), Ok(vec![]));
        assert_eq!(parse_args(&signature(vec![Shape::U8]), "3"), Ok(vec![Value::U8(3)]));
        assert!(parse_args(&signature(vec![]), "1").is_err());
        assert!(parse_args(&two, "\"apple\"").is_err());
    }

    #[test]
    fn what_does_not_fit_says_what_is_wanted() {
        let error = parse(&Shape::U8, "300").unwrap_err().to_string();
        assert!(error.contains("300") && error.contains("u8"), "{error}");
        let error = parse(&Shape::Own("r".into()), "\"three\"").unwrap_err().to_string();
        assert!(error.contains("number of the line"), "{error}");
        assert!(parse(&Shape::Bytes, "base64(\"?\")").is_err());
    }
}
