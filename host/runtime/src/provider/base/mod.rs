//! The base world: what every program needs to start, granted to all, in our own typed code.
//!
//! Stock Rust imports thirteen WASI interfaces and Python twenty-five; without a grant they get clocks, randomness,
//! an environment of the granted names, standard streams into the log, no terminal, no directory. No second instance
//! is made for any of it. Its pollables are always ready, so that a poll never has to wait for two providers.

mod clocks;
mod manes;
mod stdio;

use crate::seams::Seams;
use crate::waist::Ended;
use manes_core::function::FunctionId;
use manes_core::limits::RANDOM_BYTES_MAX;
use manes_core::value::{Handle, Origin, Value};
use std::collections::{BTreeMap, HashMap};

/// What a guest finds around it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Whose log lines these are: the agent, or `agent/capability`.
    pub name: String,
    /// Its section of the manifest.
    pub section: String,
    /// Granted environment variables with their values.
    pub env: Vec<(String, String)>,
    /// The manifest's config.
    pub config: BTreeMap<String, String>,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Bytes of log text that are passed on.
    pub log_bytes_max: usize,
}

/// The native provider.
#[derive(Debug)]
pub struct Base {
    surroundings: Surroundings,
    seams: Seams,
    handles: HashMap<Origin, Kind>,
    streams: stdio::Streams,
}

/// What a handle of the base world is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stdin,
    Stdout,
    Stderr,
    Pollable,
    Network,
}

/// A call's result: `None` for a function without one.
type Answer = Result<Option<Value>, Ended>;

impl Base {
    /// A base world for one attempt.
    #[must_use]
    pub fn new(surroundings: Surroundings, seams: Seams) -> Self {
        let streams = stdio::Streams::new(&surroundings);
        Self { surroundings, seams, handles: HashMap::new(), streams }
    }

    /// The end of what was written to standard error.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        self.streams.stderr_tail()
    }

    /// Bytes of log text over the budget since the last time.
    pub fn take_cut(&mut self) -> u64 {
        self.streams.take_cut()
    }

    /// Answers one call.
    ///
    /// # Errors
    /// [`Ended`]: exit, a limit, or a function that WASI 0.2 does not have.
    pub fn call(&mut self, function: &FunctionId, call: u64, args: &[Value]) -> Answer {
        if function.name.starts_with("[resource-drop]") {
            for arg in args {
                arg.handles(&mut |handle| {
                    self.handles.remove(&handle.origin);
                });
            }
            return Ok(None);
        }
        let name = function.name.as_str();
        match function.unversioned() {
            "wasi:cli/environment" => self.environment(name),
            "wasi:cli/exit" => Err(exit(name, args)),
            "wasi:cli/stdin" => Ok(Some(self.open(call, "wasi:io/streams@0.2/input-stream", Kind::Stdin))),
            "wasi:cli/stdout" => Ok(Some(self.open(call, "wasi:io/streams@0.2/output-stream", Kind::Stdout))),
            "wasi:cli/stderr" => Ok(Some(self.open(call, "wasi:io/streams@0.2/output-stream", Kind::Stderr))),
            "wasi:cli/terminal-stdin" | "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr" => {
                Ok(Some(Value::Option(None)))
            }
            "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => self.random(name, args),
            "wasi:clocks/wall-clock" | "wasi:clocks/monotonic-clock" => self.clock(function),
            "wasi:io/streams" => self.stream(function, call, args),
            "wasi:io/poll" => poll(function, args),
            "wasi:filesystem/preopens" => Ok(Some(Value::List(Vec::new()))),
            // No error of the base world comes from a file.
            "wasi:filesystem/types" if name == "filesystem-error-code" => Ok(Some(Value::Option(None))),
            "wasi:sockets/instance-network" => {
                Ok(Some(self.open(call, "wasi:sockets/network@0.2/network", Kind::Network)))
            }
            "manes:agent/log" => Ok(self.log(args)),
            "manes:agent/context" => self.context(function, args),
            _ => Err(unknown(function)),
        }
    }

    /// Takes note of the handles in an outcome that came from a record: a call on them may have to be answered here.
    pub fn adopt(&mut self, function: &FunctionId, outcome: &Value) {
        let kind = match (function.unversioned(), function.name.as_str()) {
            ("wasi:cli/stdin", _) => Kind::Stdin,
            ("wasi:cli/stdout", _) => Kind::Stdout,
            ("wasi:cli/stderr", _) => Kind::Stderr,
            ("wasi:sockets/instance-network", _) => Kind::Network,
            (_, name) if name.ends_with(".subscribe") => Kind::Pollable,
            _ => return,
        };
        outcome.handles(&mut |handle| {
            if handle.provider == super::BASE {
                self.handles.insert(handle.origin, kind);
            }
        });
    }

    fn open(&mut self, call: u64, resource: &str, kind: Kind) -> Value {
        let origin = Origin { call, index: 0 };
        self.handles.insert(origin, kind);
        Value::Handle(Handle { provider: super::BASE.into(), resource: resource.into(), origin })
    }

    fn kind(&self, arg: Option<&Value>) -> Option<Kind> {
        arg.and_then(Value::as_handle).and_then(|handle| self.handles.get(&handle.origin)).copied()
    }

    fn environment(&self, name: &str) -> Answer {
        Ok(Some(match name {
            "get-environment" => Value::List(
                self.surroundings
                    .env
                    .iter()
                    .map(|(k, v)| Value::Tuple(vec![Value::String(k.clone()), Value::String(v.clone())]))
                    .collect(),
            ),
            "get-arguments" => Value::List(vec![Value::String(self.surroundings.name.clone())]),
            _ => Value::Option(None),
        }))
    }

    fn random(&self, name: &str, args: &[Value]) -> Answer {
        let number = || {
            let mut bytes = [0; 8];
            self.seams.entropy.fill(&mut bytes);
            Value::U64(u64::from_le_bytes(bytes))
        };
        Ok(Some(match (name, args) {
            ("get-random-bytes" | "get-insecure-random-bytes", [Value::U64(len)]) => {
                if *len > RANDOM_BYTES_MAX {
                    return Err(Ended::Guest(format!(
                        "at most {RANDOM_BYTES_MAX} random bytes can be asked for at once"
                    )));
                }
                let mut bytes = vec![0; usize::try_from(*len).unwrap_or_default()];
                self.seams.entropy.fill(&mut bytes);
                Value::Bytes(bytes)
            }
            ("insecure-seed", _) => Value::Tuple(vec![number(), number()]),
            _ => number(),
        }))
    }
}

/// Ours are always ready: nothing to wait for.
fn poll(function: &FunctionId, args: &[Value]) -> Answer {
    match (function.name.as_str(), args) {
        ("[method]pollable.ready", _) => Ok(Some(Value::Bool(true))),
        ("[method]pollable.block", _) => Ok(None),
        // WASI lets it trap: nobody could ever be ready.
        ("poll", [Value::List(pollables)]) if pollables.is_empty() => {
            Err(Ended::Guest("a poll of no pollables would never return".into()))
        }
        ("poll", [Value::List(pollables)]) => {
            let ours = |value: &Value| value.as_handle().is_some_and(|h| h.provider == super::BASE);
            let ready = pollables.iter().enumerate().filter(|(_, value)| ours(value));
            Ok(Some(Value::List(ready.filter_map(|(i, _)| u32::try_from(i).ok()).map(Value::U32).collect())))
        }
        _ => Err(unknown(function)),
    }
}

fn exit(name: &str, args: &[Value]) -> Ended {
    match (name, args) {
        (_, [Value::U8(code)]) => Ended::Exited(*code),
        (_, [Value::Result(Ok(_))]) => Ended::Exited(0),
        _ => Ended::Exited(1),
    }
}

fn unknown(function: &FunctionId) -> Ended {
    Ended::Guest(format!("{function} is not a function of the base world"))
}
