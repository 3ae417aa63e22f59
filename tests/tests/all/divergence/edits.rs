//! Seeded edits of a script, and an oracle that says where the calls part.

use manes_tests::Seed;
use serde_json::{Value, json};

/// What is done to a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Edit {
    Reorder,
    Drop,
    Insert,
    Change,
    Emit,
}

pub(super) const EDITS: [Edit; 5] = [Edit::Reorder, Edit::Drop, Edit::Insert, Edit::Change, Edit::Emit];

/// What the edited script does first that the original does not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// Another call at this number: the function changed, or only its argument `path`.
    Call { call: u64, expected: &'static str, actual: &'static str, path: Option<&'static str> },
    /// One call too many.
    Extra { call: u64, actual: &'static str },
    /// The recorded call that did not come, and how many are left.
    Missing { call: u64, expected: &'static str, left: u64 },
    /// The event.
    Draft,
}

/// The function that an operation calls, and the name of the argument that edits change.
fn function(operation: &Value) -> (&'static str, Option<&'static str>) {
    match operation[0].as_str().unwrap_or_default() {
        "log" => ("manes:agent/log@0.1#write", Some("message")),
        "random-u64" => ("wasi:random/random@0.2#get-random-u64", None),
        "echo" => ("fixture:echo/echo@0.1#text", Some("value")),
        "store" => ("fixture:echo/echo@0.1#store", Some("text")),
        "now" => ("wasi:clocks/monotonic-clock@0.2#now", None),
        "config" => ("manes:agent/context@0.1#config", Some("key")),
        "peek" => ("fixture:echo/echo@0.1#peek", None),
        "attempt" => ("manes:agent/context@0.1#attempt", None),
        "idle" => ("fixture:echo/echo@0.1#idle", None),
        other => unreachable!("no operation {other} here"),
    }
}

fn calls(script: &[Value]) -> Vec<&Value> {
    script.iter().filter(|operation| operation[0] != "emit").collect()
}

/// Where the calls of two scripts part; `None` if neither calls nor events differ.
pub(super) fn parting(original: &[Value], edited: &[Value]) -> Option<Parting> {
    let (recorded, run) = (calls(original), calls(edited));
    let common = recorded.iter().zip(&run).take_while(|(a, b)| a == b).count();
    let call = common as u64 + 1;
    match (recorded.get(common), run.get(common)) {
        (Some(expected), Some(actual)) => {
            let ((expected, path), (actual, _)) = (function(expected), function(actual));
            Some(Parting::Call { call, expected, actual, path: path.filter(|_| expected == actual) })
        }
        (None, Some(actual)) => Some(Parting::Extra { call, actual: function(actual).0 }),
        (Some(expected), None) => {
            let left = (recorded.len() - common) as u64;
            Some(Parting::Missing { call, expected: function(expected).0, left })
        }
        (None, None) => (original != edited).then_some(Parting::Draft),
    }
}

/// The argument that an edit changes, set to something new.
fn changed(operation: &Value, seed: &mut Seed) -> Value {
    let mut operation = operation.clone();
    if let Some(last) = operation.as_array_mut().and_then(|items| items.last_mut()) {
        *last = json!(format!("changed-{}", seed.below(1_000)));
    }
    operation
}

/// `script` after one edit of this kind, which the oracle can tell from the original.
pub(super) fn edited(script: &[Value], edit: Edit, seed: &mut Seed) -> Vec<Value> {
    let calls = script.len() - 1;
    loop {
        let mut out = script.to_vec();
        let place = seed.below(calls);
        match edit {
            Edit::Reorder => out.swap(place, seed.below(calls)),
            Edit::Drop => drop(out.remove(place)),
            Edit::Insert => out.insert(seed.below(calls + 1), script[place].clone()),
            Edit::Change if function(&out[place]).1.is_some() => out[place] = changed(&script[place], seed),
            Edit::Change => continue,
            Edit::Emit => out[calls] = json!(["emit", "a.out", format!("payload-{}", seed.below(1_000))]),
        }
        if parting(script, &out).is_some() {
            return out;
        }
    }
}
