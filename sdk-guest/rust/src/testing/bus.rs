//! A bus in memory: agents by type, topics by what they say of themselves.
//!
//! Invariant: an agent that a host would refuse never gets onto the bus.

use std::cell::Cell;

use serde::Serialize;

use super::course::Course;
use super::{Config, Flow, config_of, event, topic};
use crate::{Agent, Draft, Event, Handled};

/// The id of the first flow, that of [`event`] too; each one after is one more.
const FIRST_FLOW: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

/// Agents and the events between them, delivered one by one until nothing is left.
///
/// An agent takes what its [`Info`](crate::Info) subscribes to and may emit what it publishes, as if the manifest granted
/// exactly that. The rest is as with a host, with its defaults: what a handler emits becomes visible when it returned
/// `Ok`; a retry is tried again, up to 5 attempts in all; a draft on another topic fails the handling. Delays pass in no
/// time: what waits comes after all that does not, and shows in the time of what it emits. Ids and order are the same in
/// each run. Fuel, deadlines and the other limits are the host's alone. A panic in a handler is the test's.
///
/// ```
/// use manes_sdk::{prelude::*, testing::Bus};
/// use serde_json::json;
///
/// #[derive(Serialize, Deserialize)]
/// struct Person { name: String }
///
/// struct Greeter;
/// impl Agent for Greeter {
///     type Input = Person;
///     const INFO: Info = Info::new("greeter", "0.1.0", "Greets whoever asks")
///         .subscribes(&["hello.asked"])
///         .publishes(&["hello.greeted"]);
///     fn handle(person: Person, _event: &Event) -> Handled {
///         let greeting = context::config("greeting").unwrap_or_else(|| "Hello".to_owned());
///         emit("hello.greeted", &Person { name: format!("{greeting}, {}", person.name) })
///     }
/// }
///
/// struct Counter;
/// impl Agent for Counter {
///     type Input = Person;
///     const INFO: Info = Info::new("counter", "0.1.0", "Measures greetings")
///         .subscribes(&["hello.*"])
///         .publishes(&["letters.>"]);
///     fn handle(person: Person, _event: &Event) -> Handled {
///         emit("letters.counted", &person.name.len())
///     }
/// }
///
/// let bus = Bus::new().with::<Greeter>().config::<Greeter>(&[("greeting", "Ahoy")]).with::<Counter>();
/// let flow = bus.run("hello.asked", &json!({ "name": "Ada" }));
///
/// assert_eq!(flow.json("hello.greeted"), json!({ "name": "Ahoy, Ada" }));
/// let lengths: Vec<usize> = flow.on("letters.*").map(|event| event.json().unwrap()).collect();
/// assert_eq!(lengths, [3, 9]);
/// assert!(flow.failures().is_empty(), "{flow}");
/// ```
#[derive(Debug, Default)]
pub struct Bus {
    members: Vec<Member>,
    events: Cell<u64>,
    flows: Cell<u64>,
    now_ms: Cell<u64>,
}

/// An agent on the bus.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) handle: fn(&Event) -> Handled,
    subscribes: Vec<String>,
    publishes: Vec<String>,
}

impl Member {
    /// Whether it takes what lies on `topic`.
    pub(super) fn takes(&self, topic: &str) -> bool {
        self.subscribes.iter().any(|pattern| topic::matches(pattern, topic))
    }

    /// Why one of these may not be emitted, if so. Then none is.
    pub(super) fn denies(&self, drafts: &[Draft]) -> Option<String> {
        drafts.iter().find_map(|draft| {
            let topic = &draft.topic;
            if let Err(error) = topic::check_topic(topic) {
                return Some(format!("the topic {topic:?}: {error}"));
            }
            let granted = self.publishes.iter().any(|pattern| topic::matches(pattern, topic));
            (!granted).then(|| {
                format!(
                    "publishing on {topic} is not granted; allow with: publish = [{topic:?}]; \
                     on a test's bus with .publishes(&[{topic:?}]) in the INFO of `{}`",
                    self.name
                )
            })
        })
    }
}

impl Bus {
    /// A bus without agents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an agent.
    ///
    /// # Panics
    ///
    /// If its `INFO` subscribes to nothing or has a pattern that is none, or its name is taken.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test helper: the mistake is the test's")]
    pub fn with<A: Agent>(mut self) -> Self {
        let info = crate::describe::<A>();
        let name = info.name;
        assert!(!info.subscribes.is_empty(), "agent `{name}` would get no event: its INFO has no .subscribes(&[…])");
        assert!(self.members.iter().all(|member| member.name != name), "there is an agent `{name}` on the bus already");
        for pattern in info.subscribes.iter().chain(&info.publishes) {
            if let Err(error) = topic::check_pattern(pattern) {
                panic!("{pattern:?} in the INFO of agent `{name}`: {error}");
            }
        }
        let (subscribes, publishes) = (info.subscribes, info.publishes);
        let handle = crate::dispatch::<A>;
        self.members.push(Member { name, config: Config::new(), handle, subscribes, publishes });
        self
    }

    /// Sets the whole config of an agent that was added. Without it an agent has none, whatever
    /// [`set_config`](super::set_config) said.
    ///
    /// # Panics
    ///
    /// If there is no such agent.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test helper: the mistake is the test's")]
    pub fn config<A: Agent>(mut self, entries: &[(&str, &str)]) -> Self {
        let name = A::INFO.name();
        let Some(member) = self.members.iter_mut().find(|member| member.name == name) else {
            panic!("there is no agent `{name}` on the bus to configure: add it first");
        };
        member.config = config_of(entries);
        self
    }

    /// Submits an event with a JSON payload and delivers until nothing is left.
    ///
    /// # Panics
    ///
    /// If the payload has no JSON form, as [`run_event`](Self::run_event), or as a handler does.
    #[must_use]
    #[track_caller]
    pub fn run<T: Serialize + ?Sized>(&self, topic: &str, payload: &T) -> Flow {
        let id = self.event_id();
        let flow = FIRST_FLOW + u128::from(self.flows.replace(self.flows.get() + 1));
        self.course(Event { id, flow: format!("{flow:032x}"), time: self.time(), ..event(topic, payload) })
    }

    /// Submits an event as it is, with the id, source, flow and time that it has, and delivers until nothing is left.
    ///
    /// # Panics
    ///
    /// If its topic is no literal topic, if the flow does not end, or as a handler does.
    #[must_use]
    #[track_caller]
    pub fn run_event(&self, event: Event) -> Flow {
        // The id that it would have got stays unused: it may have that one.
        self.event_id();
        self.course(event)
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "a test helper: the mistake is the test's")]
    fn course(&self, root: Event) -> Flow {
        if let Err(error) = topic::check_topic(&root.topic) {
            panic!("no event can be submitted on {:?}: {error}", root.topic);
        }
        Course::new(self, &root).run(root)
    }

    /// In the order in which they were added.
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn event_id(&self) -> String {
        self.events.set(self.events.get() + 1);
        format!("event-{}", self.events.get())
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Lets time pass, unless it is later already.
    pub(super) fn wait_until(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get().max(ms));
    }

    pub(super) fn time(&self) -> String {
        super::time::rfc3339(self.now_ms.get())
    }
}
