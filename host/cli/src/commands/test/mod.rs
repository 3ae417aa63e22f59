//! `manes test`: the built components in the real host, against cases that are files.

mod case;
mod exchange;
mod play;
mod record;
mod secrets;
mod transcript;
mod wire;
mod write;

use crate::args::{Global, TestArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::progress::Progress;
use crate::render::Style;
use crate::{build, files, open, render};
use anyhow::Context as _;
use case::Case;
use manes_runtime::manifest::Manifest;
use manes_runtime::provider::Mirror;
use manes_runtime::query;
use play::Stage;
use record::{Order, Requests};
use serde::Serialize;
use std::path::{Path, PathBuf};
use transcript::{Compared, Outcome, trouble};

/// The folder of cases beside a manifest.
const CASES: &str = "cases";

/// What came of one case.
#[derive(Debug, Serialize)]
struct Verdict {
    /// Its file.
    case: PathBuf,
    /// What it shows.
    about: String,
    /// `passed`, `failed`, `updated`, or `unplayed` if the case itself is wrong.
    status: &'static str,
    /// Events that came.
    events: usize,
    /// Attempts that were made.
    attempts: usize,
    /// Lines that differ: `-` expected, `+` came; or why it cannot be played.
    diff: String,
    /// True if there were calls or requests that the case does not answer.
    unanswered: bool,
}

/// Plays cases, or makes one.
pub(crate) async fn test(global: &Global, args: TestArgs) -> anyhow::Result<Exit> {
    let manifest = open::manifest(global)?;
    build::refresh(&manifest).await?;
    let wasm = open::wasm()?;
    let stage = Stage { mirror: Mirror::new(&wasm), wasm, manifest };
    let cases = match &args.from {
        Some(flow) => vec![case_of(global, &stage, flow, args.to.as_deref())?],
        None => found(&stage.manifest, &args.cases)?,
    };
    let mut verdicts = Vec::new();
    for path in cases {
        let playing = Progress::begin("playing");
        // One case that cannot be played does not keep the others from being.
        let style = if global.json { Style::plain() } else { Style::stdout() };
        let verdict = judge(&stage, &path, args.update, style).unwrap_or_else(|error| Verdict::unplayed(&path, &error));
        drop(playing);
        if !global.json {
            print(&verdict);
        }
        verdicts.push(verdict);
    }
    let of = |status: &str| verdicts.iter().filter(|verdict| verdict.status == status).count();
    let (failed, unplayed) = (of("failed") + of("unplayed"), of("unplayed") > 0);
    let passed = verdicts.len() - failed;
    if global.json {
        say!("{}", serde_json::json!({ "passed": passed, "failed": failed, "cases": verdicts }));
    } else {
        say!("{passed} passed, {failed} failed");
        if verdicts.iter().any(|verdict| verdict.unanswered) {
            tell!(
                "what nothing answers: write a [[call]] with its result or an [[http]] with its answer, or name the \
                 capability in live = [\"NAME\"], so that it is there"
            );
        } else if failed > 0 && !unplayed {
            tell!("if that is how it should be: manes test --update");
        }
    }
    Ok(match (failed, unplayed) {
        (0, _) => Exit::Done,
        (_, true) => Exit::Usage,
        (_, false) => Exit::Failed,
    })
}

impl Verdict {
    fn unplayed(path: &Path, error: &anyhow::Error) -> Self {
        Self {
            case: path.to_owned(),
            about: String::new(),
            status: "unplayed",
            events: 0,
            attempts: 0,
            diff: render::error(error),
            unanswered: false,
        }
    }
}

fn judge(stage: &Stage, path: &Path, update: bool, style: Style) -> anyhow::Result<Verdict> {
    let case = Case::read(path)?;
    let played = stage.play(&case)?;
    let outcome = Outcome::of(&played.flows);
    let compared = Compared::new(&case, &played, &outcome);
    let (events, attempts) = (outcome.events.len(), played.flows.iter().map(|flow| flow.attempts.len()).sum());
    let (about, unanswered) = (case.about.clone(), !played.unexpected.is_empty());
    let (status, diff) = match (compared.is_equal(), update) {
        (true, _) => ("passed", String::new()),
        // What nothing answers cannot be written down.
        (false, true) if !unanswered && !played.stuck => {
            write::update(&case, &played, &outcome)?;
            // Whether it passes now is for the file to say.
            let again = judge(stage, path, false, style)?;
            let diff = format!("{}{}", compared.diff(style), again.diff);
            (if again.status == "passed" { "updated" } else { again.status }, diff)
        }
        (false, _) => ("failed", format!("{}{}", compared.diff(style), trouble(&played.flows))),
    };
    Ok(Verdict { case: path.to_owned(), about, status, events, attempts, diff, unanswered })
}

fn print(verdict: &Verdict) {
    let style = Style::stdout();
    let word = match verdict.status {
        "failed" => style.bad("failed "),
        "unplayed" => style.bad("wrong  "),
        "updated" => style.name("updated"),
        _ => style.good("passed "),
    };
    let about = if verdict.about.is_empty() { String::new() } else { format!("  {}", render::plain(&verdict.about)) };
    say!("{word}  {}{}", verdict.case.display(), style.dim(&about));
    verdict.diff.lines().for_each(|line| say!("  {line}"));
}

/// The files that are named, those in the folders that are named, or those beside the manifest.
fn found(manifest: &Manifest, named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let beside = relative(manifest.folder.join(CASES));
    let named = if named.is_empty() { std::slice::from_ref(&beside) } else { named };
    let mut cases = Vec::new();
    for path in named {
        if !path.is_dir() {
            cases.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("failed to read {}", path.display()))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        cases.extend(files);
    }
    match cases.iter().find(|path| !path.is_file()) {
        _ if cases.is_empty() => Err(none(named.first().unwrap_or(&beside))),
        Some(path) if *path == beside => Err(none(&beside)),
        Some(path) => Err(usage(format!("there is no case {}", path.display()))),
        None => Ok(cases),
    }
}

/// As it is written from here, where it lies below.
fn relative(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    match below {
        Some(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        below => below.unwrap_or(path),
    }
}

fn none(folder: &Path) -> anyhow::Error {
    usage(format!(
        "there are no cases in {}; make one of a flow that you have run: `manes test --from FLOW`, as `manes flows` lists them",
        folder.display()
    ))
}

/// Writes a recorded flow as a case.
fn case_of(global: &Global, stage: &Stage, id: &str, to: Option<&Path>) -> anyhow::Result<PathBuf> {
    let reader = open::reader(global)?;
    let flow = open::flow(&reader, id)?;
    let record = query::gather(&reader, flow)?;
    if record.open {
        return Err(usage(format!("flow {} has not ended yet; `manes flow {}` shows it", flow.short(), flow.short())));
    }
    let topic = record.events.first().and_then(|event| event.envelope.topic.clone()).unwrap_or_default();
    let path = match to {
        Some(path) => path.to_owned(),
        None => relative(stage.manifest.folder.join(CASES)).join(format!(
            "{}-{}.toml",
            topic.replace(['/', '.'], "-"),
            flow.short()
        )),
    };
    if path.exists() {
        return Err(usage(format!("{} is there already; name another file with --to", path.display())));
    }
    let about = format!("flow {}, as it was recorded", flow.short());
    // What the first of these does not tell may have mattered. Playing it decides; where none passes, the first is taken.
    let ways = [
        (Requests::Whole, Order::Queued),
        (Requests::Calls, Order::Queued),
        (Requests::Whole, Order::Begun),
        (Requests::Calls, Order::Begun),
    ];
    let (mut told, mut refused): (Vec<String>, _) = (Vec::new(), None);
    for way in ways {
        match record::from(&reader, &stage.wasm, &record, &about, way) {
            Ok(document) => {
                told.extend(document.map(|document| document.to_string()).filter(|text| !told.contains(text)));
            }
            // One way may have to hold what another one need not.
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    if let (true, Some(refused)) = (told.is_empty(), refused) {
        return Err(refused);
    }
    // Beside its place, since a case's paths are taken from there.
    let new = path.with_extension("toml.new");
    let passes = |text: &&String| files::write(&new, text).is_ok() && passes(stage, &new);
    let text = if told.len() > 1 { told.iter().find(passes) } else { None };
    let text = text.or(told.first());
    let written = files::write(&new, text.map_or("", String::as_str)).and_then(|()| Ok(std::fs::rename(&new, &path)?));
    if written.is_err() {
        // What is left of it is nobody's case.
        let _gone = std::fs::remove_file(&new);
    }
    written?;
    tell!("{} written", path.display());
    Ok(path)
}

fn passes(stage: &Stage, path: &Path) -> bool {
    judge(stage, path, false, Style::plain()).is_ok_and(|verdict| verdict.status == "passed")
}
