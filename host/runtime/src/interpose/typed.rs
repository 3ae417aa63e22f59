//! Typed adapters: functions of common signatures cross the boundary without wasmtime's `Val`, which takes 40 bytes
//! and tens of nanoseconds for each byte of a list. An adapter changes the cost of a call and nothing else: it ends
//! in the same waist, with the same values, under the same limits. Whatever has no adapter goes through `Val`.

use super::convert::Lend;
use manes_core::value::{Handle, Shape, Signature, Value};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower, ResourceAny};
use wasmtime::{Result, bail, format_err};

/// Names a resource that crosses over.
pub(super) type Naming<'a> = dyn FnMut(&str, ResourceAny, Lend) -> Result<Handle> + 'a;
/// Finds or makes the resource that a handle stands for.
pub(super) type Finding<'a> = dyn FnMut(&Handle, Lend) -> Result<ResourceAny> + 'a;

/// A Rust type that stands for one shape; `None` is the shape of an absent payload.
pub trait Typed: Sized + Send + Sync + 'static {
    /// True if values of this shape are of this type.
    fn fits(shape: Option<&Shape>) -> bool;
    /// A shape that fits.
    #[cfg(test)]
    fn sample() -> Option<Shape>;
    /// The value; `None` for an absent payload.
    ///
    /// # Errors
    /// What `name` says of a resource.
    fn into_value(self, shape: Option<&Shape>, name: &mut Naming<'_>) -> Result<Option<Value>>;
    /// The typed value of `value`.
    ///
    /// # Errors
    /// A value of another shape, or what `find` says of a handle.
    fn from_value(value: Option<Value>, shape: Option<&Shape>, find: &mut Finding<'_>) -> Result<Self>;
}

/// Parameters of an adapter.
pub trait Params: ComponentNamedList + Lift + Lower + Send + Sync + 'static {
    /// True if a function with this signature takes them.
    fn fits(signature: &Signature) -> bool;
    /// Shapes that fit.
    #[cfg(test)]
    fn samples() -> Vec<Shape>;
    /// The arguments as values.
    ///
    /// # Errors
    /// What `name` says of a resource.
    fn into_values(self, signature: &Signature, name: &mut Naming<'_>) -> Result<Vec<Value>>;
    /// The typed arguments.
    ///
    /// # Errors
    /// Values of another shape, or what `find` says of a handle.
    fn from_values(values: Vec<Value>, signature: &Signature, find: &mut Finding<'_>) -> Result<Self>;
}

/// What an adapter returns: nothing, or one value.
pub trait Return: ComponentNamedList + Lift + Lower + Send + Sync + 'static {
    /// True if a function with this signature returns it.
    fn fits(signature: &Signature) -> bool;
    /// A shape that fits.
    #[cfg(test)]
    fn sample() -> Option<Shape>;
    /// The value.
    ///
    /// # Errors
    /// What `name` says of a resource.
    fn into_value(self, signature: &Signature, name: &mut Naming<'_>) -> Result<Option<Value>>;
    /// The typed value.
    ///
    /// # Errors
    /// A value of another shape, or what `find` says of a handle.
    fn from_value(value: Option<Value>, signature: &Signature, find: &mut Finding<'_>) -> Result<Self>;
}

/// Who asks for an adapter gets it as two types.
pub trait Visitor {
    /// What it makes of them.
    type Output;
    /// Takes the types of the adapter.
    fn visit<P: Params, R: Return>(self) -> Self::Output;
}

macro_rules! adapters {
    ($($params:ty => $result:ty),* $(,)?) => {
        /// Hands `visitor` the types for `signature`; gives it back if there is no adapter.
        ///
        /// # Errors
        /// The visitor: use `Val`.
        pub fn adapter<V: Visitor>(signature: &Signature, visitor: V) -> std::result::Result<V::Output, V> {
            $(if <$params as Params>::fits(signature) && <$result as Return>::fits(signature) {
                return Ok(visitor.visit::<$params, $result>());
            })*
            Err(visitor)
        }

        /// A signature of each adapter.
        #[cfg(test)]
        fn signatures() -> Vec<Signature> {
            vec![$(Signature {
                params: <$params as Params>::samples().into_iter().map(|shape| ("p".to_owned(), shape)).collect(),
                result: <$result as Return>::sample(),
            }),*]
        }
    };
}

/// `result<list<u8>, string>` and its like: what most interfaces that people write return.
type Text<T> = std::result::Result<T, String>;
/// What the streams of WASI return.
type Streamed<T> = std::result::Result<T, StreamError>;

adapters! {
    // input-stream read, output-stream write: files and HTTP bodies
    (ResourceAny, u64) => (Streamed<Vec<u8>>,),
    (ResourceAny, Vec<u8>) => (Streamed<()>,),
    // random bytes
    (u64,) => (Vec<u8>,),
    // capabilities: text or bytes in, text or bytes out, with or without an error in words
    (String,) => (String,),
    (String,) => (Vec<u8>,),
    (String,) => (Text<String>,),
    (String,) => (Text<Vec<u8>>,),
    (Vec<u8>,) => (Vec<u8>,),
    (Vec<u8>,) => (String,),
    (Vec<u8>,) => (Text<Vec<u8>>,),
    (Vec<u8>,) => (Text<String>,),
    (Vec<u8>,) => (Text<()>,),
    (String, Vec<u8>) => (Text<()>,),
    (String, Vec<u8>) => (Text<Vec<u8>>,),
    (String, String) => (Text<String>,),
    (String, String) => (Text<()>,),
    // the same on a resource
    (ResourceAny,) => (Vec<u8>,),
    (ResourceAny,) => (String,),
    (ResourceAny,) => (Text<Vec<u8>>,),
    (ResourceAny,) => (Text<String>,),
    (ResourceAny, u64) => (Text<Vec<u8>>,),
    (ResourceAny, Vec<u8>) => (Text<()>,),
    (ResourceAny, String) => (Text<String>,),
}

/// `wasi:io/streams.stream-error`.
#[derive(Debug, ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    /// The operation failed; the resource says how.
    #[component(name = "last-operation-failed")]
    LastOperationFailed(ResourceAny),
    /// The stream is closed.
    #[component(name = "closed")]
    Closed,
}

fn misfit(shape: Option<&Shape>) -> wasmtime::Error {
    match shape {
        Some(shape) => format_err!("a value does not fit its type {shape}"),
        None => format_err!("a payload where the type has none"),
    }
}

macro_rules! plain {
    ($($ty:ty: $shape:ident, $value:ident;)*) => {$(
        impl Typed for $ty {
            fn fits(shape: Option<&Shape>) -> bool {
                matches!(shape, Some(Shape::$shape))
            }
            #[cfg(test)]
            fn sample() -> Option<Shape> {
                Some(Shape::$shape)
            }
            fn into_value(self, _: Option<&Shape>, _: &mut Naming<'_>) -> Result<Option<Value>> {
                Ok(Some(Value::$value(self)))
            }
            fn from_value(value: Option<Value>, shape: Option<&Shape>, _: &mut Finding<'_>) -> Result<Self> {
                match value {
                    Some(Value::$value(value)) => Ok(value),
                    _ => Err(misfit(shape)),
                }
            }
        }
    )*};
}

plain! {
    u64: U64, U64;
    String: String, String;
    Vec<u8>: Bytes, Bytes;
}

impl Typed for () {
    fn fits(shape: Option<&Shape>) -> bool {
        shape.is_none()
    }
    #[cfg(test)]
    fn sample() -> Option<Shape> {
        None
    }
    fn into_value(self, _: Option<&Shape>, _: &mut Naming<'_>) -> Result<Option<Value>> {
        Ok(None)
    }
    fn from_value(value: Option<Value>, shape: Option<&Shape>, _: &mut Finding<'_>) -> Result<Self> {
        match value {
            None => Ok(()),
            Some(_) => Err(misfit(shape)),
        }
    }
}

impl Typed for ResourceAny {
    fn fits(shape: Option<&Shape>) -> bool {
        matches!(shape, Some(Shape::Own(_) | Shape::Borrow(_)))
    }
    #[cfg(test)]
    fn sample() -> Option<Shape> {
        Some(Shape::Borrow(tests::RESOURCE.into()))
    }
    fn into_value(self, shape: Option<&Shape>, name: &mut Naming<'_>) -> Result<Option<Value>> {
        let handle = match shape {
            Some(Shape::Own(resource)) => name(resource, self, Lend::Own)?,
            Some(Shape::Borrow(resource)) => name(resource, self, Lend::Borrow)?,
            _ => return Err(misfit(shape)),
        };
        Ok(Some(Value::Handle(handle)))
    }
    fn from_value(value: Option<Value>, shape: Option<&Shape>, find: &mut Finding<'_>) -> Result<Self> {
        match (shape, value) {
            (Some(Shape::Own(_)), Some(Value::Handle(handle))) => find(&handle, Lend::Own),
            (Some(Shape::Borrow(_)), Some(Value::Handle(handle))) => find(&handle, Lend::Borrow),
            _ => Err(misfit(shape)),
        }
    }
}

const FAILED: &str = "last-operation-failed";
const CLOSED: &str = "closed";

impl StreamError {
    /// The shape of the error's resource, if `shape` is that of a stream error.
    fn failed(shape: Option<&Shape>) -> Option<&Shape> {
        match shape {
            Some(Shape::Variant(cases)) => match cases.as_slice() {
                [(failed, Some(error @ Shape::Own(_))), (closed, None)] if failed == FAILED && closed == CLOSED => {
                    Some(error)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl Typed for StreamError {
    fn fits(shape: Option<&Shape>) -> bool {
        Self::failed(shape).is_some()
    }
    #[cfg(test)]
    fn sample() -> Option<Shape> {
        let error = Shape::Own(tests::RESOURCE.into());
        Some(Shape::Variant(vec![(FAILED.into(), Some(error)), (CLOSED.into(), None)]))
    }
    fn into_value(self, shape: Option<&Shape>, name: &mut Naming<'_>) -> Result<Option<Value>> {
        Ok(Some(match self {
            Self::Closed => Value::Variant(CLOSED.into(), None),
            Self::LastOperationFailed(error) => {
                Value::Variant(FAILED.into(), error.into_value(Self::failed(shape), name)?.map(Box::new))
            }
        }))
    }
    fn from_value(value: Option<Value>, shape: Option<&Shape>, find: &mut Finding<'_>) -> Result<Self> {
        match value {
            Some(Value::Variant(case, None)) if case == CLOSED => Ok(Self::Closed),
            Some(Value::Variant(case, Some(error))) if case == FAILED => {
                ResourceAny::from_value(Some(*error), Self::failed(shape), find).map(Self::LastOperationFailed)
            }
            _ => Err(misfit(shape)),
        }
    }
}

impl<T: Typed, E: Typed> Typed for std::result::Result<T, E> {
    fn fits(shape: Option<&Shape>) -> bool {
        matches!(shape, Some(Shape::Result(ok, err)) if T::fits(ok.as_deref()) && E::fits(err.as_deref()))
    }
    #[cfg(test)]
    fn sample() -> Option<Shape> {
        Some(Shape::Result(T::sample().map(Box::new), E::sample().map(Box::new)))
    }
    fn into_value(self, shape: Option<&Shape>, name: &mut Naming<'_>) -> Result<Option<Value>> {
        let Some(Shape::Result(ok, err)) = shape else { return Err(misfit(shape)) };
        Ok(Some(Value::Result(match self {
            Ok(value) => Ok(value.into_value(ok.as_deref(), name)?.map(Box::new)),
            Err(value) => Err(value.into_value(err.as_deref(), name)?.map(Box::new)),
        })))
    }
    fn from_value(value: Option<Value>, shape: Option<&Shape>, find: &mut Finding<'_>) -> Result<Self> {
        match (shape, value) {
            (Some(Shape::Result(ok, _)), Some(Value::Result(Ok(value)))) => {
                T::from_value(value.map(|v| *v), ok.as_deref(), find).map(Ok)
            }
            (Some(Shape::Result(_, err)), Some(Value::Result(Err(value)))) => {
                E::from_value(value.map(|v| *v), err.as_deref(), find).map(Err)
            }
            _ => Err(misfit(shape)),
        }
    }
}

macro_rules! params {
    ($(($($ty:ident $place:tt),+);)*) => {$(
        impl<$($ty),+> Params for ($($ty,)+)
        where
            $($ty: Typed + ComponentType + Lift + Lower,)+
        {
            fn fits(signature: &Signature) -> bool {
                const COUNT: usize = [$($place),+].len();
                signature.params.len() == COUNT $(&& $ty::fits(param(signature, $place)))+
            }
            #[cfg(test)]
            fn samples() -> Vec<Shape> {
                [$($ty::sample()),+].into_iter().flatten().collect()
            }
            fn into_values(self, signature: &Signature, name: &mut Naming<'_>) -> Result<Vec<Value>> {
                let values = [$(self.$place.into_value(param(signature, $place), name)?),+];
                Ok(values.into_iter().flatten().collect())
            }
            fn from_values(values: Vec<Value>, signature: &Signature, find: &mut Finding<'_>) -> Result<Self> {
                let mut values = values.into_iter();
                let typed = ($($ty::from_value(values.next(), param(signature, $place), find)?,)+);
                match values.next() {
                    None => Ok(typed),
                    Some(_) => bail!("more arguments than parameters"),
                }
            }
        }
    )*};
}

params! {
    (A 0);
    (A 0, B 1);
}

fn param(signature: &Signature, place: usize) -> Option<&Shape> {
    signature.params.get(place).map(|(_, shape)| shape)
}

impl<T: Typed + ComponentType + Lift + Lower> Return for (T,) {
    fn fits(signature: &Signature) -> bool {
        signature.result.is_some() && T::fits(signature.result.as_ref())
    }
    #[cfg(test)]
    fn sample() -> Option<Shape> {
        T::sample()
    }
    fn into_value(self, signature: &Signature, name: &mut Naming<'_>) -> Result<Option<Value>> {
        self.0.into_value(signature.result.as_ref(), name)
    }
    fn from_value(value: Option<Value>, signature: &Signature, find: &mut Finding<'_>) -> Result<Self> {
        T::from_value(value, signature.result.as_ref(), find).map(|value| (value,))
    }
}

#[cfg(test)]
mod tests;
