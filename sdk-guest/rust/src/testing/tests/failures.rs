//! What a handler cannot do, and flows that do not end.

use serde_json::json;

use super::panic_of;
use crate::testing::{self, Bus, End};
use crate::{Draft, prelude::*};

crate::imports! {
    /// What decides how the handler of these tests ends.
    mod mood = crate::bindings::a::b::mood, "a:b/mood" {
        pub fn now(topic: &str, attempt: u32) -> Handled;
    }
}

/// Emits, or fails, as its mock says.
struct Moody;
impl Agent for Moody {
    type Input = Event;
    const INFO: Info = Info::new("moody", "1", "As told").subscribes(&["a.>"]).publishes(&["a.*", "b.>"]);
    fn handle(event: Event, _: &Event) -> Handled {
        mood::now(&event.topic, context::attempt())
    }
}

struct Typed;
impl Agent for Typed {
    type Input = u32;
    const INFO: Info = Info::new("typed", "1", "Takes numbers").subscribes(&["a.>"]);
    fn handle(_number: u32, _event: &Event) -> Handled {
        done()
    }
}

fn text(topic: &str) -> Draft {
    Draft::text(topic, "x")
}

#[test]
fn a_rejection_is_final_and_another_agent_goes_on() {
    mood::mock::now(|_, _| Ok(vec![text("b.done")]));
    let flow = Bus::new().with::<Typed>().with::<Moody>().run("a.asked", "no number");
    let [failed] = flow.failures() else { panic!("{flow}") };
    assert_eq!((failed.agent.as_str(), failed.end, failed.attempts), ("typed", End::Rejected, 1));
    assert_eq!(failed.event.topic, "a.asked");
    assert!(failed.reason.contains("not a JSON u32"), "{}", failed.reason);
    assert_eq!(flow.one("b.done").source, "agent/moody");
    assert!(flow.to_string().contains("failed: typed on a.asked: rejected: payload"), "{flow}");
}

#[test]
fn a_retry_is_tried_again_later_until_it_works() {
    mood::mock::now(|_, attempt| match attempt {
        1..=2 => Err(retry("not yet", 750)),
        _ => Ok(vec![text("b.done")]),
    });
    let flow = Bus::new().with::<Moody>().run("a.asked", &());
    assert!(flow.failures().is_empty(), "{flow}");
    assert_eq!(flow.one("b.done").time, "2026-01-01T00:00:01.500000000Z");
    let attempts: Vec<String> = testing::take_calls().into_iter().map(|call| call.arguments[1].clone()).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
}

#[test]
fn what_waits_lets_others_pass() {
    mood::mock::now(|topic, attempt| match (topic, attempt) {
        ("a.asked", 1) => Err(retry("not yet", 100)),
        ("a.asked", _) => Ok(vec![text("a.second")]),
        _ => done(),
    });
    struct First;
    impl Agent for First {
        type Input = Event;
        const INFO: Info = Info::new("first", "1", "Emits at once").subscribes(&["a.asked"]).publishes(&["a.first"]);
        fn handle(_: Event, _: &Event) -> Handled {
            Ok(vec![text("a.first").after_ms(99)])
        }
    }
    let flow = Bus::new().with::<Moody>().with::<First>().run("a.asked", &());
    assert!(flow.failures().is_empty(), "{flow}");
    let topics: Vec<String> = testing::take_calls().into_iter().map(|call| call.arguments[0].clone()).collect();
    assert_eq!(topics, ["\"a.asked\"", "\"a.first\"", "\"a.asked\"", "\"a.second\""]);
}

#[test]
fn five_attempts_and_it_is_given_up() {
    mood::mock::now(|_, attempt| Err(retry(format!("attempt {attempt}"), 0)));
    let flow = Bus::new().with::<Moody>().run("a.asked", &());
    let [failed] = flow.failures() else { panic!("{flow}") };
    assert_eq!((failed.end, failed.attempts, failed.reason.as_str()), (End::RetriesUsedUp, 5, "attempt 5"));
    assert_eq!(testing::calls().len(), 5);
    assert_eq!(flow.events().len(), 1);
    assert_eq!(flow.unrouted().count(), 0, "somebody took it");
}

#[test]
fn one_draft_that_is_not_granted_and_none_is_emitted() {
    mood::mock::now(|_, _| Ok(vec![text("b.done"), text("c.done")]));
    let flow = Bus::new().with::<Moody>().run("a.asked", &());
    assert_eq!(flow.events().len(), 1, "{flow}");
    let [failed] = flow.failures() else { panic!("{flow}") };
    assert_eq!((failed.end, failed.attempts), (End::Denied, 1));
    let line = r#"publishing on c.done is not granted; allow with: publish = ["c.done"]"#;
    assert!(failed.reason.starts_with(line) && failed.reason.contains("INFO of `moody`"), "{}", failed.reason);
}

#[test]
fn a_draft_on_what_is_no_topic_is_denied() {
    for topic in ["b.*", "b..c", ""] {
        mood::mock::now(move |_, _| Ok(vec![text(topic)]));
        let flow = Bus::new().with::<Moody>().run("a.asked", &());
        assert_eq!(flow.failures()[0].end, End::Denied);
        assert!(flow.failures()[0].reason.starts_with(&format!("the topic {topic:?}: ")), "{flow}");
    }
}

#[test]
fn a_flow_in_circles_is_stopped_and_says_where() {
    mood::mock::now(|topic, _| match topic {
        "a.ping" => emit("a.pong", &()),
        _ => emit("a.ping", &()),
    });
    let message = panic_of(|| Bus::new().with::<Moody>().run("a.start", &()));
    assert!(message.contains("after 64 hops"), "{message}");
    assert!(message.ends_with("it goes in circles: a.ping → a.pong → a.ping"), "{message}");
}

#[test]
fn a_flow_that_grows_is_stopped_before_it_fills_the_memory() {
    mood::mock::now(|_, _| Ok(vec![text("a.more"), text("a.more")]));
    let message = panic_of(|| Bus::new().with::<Moody>().run("a.more", &()));
    assert!(message.contains("after 10000 deliveries, it goes in circles: a.more → a.more"), "{message}");
    mood::mock::now(|topic, _| Ok(if topic == "a.start" { vec![text("a.many"); 10_001] } else { Vec::new() }));
    let message = panic_of(|| Bus::new().with::<Moody>().run("a.start", &()));
    assert!(message.contains("its last event came by: a.start → a.many"), "{message}");
}

#[test]
fn the_64th_hop_is_delivered_and_the_event_after_it_may_lie_there() {
    mood::mock::now(|topic, _| {
        let hop: u32 = topic.trim_start_matches("a.").parse().unwrap();
        Ok(vec![text(&if hop == 64 { "b.end".to_owned() } else { format!("a.{}", hop + 1) })])
    });
    let flow = Bus::new().with::<Moody>().run("a.0", &json!(null));
    assert_eq!((flow.events().len(), flow.one("b.end").cause.as_deref()), (66, Some("event-65")));
}

#[test]
fn a_panic_of_a_handler_is_the_tests() {
    testing::set_config(&[("mine", "still")]);
    let bus = Bus::new().with::<Moody>().config::<Moody>(&[("mine", "no")]);
    mood::mock::now(|_, _| panic!("a bug"));
    assert_eq!(panic_of(|| bus.run("a.asked", &())), "a bug");
    assert_eq!((context::config("mine").as_deref(), context::attempt()), (Some("still"), 1));
}
