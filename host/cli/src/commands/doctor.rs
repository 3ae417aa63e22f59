//! `manes doctor`: what is missing on this machine, and how to get it.

use crate::args::Global;
use crate::exit::Exit;
use crate::output::{say, tell};
use crate::session::Either;
use crate::{open, paths, render};
use manes_runtime::ledger::{OpenError, Reader};
use std::process::Command;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    /// True if it is as it should be, false if something does not work without it, nothing if it is a matter of use.
    good: Option<bool>,
    found: String,
    /// What to do.
    help: Option<String>,
}

impl Finding {
    const fn good(what: &'static str, found: String) -> Self {
        Self { what, good: Some(true), found, help: None }
    }

    fn bad(what: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what, good: Some(false), found: found.into(), help: Some(help.into()) }
    }

    fn open(what: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what, good: None, found: found.into(), help: Some(help.into()) }
    }
}

/// Looks, and fails where something is missing.
pub(crate) async fn doctor(global: &Global) -> anyhow::Result<Exit> {
    let findings = [home(), rust(), target(), manifest(global), ledger(global), host(global).await];
    let style = render::Style::stdout();
    for finding in findings.iter().filter(|_| !global.json) {
        let mark = match finding.good {
            Some(true) => style.good("ok     "),
            Some(false) => style.bad("missing"),
            None => style.dim("-      "),
        };
        say!("{mark}  {:<14} {}", finding.what, render::plain(&finding.found));
        if let Some(help) = &finding.help {
            say!("         {:<14} {help}", "");
        }
    }
    let all = findings.iter().all(|finding| finding.good != Some(false));
    if global.json {
        let shape = |finding: &Finding| {
            let Finding { what, good, found, help } = finding;
            serde_json::json!({ "what": what, "good": good, "found": found, "help": help })
        };
        say!("{}", serde_json::Value::from(findings.iter().map(shape).collect::<Vec<_>>()));
    } else if all {
        tell!("nothing is missing");
    }
    Ok(if all { Exit::Done } else { Exit::Failed })
}

fn home() -> Finding {
    let what = "home";
    let home = match paths::home() {
        Ok(home) => home,
        Err(error) => return Finding::bad(what, error.to_string(), "export MANES_HOME=$HOME/.local/share/manes"),
    };
    let made = std::fs::create_dir_all(&home).and_then(|()| tempfile(&home));
    match made {
        Ok(()) => Finding::good(what, home.display().to_string()),
        Err(error) => Finding::bad(what, format!("{}: {error}", home.display()), "set MANES_HOME to a folder of yours"),
    }
}

fn tempfile(folder: &std::path::Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, "")?;
    std::fs::remove_file(probe)
}

/// The first line that a program prints, if it is there.
fn says(program: &str, args: &[&str]) -> Option<String> {
    let out = Command::new(program).args(args).output().ok().filter(|out| out.status.success())?;
    String::from_utf8_lossy(&out.stdout).lines().next().map(str::to_owned)
}

fn rust() -> Finding {
    let help = "for agents in Rust: https://rustup.rs";
    says("cargo", &["--version"])
        .map_or_else(|| Finding::open("cargo", "not found", help), |v| Finding::good("cargo", v))
}

fn target() -> Finding {
    let what = "wasm32-wasip2";
    let libraries = says("rustc", &["--print", "target-libdir", "--target", what]);
    match libraries.filter(|folder| std::path::Path::new(folder).is_dir()) {
        Some(folder) => Finding::good(what, folder),
        None if says("rustc", &["--version"]).is_none() => Finding::open(what, "no rustc", "comes after cargo"),
        None => Finding::bad(what, "not installed", "rustup target add wasm32-wasip2"),
    }
}

fn manifest(global: &Global) -> Finding {
    let what = "manifest";
    if !global.manifest.exists() {
        let found = format!("no {} here", global.manifest.display());
        return Finding::open(what, found, "manes new hello, or name one with --manifest FILE");
    }
    match open::manifest(global) {
        Ok(manifest) => {
            let (agents, capabilities) = (manifest.agent.len() as u64, manifest.capability.len() as u64);
            let agents = render::count(agents, "agent");
            Finding::good(what, format!("{}: {agents}, {capabilities} capabilities", global.manifest.display()))
        }
        Err(error) => Finding::bad(what, error.to_string(), "correct the line that it names"),
    }
}

fn ledger(global: &Global) -> Finding {
    let (what, folder) = ("ledger", paths::ledger(global));
    match Reader::open(&folder) {
        Ok(reader) => {
            let records = render::count(reader.records(), "record");
            Finding::good(what, format!("{}: {} with {records}", folder.display(), reader.id().short()))
        }
        Err(OpenError::Absent { .. }) => {
            Finding::open(what, format!("none in {}", folder.display()), "`manes run` or `manes up` begins one")
        }
        Err(error) => Finding::bad(what, error.to_string(), "`manes verify` says more"),
    }
}

async fn host(global: &Global) -> Finding {
    match Either::running(global, None).await {
        Ok(Some(_)) => Finding::good("running host", "it answers".into()),
        Ok(None) => Finding::open("running host", "none", "`manes up` starts one; most commands work without"),
        Err(error) => Finding::bad("running host", error.to_string(), "stop it, and start it with `manes up`"),
    }
}
