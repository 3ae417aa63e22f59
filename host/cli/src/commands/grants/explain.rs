//! `manes grants explain`: why the manifest allows a call or denies it.

use crate::args::{ExplainArgs, Global};
use crate::exit::{Exit, usage};
use crate::output::say;
use crate::{open, render};
use manes_core::lens::{Access, Facts, Seen, request_facts};
use manes_core::policy::{CapabilityGrant, Decision, Grants};

/// Why a call would be allowed or denied.
pub(super) fn explain(global: &Global, args: &ExplainArgs) -> anyhow::Result<Exit> {
    let manifest = open::manifest(global)?;
    let name = &args.name;
    let grants = manifest.grants(name).ok_or_else(|| {
        let known: Vec<&str> = manifest.agent.keys().chain(manifest.capability.keys()).map(String::as_str).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        usage(format!("the manifest has no {name}; it has: {known}"))
    })?;
    let (what, mut decision) = judge(&grants, &args.call)?;
    // A capability answers calls; it emits nothing.
    if let (false, Decision::Deny { what, .. }) = (manifest.agent.contains_key(name), &decision)
        && args.call.first().is_some_and(|word| word.split_whitespace().next() == Some("publish"))
    {
        decision = Decision::Deny { rule: "never".into(), what: what.clone(), allow_with: None };
    }
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
        let by = if rule == "never" { String::new() } else { format!(" by {}", render::plain(rule)) };
        say!("{word}: {}{by}{help}", render::plain(&what));
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
            if authority.contains('@') {
                return Err(usage(format!(
                    "{url:?} carries a user: no request may; leave out what stands before the @"
                )));
            }
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
