//! What a bus delivers, to whom and when.

use serde_json::{Value, json};

use super::panic_of;
use crate::testing::{self, Bus};
use crate::{Draft, prelude::*};

struct Greeter;
impl Agent for Greeter {
    type Input = Value;
    const INFO: Info = Info::new("greeter", "1", "Greets, at once and later")
        .subscribes(&["hello.asked", "hello.*.again"])
        .publishes(&["hello.>"]);
    fn handle(ask: Value, _event: &Event) -> Handled {
        let greeting = context::config("greeting").unwrap_or_else(|| "Hello".to_owned());
        Ok(vec![
            Draft::text("hello.reminded", "late")
                .after_ms(2000)
                .extension("z", "1")
                .extension("a", "2")
                .extension("z", "3"),
            Draft::text("hello.reminded", "soon").after_ms(500),
            Draft::json("hello.greeted", &format!("{greeting}, {}", ask["name"].as_str().unwrap_or("you")))?,
        ])
    }
}

/// Says of each event what it saw.
struct Logger;
impl Agent for Logger {
    type Input = Event;
    const INFO: Info = Info::new("logger", "1", "Logs everything of hello")
        .subscribes(&["hello.>", "hello.greeted", "*.*"])
        .publishes(&["log.written.hello"]);
    fn handle(event: Event, _: &Event) -> Handled {
        let config = context::config("greeting");
        emit("log.written.hello", &json!({ "of": event.topic, "text": event.text()?, "config": config }))
    }
}

fn bus() -> Bus {
    Bus::new().with::<Greeter>().config::<Greeter>(&[("greeting", "Ahoy")]).with::<Logger>()
}

#[test]
fn events_go_once_to_each_whose_subscription_matches() {
    let flow = bus().run("hello.asked", &json!({ "name": "Ada" }));
    let topics: Vec<&str> = flow.events().iter().map(|event| event.topic.as_str()).collect();
    let (log, reminded) = ("log.written.hello", "hello.reminded");
    assert_eq!(topics, ["hello.asked", reminded, reminded, "hello.greeted", log, log, log, log]);
    assert_eq!(flow.json("hello.greeted"), "Ahoy, Ada");
    assert_eq!(flow.unrouted().count(), 4);
    assert!(flow.unrouted().all(|event| event.topic == log));
    assert!(flow.failures().is_empty(), "{flow}");
}

#[test]
fn time_passes_only_where_something_waits() {
    let flow = bus().run("hello.asked", &json!({}));
    let logs: Vec<(String, String)> = flow
        .on("log.>")
        .map(|event| (event.json::<Value>().unwrap()["text"].as_str().unwrap().to_owned(), event.time.clone()))
        .collect();
    let at = |text: &str, time: &str| (text.to_owned(), format!("2026-01-01T00:00:0{time}00000000Z"));
    assert_eq!(logs, [at("{}", "0.0"), at("\"Ahoy, you\"", "0.0"), at("soon", "0.5"), at("late", "2.0")]);
    assert!(flow.on("hello.*").all(|event| event.time == "2026-01-01T00:00:00.000000000Z"), "when it was emitted");
}

#[test]
fn attributes_are_those_that_a_host_sets() {
    let flow = bus().run("hello.asked", &json!({}));
    let [root, late, ..] = flow.events() else { panic!("{flow}") };
    assert_eq!((root.id.as_str(), root.source.as_str(), root.cause.as_deref()), ("event-1", "client/test", None));
    assert_eq!(
        (late.id.as_str(), late.source.as_str(), late.cause.as_deref()),
        ("event-2", "agent/greeter", Some("event-1"))
    );
    assert_eq!(late.content_type, "text/plain; charset=utf-8");
    let extension = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(late.extensions, [extension("a", "2"), extension("z", "3")], "sorted, the last one of a name");
    assert!(flow.events().iter().all(|event| event.flow == flow.id()));
    let greeted = flow.one("hello.greeted");
    let log = flow.on("log.>").find(|event| event.json::<Value>().unwrap()["of"] == "hello.greeted").unwrap();
    assert_eq!(log.cause.as_deref(), Some(greeted.id.as_str()));
}

#[test]
fn each_agent_has_its_own_config_and_the_thread_keeps_its_own() {
    testing::set_config(&[("greeting", "of the thread")]);
    testing::set_attempt(4);
    let flow = bus().run("hello.asked", &json!({}));
    assert_eq!(flow.json("hello.greeted"), "Ahoy, you");
    assert!(flow.on("log.>").all(|event| event.json::<Value>().unwrap()["config"].is_null()));
    assert_eq!((context::config("greeting").as_deref(), context::attempt()), (Some("of the thread"), 4));
}

#[test]
fn a_second_flow_has_other_ids_and_a_second_bus_the_same() {
    let bus = bus();
    let ids = |flow: &testing::Flow| flow.events().iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    let (first, second) = (bus.run("hello.asked", &json!({})), bus.run("hello.asked", &json!({})));
    assert_ne!(first.id(), second.id());
    assert_eq!(second.id().len(), 32);
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    assert_eq!(second.events()[0].time, "2026-01-01T00:00:02.000000000Z", "its clock goes on");
    let again = super::bus::bus().run("hello.asked", &json!({}));
    assert_eq!((again.id(), ids(&again)), (first.id(), ids(&first)));
}

#[test]
fn an_event_is_submitted_as_it_is() {
    let mut event = testing::event("hello.you.again", &json!({ "name": "Bo" }));
    event.source = "client/desk".to_owned();
    event.extensions = vec![("mood".to_owned(), "good".to_owned())];
    let flow = bus().run_event(event.clone());
    assert_eq!((flow.events()[0].source.as_str(), flow.events()[0].extension("mood")), ("client/desk", Some("good")));
    assert_eq!((flow.id(), flow.json("hello.greeted")), (event.flow.as_str(), json!("Ahoy, Bo")));
    assert_eq!(flow.events()[1].cause, Some(event.id));
}

#[test]
fn what_nobody_takes_is_said() {
    let flow = bus().run("bye", "x");
    assert_eq!(flow.unrouted().map(|event| event.topic.as_str()).collect::<Vec<_>>(), ["bye"]);
    assert_eq!(flow.events().len(), 1);
}

#[test]
fn asking_for_what_is_not_there_shows_the_flow() {
    let flow = bus().run("hello.asked", &json!({}));
    let none = panic_of(|| flow.json("hello.gone"));
    assert!(none.contains("no event on hello.gone") && none.contains("hello.greeted from agent/greeter"), "{none}");
    let two = panic_of(|| flow.json("hello.reminded"));
    assert!(two.contains("2 events on hello.reminded, not one"), "{two}");
    let text = panic_of(|| Bus::new().run_event(delivered("plain", "a")).json("plain"));
    assert!(text.contains("the payload on plain is not JSON"), "{text}");
    assert!(panic_of(|| flow.on("hello.a*").count()).contains("token of its own"));
}

fn delivered(topic: &str, text: &str) -> Event {
    testing::delivered(&Draft::text(topic, text))
}

#[test]
fn a_bus_refuses_what_a_host_would() {
    struct Deaf;
    impl Agent for Deaf {
        type Input = Event;
        const INFO: Info = Info::new("deaf", "1", "Takes nothing");
        fn handle(_: Event, _: &Event) -> Handled {
            done()
        }
    }
    struct Odd;
    impl Agent for Odd {
        type Input = Event;
        const INFO: Info = Info::new("odd", "1", "Publishes oddly").subscribes(&["a"]).publishes(&["a.b*"]);
        fn handle(_: Event, _: &Event) -> Handled {
            done()
        }
    }
    assert!(panic_of(|| Bus::new().with::<Deaf>()).contains("`deaf` would get no event"));
    assert!(panic_of(|| Bus::new().with::<Odd>()).contains("\"a.b*\" in the INFO of agent `odd`"));
    assert!(panic_of(|| bus().with::<Logger>()).contains("an agent `logger` on the bus already"));
    assert!(panic_of(|| bus().config::<Odd>(&[])).contains("no agent `odd`"));
    assert!(panic_of(|| bus().run("hello.*", &())).contains("literal"));
}
