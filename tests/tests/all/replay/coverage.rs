//! What a set of recorded activations must have touched before its replay proves anything.

use manes_core::record::{EndStatus, Kind};
use manes_runtime::query::FlowRecord;
use std::collections::{BTreeMap, BTreeSet};

/// Every function of the base world that can be called without a grant, by its id without a version. From the WIT of
/// WASI 0.2 and `wit/agent.wit`, not from the host's code.
const BASE: [&str; 42] = [
    "wasi:clocks/monotonic-clock#now",
    "wasi:clocks/monotonic-clock#resolution",
    "wasi:clocks/wall-clock#now",
    "wasi:clocks/wall-clock#resolution",
    "wasi:random/random#get-random-bytes",
    "wasi:random/random#get-random-u64",
    "wasi:random/insecure#get-insecure-random-bytes",
    "wasi:random/insecure#get-insecure-random-u64",
    "wasi:random/insecure-seed#insecure-seed",
    "wasi:cli/environment#get-environment",
    "wasi:cli/environment#get-arguments",
    "wasi:cli/environment#initial-cwd",
    "wasi:cli/exit#exit",
    "wasi:cli/exit#exit-with-code",
    "wasi:cli/stdin#get-stdin",
    "wasi:cli/stdout#get-stdout",
    "wasi:cli/stderr#get-stderr",
    "wasi:cli/terminal-stdin#get-terminal-stdin",
    "wasi:cli/terminal-stdout#get-terminal-stdout",
    "wasi:cli/terminal-stderr#get-terminal-stderr",
    "wasi:io/streams#[method]input-stream.read",
    "wasi:io/streams#[method]input-stream.blocking-read",
    "wasi:io/streams#[method]input-stream.skip",
    "wasi:io/streams#[method]input-stream.blocking-skip",
    "wasi:io/streams#[method]input-stream.subscribe",
    "wasi:io/streams#[method]output-stream.check-write",
    "wasi:io/streams#[method]output-stream.write",
    "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
    "wasi:io/streams#[method]output-stream.flush",
    "wasi:io/streams#[method]output-stream.blocking-flush",
    "wasi:io/streams#[method]output-stream.subscribe",
    "wasi:io/streams#[method]output-stream.write-zeroes",
    "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush",
    "wasi:io/streams#[method]output-stream.splice",
    "wasi:io/streams#[method]output-stream.blocking-splice",
    "wasi:io/poll#[method]pollable.ready",
    "wasi:io/poll#[method]pollable.block",
    "wasi:io/poll#poll",
    "wasi:sockets/instance-network#instance-network",
    "manes:agent/log#write",
    "manes:agent/context#config",
    "manes:agent/context#attempt",
];

/// What lies beyond the base world: files, timers, HTTP, resources of a second component.
const BEYOND: [&str; 16] = [
    "wasi:filesystem/preopens#get-directories",
    "wasi:filesystem/types#[method]descriptor.open-at",
    "wasi:filesystem/types#[method]descriptor.read-directory",
    "wasi:filesystem/types#[method]descriptor.stat-at",
    "wasi:clocks/monotonic-clock#subscribe-duration",
    "wasi:clocks/monotonic-clock#subscribe-instant",
    "wasi:http/outgoing-handler#handle",
    "wasi:http/types#[method]outgoing-body.write",
    "wasi:http/types#[method]incoming-body.stream",
    "fixture:echo/echo#[constructor]counter",
    "fixture:echo/echo#[method]counter.add",
    "fixture:echo/echo#[static]counter.total",
    "fixture:echo/echo#[static]counter.consume",
    "fixture:echo/echo#[resource-drop]counter",
    "fixture:echo/echo#all",
    "fixture:echo/relay#relay",
];

/// Every way to end that a recorded set can hold; a deadline and an interruption have tests of their own.
const ENDS: [EndStatus; 9] = [
    EndStatus::Done,
    EndStatus::Rejected,
    EndStatus::Retry,
    EndStatus::Trapped,
    EndStatus::Exited,
    EndStatus::Denied,
    EndStatus::Fault,
    EndStatus::OutOfFuel,
    EndStatus::Limit,
];

/// What recorded flows touch.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// Calls of an agent's own, by function without version.
    pub(super) functions: BTreeMap<String, u64>,
    /// Ends by their word.
    pub(super) ends: BTreeMap<&'static str, u64>,
    /// Calls of capabilities.
    pub(super) children: u64,
    /// Calls that were denied.
    pub(super) denied: u64,
    /// Attempts that began before another one ended.
    pub(super) overlapping: u64,
    providers: BTreeSet<String>,
}

impl Coverage {
    /// Counts one flow.
    pub(super) fn add(&mut self, flow: &FlowRecord) {
        let mut spans = Vec::new();
        for attempt in &flow.attempts {
            if let (Some(status), Some(end)) = (attempt.status(), &attempt.end) {
                *self.ends.entry(status.name()).or_default() += 1;
                spans.push((attempt.start.envelope.time_ns, end.envelope.time_ns));
            }
            for entry in attempt.calls.iter().filter(|entry| entry.envelope.kind() == Kind::Outcome) {
                self.denied += u64::from(entry.envelope.decision == Some(1));
                self.providers.extend(entry.envelope.provider.clone());
                match entry.envelope.parent {
                    Some(_) => self.children += 1,
                    None => *self.functions.entry(unversioned(entry.envelope.function.as_deref())).or_default() += 1,
                }
            }
        }
        spans.sort_unstable();
        self.overlapping += spans.windows(2).filter(|pair| pair[1].0 < pair[0].1).count() as u64;
    }

    /// What is missing, in words.
    pub(super) fn missing(&self) -> Vec<String> {
        let mut missing: Vec<String> = BASE
            .iter()
            .chain(&BEYOND)
            .filter(|name| !self.functions.contains_key(**name))
            .map(|n| (*n).to_owned())
            .collect();
        missing.extend(ENDS.iter().filter(|end| !self.ends.contains_key(end.name())).map(|end| end.name().to_owned()));
        let providers = ["base", "wasi", "echo", "echo-two"];
        missing.extend(providers.iter().filter(|p| !self.providers.contains(**p)).map(|p| format!("provider {p}")));
        for (what, count) in [("a denial", self.denied), ("a child", self.children), ("overlap", self.overlapping)] {
            if count == 0 {
                missing.push(what.to_owned());
            }
        }
        missing
    }
}

/// `interface#function` without the version.
fn unversioned(function: Option<&str>) -> String {
    let (interface, name) = function.and_then(|function| function.split_once('#')).unwrap_or_default();
    format!("{}#{name}", interface.split('@').next().unwrap_or_default())
}
