//! Short questions to a flow, with answers that explain themselves when there is none.

use anyhow::{Context as _, Result, anyhow, ensure};
use manes_runtime::query::{ActivationView, CallView, FlowView};
use serde_json::Value;

/// A flow in a few lines, for messages.
#[must_use]
pub fn sketch(flow: &FlowView) -> String {
    let mut lines = vec![format!("flow {} is {}", flow.flow, flow.status)];
    for event in &flow.events {
        let data = event.data.as_deref().unwrap_or("(bytes)").chars().take(200).collect::<String>();
        let unrouted = event.unrouted.as_deref().map_or(String::new(), |why| format!(" unrouted: {why}"));
        lines.push(format!("  event {}{unrouted} {data}", event.topic));
    }
    for a in &flow.activations {
        let (message, stderr) = (&a.message, &a.stderr);
        lines.push(format!("  {} {} ({} calls) {message} {stderr}", a.agent, a.status, a.calls.len()));
        for call in a.calls.iter().rev().take(6).rev() {
            let ended = call.ended.as_deref().unwrap_or_default();
            lines.push(format!("    {} {} {} {}{ended}", call.call, call.function, call.effect, call.rule));
        }
    }
    lines.join("\n")
}

/// The only activation.
///
/// # Errors
/// There is none or more than one.
pub fn only(flow: &FlowView) -> Result<&ActivationView> {
    ensure!(flow.activations.len() == 1, "not one activation: {}", sketch(flow));
    flow.activations.first().context("checked above")
}

/// The only activation, which is done.
///
/// # Errors
/// There is none, more than one, or it is not done.
pub fn done(flow: &FlowView) -> Result<&ActivationView> {
    let activation = only(flow)?;
    ensure!(activation.status == "done", "not done: {}", sketch(flow));
    Ok(activation)
}

/// The only activation, which ended as `status` with a message that has `part`.
///
/// # Errors
/// It ended otherwise.
pub fn ended<'a>(flow: &'a FlowView, status: &str, part: &str) -> Result<&'a ActivationView> {
    let activation = only(flow)?;
    ensure!(activation.status == status, "it should have ended as {status}: {}", sketch(flow));
    ensure!(activation.message.contains(part), "its message should say {part:?}: {}", sketch(flow));
    ensure!(activation.emitted.is_empty(), "nothing of it may become visible: {}", sketch(flow));
    Ok(activation)
}

/// What the flow reported: the values of all operations before `["report", …]`.
///
/// # Errors
/// No report.
pub fn reported(flow: &FlowView) -> Result<Vec<Value>> {
    let report = flow.events.iter().find(|event| event.topic.ends_with(".reported"));
    let report = report.ok_or_else(|| anyhow!("no report: {}", sketch(flow)))?;
    serde_json::from_str(report.data.as_deref().unwrap_or_default()).context("the report is no JSON array")
}

/// The calls of a function, by the end of its name.
#[must_use]
pub fn calls<'a>(activation: &'a ActivationView, name: &str) -> Vec<&'a CallView> {
    activation.calls.iter().filter(|call| call.function.ends_with(name)).collect()
}

/// The only call of a function, by the end of its name.
///
/// # Errors
/// There is none or more than one.
pub fn call<'a>(activation: &'a ActivationView, name: &str) -> Result<&'a CallView> {
    match calls(activation, name).as_slice() {
        [one] => Ok(one),
        found => {
            let all: Vec<_> = activation.calls.iter().map(|call| call.function.as_str()).collect();
            Err(anyhow!("{} calls of {name} among {all:?}", found.len()))
        }
    }
}

/// The manifest line that a message ends with: after `allow with: ` or `raise it in [SECTION] with: `.
///
/// # Errors
/// The message names no line.
pub fn manifest_line(message: &str) -> Result<&str> {
    let line = message.split_once(" with: ");
    line.map(|(_, line)| line).ok_or_else(|| anyhow!("no manifest line in {message:?}"))
}
