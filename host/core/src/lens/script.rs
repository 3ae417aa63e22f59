//! Short names for the tests of the entries: ids, handles, and a guest that makes calls in order.

use super::{Lens, Seen};
use crate::function::FunctionId;
use crate::value::{Handle, Origin, Value};

/// A function of WASI 0.2.
pub(super) fn id(interface: &str, name: &str) -> FunctionId {
    FunctionId::new(&format!("{interface}@0.2.6"), name)
}

/// A handle made by call `call`.
pub(super) fn handle(resource: &str, call: u64) -> Value {
    Value::Handle(Handle { provider: "wasi".into(), resource: resource.into(), origin: Origin { call, index: 0 } })
}

/// A string.
pub(super) fn text(text: &str) -> Value {
    Value::String(text.into())
}

/// `some(string)`.
pub(super) fn some(inner: Value) -> Value {
    Value::Option(Some(Box::new(inner)))
}

/// Flags.
pub(super) fn flags(set: &[&str]) -> Value {
    Value::Flags(set.iter().map(|s| (*s).to_owned()).collect())
}

/// A guest: each call is seen, then learnt with an outcome.
#[derive(Default)]
pub(super) struct Guest {
    pub(super) lens: Lens,
    calls: u64,
}

impl Guest {
    /// Makes a call with an outcome; answers what was seen of it.
    pub(super) fn call(&mut self, interface: &str, name: &str, args: &[Value], outcome: Option<Value>) -> Seen {
        let seen = self.lens.see(&id(interface, name), args);
        self.lens.learn(&id(interface, name), args, outcome.as_ref());
        self.calls += 1;
        seen
    }

    /// Makes a call whose outcome is `ok` of a new handle.
    pub(super) fn ok(&mut self, interface: &str, name: &str, args: &[Value]) -> (Seen, Value) {
        let new = handle("made", self.calls + 1);
        (self.call(interface, name, args, Some(Value::ok(Some(new.clone())))), new)
    }

    /// Makes a call whose outcome is a new handle.
    pub(super) fn new_handle(&mut self, interface: &str, name: &str, args: &[Value]) -> (Seen, Value) {
        let new = handle("made", self.calls + 1);
        (self.call(interface, name, args, Some(new.clone())), new)
    }
}
