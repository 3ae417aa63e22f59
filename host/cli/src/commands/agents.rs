//! `manes agents`: what is deployed, and what each has to do.

use crate::args::Global;
use crate::exit::Exit;
use crate::output::{say, tell};
use crate::session::{Either, Reply, Request, Work};
use crate::{open, render};
use manes_runtime::query::{self, DeployedAgent, DeployedCapability};

/// Lists them as the ledger has them. What is under way just now a running host knows better.
pub(crate) async fn agents(global: &Global) -> anyhow::Result<Exit> {
    let mut deployed = query::deployed(&open::reader(global)?)?;
    let running = Either::running(global, None).await?;
    if let Some(host) = &running
        && let Reply::Work { agents } = host.ask(Request::Work).await?
    {
        for DeployedAgent { agent, .. } in &mut deployed.agents {
            let Some(work) = agents.get(&agent.name) else { continue };
            let Work { queued, running, parked, asking } = *work;
            (agent.queued, agent.running, agent.parked, agent.asking) = (queued, running, parked, asking);
        }
    }
    if global.json {
        say!("{}", serde_json::to_string(&deployed)?);
        return Ok(Exit::Done);
    }
    if running.is_none() {
        tell!("no host is running; this is what the ledger says");
    }
    let style = render::Style::stdout();
    let short = |digest: manes_core::ids::Digest| digest.short();
    for DeployedAgent { agent, component, uses } in &deployed.agents {
        let state = match agent.state {
            "ready" => style.good(&format!("{:<8}", agent.state)),
            other => style.bad(&format!("{other:<8}")),
        };
        let work = [
            (agent.queued, "queued"),
            (agent.running, "running"),
            (agent.parked - agent.asking, "parked"),
            (agent.asking, "asking"),
        ];
        let work: Vec<String> =
            work.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let work = if work.is_empty() { "idle".to_owned() } else { work.join(", ") };
        let uses: Vec<String> = uses.iter().map(|(id, by)| format!("{id} by {by}")).collect();
        let uses = if uses.is_empty() { String::new() } else { format!("  uses {}", uses.join(", ")) };
        let component = component.map(short).unwrap_or_default();
        say!(
            "{} {state} {:<20} {}  {work}{uses}",
            style.name(&format!("{:<16}", agent.name)),
            agent.subscribe.join(", "),
            style.dim(&component)
        );
    }
    for DeployedCapability { name, state, component, exports } in &deployed.capabilities {
        let state = if *state == "ready" { style.good("ready   ") } else { style.bad(&format!("{state:<8}")) };
        let name = style.name(&format!("{name:<16}"));
        say!("{name} {state} provides {}  {}", exports.join(", "), style.dim(&short(*component)));
    }
    if deployed.agents.is_empty() && deployed.capabilities.is_empty() {
        tell!("nothing is deployed");
    }
    Ok(Exit::Done)
}
