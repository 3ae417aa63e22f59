//! `manes grants suggest`: the least manifest under which a flow would have run as it did.

use super::{Heard, hear, recorded};
use crate::args::{Global, SuggestArgs};
use crate::exit::Exit;
use crate::output::{say, tell};
use crate::{open, render};
use manes_core::ids::Digest;
use manes_core::policy::{Grants, Least};
use manes_core::topic::Pattern;
use manes_runtime::deploy::DeploymentBody;
use manes_runtime::ledger::Reader;
use manes_runtime::manifest::{Manifest, text};
use manes_runtime::query::{self, Named};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// An agent of the flow.
#[derive(Default)]
struct Agent {
    least: Least,
    /// The last deployment that it worked under, if its record is whole.
    body: Option<DeploymentBody>,
}

/// Prints it.
pub(super) async fn suggest(global: &Global, args: &SuggestArgs) -> anyhow::Result<Exit> {
    let reader = open::reader(global)?;
    let record = recorded(&reader, &args.id)?;
    let (heard, complete) = hear(&reader, &record).await?;
    let mut agents: BTreeMap<String, Agent> = BTreeMap::new();
    for Heard { attempt, asked, topics } in heard {
        let agent = agents.entry(attempt.agent().to_owned()).or_default();
        agent.body = attempt.deployment.as_ref().and_then(DeploymentBody::of).or(agent.body.take());
        let nothing = Grants::default();
        let granted = agent.body.as_ref().map_or(&nothing, |body| &body.grants);
        // What was denied was denied, and the flow ran all the same.
        let allowed = asked.iter().filter(|asked| asked.decision.is_allowed());
        allowed.for_each(|asked| agent.least.called(&asked.seen.facts, granted));
        topics.iter().for_each(|topic| agent.least.published(topic));
        // It is read as a whole: which of the names the agent looked at, nobody knows.
        if asked.iter().any(|asked| asked.function.ends_with("#get-environment")) {
            granted.env.iter().for_each(|name| agent.least.variable(name));
        }
    }
    let capabilities = capabilities(&reader, &agents)?;
    // The ledger knows what ran, not which file it came from: that the manifest beside it may say.
    let manifest = Manifest::read(&global.manifest).ok();
    let whose = match open::named(&reader, &args.id)? {
        Named::Flow(flow) => format!("flow {}", flow.short()),
        Named::Activation(id) => format!("activation {}", id.short()),
    };
    let but = if complete { "" } else { "\n# Not all of it could be replayed: something may be missing." };
    let about = format!("# The least under which {whose} would have run as it did.{but}\n");
    let text = written(&about, &agents, &capabilities, manifest.as_ref());
    if global.json {
        let lines = |agent: &Agent| text::lines(&agent.least.grants()).lines().map(str::to_owned).collect();
        let agents: BTreeMap<&String, Vec<String>> = agents.iter().map(|(name, agent)| (name, lines(agent))).collect();
        say!("{}", serde_json::json!({ "manifest": text, "agents": agents, "complete": complete }));
    } else {
        text.lines().for_each(|line| say!("{}", render::plain(line)));
        tell!("what these agents asked for, and nothing else; other events may need more");
    }
    Ok(if complete { Exit::Done } else { Exit::Failed })
}

/// The capabilities that the agents called, and those behind them.
fn capabilities(reader: &Reader, agents: &BTreeMap<String, Agent>) -> anyhow::Result<Vec<DeploymentBody>> {
    let mut open: Vec<Digest> = Vec::new();
    for Agent { least, body } in agents.values() {
        let (grants, providers) = (least.grants(), body.iter().flat_map(|body| &body.providers));
        open.extend(providers.filter(|(interface, _)| grants.grants_interface(interface)).map(|(_, leaf)| *leaf));
    }
    let recorded = query::deployments(reader)?;
    let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
    while let Some(leaf) = open.pop() {
        let Some((index, body)) = recorded.get(&leaf).filter(|_| seen.insert(leaf)) else { continue };
        open.extend(body.providers.values());
        let place = last.entry(body.name.clone()).or_insert((*index, body));
        if place.0 < *index {
            *place = (*index, body);
        }
    }
    Ok(last.into_values().map(|(_, body)| body.clone()).collect())
}

/// The manifest as text.
fn written(
    about: &str,
    agents: &BTreeMap<String, Agent>,
    capabilities: &[DeploymentBody],
    manifest: Option<&Manifest>,
) -> String {
    let mut text = about.to_owned();
    let results: BTreeSet<&Pattern> =
        agents.values().filter_map(|agent| agent.body.as_ref()).flat_map(|body| &body.results).collect();
    if let Some(ledger) = manifest.and_then(|manifest| manifest.ledger.as_ref()) {
        text += &text::line("ledger", ledger);
    }
    text += &text::list("results", &results.into_iter().collect::<Vec<_>>());
    for (name, Agent { least, body }) in agents {
        text += "\n";
        text += &match body {
            Some(body) => section(body, least.grants(), manifest),
            None => {
                format!("# The record of its deployment is not kept.\n[agent.{name}]\n{}", text::lines(&least.grants()))
            }
        };
    }
    for body in capabilities {
        text += "\n# What a capability asks for itself is not judged: these are the grants that it had.\n";
        text += &section(body, body.grants.clone(), manifest);
    }
    text
}

/// A section; paths are as the manifest beside the ledger writes them, where that means the same.
fn section(body: &DeploymentBody, mut grants: Grants, manifest: Option<&Manifest>) -> String {
    let name = &body.name;
    let agent = manifest.and_then(|manifest| manifest.agent.get(name));
    let capability = manifest.and_then(|manifest| manifest.capability.get(name));
    let component = agent.map(|section| &section.component).or_else(|| capability.map(|section| &section.component));
    let build = agent.map(|section| &section.build).or_else(|| capability.map(|section| &section.build));
    if let Some(manifest) = manifest {
        let known =
            agent.map(|section| &section.directories).or_else(|| capability.map(|section| &section.directories));
        for grant in &mut grants.directories {
            let same = known.into_iter().flatten().find(|written| {
                written.guest() == grant.guest()
                    && manifest.resolve(Path::new(written.host())) == Path::new(grant.host())
            });
            if let Some(written) = same {
                *grant = written.with_access(grant.access());
            }
        }
    }
    let digest = body.component;
    let (path, note) = match (component, manifest) {
        (Some(path), Some(manifest)) => {
            let note = match std::fs::read(manifest.resolve(path)) {
                Ok(bytes) if Digest::of(&bytes) == digest => String::new(),
                Ok(_) => format!("# It ran {digest}; this file holds another one by now.\n"),
                Err(_) => format!("# It ran {digest}; this file is not there.\n"),
            };
            (path.to_string_lossy().into_owned(), note)
        }
        _ => (format!("{name}.wasm"), format!("# It ran {digest}; name the file that holds it.\n")),
    };
    note + &text::section(body, &grants, &path, build.and_then(|build| build.as_deref()))
}
