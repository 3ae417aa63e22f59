//! The cursor: an attempt's recorded calls, answered one by one to whoever runs the attempt again.
//!
//! Exact replay is strict in order: the same function with the same arguments at the same place. *What if* runs
//! another component against the record: calls that reach outside stay strict, local ones (clock, random, log) are
//! answered per function, so that one more `println` is not the end of the comparison.

use crate::cbor::{Reader, Writer};
use crate::diff::{self, Difference};
use crate::function::FunctionId;
use crate::ids::Digest;
use crate::lens::Effect;
use crate::value::{Signature, Value};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Who provides standard streams.
const BASE: &str = "base";

/// How a recorded call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It returned this encoded value (`null` for a function without result).
    Returned(Vec<u8>),
    /// It was denied; the guest was told with this encoded value.
    Denied(Vec<u8>),
    /// It ended the attempt, for this reason.
    Ended(String),
    /// Its outcome was never recorded: the host stopped after the intent.
    Unknown,
}

/// One call of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// Its number in the attempt.
    pub number: u64,
    /// What was called.
    pub function: FunctionId,
    /// What it does.
    pub effect: Effect,
    /// The encoded arguments, as a CBOR array.
    pub args: Vec<u8>,
    /// How it ended.
    pub outcome: Recorded,
    /// The idempotency key of a write: what it was about, where its arguments are handles.
    pub key: Option<Digest>,
}

/// A call as a report shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallText {
    /// `interface#function`.
    pub function: String,
    /// The arguments, rendered; empty if they cannot be read under this function's type.
    pub args: String,
    /// SHA-256 of function and encoded arguments.
    pub digest: Digest,
}

/// The first thing in which a run is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Divergence {
    /// Another call than the recorded one.
    Call {
        /// Number of the call.
        call: u64,
        /// The record.
        expected: CallText,
        /// The run.
        actual: CallText,
        /// First argument that differs, if the function is the same.
        difference: Option<Difference>,
    },
    /// The run calls more than was recorded.
    Extra {
        /// Number it would have had.
        call: u64,
        /// The run.
        actual: CallText,
    },
    /// The run ended before this recorded call.
    Missing {
        /// Number of the first call that did not come.
        call: u64,
        /// The record.
        expected: CallText,
        /// Recorded calls that did not come, this one included.
        left: u64,
    },
    /// The attempt ended in another way.
    End {
        /// The record.
        expected: String,
        /// The run.
        actual: String,
    },
    /// An emitted event differs.
    Draft {
        /// Its place.
        index: u64,
        /// Where and how.
        difference: Difference,
    },
    /// Everything is equal but the fuel.
    Fuel {
        /// The record.
        expected: u64,
        /// The run.
        actual: u64,
    },
}

/// Which calls must come in the recorded order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// All.
    Exact,
    /// Those that read or write outside.
    WhatIf,
}

/// The recorded calls of one attempt, in order.
#[derive(Debug, Clone)]
pub struct Cursor {
    strict: VecDeque<RecordedCall>,
    local: BTreeMap<FunctionId, VecDeque<RecordedCall>>,
    /// The last answer of each local function: what one more call of it gets.
    last: BTreeMap<FunctionId, RecordedCall>,
    strictness: Strictness,
    matched: u64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self::new(Vec::new(), Strictness::Exact)
    }
}

impl Cursor {
    /// A cursor at the start of `calls`.
    #[must_use]
    pub fn new(calls: Vec<RecordedCall>, strictness: Strictness) -> Self {
        let (local, last) = (BTreeMap::new(), BTreeMap::new());
        let mut cursor = Self { strict: VecDeque::new(), local, last, strictness, matched: 0 };
        for call in calls {
            let outward = goes_out(&call.function, owner(&call.args).as_deref());
            if strictness == Strictness::WhatIf && call.effect == Effect::Local && !outward {
                cursor.local.entry(call.function.clone()).or_default().push_back(call);
            } else {
                cursor.strict.push_back(call);
            }
        }
        cursor
    }

    /// Which calls must come in the recorded order.
    #[must_use]
    pub const fn strictness(&self) -> Strictness {
        self.strictness
    }

    /// Calls answered so far.
    #[must_use]
    pub const fn matched(&self) -> u64 {
        self.matched
    }

    /// Answers a call from the record.
    ///
    /// # Errors
    /// The divergence, if the record holds another call here or none.
    pub fn expect(
        &mut self,
        number: u64,
        function: &FunctionId,
        effect: Effect,
        signature: &Signature,
        args: &[Value],
    ) -> Result<RecordedCall, Box<Divergence>> {
        let encoded = encode_args(args);
        // In replay nobody is there to say what a capability's function does: the record knows.
        let claimed = !crate::lens::covers(function) && self.local.contains_key(function);
        let owner = args.first().and_then(Value::as_handle).map(|handle| handle.provider.as_str());
        let local = (effect == Effect::Local || claimed) && !goes_out(function, owner);
        let per_function = self.strictness == Strictness::WhatIf && local;
        let queue = if per_function { self.local.get_mut(function) } else { Some(&mut self.strict) };
        let actual = || CallText::new(function, &encoded, args.iter());
        let mut recorded = queue.and_then(|queue| next(queue, per_function, function, &encoded));
        if per_function && !is_asked_by_name(function) {
            recorded = recorded.or_else(|| self.last.get(function).cloned());
            recorded.iter().for_each(|call| drop(self.last.insert(function.clone(), call.clone())));
        }
        match recorded {
            // Local calls of another program log other words and ask for other sizes; only exact replay insists.
            Some(call) if call.function == *function && (per_function || call.args == encoded) => {
                self.matched += 1;
                Ok(call)
            }
            Some(call) => Err(Box::new(Divergence::Call {
                call: call.number,
                difference: difference(&call, function, signature, args),
                expected: call.text(signature, function),
                actual: actual(),
            })),
            None => Err(Box::new(Divergence::Extra { call: number, actual: actual() })),
        }
    }

    /// What the record still holds when the run has ended.
    #[must_use]
    pub fn rest(&self) -> Option<Divergence> {
        let call = self.strict.front()?;
        let expected = CallText::new(&call.function, &call.args, [].iter());
        Some(Divergence::Missing { call: call.number, expected, left: self.strict.len() as u64 })
    }
}

/// The recorded call that answers. Of local ones that with the same arguments, wherever it stands; where there is none, the
/// next, unless what is asked for by name would be answered with what another name means.
fn next(
    queue: &mut VecDeque<RecordedCall>,
    per_function: bool,
    function: &FunctionId,
    args: &[u8],
) -> Option<RecordedCall> {
    let same = per_function.then(|| queue.iter().position(|call| call.args == args)).flatten();
    match same {
        Some(place) => queue.remove(place),
        None if per_function && is_asked_by_name(function) => None,
        None => queue.pop_front(),
    }
}

/// True for what is written into the body of a request: local by itself, and part of what its `handle` sends.
fn goes_out(function: &FunctionId, owner: Option<&str>) -> bool {
    let method = function.name.strip_prefix("[method]output-stream.").unwrap_or_default();
    let writes = ["write", "blocking-write-and-flush", "write-zeroes", "blocking-write-zeroes-and-flush"];
    writes.contains(&method) && function.unversioned() == "wasi:io/streams" && owner.is_some_and(|owner| owner != BASE)
}

/// The provider of the handle that encoded arguments begin with.
fn owner(args: &[u8]) -> Option<String> {
    let mut r = Reader::new(args);
    (r.array().ok()? > 0 && r.map().ok()? == 1).then_some(())?;
    (r.text().ok()? == "@" && r.array().ok()? == 4).then_some(())?;
    r.text().ok().map(str::to_owned)
}

/// True for a setting: another name's value is no answer.
fn is_asked_by_name(function: &FunctionId) -> bool {
    function.name == "config" && function.unversioned() == "manes:agent/context"
}

/// The arguments as a CBOR array: what records hold and replay compares.
#[must_use]
pub fn encode_args(args: &[Value]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(args.len());
    args.iter().for_each(|arg| arg.encode(&mut w));
    w.finish()
}

fn decode_args(signature: &Signature, encoded: &[u8]) -> Option<Vec<Value>> {
    let mut r = Reader::new(encoded);
    if r.array().ok()? != signature.params.len() {
        return None;
    }
    signature.params.iter().map(|(_, shape)| Value::decode(shape, &mut r).ok()).collect()
}

fn difference(call: &RecordedCall, function: &FunctionId, signature: &Signature, args: &[Value]) -> Option<Difference> {
    if call.function != *function {
        return None;
    }
    let recorded = decode_args(signature, &call.args)?;
    let mut pairs = signature.params.iter().zip(recorded.iter().zip(args));
    pairs.find_map(|((name, _), (expected, actual))| diff::first(name, expected, actual))
}

impl RecordedCall {
    /// The arguments, if they can be read under this type.
    #[must_use]
    pub fn arguments(&self, signature: &Signature) -> Option<Vec<Value>> {
        decode_args(signature, &self.args)
    }

    /// What it returned, if it did and that can be read under this type.
    #[must_use]
    pub fn returned(&self, signature: &Signature) -> Option<Value> {
        let Recorded::Returned(bytes) = &self.outcome else { return None };
        Value::decode(signature.result.as_ref()?, &mut Reader::new(bytes)).ok()
    }

    fn text(&self, signature: &Signature, function: &FunctionId) -> CallText {
        let args = (self.function == *function).then(|| decode_args(signature, &self.args)).flatten();
        CallText::new(&self.function, &self.args, args.unwrap_or_default().iter())
    }
}

impl CallText {
    /// A call whose arguments are not shown.
    #[must_use]
    pub fn of(function: &FunctionId, encoded: &[u8]) -> Self {
        Self::new(function, encoded, [].iter())
    }

    fn new<'a>(function: &FunctionId, encoded: &[u8], args: impl Iterator<Item = &'a Value>) -> Self {
        let digest = Digest(crate::ids::hash("call", &[function.to_string().as_bytes(), encoded]));
        let args = args.map(diff::show).collect::<Vec<_>>().join(", ");
        Self { function: function.to_string(), args, digest }
    }
}

impl fmt::Display for CallText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}) [{}]", self.function, self.args, self.digest.short())
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { call, expected, actual, difference } => {
                write!(f, "call {call}: recorded {expected}, run {actual}")?;
                match difference {
                    Some(d) => write!(f, "; {}: recorded {}, run {}", d.path, d.expected, d.actual),
                    None => Ok(()),
                }
            }
            Self::Extra { call, actual } => write!(f, "call {call}: the record has no more calls, run {actual}"),
            Self::Missing { call, expected, left } => {
                write!(f, "call {call}: recorded {expected}, the run ended without it ({left} calls left)")
            }
            Self::End { expected, actual } => write!(f, "end: recorded {expected}, run {actual}"),
            Self::Draft { index, difference: d } => {
                write!(f, "event {index}: {}: recorded {}, run {}", d.path, d.expected, d.actual)
            }
            Self::Fuel { expected, actual } => write!(f, "fuel: recorded {expected}, run {actual}"),
        }
    }
}
