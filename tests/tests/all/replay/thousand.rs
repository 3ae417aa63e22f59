//! A thousand activations, recorded with everything around them and replayed with nothing.

use super::coverage::Coverage;
use super::mix;
use anyhow::{Result, ensure};
use manes_runtime::ledger::Reader;
use manes_runtime::query::{self, FlowRecord};
use manes_runtime::replay::Fuel;
use manes_tests::{Running, Server, TestHost, replay};
use serde_json::{Value, json};
use std::path::Path;

/// Activations of the agent that does the work.
const ACTIVATIONS: usize = 1_000;
/// Scripts in one event of the agent that hands them out.
const BATCH: usize = 250;

async fn host(folder: &Path, server: &Server) -> Result<Running> {
    let (read, write) = (folder.join("in"), folder.join("out"));
    for directory in [&read, &write] {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(folder.join("secret"), "not for guests")?;
    std::fs::write(read.join("data.txt"), "some words in a file\n")?;
    std::fs::write(read.join("big.bin"), vec![b'b'; 20_000])?;
    let authority = server.authority();
    TestHost::new()
        .agent("dispatch", "script")
        .subscribe("work.asked")
        .publish("work.do")
        .agent("worker", "script")
        .attempts(1)
        .subscribe("work.do")
        .publish("work.*")
        .http(&format!("GET {authority}/"))
        .http(&format!("POST {authority}/echo"))
        .http("GET 127.0.0.1:1/")
        .directory(&read, "/in", "read")
        .directory(&write, "/out", "read-write")
        .env("CARGO_PKG_NAME")
        .env("PATH")
        .uses("fixture:echo/echo")
        .uses("fixture:echo/relay")
        .line("config = { colour = \"green\" }")
        .line("concurrency = 8")
        // A spin ends after about a tenth of a second, a leak after a hundred handles.
        .limits("fuel = 300_000_000, handles_max = 100")
        .capability("echo", "echo")
        .directory(&write, "/out", "read-write")
        .http(&format!("GET {authority}/"))
        .capability("echo-two", "echo-two")
        .uses("fixture:echo/echo")
        .results("work.done")
        .results("work.reported")
        .start_embedded(folder)
        .await
}

async fn record(host: &Running, server: &str) -> Result<Vec<FlowRecord>> {
    let scripts = mix::scripts(ACTIVATIONS, 0x4d61_6e65, server);
    let mut flows = Vec::new();
    for batch in scripts.chunks(BATCH) {
        let hand_out = json!([["emit-scripts", "work.do", batch]]);
        let flow = host.send("work.asked", &hand_out).await?;
        flows.push(host.record(flow.flow)?);
    }
    Ok(flows)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_activations_replay_with_nothing_but_a_copy_of_the_ledger() -> Result<()> {
    let (here, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let server = Server::start().await?;
    let host = host(here.path(), &server).await?;
    let recorded = record(&host, &server.url("")).await?;

    let mut coverage = Coverage::default();
    recorded.iter().for_each(|flow| coverage.add(flow));
    ensure!(coverage.missing().is_empty(), "the recorded set lacks {:?}; it has {coverage:#?}", coverage.missing());
    ensure!(server.connections() > 0, "nothing reached the server");

    // Nothing stays: no host, no server, no file, no key, not even the folder the ledger was written in.
    host.stop().await?;
    server.stop().await;
    let folder = elsewhere.path().join("copied");
    copy(&here.path().join("ledger"), &folder)?;
    here.close()?;

    let reader = Reader::open(&folder)?;
    let mut replayed = 0;
    for flow in recorded.iter().filter_map(|flow| flow.events.first()).filter_map(|root| root.envelope.flow) {
        let flow = query::gather(&reader, flow)?;
        for (attempt, verdict) in flow.attempts.iter().zip(replay(&reader, &flow).await?) {
            let what =
                || format!("{}: {verdict:#?}", script_of(attempt.event.as_ref().and_then(|e| e.body.as_deref())));
            ensure!(verdict.identical, "an activation does not replay: {}", what());
            let imposed = attempt.status().is_some_and(manes_core::record::EndStatus::imposed);
            ensure!((verdict.fuel == Fuel::Equal) != imposed, "fuel must be compared unless imposed: {}", what());
            replayed += u64::from(verdict.agent == "worker");
        }
    }
    ensure!(replayed == ACTIVATIONS as u64, "{replayed} activations were replayed");
    Ok(())
}

/// An event's data, for a message.
fn script_of(body: Option<&[u8]>) -> String {
    let item = body.and_then(|body| manes_core::item::Item::decode(body).ok());
    let json = item.map_or(Value::Null, |item| item.to_json());
    json.get("data").map_or_else(String::new, Value::to_string).chars().take(600).collect()
}
