//! Plays a case: the real host and the built components, a ledger in memory, a clock that stands still while there is
//! something to do, and a script where the outside would be.

use super::case::{Call, Case};
use super::wire::Wire;
use crate::exit::usage;
use crate::{files, open};
use anyhow::Context as _;
use manes_core::ids::FlowId;
use manes_core::policy::{DirectoryGrant, Grants};
use manes_runtime::component::Function;
use manes_runtime::engine::Wasm;
use manes_runtime::host::{Host, Prepared, Submission};
use manes_runtime::ledger::{Ledger, Memory};
use manes_runtime::manifest::Manifest;
use manes_runtime::provider::Mirror;
use manes_runtime::query::{self, FlowRecord};
use manes_runtime::script::{Answer, Line, Script, is_ambient, text};
use manes_runtime::seams::{Seams, SeededEntropy, StillClock};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Longest time that a flow may take, by the clock that stands still: what is not done by then waits for nothing.
const TIME_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// What cases have in common.
pub(super) struct Stage {
    pub(super) manifest: Manifest,
    pub(super) wasm: Wasm,
    pub(super) mirror: Arc<Mirror>,
}

/// What came of a case.
pub(super) struct Played {
    pub(super) flows: Vec<FlowRecord>,
    /// Calls and requests that did not come.
    pub(super) left: Vec<String>,
    /// Calls and requests that the case does not have.
    pub(super) unexpected: Vec<String>,
    /// For each `[[call]]`, whether it was made.
    pub(super) used: Vec<bool>,
    /// For each `[[http]]`, whether it came.
    pub(super) sent: Vec<bool>,
    /// Agents that were still waiting for something at the end.
    pub(super) stuck: bool,
}

impl Stage {
    /// Plays a case on a runtime of its own, whose time is paused.
    pub(super) fn play(&self, case: &Case) -> anyhow::Result<Played> {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        std::thread::scope(|scope| {
            let played = scope.spawn(|| runtime()?.block_on(self.perform(case)));
            played.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the host panicked")))
        })
    }

    async fn perform(&self, case: &Case) -> anyhow::Result<Played> {
        let scratch = TempDir::new().context("failed to create a folder for the agents' directories")?;
        let manifest = self.staged(case, scratch.path())?;
        let prepared = Prepared::compile(&self.wasm, &manifest).map_err(|error| open::placed(&manifest, error))?;
        let live = case.live.iter().cloned().collect();
        let script = Arc::new(Script::new(lines(case, &manifest, &prepared)?, case.env.clone(), live));
        let wire = Wire::new(case)?;
        let time = humantime::parse_rfc3339_weak(&case.time).ok();
        let time = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let time = time.ok_or_else(|| usage(format!("{}: {:?} is no time", case.path.display(), case.time)))?;
        let seams = Seams {
            clock: Arc::new(StillClock::at(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))),
            entropy: Arc::new(SeededEntropy::new(1)),
            network: Arc::new(wire.clone()),
        };
        let ledger: Arc<dyn Ledger> = Arc::new(Memory::new(seams.clone()));
        let prepared = prepared.with_mirror(self.mirror.clone()).with_script(script.clone());
        let host = Host::start_prepared(ledger, self.wasm.clone(), seams, manifest.clone(), prepared).await;
        let host = host.map_err(|error| open::placed(&manifest, error))?;
        host.begin().await?;
        let played = submit(&host, case).await;
        host.stop().await?;
        let (flows, stuck) = played?;
        let mut left: Vec<String> = script.left().iter().map(shown_line).collect();
        left.extend(wire.left().into_iter().map(|line| format!("request {line}")));
        let shown = |(agent, function, args): &(String, manes_core::function::FunctionId, Vec<_>)| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            format!("{agent} calls {function}({})", args.join(", "))
        };
        let mut unexpected: Vec<String> = script.unexpected().iter().map(shown).collect();
        unexpected.extend(wire.unexpected().into_iter().map(|line| format!("request {line}")));
        Ok(Played { flows, left, unexpected, used: script.used(), sent: wire.used(), stuck })
    }

    /// The manifest as this case has it: directories are copies, and one thing is done after another. Capabilities are
    /// loaded for their types and for what they claim; calls of those that are not live never reach them.
    fn staged(&self, case: &Case, scratch: &Path) -> anyhow::Result<Manifest> {
        let mut manifest = self.manifest.clone();
        let unknown = case.live.iter().find(|name| !manifest.capability.contains_key(*name));
        if let Some(name) = unknown {
            let known: Vec<&str> = manifest.capability.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(usage(format!(
                "{}: live names {name:?}, and the manifest has no such capability; it has: {known}",
                case.path.display()
            )));
        }
        let folder = manifest.folder.clone();
        for (name, section) in &mut manifest.capability {
            section.load = case.live.contains(name) || folder.join(&section.component).is_file();
        }
        manifest.agent.values_mut().for_each(|section| section.concurrency = 1);
        check_granted(case, &manifest)?;
        let mut copies = Copies { case, scratch, folder, made: BTreeMap::new() };
        let agents = manifest.agent.values_mut().map(|section| &mut section.directories);
        let capabilities = manifest.capability.values_mut().map(|section| &mut section.directories);
        for directories in agents.chain(capabilities) {
            *directories = directories.iter().map(|grant| copies.of(grant)).collect::<anyhow::Result<_>>()?;
        }
        Ok(manifest)
    }
}

/// A slip in a case must not pass for an empty folder or an empty environment.
fn check_granted(case: &Case, manifest: &Manifest) -> anyhow::Result<()> {
    let grants: Vec<Grants> = manifest.agent.values().map(|section| manifest.agent_grants(section)).collect();
    let more = manifest.capability.values().map(|section| manifest.capability_grants(section));
    let grants: Vec<Grants> = grants.into_iter().chain(more).collect();
    let directories: BTreeSet<&str> = grants.iter().flat_map(|g| &g.directories).map(DirectoryGrant::guest).collect();
    let variables: BTreeSet<&str> = grants.iter().flat_map(|g| &g.env).map(String::as_str).collect();
    let file = case.path.display();
    for (key, names, granted) in [
        ("directories", case.directories.keys().collect::<Vec<_>>(), directories),
        ("env", case.env.keys().collect(), variables),
    ] {
        if let Some(name) = names.into_iter().find(|name| !granted.contains(&name.as_str())) {
            let known: Vec<&str> = granted.into_iter().collect();
            let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
            return Err(usage(format!("{file}: {key} names {name:?}, which nobody was granted; granted is: {known}")));
        }
    }
    Ok(())
}

/// Copies of granted directories: one for each folder of the host, whoever was granted it.
struct Copies<'a> {
    case: &'a Case,
    scratch: &'a Path,
    /// The manifest's own.
    folder: PathBuf,
    made: BTreeMap<PathBuf, PathBuf>,
}

impl Copies<'_> {
    fn of(&mut self, grant: &DirectoryGrant) -> anyhow::Result<DirectoryGrant> {
        let next = self.scratch.join(self.made.len().to_string());
        let host = self.folder.join(grant.host());
        let to = self.made.entry(host).or_insert(next).clone();
        std::fs::create_dir_all(&to)?;
        if let Some(from) = self.case.directories.get(grant.guest()) {
            let file = &self.case.path;
            let from = file.parent().unwrap_or_else(|| Path::new(".")).join(from);
            files::copy(&from, &to).map_err(|error| usage(format!("{}: {error:#}", file.display())))?;
        }
        Ok(DirectoryGrant::new(to.to_string_lossy(), grant.guest(), grant.access())?)
    }
}

/// Submits the events, one after the other, and waits for each flow.
async fn submit(host: &Host, case: &Case) -> anyhow::Result<(Vec<FlowRecord>, bool)> {
    let agents = host.agents().await?;
    let mut flows: Vec<(FlowId, bool)> = Vec::new();
    for (place, event) in case.event.iter().enumerate() {
        let topic = event.topic.get_ref();
        let parsed: Result<manes_core::topic::Topic, _> = topic.parse();
        let parsed = parsed.map_err(|error| case.wrong(&event.topic, error))?;
        let takes = |pattern: &String| pattern.parse().is_ok_and(|p: manes_core::topic::Pattern| p.matches(&parsed));
        if !agents.iter().any(|agent| agent.subscribe.iter().any(takes)) {
            let known: Vec<&str> = agents.iter().flat_map(|a| &a.subscribe).map(String::as_str).collect();
            return Err(case.wrong(&event.topic, format!("no agent takes {topic}; they take: {}", known.join(", "))));
        }
        let submission = Submission {
            submitter: "client/test".to_owned(),
            id: format!("event-{}", place + 1),
            topic: topic.clone(),
            content: event.content(),
        };
        let submitted = host.submit(submission).await?;
        let ended = tokio::time::timeout(TIME_MAX, host.flow_ended(&submitted)).await;
        flows.push((submitted.flow, ended.is_ok()));
    }
    let stuck = flows.iter().any(|(_, ended)| !ended);
    let flows = flows.iter().map(|(flow, _)| query::gather(host.ledger(), *flow)).collect::<Result<_, _>>()?;
    Ok((flows, stuck))
}

/// The script of a case, by the types of the components.
fn lines(case: &Case, manifest: &Manifest, prepared: &Prepared) -> anyhow::Result<Vec<Line>> {
    let mut functions: BTreeMap<&str, Vec<&Function>> = BTreeMap::new();
    for (name, section) in &manifest.agent {
        functions.insert(name, prepared.imports(&manifest.resolve(&section.component)).collect());
    }
    case.call.iter().map(|call| line(case, call, &functions)).collect()
}

fn line(case: &Case, call: &Call, functions: &BTreeMap<&str, Vec<&Function>>) -> anyhow::Result<Line> {
    let (agent, wanted) = (call.agent.get_ref(), call.function.get_ref());
    let known: Vec<&str> = functions.keys().copied().collect();
    let imports = functions.get(agent.as_str());
    let imports = imports.ok_or_else(|| {
        case.wrong(&call.agent, format!("the manifest has no agent {agent:?}; it has: {}", known.join(", ")))
    })?;
    let is_wanted = |function: &&&Function| {
        let id = &function.id;
        id.to_string() == *wanted || format!("{}#{}", id.unversioned(), id.name) == *wanted
    };
    let function = imports.iter().find(is_wanted).ok_or_else(|| {
        let names: Vec<String> = imports.iter().map(|function| function.id.to_string()).collect();
        let hint = manes_runtime::nearest::hint(wanted, names.iter().map(String::as_str));
        case.wrong(&call.function, format!("{agent} imports no function {wanted:?}{hint}"))
    })?;
    let base = ["manes:agent/", "wasi:cli/"].iter().any(|package| function.id.interface.starts_with(package));
    if base && !is_ambient(&function.id) {
        return Err(case.wrong(&call.function, format!("{wanted} is answered by the host, in a test as everywhere")));
    }
    let args = call
        .args
        .as_ref()
        .map(|args| text::parse_args(&function.signature, args.get_ref()).map_err(|error| case.wrong(args, error)));
    let answer = match (&call.fails, &call.result, &function.signature.result) {
        (Some(message), ..) => Answer::Fails(message.clone()),
        (None, Some(result), Some(shape)) => {
            Answer::Returns(Some(text::parse(shape, result.get_ref()).map_err(|error| case.wrong(result, error))?))
        }
        (None, None, None) => Answer::Returns(None),
        (None, Some(result), None) => return Err(case.wrong(result, format!("{wanted} returns nothing"))),
        (None, None, Some(shape)) => {
            return Err(case.wrong(&call.function, format!("{wanted} returns {shape}; say which: result = '…'")));
        }
    };
    Ok(Line { agent: agent.clone(), function: function.id.clone(), args: args.transpose()?, answer })
}

/// A call that did not come.
fn shown_line(line: &Line) -> String {
    let args = line.args.as_ref().map(|args| args.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    format!("{} calls {}({})", line.agent, line.function, args.unwrap_or_else(|| "…".to_owned()))
}
