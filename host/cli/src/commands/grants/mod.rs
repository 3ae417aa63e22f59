//! `manes grants` and `manes replay --policy`: what was asked for, judged by grants.
//!
//! What an agent asked for is found by running it again from the record. What its capabilities did themselves is recorded
//! as proof and not to be run again, and is not judged.

mod explain;
mod suggest;

use crate::args::{Global, GrantsCommand};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::progress::Progress;
use crate::{open, render};
use manes_core::policy::Decision;
use manes_runtime::ledger::Reader;
use manes_runtime::manifest::Manifest;
use manes_runtime::query::{self, AttemptRecord, FlowRecord, Named};
use manes_runtime::replay::Replayer;
use manes_runtime::seams::Seams;
use manes_runtime::waist::Asked;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Suggests, or explains.
pub(crate) async fn grants(global: &Global, command: GrantsCommand) -> anyhow::Result<Exit> {
    match command {
        GrantsCommand::Suggest(args) => suggest::suggest(global, &args).await,
        GrantsCommand::Explain(args) => explain::explain(global, &args),
    }
}

/// An attempt with what it asked for.
struct Heard<'a> {
    attempt: &'a AttemptRecord,
    asked: Vec<Asked>,
    topics: Vec<&'a str>,
}

/// Runs the attempts of a flow again to hear what they ask for; false if not all of it could be heard.
async fn hear<'a>(reader: &Reader, record: &'a FlowRecord) -> anyhow::Result<(Vec<Heard<'a>>, bool)> {
    let mut replayer = Replayer::new(open::wasm()?, Seams::system(), None)?;
    let (mut heard, mut complete) = (Vec::new(), true);
    let progress = Progress::of("running again", record.attempts.len());
    for attempt in &record.attempts {
        let asked = replayer.asked(reader, attempt).await;
        progress.step();
        match asked {
            Ok((verdict, asked)) => {
                if !verdict.identical {
                    complete = false;
                    tell!("{} did not replay identically: what it asked for may be incomplete", attempt.agent());
                }
                let topics = attempt.emitted.iter().filter_map(|event| event.envelope.topic.as_deref()).collect();
                heard.push(Heard { attempt, asked, topics });
            }
            Err(error) => {
                complete = false;
                tell!("not judged: {}: {}", attempt.agent(), render::plain(&error.to_string()));
            }
        }
    }
    Ok((heard, complete))
}

fn recorded(reader: &Reader, id: &str) -> anyhow::Result<FlowRecord> {
    let record = match open::named(reader, id)? {
        Named::Flow(flow) => query::gather(reader, flow)?,
        Named::Activation(id) => query::gather_activation(reader, id)?,
    };
    if record.attempts.is_empty() {
        return Err(usage("nothing of it was begun yet: there is nothing to judge"));
    }
    Ok(record)
}

/// A call or an event, as other grants judge it.
#[derive(Debug, Serialize)]
struct Judged {
    agent: String,
    activation: String,
    attempt: u64,
    /// Number of the call; an event has none.
    call: Option<u64>,
    function: Option<String>,
    what: String,
    allowed: bool,
    rule: String,
    allow_with: Option<String>,
}

/// Judges a flow by the grants of another manifest.
pub(crate) async fn policy(global: &Global, id: &str, agent: Option<&str>, file: &Path) -> anyhow::Result<Exit> {
    let manifest = Manifest::read(file).map_err(|error| usage(error.to_string()))?;
    let reader = open::reader(global)?;
    let record = recorded(&reader, id)?;
    if let Some(only) = agent.filter(|only| !record.attempts.iter().any(|attempt| attempt.agent() == *only)) {
        let agents: BTreeSet<&str> = record.attempts.iter().map(|attempt| attempt.agent()).collect();
        let agents = agents.into_iter().collect::<Vec<_>>().join(", ");
        return Err(usage(format!("nothing that {only} did is in it; its activations are of: {agents}")));
    }
    let mut denied = Vec::new();
    let mut judged = 0_u64;
    let (heard, complete) = hear(&reader, &record).await?;
    for Heard { attempt, asked, topics } in heard {
        if agent.is_some_and(|only| only != attempt.agent()) {
            continue;
        }
        let name = attempt.agent();
        let Some(section) = manifest.agent.get(name) else {
            judged += 1 + asked.iter().filter(|asked| asked.decision.is_allowed()).count() as u64 + topics.len() as u64;
            tell!("{} has no agent {name}: nothing that it did would have been done", file.display());
            denied.push(of(
                attempt,
                None,
                None,
                "handling the event",
                &Decision::Deny {
                    rule: "default".into(),
                    what: String::new(),
                    allow_with: Some(format!("[agent.{name}]")),
                },
            ));
            continue;
        };
        let topic = attempt.event.as_ref().and_then(|event| event.envelope.topic.clone()).unwrap_or_default();
        if let Ok(taken) = topic.parse()
            && !section.subscribe.iter().any(|pattern| pattern.matches(&taken))
        {
            judged += 1;
            let allow_with = Some(format!("subscribe = [\"{topic}\"]"));
            let decision = Decision::Deny { rule: "default".into(), what: String::new(), allow_with };
            denied.push(of(attempt, None, None, &format!("taking {topic}"), &decision));
        }
        let grants = manifest.agent_grants(section);
        for asked in asked.iter().filter(|asked| asked.decision.is_allowed()) {
            judged += 1;
            let decision = grants.decide(&asked.seen);
            if !decision.is_allowed() {
                let function = Some(asked.function.clone());
                denied.push(of(attempt, Some(asked.call), function, &asked.seen.facts.to_string(), &decision));
            }
        }
        for topic in topics {
            judged += 1;
            let decision = grants.may_publish(topic);
            if !decision.is_allowed() {
                denied.push(of(attempt, None, None, &format!("publishing on {topic}"), &decision));
            }
        }
    }
    if global.json {
        say!("{}", serde_json::json!({ "judged": judged, "denied": denied }));
    } else {
        let style = render::Style::stdout();
        for one in &denied {
            let call = one.call.map(|call| format!(" call {call}")).unwrap_or_default();
            let help = one.allow_with.as_ref().map(|line| format!(" · allow with: {line}")).unwrap_or_default();
            let (what, rule) = (render::plain(&one.what), &one.rule);
            say!("{} {}{call}: {what} ({rule}){help}", style.bad("denied"), one.agent);
        }
        say!("{} of {judged} calls and events would have been denied", denied.len());
    }
    Ok(match (denied.is_empty(), complete) {
        (false, _) => Exit::Rejected,
        // Nothing denied of what was judged, and not all of it was.
        (true, false) => Exit::Failed,
        (true, true) => Exit::Done,
    })
}

fn of(attempt: &AttemptRecord, call: Option<u64>, function: Option<String>, what: &str, decision: &Decision) -> Judged {
    let envelope = &attempt.start.envelope;
    let allow_with = match decision {
        Decision::Deny { allow_with, .. } => allow_with.clone(),
        Decision::Allow { .. } => None,
    };
    Judged {
        agent: attempt.agent().to_owned(),
        activation: envelope.activation.unwrap_or_default().to_string(),
        attempt: envelope.attempt.unwrap_or(1),
        call,
        function,
        what: what.to_owned(),
        allowed: decision.is_allowed(),
        rule: decision.rule().to_owned(),
        allow_with,
    }
}
