//! The lines of a script, and who was answered with which.

use crate::journal::Subject;
use crate::provider::{BASE, WASI};
use crate::waist::Ended;
use manes_core::function::{FunctionId, unversioned};
use manes_core::ids::ActivationId;
use manes_core::value::{Handle, Origin, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It returns this; nothing for a function without result.
    Returns(Option<Value>),
    /// Its provider fails with this message.
    Fails(String),
}

/// A call that is expected, and its answer. Handles name the line that made them, counted from 1 in each agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who calls.
    pub agent: String,
    /// What.
    pub function: FunctionId,
    /// With which arguments; anything goes if it is `None`.
    pub args: Option<Vec<Value>>,
    /// How it is answered.
    pub answer: Answer,
}

/// Where a line was used: the activation, its attempt, and the number of the call.
type Used = (ActivationId, u64, u64);

/// Stands where an agent's providers would.
#[derive(Debug)]
pub struct Script {
    /// Environment variables that there are.
    env: BTreeMap<String, String>,
    /// Capabilities that are there, for what no line is about.
    live: BTreeSet<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Each with its number inside its agent.
    lines: Vec<(u64, Line, Option<Used>)>,
    /// Numbers of the lines that calls were answered with.
    answered: HashMap<Used, u64>,
    /// Calls that no line answers.
    unexpected: Vec<(String, FunctionId, Vec<Value>)>,
}

/// True for what the base world answers otherwise in every run: the time, randomness, the environment. A script may say
/// what they are; where it does not, they are as the host has them.
#[must_use]
pub fn is_ambient(function: &FunctionId) -> bool {
    let interface = unversioned(&function.interface);
    let package = interface.split('/').next().unwrap_or_default();
    match package {
        "wasi:random" => true,
        "wasi:clocks" => !function.name.starts_with("subscribe-"),
        _ => interface == "wasi:cli/environment" && function.name == "get-environment",
    }
}

impl Script {
    /// A script, what the environment is beside it, and the capabilities that are there.
    #[must_use]
    pub fn new(lines: Vec<Line>, env: BTreeMap<String, String>, live: BTreeSet<String>) -> Self {
        let mut numbers: HashMap<String, u64> = HashMap::new();
        let numbered = lines.into_iter().map(|line| {
            let number = numbers.entry(line.agent.clone()).or_default();
            *number += 1;
            (*number, line, None)
        });
        let state = State { lines: numbered.collect(), ..State::default() };
        Self { env, live, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values of granted variables.
    #[must_use]
    pub fn values(&self, names: &[String]) -> Vec<(String, String)> {
        names.iter().filter_map(|name| Some((name.clone(), self.env.get(name)?.clone()))).collect()
    }

    /// Answers a call that is about to go to `provider`; `None` leaves it there.
    pub(crate) fn answer(
        &self,
        subject: &Subject,
        provider: &str,
        function: &FunctionId,
        call: u64,
        args: &[Value],
    ) -> Option<Result<Option<Value>, Ended>> {
        let mut state = self.state();
        let used = (subject.activation, subject.attempt, call);
        if provider == BASE && !is_ambient(function) {
            return None;
        }
        let foreign = provider != BASE && state.is_foreign(used, args);
        if function.name.starts_with("[resource-drop]") {
            return (!foreign).then_some(Ok(None));
        }
        let own = state.named(used, args);
        let line = state.take(used, &subject.agent, function, own.as_deref());
        match line {
            Some(line) => Some(answered(line.answer, provider, used, &state)),
            None if provider == BASE => None,
            None if provider == WASI && (foreign || state.is_live(&subject.agent, function)) => None,
            None if self.live.contains(provider) && (foreign || !state.speaks_of(&subject.agent, function)) => None,
            None => {
                let text = format!("nothing in this test answers {function}");
                state.unexpected.push((subject.agent.clone(), function.clone(), own.unwrap_or_else(|| args.to_vec())));
                Some(Err(Ended::Denied(text)))
            }
        }
    }

    /// Lines that nobody was answered with, but for what a run may do without.
    #[must_use]
    pub fn left(&self) -> Vec<Line> {
        let state = self.state();
        let left = state.lines.iter().filter(|(_, line, used)| used.is_none() && !is_ambient(&line.function));
        left.map(|(_, line, _)| line.clone()).collect()
    }

    /// True for each line, in order, if a call was answered with it.
    #[must_use]
    pub fn used(&self) -> Vec<bool> {
        self.state().lines.iter().map(|(_, _, used)| used.is_some()).collect()
    }

    /// Calls that no line answers: agent, function, arguments.
    #[must_use]
    pub fn unexpected(&self) -> Vec<(String, FunctionId, Vec<Value>)> {
        self.state().unexpected.clone()
    }
}

impl State {
    /// The first line that nobody was answered with and that has these arguments; else the first that takes any.
    fn take(&mut self, call: Used, agent: &str, function: &FunctionId, args: Option<&[Value]>) -> Option<Line> {
        let free = |(_, line, used): &(u64, Line, Option<Used>)| {
            used.is_none() && line.agent == agent && line.function == *function
        };
        let same = |entry: &(u64, Line, Option<Used>)| free(entry) && args.is_some() && entry.1.args.as_deref() == args;
        let any = |entry: &(u64, Line, Option<Used>)| free(entry) && entry.1.args.is_none();
        let place = self.lines.iter().position(same).or_else(|| self.lines.iter().position(any))?;
        let (number, line, used) = self.lines.get_mut(place)?;
        *used = Some(call);
        self.answered.insert(call, *number);
        Some(line.clone())
    }

    /// Arguments with handles named as the lines name them; `None` if there is one that no line made.
    fn named(&self, (activation, attempt, _): Used, args: &[Value]) -> Option<Vec<Value>> {
        let name = |handle: &Handle| {
            let line = self.answered.get(&(activation, attempt, handle.origin.call))?;
            Some(Handle { provider: String::new(), origin: Origin { call: *line, ..handle.origin }, ..handle.clone() })
        };
        args.iter().map(|arg| arg.with_handles(&name)).collect()
    }

    /// True if one of the arguments is a handle that a real provider made.
    fn is_foreign(&self, (activation, attempt, _): Used, args: &[Value]) -> bool {
        let mut foreign = false;
        args.iter().for_each(|arg| {
            arg.handles(&mut |handle| {
                foreign |= !self.answered.contains_key(&(activation, attempt, handle.origin.call));
            });
        });
        foreign
    }

    /// Timers are always real; so is all of WASI for an agent whose lines do not speak of it.
    fn is_live(&self, agent: &str, function: &FunctionId) -> bool {
        let wasi = |function: &FunctionId| function.interface.starts_with("wasi:") && !is_ambient(function);
        let spoken = self.lines.iter().any(|(_, line, _)| line.agent == agent && wasi(&line.function));
        !spoken || function.interface.starts_with("wasi:clocks/")
    }

    /// True if the agent's lines are about this function.
    fn speaks_of(&self, agent: &str, function: &FunctionId) -> bool {
        self.lines.iter().any(|(_, line, _)| line.agent == agent && line.function == *function)
    }
}

/// A line's answer, with handles that are this call's, or those of the calls that other lines answered.
fn answered(answer: Answer, provider: &str, used: Used, state: &State) -> Result<Option<Value>, Ended> {
    let (activation, attempt, call) = used;
    let own = |handle: &Handle| {
        let here = state.answered.get(&used) == Some(&handle.origin.call);
        let mut others = state.answered.iter().filter(|((a, n, _), _)| *a == activation && *n == attempt);
        let elsewhere = others.find(|(_, line)| **line == handle.origin.call).map(|((_, _, call), _)| *call);
        let call = if here { call } else { elsewhere.unwrap_or(call) };
        Some(Handle { provider: provider.to_owned(), origin: Origin { call, ..handle.origin }, ..handle.clone() })
    };
    match answer {
        Answer::Returns(value) => Ok(value.map(|value| value.with_handles(&own).unwrap_or(value))),
        Answer::Fails(message) => Err(Ended::Provider { provider: provider.to_owned(), message }),
    }
}
