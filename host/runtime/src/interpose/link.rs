//! Defines every import of a component: each function and each resource leads into the waist.

use super::convert::{Lend, from_val, to_val};
use crate::component::{Function, Interface};
use crate::state::Guest;
use manes_core::function::{FunctionId, compatible};
use manes_core::value::{Shape, Signature, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceDynamic, ResourceType, Val};
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
                    let kinds = kinds.clone();
                    into.func_new_async(item, move |store, _, params, results| {
                        let (function, kinds) = (function.clone(), kinds.clone());
                        Box::new(async move { called(store, &function, &kinds, params, results).await })
                    })?;
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

/// One call from a guest: values in, the waist, values out.
async fn called(
    mut store: StoreContextMut<'_, Guest>,
    function: &Function,
    kinds: &Kinds,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let mut args = Vec::with_capacity(params.len());
    for ((_, shape), val) in function.signature.params.iter().zip(params) {
        args.push(from_val(shape, val, &mut |_, any, lend| {
            let rep = any.try_into_resource_dynamic(&mut store)?.rep();
            let waist = &mut store.data_mut().waist;
            match lend {
                Lend::Own => waist.handles.take(rep),
                Lend::Borrow => waist.handles.get(rep),
            }
        })?);
    }
    let outcome = store.data_mut().waist.call(function, args).await?;
    if let (Some(shape), Some(value), Some(slot)) = (&function.signature.result, &outcome, results.first_mut()) {
        *slot = to_val(shape, value, &mut |handle, _| {
            let kind = kinds
                .number(&handle.resource)
                .ok_or_else(|| format_err!("{} is not imported here", handle.resource))?;
            let rep = store.data_mut().waist.handles.insert(handle.clone())?;
            ResourceDynamic::new_own(rep, kind).try_into_resource_any(&mut store)
        })?;
    }
    Ok(())
}

async fn dropped(mut store: StoreContextMut<'_, Guest>, drop: &Function, rep: u32) -> Result<()> {
    let waist = &mut store.data_mut().waist;
    let handle = waist.handles.take(rep)?;
    waist.call(drop, vec![Value::Handle(handle)]).await.map(|_| ())
}
