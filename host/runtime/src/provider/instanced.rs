//! A component instance in a store of its own, called with values: the mirror and every capability.

use crate::component::Interface;
use crate::interpose::{Lend, from_val, to_val};
use crate::waist::Ended;
use manes_core::function::FunctionId;
use manes_core::value::{Handle, Origin, Signature, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use wasmtime::component::{Func, Instance, ResourceAny, Val};
use wasmtime::{Store, format_err};

/// Why a provider gave no answer.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The attempt is over, for a reason that has a name.
    Ended(Ended),
    /// The provider trapped.
    Trap(String),
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast_ref::<Ended>() {
            Some(ended) => Self::Ended(ended.clone()),
            None => Self::Trap(trap_text(&error)),
        }
    }
}

/// A trap in one line: the cause, without the wasm backtrace that comes first.
#[must_use]
pub fn trap_text(error: &wasmtime::Error) -> String {
    error.downcast_ref::<wasmtime::Trap>().map_or_else(|| error.root_cause().to_string(), ToString::to_string)
}

/// An instance and what it has handed out.
pub struct Instanced<T: 'static> {
    name: String,
    store: Store<T>,
    instance: Instance,
    exports: Arc<BTreeMap<String, Interface>>,
    functions: HashMap<FunctionId, (Func, Signature)>,
    handles: HashMap<Origin, ResourceAny>,
    /// After a trap nothing inside can be trusted.
    dead: bool,
}

impl<T> std::fmt::Debug for Instanced<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instanced").field("name", &self.name).field("dead", &self.dead).finish_non_exhaustive()
    }
}

impl<T: Send> Instanced<T> {
    /// An instance that answers for `name` with its `exports`.
    #[must_use]
    pub fn new(name: &str, store: Store<T>, instance: Instance, exports: Arc<BTreeMap<String, Interface>>) -> Self {
        let (functions, handles) = (HashMap::new(), HashMap::new());
        Self { name: name.to_owned(), store, instance, exports, functions, handles, dead: false }
    }

    /// Who it answers for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store's data.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// Calls an exported function. `call` numbers the handles that come back.
    ///
    /// # Errors
    /// A trap, after which the instance answers no more.
    pub async fn call(&mut self, function: &FunctionId, call: u64, args: Vec<Value>) -> Result<Option<Value>, Failure> {
        if self.dead {
            return Err(Failure::Trap("it trapped before".into()));
        }
        let outcome = self.enter(function, call, args).await;
        self.dead = outcome.is_err();
        outcome.map_err(Failure::from)
    }

    async fn enter(&mut self, function: &FunctionId, call: u64, args: Vec<Value>) -> wasmtime::Result<Option<Value>> {
        if function.name.starts_with("[resource-drop]") {
            return self.drop_handle(&args).await.map(|()| None);
        }
        let (func, signature) = self.function(function)?;
        let mut params = Vec::with_capacity(args.len());
        for ((_, shape), arg) in signature.params.iter().zip(&args) {
            params.push(to_val(shape, arg, &mut |handle, lend| {
                let found = match lend {
                    Lend::Own => self.handles.remove(&handle.origin),
                    Lend::Borrow => self.handles.get(&handle.origin).copied(),
                };
                found.ok_or_else(|| format_err!("handle {handle} is not alive"))
            })?);
        }
        let mut results = vec![Val::Bool(false); usize::from(signature.result.is_some())];
        func.call_async(&mut self.store, &params, &mut results).await?;
        let mut index = 0;
        let outcome = signature.result.as_ref().zip(results.first()).map(|(shape, val)| {
            from_val(shape, val, &mut |resource, any, _| {
                let origin = Origin { call, index };
                index += 1;
                self.handles.insert(origin, any);
                Ok(Handle { provider: self.name.clone(), resource: resource.to_owned(), origin })
            })
        });
        outcome.transpose()
    }

    async fn drop_handle(&mut self, args: &[Value]) -> wasmtime::Result<()> {
        let handle = args.first().and_then(Value::as_handle);
        match handle.and_then(|handle| self.handles.remove(&handle.origin)) {
            Some(any) => any.resource_drop_async(&mut self.store).await,
            None => Ok(()),
        }
    }

    fn function(&mut self, id: &FunctionId) -> wasmtime::Result<(Func, Signature)> {
        if let Some(found) = self.functions.get(id) {
            return Ok(found.clone());
        }
        let missing = || format_err!("{} has no function {id}", self.name);
        let interface = self.exports.get(&id.interface).ok_or_else(missing)?;
        let signature = interface.functions.get(&id.name).ok_or_else(missing)?.signature.clone();
        let at = self.instance.get_export_index(&mut self.store, None, &interface.name).ok_or_else(missing)?;
        let at = self.instance.get_export_index(&mut self.store, Some(&at), &id.name).ok_or_else(missing)?;
        let func = self.instance.get_func(&mut self.store, at).ok_or_else(missing)?;
        self.functions.insert(id.clone(), (func, signature.clone()));
        Ok((func, signature))
    }
}
