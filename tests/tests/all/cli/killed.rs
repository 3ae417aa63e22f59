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
const KILLS: u64 = 200;
const KILLS_SOAK: u64 = 1_000;

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

#[test]
fn a_write_that_was_cut_off_is_asked_about_where_its_grant_says_so() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::start()).expect("a server");
    let script = components::path("script");
    let desk = Desk::new(&format!(
        "[agent.a]\ncomponent = {:?}\nsubscribe = [\"a.do\"]\nhttp = [{{ request = \"POST {}/\", on-unknown = \"ask\" }}]\n",
        script.display().to_string(),
        server.authority()
    ));
    let up = desk.up();
    let work = json!([["http", "POST", server.url("/hang")]]).to_string();
    let run = ["run", "a.do", &work, "--id", "one", "--timeout", "3"];
    let first = Cmd::manes(&desk).args(run).start();
    until("the request", || (!server.seen().is_empty()).then_some(()));
    up.kill();
    assert_ne!(first.end("a run whose host is killed").code, Some(0));
    // Whoever waits for it learns what it waits for.
    let late = Cmd::manes(&desk).args(run).exits(6);
    assert!(late.stderr.contains("a asks about a write"), "{}", late.stderr);
    let asked = Cmd::reading(&desk).args(["answer", "--json"]).ok().json();
    let id = asked[0]["activation"].as_str().expect("an id").to_owned();
    let list = Cmd::reading(&desk).arg("answer").ok();
    assert!(list.stdout.starts_with(&id[..8]) && list.stderr.contains("repeat"), "{}", list.stdout);
    let question = Cmd::reading(&desk).args(["answer", &id[..8]]).ok().stdout;
    assert!(question.contains(&server.url("/hang")) && question.contains("died with that attempt"), "{question}");
    Cmd::manes(&desk).args(["answer", "ffffffff", "repeat"]).refuses(2, &["no open question", "manes answer"]);
    Cmd::manes(&desk).args(["answer", &id, "maybe"]).refuses(2, &["repeat", "give-up"]);
    let flow = Cmd::manes(&desk).args(["answer", &id[..8], "give-up", "--json"]).exits(3).json();
    assert_eq!(flow["status"], "failed", "{flow}");
    assert!(Cmd::reading(&desk).arg("answer").ok().stderr.contains("no open questions"));
    assert!(Cmd::reading(&desk).arg("dead").ok().stdout.starts_with(&id[..8]));
    assert!(Cmd::reading(&desk).args(["log", "--kind", "answer"]).ok().stdout.contains("give up  by client/cli"));
    assert_eq!(server.seen(), ["POST /hang"]);
    Cmd::reading(&desk).arg("verify").ok();
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
