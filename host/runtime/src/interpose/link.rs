//! Defines every import of a component: each function and each resource leads into the waist.

use super::convert::{Lend, from_val, to_val};
use super::typed::{Params, Return, Visitor, adapter};
use crate::component::{Function, Interface};
use crate::state::Guest;
use manes_core::function::{FunctionId, compatible};
use manes_core::value::{Handle, Shape, Signature, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceAny, ResourceDynamic, ResourceType, Val};
use wasmtime::{Engine, Result, StoreContextMut, format_err};

/// Names of resources, numbered: the number is what wasmtime checks handles by.
#[derive(Debug, Default)]
struct Kinds {
    names: Vec<String>,
}

impl Kinds {
    fn number(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|known| known == name).and_then(|place| u32::try_from(place).ok())
    }

    /// Gives the guest a resource that stands for `handle`.
    fn make(&self, store: &mut StoreContextMut<'_, Guest>, handle: &Handle) -> Result<ResourceAny> {
        let kind = self.number(&handle.resource);
        let kind = kind.ok_or_else(|| format_err!("{} is not imported here", handle.resource))?;
        let rep = store.data_mut().waist.handles.insert(handle.clone())?;
        ResourceDynamic::new_own(rep, kind).try_into_resource_any(store)
    }
}

/// Adds all imports of `component` to `linker`.
///
/// # Errors
/// What wasmtime says; a resource or function that was not found before.
pub fn link(
    linker: &mut Linker<Guest>,
    engine: &Engine,
    component: &Component,
    imports: &BTreeMap<String, Interface>,
) -> Result<()> {
    let mut kinds = Kinds::default();
    for (_, name) in imports.values().flat_map(|interface| &interface.resources) {
        if kinds.number(name).is_none() {
            kinds.names.push(name.clone());
        }
    }
    let kinds = Arc::new(kinds);
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        let id = compatible(name);
        let interface = imports.get(&id).ok_or_else(|| format_err!("no interface {id}"))?;
        let mut into = linker.instance(name)?;
        for (item, ty) in instance.exports(engine) {
            match ty.ty {
                ComponentItem::Resource(_) => {
                    let known = interface.resources.iter().find(|(name, _)| name == item);
                    let (_, resource) = known.ok_or_else(|| format_err!("no resource {item}"))?;
                    let kind = kinds.number(resource).ok_or_else(|| format_err!("no kind for {resource}"))?;
                    let drop = Arc::new(drop_function(resource));
                    into.resource_async(item, ResourceType::host_dynamic(kind), move |store, rep| {
                        let drop = drop.clone();
                        Box::new(async move { dropped(store, &drop, rep).await })
                    })?;
                }
                ComponentItem::ComponentFunc(_) => {
                    let function = interface.functions.get(item).cloned();
                    let function = Arc::new(function.ok_or_else(|| format_err!("no function {item}"))?);
                    let import = Import { function, kinds: kinds.clone() };
                    let signature = import.function.signature.clone();
                    match adapter(&signature, Define { into: &mut into, item, import }) {
                        Ok(defined) => defined?,
                        Err(Define { into, item, import }) => {
                            into.func_new_async(item, move |store, _, params, results| {
                                let import = import.clone();
                                Box::new(async move { import.called(store, params, results).await })
                            })?;
                        }
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The function under which dropping a resource is recorded.
fn drop_function(resource: &str) -> Function {
    let (interface, name) = resource.rsplit_once('/').unwrap_or(("", resource));
    Function {
        id: FunctionId { interface: interface.to_owned(), name: format!("[resource-drop]{name}") },
        signature: Signature { params: vec![("self".into(), Shape::Own(resource.to_owned()))], result: None },
    }
}

/// An imported function: both ways to call it, typed and through `Val`, are the waist with other packaging.
#[derive(Debug, Clone)]
struct Import {
    function: Arc<Function>,
    kinds: Arc<Kinds>,
}

impl Import {
    async fn called(&self, mut store: StoreContextMut<'_, Guest>, params: &[Val], results: &mut [Val]) -> Result<()> {
        let signature = &self.function.signature;
        let shapes = signature.params.iter().map(|(_, shape)| shape);
        let mut name = |_: &str, any: ResourceAny, lend: Lend| name(&mut store, any, lend);
        let args = shapes.zip(params).map(|(shape, val)| from_val(shape, val, &mut name)).collect::<Result<_>>()?;
        let outcome = store.data_mut().waist.call(&self.function, args).await?;
        if let (Some(shape), Some(value), Some(slot)) = (&signature.result, &outcome, results.first_mut()) {
            *slot = to_val(shape, value, &mut |handle, _| self.kinds.make(&mut store, handle))?;
        }
        Ok(())
    }

    async fn called_typed<P: Params, R: Return>(&self, mut store: StoreContextMut<'_, Guest>, params: P) -> Result<R> {
        let signature = &self.function.signature;
        let args = params.into_values(signature, &mut |_, any, lend| name(&mut store, any, lend))?;
        let outcome = store.data_mut().waist.call(&self.function, args).await?;
        R::from_value(outcome, signature, &mut |handle, _| self.kinds.make(&mut store, handle))
    }
}

/// Defines an import through its adapter.
struct Define<'a, 'b> {
    into: &'a mut LinkerInstance<'b, Guest>,
    item: &'a str,
    import: Import,
}

impl Visitor for Define<'_, '_> {
    type Output = Result<()>;

    fn visit<P: Params, R: Return>(self) -> Result<()> {
        let Self { into, item, import } = self;
        into.func_wrap_async(item, move |store, params: P| {
            let import = import.clone();
            Box::new(async move { import.called_typed::<P, R>(store, params).await })
        })
    }
}

/// The handle that the guest passed as `any`.
fn name(store: &mut StoreContextMut<'_, Guest>, any: ResourceAny, lend: Lend) -> Result<Handle> {
    let rep = any.try_into_resource_dynamic(&mut *store)?.rep();
    let handles = &mut store.data_mut().waist.handles;
    match lend {
        Lend::Own => handles.take(rep),
        Lend::Borrow => handles.get(rep),
    }
}

async fn dropped(mut store: StoreContextMut<'_, Guest>, drop: &Function, rep: u32) -> Result<()> {
    let waist = &mut store.data_mut().waist;
    let handle = waist.handles.take(rep)?;
    waist.call(drop, vec![Value::Handle(handle)]).await.map(|_| ())
}
