//! [`Lens`]: the facts of all handles of one attempt, and the dispatch to the package that knows a function.

use super::call::{Call, Handles, Lesson};
use super::facts::{Effect, Facts, Seen};
use super::handle::HandleFacts;
use super::{cli, clocks, filesystem, http, io, manes, random, sockets};
use crate::function::{FunctionId, unversioned};
use crate::value::{Handle, Value};

/// How the drop of a resource is named.
const DROP_PREFIX: &str = "[resource-drop]";
/// The version of WASI whose functions have entries.
const WASI_VERSION: &str = "0.2";
/// The version of our own interfaces.
const MANES_VERSION: &str = "0.1";

/// What is known of the handles of one attempt.
///
/// Ask [`see`](Self::see) before a call and tell [`learn`](Self::learn) after it, with the outcome that the guest gets
/// (a denial's error included). Both in the order of the calls, live and in replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lens {
    handles: Handles,
}

/// One package: its entries, and what its outcomes teach.
struct Package {
    see: fn(&Call<'_>) -> Option<Seen>,
    learn: fn(&Call<'_>, &Value) -> Vec<Lesson>,
}

impl Lens {
    /// A lens that knows no handle.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a call is about, before it is made. Never fails: what has no entry is a write, and what cannot be read
    /// plainly is refused.
    #[must_use]
    pub fn see(&self, function: &FunctionId, args: &[Value]) -> Seen {
        self.entry(function, args).unwrap_or_else(|| match place(function) {
            Place::Known { .. } => Seen::refused("this function of a known interface has no entry"),
            Place::Foreign => Seen::refused("this version of the interface is not supported"),
            Place::Capability => {
                Seen { effect: Effect::Write, facts: Facts::Capability { interface: function.interface.clone() } }
            }
        })
    }

    /// Takes in what a call said of handles, once its outcome is known; `None` for a function without a result.
    pub fn learn(&mut self, function: &FunctionId, args: &[Value], outcome: Option<&Value>) {
        if function.name.starts_with(DROP_PREFIX) {
            if let Some(handle) = args.first().and_then(Value::as_handle) {
                self.dropped(handle);
            }
            return;
        }
        let Place::Known { package, interface } = place(function) else { return };
        let nothing = Value::Tuple(Vec::new());
        let call = Call { known: &self.handles, interface, name: &function.name, args };
        for (handle, facts) in (package.learn)(&call, outcome.unwrap_or(&nothing)) {
            match facts {
                Some(facts) => self.handles.insert(handle, facts),
                None => self.handles.remove(&handle),
            };
        }
    }

    /// Forgets a handle that the guest dropped.
    pub fn dropped(&mut self, handle: &Handle) {
        self.handles.remove(handle);
    }

    /// What is known of a handle.
    #[must_use]
    pub fn facts(&self, handle: &Handle) -> Option<&HandleFacts> {
        self.handles.get(handle)
    }

    /// `value` with facts in the place of handles: equal in two attempts that do the same by different handles. A
    /// handle of which nothing is known is its resource's name.
    #[must_use]
    pub fn portable(&self, value: &Value) -> Value {
        let inner = |v: &Value| Box::new(self.portable(v));
        match value {
            Value::Handle(handle) => match self.handles.get(handle) {
                Some(facts) => facts.to_value(),
                None => Value::String(handle.resource.clone()),
            },
            Value::List(items) => Value::List(items.iter().map(|v| self.portable(v)).collect()),
            Value::Tuple(items) => Value::Tuple(items.iter().map(|v| self.portable(v)).collect()),
            Value::Record(fields) => {
                Value::Record(fields.iter().map(|(name, v)| (name.clone(), self.portable(v))).collect())
            }
            Value::Variant(case, Some(v)) => Value::Variant(case.clone(), Some(inner(v))),
            Value::Option(Some(v)) => Value::Option(Some(inner(v))),
            Value::Result(Ok(Some(v))) => Value::Result(Ok(Some(inner(v)))),
            Value::Result(Err(Some(v))) => Value::Result(Err(Some(inner(v)))),
            plain => plain.clone(),
        }
    }

    fn entry(&self, function: &FunctionId, args: &[Value]) -> Option<Seen> {
        if function.name.starts_with(DROP_PREFIX) {
            return Some(Seen::local());
        }
        match place(function) {
            Place::Known { package, interface } => {
                (package.see)(&Call { known: &self.handles, interface, name: &function.name, args })
            }
            Place::Foreign | Place::Capability => None,
        }
    }
}

/// Whether a function of WASI 0.2 or of our own interfaces has an explicit entry.
#[must_use]
pub fn covers(function: &FunctionId) -> bool {
    Lens::new().entry(function, &[]).is_some()
}

/// Who answers for a function.
enum Place<'a> {
    /// A package with entries.
    Known { package: Package, interface: &'a str },
    /// A package with entries, in a version without.
    Foreign,
    /// Somebody else's interface.
    Capability,
}

fn place(function: &FunctionId) -> Place<'_> {
    let name = unversioned(&function.interface);
    let Some((package, interface)) = name.split_once('/') else { return Place::Capability };
    let (package, version) = match package {
        "wasi:io" => (Package { see: io::see, learn: nothing }, WASI_VERSION),
        "wasi:clocks" => (Package { see: clocks::see, learn: nothing }, WASI_VERSION),
        "wasi:random" => (Package { see: random::see, learn: nothing }, WASI_VERSION),
        "wasi:cli" => (Package { see: cli::see, learn: cli::learn }, WASI_VERSION),
        "wasi:filesystem" => (Package { see: filesystem::see, learn: filesystem::learn }, WASI_VERSION),
        "wasi:http" => (Package { see: http::see, learn: http::learn }, WASI_VERSION),
        "wasi:sockets" => (Package { see: sockets::see, learn: nothing }, WASI_VERSION),
        "manes:agent" => (Package { see: manes::see, learn: nothing }, MANES_VERSION),
        _ => return Place::Capability,
    };
    match function.interface.split_once('@') {
        Some((_, found)) if found != version => Place::Foreign,
        Some(_) | None => Place::Known { package, interface },
    }
}

/// For packages whose outcomes say nothing of handles.
fn nothing(_: &Call<'_>, _: &Value) -> Vec<Lesson> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::script::{handle, id};
    use std::slice::from_ref;

    #[test]
    fn what_nobody_thought_about_is_a_write_that_is_refused_or_needs_a_grant() {
        let lens = Lens::new();
        let seen = |interface: &str, name: &str| lens.see(&FunctionId::new(interface, name), &[]);
        assert_eq!(seen("wasi:io/streams@0.2.3", "brand-new").effect, Effect::Write);
        for interface in [
            "wasi:io/streams@0.2.3",
            "wasi:http/types@0.3.0",
            "wasi:io/streams@0.2.0-rc-1",
            "manes:agent/handler@0.1.0",
        ] {
            assert!(matches!(seen(interface, "brand-new").facts, Facts::Refused { .. }), "{interface}");
        }
        for interface in ["manes:table/table@0.1", "wasi:keyvalue/store@0.2", "odd"] {
            let facts = Facts::Capability { interface: interface.into() };
            assert_eq!(seen(interface, "get"), Seen { effect: Effect::Write, facts });
        }
        assert_eq!(seen("wasi:io/poll@0.3.0", "poll").effect, Effect::Write, "another version is another interface");
    }

    #[test]
    fn a_drop_is_local_and_forgets() {
        let mut lens = Lens::new();
        let stdin = handle("wasi:io/streams@0.2/input-stream", 1);
        lens.learn(&id("wasi:cli/stdin", "get-stdin"), &[], Some(&stdin));
        assert_eq!(lens.see(&id("wasi:io/streams", "[method]input-stream.read"), from_ref(&stdin)), Seen::local());
        let drop = id("wasi:io/streams", "[resource-drop]input-stream");
        assert_eq!(lens.see(&drop, from_ref(&stdin)), Seen::local());
        lens.learn(&drop, from_ref(&stdin), None);
        assert_eq!(lens, Lens::new());
        assert_eq!(lens.see(&id("wasi:io/streams", "[method]input-stream.read"), &[stdin]).effect, Effect::Write);
    }

    #[test]
    fn portable_arguments_do_not_depend_on_call_numbers() {
        let portable = |call: u64| {
            let mut lens = Lens::new();
            let stdout = handle("wasi:io/streams@0.2/output-stream", call);
            lens.learn(&id("wasi:cli/stdout", "get-stdout"), &[], Some(&stdout));
            let poll = handle("wasi:io/poll@0.2/pollable", call + 1);
            lens.portable(&Value::List(vec![Value::Option(Some(Box::new(stdout))), poll]))
        };
        assert_eq!(portable(1), portable(7));
    }
}
