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
mod tests {
    use super::super::{from_val, to_val};
    use super::*;
    use manes_core::value::Origin;
    use wasmtime::component::ResourceDynamic;
    use wasmtime::{Engine, Store};

    pub(super) const RESOURCE: &str = "wasi:io/streams@0.2/input-stream";
    const KIND: u32 = 7;

    fn handle(call: u32) -> Handle {
        Handle {
            provider: "wasi".into(),
            resource: RESOURCE.into(),
            origin: Origin { call: u64::from(call), index: 0 },
        }
    }

    /// Values that a shape has, extremes among them.
    fn values(shape: &Shape) -> Vec<Value> {
        match shape {
            Shape::U64 => vec![Value::U64(0), Value::U64(u64::MAX)],
            Shape::String => ["", "a", "grüße \u{0} 𝄞"].map(|text| Value::String(text.into())).to_vec(),
            Shape::Bytes => vec![Value::Bytes(vec![]), Value::Bytes((0..=255).collect())],
            Shape::Own(_) | Shape::Borrow(_) => vec![Value::Handle(handle(3))],
            Shape::Variant(cases) => {
                let case = |(name, payload): &(String, Option<Shape>)| match payload {
                    Some(shape) => values(shape)
                        .into_iter()
                        .map(|value| Value::Variant(name.clone(), Some(Box::new(value))))
                        .collect(),
                    None => vec![Value::Variant(name.clone(), None)],
                };
                cases.iter().flat_map(case).collect()
            }
            Shape::Result(ok, err) => {
                let some = |shape: &Option<Box<Shape>>| match shape {
                    Some(shape) => values(shape).into_iter().map(|value| Some(Box::new(value))).collect(),
                    None => vec![None],
                };
                let ok = some(ok).into_iter().map(|value| Value::Result(Ok(value)));
                ok.chain(some(err).into_iter().map(|value| Value::Result(Err(value)))).collect()
            }
            other => panic!("no adapter has {other}"),
        }
    }

    /// A store, and how each handle was passed.
    struct World(Store<()>, Vec<Lend>);

    impl World {
        fn find(&mut self, handle: &Handle, lend: Lend) -> Result<ResourceAny> {
            self.1.push(lend);
            let rep = u32::try_from(handle.origin.call)?;
            ResourceDynamic::new_own(rep, KIND).try_into_resource_any(&mut self.0)
        }

        fn name(&mut self, resource: &str, any: ResourceAny, lend: Lend) -> Result<Handle> {
            assert_eq!(resource, RESOURCE);
            self.1.push(lend);
            Ok(handle(any.try_into_resource_dynamic(&mut self.0)?.rep()))
        }
    }

    /// Sends every value of the signature through the adapter and through `Val`: both must give it back.
    struct RoundTrip<'a>(&'a Signature, &'a mut World);

    impl Visitor for RoundTrip<'_> {
        type Output = usize;

        fn visit<P: Params, R: Return>(self) -> usize {
            let Self(signature, world) = self;
            let mut sent = 0;
            let longest = signature.params.iter().map(|(_, shape)| values(shape).len()).max().unwrap();
            for turn in 0..longest {
                let args: Vec<Value> = signature
                    .params
                    .iter()
                    .map(|(_, shape)| values(shape).into_iter().cycle().nth(turn).unwrap())
                    .collect();
                let typed =
                    P::from_values(args.clone(), signature, &mut |handle, lend| world.find(handle, lend)).unwrap();
                let back =
                    typed.into_values(signature, &mut |resource, any, lend| world.name(resource, any, lend)).unwrap();
                assert_eq!(back, args);
                sent += 1;
            }
            let shape = signature.result.as_ref().unwrap();
            for value in values(shape) {
                let typed = R::from_value(Some(value.clone()), signature, &mut |handle, lend| world.find(handle, lend))
                    .unwrap();
                let back =
                    typed.into_value(signature, &mut |resource, any, lend| world.name(resource, any, lend)).unwrap();
                let val = to_val(shape, &value, &mut |handle, lend| world.find(handle, lend)).unwrap();
                let through =
                    from_val(shape, &val, &mut |resource, any, lend| world.name(resource, any, lend)).unwrap();
                assert_eq!(back.as_ref(), Some(&value));
                assert_eq!(through, value);
                sent += 1;
            }
            sent
        }
    }

    fn signature(params: &[Shape], result: Option<Shape>) -> Signature {
        Signature { params: params.iter().map(|shape| ("p".to_owned(), shape.clone())).collect(), result }
    }

    fn result(ok: Option<Shape>, err: Shape) -> Option<Shape> {
        Some(Shape::Result(ok.map(Box::new), Some(Box::new(err))))
    }

    fn stream_error(cases: [&str; 2]) -> Shape {
        let error = Shape::Own(RESOURCE.into());
        Shape::Variant(vec![(cases[0].into(), Some(error)), (cases[1].into(), None)])
    }

    #[test]
    fn every_adapter_carries_what_val_carries() {
        let mut world = World(Store::new(&Engine::default(), ()), Vec::new());
        for signature in signatures() {
            let sent = adapter(&signature, RoundTrip(&signature, &mut world)).ok().unwrap();
            assert!(sent >= 3, "{signature}: {sent} values");
        }
    }

    #[test]
    fn handles_are_lent_or_given_as_the_type_says() {
        let mut world = World(Store::new(&Engine::default(), ()), Vec::new());
        for (shape, lend) in [(Shape::Own(RESOURCE.into()), Lend::Own), (Shape::Borrow(RESOURCE.into()), Lend::Borrow)]
        {
            let signature = signature(&[shape], result(Some(Shape::String), Shape::String));
            world.1.clear();
            adapter(&signature, RoundTrip(&signature, &mut world)).ok().unwrap();
            assert_eq!(world.1, [lend, lend], "{signature}");
        }
    }

    #[test]
    fn what_only_looks_like_it_has_no_adapter() {
        struct Nothing;
        impl Visitor for Nothing {
            type Output = ();
            fn visit<P: Params, R: Return>(self) {}
        }
        let borrow = || Shape::Borrow(RESOURCE.into());
        let others = [
            signature(&[], Some(Shape::Bytes)),
            signature(&[Shape::U32], Some(Shape::Bytes)),
            signature(&[Shape::Bytes], None),
            signature(&[Shape::Bytes, Shape::Bytes, Shape::Bytes], Some(Shape::Bytes)),
            signature(&[Shape::List(Box::new(Shape::Bool))], Some(Shape::Bytes)),
            // Cases of other names or in another order are another type.
            signature(&[borrow(), Shape::U64], result(Some(Shape::Bytes), stream_error([CLOSED, FAILED]))),
            signature(&[borrow(), Shape::U64], result(Some(Shape::Bytes), Shape::Bool)),
        ];
        for signature in &others {
            assert!(adapter(signature, Nothing).is_err(), "{signature}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let signature = signature(&[Shape::Bytes], Some(Shape::Bytes));
        let mut none = |_: &Handle, _: Lend| -> Result<ResourceAny> { panic!("no handle here") };
        assert!(<(Vec<u8>,) as Params>::from_values(vec![Value::String("x".into())], &signature, &mut none).is_err());
        assert!(<(Vec<u8>,) as Params>::from_values(vec![], &signature, &mut none).is_err());
        let two = vec![Value::Bytes(vec![]), Value::Bytes(vec![])];
        assert!(<(Vec<u8>,) as Params>::from_values(two, &signature, &mut none).is_err());
        assert!(<(Vec<u8>,) as Return>::from_value(None, &signature, &mut none).is_err());
    }
}
