//! `manes grants` and `manes replay --policy`: what was asked for, judged by grants.
//!
//! What an agent asked for is found by running it again from the record. What its capabilities did themselves is recorded
//! by commitment, and is not judged.

use crate::args::{ExplainArgs, Global, GrantsCommand, SuggestArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::progress::Progress;
use crate::{open, render};
use manes_core::lens::{Access, Facts, Seen, request_facts};
use manes_core::policy::{CapabilityGrant, Decision, Grants, Least};
use manes_runtime::deploy::DeploymentBody;
use manes_runtime::ledger::Reader;
use manes_runtime::manifest::Manifest;
use manes_runtime::query::{self, AttemptRecord, FlowRecord, Named};
use manes_runtime::replay::Replayer;
use manes_runtime::seams::Seams;
use manes_runtime::waist::Asked;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Suggests, or explains.
pub(crate) async fn grants(global: &Global, command: GrantsCommand) -> anyhow::Result<Exit> {
    match command {
        GrantsCommand::Suggest(args) => suggest(global, &args).await,
        GrantsCommand::Explain(args) => explain(global, &args),
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
    let mut denied = Vec::new();
    let mut judged = 0_u64;
    let (heard, complete) = hear(&reader, &record).await?;
    for Heard { attempt, asked, topics } in heard {
        if agent.is_some_and(|only| only != attempt.agent()) {
            continue;
        }
        let name = attempt.agent();
        let Some(section) = manifest.agent.get(name) else {
            judged += 1;
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

/// The least grants under which a flow would have run as it did.
async fn suggest(global: &Global, args: &SuggestArgs) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let record = recorded(&reader, &args.id)?;
    let mut least: BTreeMap<String, (Least, Option<DeploymentBody>)> = BTreeMap::new();
    let (heard, complete) = hear(&reader, &record).await?;
    for Heard { attempt, asked, topics } in heard {
        let (least, body) = least.entry(attempt.agent().to_owned()).or_default();
        // What was denied was denied, and the flow ran all the same.
        asked.iter().filter(|asked| asked.decision.is_allowed()).for_each(|asked| least.called(&asked.seen.facts));
        topics.iter().for_each(|topic| least.published(topic));
        *body = attempt.deployment.as_ref().and_then(DeploymentBody::of);
        // It is read as a whole: which of the names the agent looked at, nobody knows.
        if asked.iter().any(|asked| asked.function.ends_with("#get-environment")) {
            body.iter().flat_map(|body| &body.grants.env).for_each(|name| least.variable(name));
        }
    }
    let lines = |(least, body): &(Least, Option<DeploymentBody>)| {
        let host = |guest: &str| {
            let directories = body.iter().flat_map(|body| &body.grants.directories);
            directories.into_iter().find(|grant| grant.guest() == guest).map(|grant| grant.host().to_owned())
        };
        least.lines(host)
    };
    if global.json {
        let all: BTreeMap<&String, Vec<String>> = least.iter().map(|(name, of)| (name, lines(of))).collect();
        say!("{}", serde_json::to_string(&all)?);
        return Ok(if complete { Exit::Done } else { Exit::Failed });
    }
    for (place, (name, of)) in least.iter().enumerate() {
        let gap = if place == 0 { "" } else { "\n" };
        say!("{gap}[agent.{name}]");
        lines(of).iter().for_each(|line| say!("{}", render::plain(line)));
    }
    tell!("what these agents asked for, and nothing else; other events may need more");
    Ok(if complete { Exit::Done } else { Exit::Failed })
}

/// Why a call would be allowed or denied.
fn explain(global: &Global, args: &ExplainArgs) -> anyhow::Result<Exit> {
    let manifest = open::manifest(global)?;
    let name = &args.name;
    let agent = manifest.agent.get(name).map(|section| manifest.agent_grants(section));
    let capability = || manifest.capability.get(name).map(|section| manifest.capability_grants(section));
    let grants = agent.or_else(capability).ok_or_else(|| {
        let known: Vec<&str> = manifest.agent.keys().chain(manifest.capability.keys()).map(String::as_str).collect();
        usage(format!("the manifest has no {name}; it has: {}", known.join(", ")))
    })?;
    let (what, decision) = judge(&grants, &args.call)?;
    let (allowed, rule) = (decision.is_allowed(), decision.rule());
    let allow_with = match &decision {
        Decision::Deny { allow_with, .. } => allow_with.clone(),
        Decision::Allow { .. } => None,
    };
    if global.json {
        let shape = serde_json::json!({
            "name": name, "what": what, "allowed": allowed, "rule": rule, "allow_with": allow_with,
        });
        say!("{shape}");
    } else {
        let style = render::Style::stdout();
        let word = if allowed { style.good("allowed") } else { style.bad("denied") };
        let help = match (&allow_with, allowed) {
            (Some(line), _) => format!("\nin its section, allow with: {line}"),
            (None, false) => "\nno grant could allow it".to_owned(),
            (None, true) => String::new(),
        };
        say!("{word}: {} by {}{help}", render::plain(&what), render::plain(rule));
    }
    Ok(if allowed { Exit::Done } else { Exit::Rejected })
}

/// What the words of a call mean: `GET https://…`, `read /data`, `publish a.b`, or an interface.
fn judge(grants: &Grants, words: &[String]) -> anyhow::Result<(String, Decision)> {
    let odd = || {
        usage(
            "a call is one of: GET https://example.com/path, read /data, write /data, publish some.topic, \
             manes:table/table",
        )
    };
    let words: Vec<&str> = words.iter().flat_map(|words| words.split_whitespace()).collect();
    let facts = match words.as_slice() {
        ["publish", topic] => return Ok((format!("publishing on {topic}"), grants.may_publish(topic))),
        [access @ ("read" | "write"), path] if path.starts_with('/') => {
            if path.split('/').skip(1).any(|part| part == "." || part == "..") {
                return Err(usage(format!("{path:?} is not plain: write it as the agent sees it, without . and ..")));
            }
            // A grant names a directory; what lies in it goes with it. Of several the one that lies deepest, as libc has it.
            let under = |guest: &&str| {
                let rest = path.strip_prefix(guest.trim_end_matches('/'));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let guests = grants.directories.iter().map(|grant| grant.guest()).filter(under);
            let directory = guests.max_by_key(|guest| guest.len()).unwrap_or(path);
            let access = if *access == "read" { Access::Read } else { Access::Write };
            let inside = path.strip_prefix(directory).unwrap_or_default().trim_start_matches('/').to_owned();
            Facts::File { directory: directory.to_owned(), path: inside, access }
        }
        [method, url] => {
            let (scheme, rest) = url.split_once("://").ok_or_else(odd)?;
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let path = if path.is_empty() { "/" } else { path };
            request_facts(&method.to_ascii_uppercase(), Some(scheme), Some(authority), Some(path))
        }
        [interface] if interface.contains(':') && interface.contains('/') && !interface.contains("://") => {
            if interface.starts_with("wasi:sockets/") {
                Facts::Socket { operation: (*interface).to_owned() }
            } else {
                let grant: CapabilityGrant = interface.parse().map_err(|error| usage(format!("{error}")))?;
                Facts::Capability { interface: grant.interface().to_owned() }
            }
        }
        _ => return Err(odd()),
    };
    let seen = Seen { facts, ..Seen::local() };
    Ok((seen.facts.to_string(), grants.decide(&seen)))
}
