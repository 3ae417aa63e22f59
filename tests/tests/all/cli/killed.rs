//! A host process that is killed at seeded moments, with a sink on the loopback that counts.
//!
//! Goal: whatever the moment, nothing acknowledged is lost, nothing becomes visible twice, an idempotent sink is asked
//! under one key for each effect, and whatever was announced has an outcome in the end, be it that nobody knows.

use super::cmd::{Cmd, until};
use super::desk::Desk;
use manes_tests::{Server, components};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Kills in a run of the suite; the soak has more.
const KILLS: u64 = 24;
const KILLS_SOAK: u64 = 200;

fn desk(server: &Server) -> Desk {
    let script = components::path("script");
    let manifest = format!(
        "results = [\"a.out\"]\n[agent.a]\ncomponent = {:?}\nsubscribe = [\"a.do\"]\npublish = [\"a.out\"]\nhttp = [\"PUT {}/\"]\n",
        script.display().to_string(),
        server.authority()
    );
    Desk::new(&manifest)
}

#[test]
fn a_host_killed_at_any_moment_loses_nothing_and_does_nothing_twice() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::start()).expect("a server");
    let desk = desk(&server);
    let kills = if std::env::var_os("MANES_SOAK").is_some() { KILLS_SOAK } else { KILLS };
    let mut random = 0x5eed_u64;
    let (mut submitted, mut acknowledged) = (Vec::new(), BTreeSet::new());
    for round in 0..kills {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let up = desk.up();
        let id = format!("event-{round}");
        let work = json!([["http", "PUT", server.url(&format!("/echo/{round}"))], ["emit", "a.out", id.clone()]]);
        let work = work.to_string();
        let run = Cmd::manes(&desk).args(["run", "a.do", &work, "--id", &id, "--timeout", "20"]).start();
        // From before the event is there until after its flow has ended: a run takes about thirty milliseconds.
        std::thread::sleep(Duration::from_micros((random >> 33) % 60_000));
        up.kill();
        if run.end("a run whose host is killed").code == Some(0) {
            acknowledged.insert(id.clone());
        }
        submitted.push((id, work));
    }
    // The same events again: known ones are not repeated, the others come now. Every flow ends.
    let up = desk.up();
    for (id, work) in &submitted {
        let again = Cmd::manes(&desk).args(["run", "a.do", work, "--id", id, "--json"]).ok().json();
        assert_eq!(again["status"], "done", "{id}: {again}");
        assert_eq!(again["results"].as_array().map(Vec::len), Some(1), "{id} is visible not once: {again}");
        assert!(!acknowledged.contains(id) || again["new"] == false, "{id} was acknowledged and is gone");
    }
    up.terminate();
    Cmd::reading(&desk).arg("verify").ok();
    judge(&desk, &server, submitted.len());
}

/// What the records and the sink say.
fn judge(desk: &Desk, server: &Server, events: usize) {
    let log = until("the log", || Some(Cmd::reading(desk).args(["log", "--json"]).ok().json_lines()));
    let of = |kind: &str| log.iter().filter(|record| record["kind"] == kind).collect::<Vec<&Value>>();
    let topics = |topic: &str| of("event").into_iter().filter(|event| event["topic"] == topic).count();
    assert_eq!((topics("a.do"), topics("a.out")), (events, events));
    let answered: BTreeSet<&str> = of("outcome").iter().filter_map(|outcome| outcome["cause"].as_str()).collect();
    for intent in of("intent") {
        assert!(answered.contains(intent["leaf"].as_str().expect("a leaf")), "announced, and no outcome: {intent}");
    }
    // A request that was sent more than once came under one key, and no two have the same.
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, key) in server.seen().into_iter().zip(server.keys()) {
        keys.entry(path).or_default().insert(key.expect("an idempotency key"));
    }
    assert_eq!(keys.len(), events, "each effect took place");
    assert!(keys.values().all(|keys| keys.len() == 1), "one effect under several keys: {keys:?}");
    let distinct: BTreeSet<&String> = keys.values().flatten().collect();
    assert_eq!(distinct.len(), events, "several effects under one key");
}
