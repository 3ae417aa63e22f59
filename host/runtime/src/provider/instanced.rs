//! A component instance in a store of its own, called with values: the mirror and every capability.

use crate::component::Interface;
use crate::interpose::{Lend, Params, Return, Visitor, adapter, from_val, to_val};
use crate::waist::Ended;
use manes_core::function::FunctionId;
use manes_core::value::{Handle, Origin, Signature, Value};
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::pin::Pin;
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
    store: Store<T>,
    instance: Instance,
    exports: Arc<BTreeMap<String, Interface>>,
    functions: HashMap<FunctionId, Export<T>>,
    handed: Handed,
    /// After a trap nothing inside can be trusted.
    dead: bool,
}

/// Resources that an instance has handed out.
#[derive(Debug)]
struct Handed {
    provider: String,
    handles: HashMap<Origin, ResourceAny>,
}

/// An exported function, and how it is called.
struct Export<T: 'static> {
    func: Func,
    signature: Arc<Signature>,
    call: Calling<T>,
}

impl<T> Clone for Export<T> {
    fn clone(&self) -> Self {
        Self { func: self.func, signature: self.signature.clone(), call: self.call }
    }
}

/// Calls a function with values; the number is that of the call.
type Calling<T> =
    for<'a> fn(&'a mut Store<T>, &'a mut Handed, &'a Export<T>, u64, Vec<Value>) -> BoxFuture<'a, Option<Value>>;
type BoxFuture<'a, V> = Pin<Box<dyn Future<Output = wasmtime::Result<V>> + Send + 'a>>;

impl<T> std::fmt::Debug for Instanced<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instanced")
            .field("name", &self.handed.provider)
            .field("dead", &self.dead)
            .finish_non_exhaustive()
    }
}

impl<T: Send> Instanced<T> {
    /// An instance that answers for `name` with its `exports`.
    #[must_use]
    pub fn new(name: &str, store: Store<T>, instance: Instance, exports: Arc<BTreeMap<String, Interface>>) -> Self {
        let handed = Handed { provider: name.to_owned(), handles: HashMap::new() };
        Self { store, instance, exports, functions: HashMap::new(), handed, dead: false }
    }

    /// Who it answers for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.handed.provider
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
        let export = self.function(function)?;
        (export.call)(&mut self.store, &mut self.handed, &export, call, args).await
    }

    async fn drop_handle(&mut self, args: &[Value]) -> wasmtime::Result<()> {
        let handle = args.first().and_then(Value::as_handle);
        match handle.and_then(|handle| self.handed.handles.remove(&handle.origin)) {
            Some(any) => any.resource_drop_async(&mut self.store).await,
            None => Ok(()),
        }
    }

    fn function(&mut self, id: &FunctionId) -> wasmtime::Result<Export<T>> {
        if let Some(found) = self.functions.get(id) {
            return Ok(found.clone());
        }
        let missing = || format_err!("{} has no function {id}", self.handed.provider);
        let interface = self.exports.get(&id.interface).ok_or_else(missing)?;
        let signature = Arc::new(interface.functions.get(&id.name).ok_or_else(missing)?.signature.clone());
        let at = self.instance.get_export_index(&mut self.store, None, &interface.name).ok_or_else(missing)?;
        let at = self.instance.get_export_index(&mut self.store, Some(&at), &id.name).ok_or_else(missing)?;
        let func = self.instance.get_func(&mut self.store, at).ok_or_else(missing)?;
        let call = adapter(&signature, Choose(PhantomData)).unwrap_or(untyped::<T>);
        let export = Export { func, signature, call };
        self.functions.insert(id.clone(), export.clone());
        Ok(export)
    }
}

impl Handed {
    fn find(&mut self, handle: &Handle, lend: Lend) -> wasmtime::Result<ResourceAny> {
        let found = match lend {
            Lend::Own => self.handles.remove(&handle.origin),
            Lend::Borrow => self.handles.get(&handle.origin).copied(),
        };
        found.ok_or_else(|| format_err!("handle {handle} is not alive"))
    }

    /// Names what call `call` returned, in order.
    fn naming(&mut self, call: u64) -> impl FnMut(&str, ResourceAny, Lend) -> wasmtime::Result<Handle> {
        let mut index = 0;
        move |resource, any, _| {
            let origin = Origin { call, index };
            index += 1;
            self.handles.insert(origin, any);
            Ok(Handle { provider: self.provider.clone(), resource: resource.to_owned(), origin })
        }
    }
}

/// Picks the adapter of a signature.
struct Choose<T: 'static>(PhantomData<T>);

impl<T: Send + 'static> Visitor for Choose<T> {
    type Output = Calling<T>;

    fn visit<P: Params, R: Return>(self) -> Calling<T> {
        typed::<T, P, R>
    }
}

fn typed<'a, T: Send, P: Params, R: Return>(
    store: &'a mut Store<T>,
    handed: &'a mut Handed,
    export: &'a Export<T>,
    call: u64,
    args: Vec<Value>,
) -> BoxFuture<'a, Option<Value>> {
    Box::pin(async move {
        let Export { func, signature, .. } = export;
        let func = func.typed::<P, R>(&*store)?;
        let params = P::from_values(args, signature, &mut |handle, lend| handed.find(handle, lend))?;
        let result = func.call_async(store, params).await?;
        result.into_value(signature, &mut handed.naming(call))
    })
}

fn untyped<'a, T: Send>(
    store: &'a mut Store<T>,
    handed: &'a mut Handed,
    export: &'a Export<T>,
    call: u64,
    args: Vec<Value>,
) -> BoxFuture<'a, Option<Value>> {
    Box::pin(async move {
        let Export { func, signature, .. } = export;
        let mut find = |handle: &Handle, lend| handed.find(handle, lend);
        let shapes = signature.params.iter().map(|(_, shape)| shape);
        let params: Vec<Val> =
            shapes.zip(&args).map(|(shape, arg)| to_val(shape, arg, &mut find)).collect::<wasmtime::Result<_>>()?;
        let mut results = vec![Val::Bool(false); usize::from(signature.result.is_some())];
        func.call_async(store, &params, &mut results).await?;
        let result = signature.result.as_ref().zip(results.first());
        result.map(|(shape, val)| from_val(shape, val, &mut handed.naming(call))).transpose()
    })
}
