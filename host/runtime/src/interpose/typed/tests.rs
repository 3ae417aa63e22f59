//! Every adapter against `Val`.

use super::super::{from_val, to_val};
use super::*;
use manes_core::value::Origin;
use wasmtime::component::ResourceDynamic;
use wasmtime::{Engine, Store};

pub(super) const RESOURCE: &str = "wasi:io/streams@0.2/input-stream";
const KIND: u32 = 7;

fn handle(call: u32) -> Handle {
    Handle { provider: "wasi".into(), resource: RESOURCE.into(), origin: Origin { call: u64::from(call), index: 0 } }
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
                Some(shape) => {
                    values(shape).into_iter().map(|value| Value::Variant(name.clone(), Some(Box::new(value)))).collect()
                }
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
            let typed = P::from_values(args.clone(), signature, &mut |handle, lend| world.find(handle, lend)).unwrap();
            let back =
                typed.into_values(signature, &mut |resource, any, lend| world.name(resource, any, lend)).unwrap();
            assert_eq!(back, args);
            sent += 1;
        }
        let shape = signature.result.as_ref().unwrap();
        for value in values(shape) {
            let typed =
                R::from_value(Some(value.clone()), signature, &mut |handle, lend| world.find(handle, lend)).unwrap();
            let back = typed.into_value(signature, &mut |resource, any, lend| world.name(resource, any, lend)).unwrap();
            let val = to_val(shape, &value, &mut |handle, lend| world.find(handle, lend)).unwrap();
            let through = from_val(shape, &val, &mut |resource, any, lend| world.name(resource, any, lend)).unwrap();
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
    for (shape, lend) in [(Shape::Own(RESOURCE.into()), Lend::Own), (Shape::Borrow(RESOURCE.into()), Lend::Borrow)] {
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
