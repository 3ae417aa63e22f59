//! The trait an agent implements, and the macro that makes a component of it.
//!
//! Invariant: the exported functions only convert; all behaviour is in the trait, where a native test reaches it.

use crate::bindings::agent::manes::agent::types::Description;
use crate::{Draft, Event, Failure, Info, Input};

/// The events to emit, recorded together with the end of the activation, or why the event was not handled.
pub type Handled = Result<Vec<Draft>, Failure>;

/// One event in, drafts out. Each event gets a fresh instance: keep no state in statics.
pub trait Agent {
    /// The payload: any type that serde can deserialise from JSON, an enum made by [`crate::topics!`], or
    /// [`Event`] for the raw event.
    type Input: Input;

    /// Name, version, summary, topics and needs.
    const INFO: Info;

    /// Handles one event. `event` carries what the payload does not: id, source, flow, time.
    ///
    /// # Errors
    ///
    /// [`crate::reject`] when trying again would not help, [`crate::retry`] when it might.
    fn handle(input: Self::Input, event: &Event) -> Handled;
}

/// Decodes the payload and calls the handler: the body of the export `handle`.
#[doc(hidden)]
pub fn dispatch<A: Agent>(event: &Event) -> Handled {
    A::handle(A::Input::from_event(event)?, event)
}

/// The body of the export `describe`.
#[doc(hidden)]
#[must_use]
pub fn describe<A: Agent>() -> Description {
    A::INFO.description()
}

/// Exports a type that implements [`Agent`] as this crate's component. Once per crate; nothing in a native build.
#[macro_export]
macro_rules! agent {
    ($agent:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::bindings::agent::exports::manes::agent::handler;

            struct Component;

            impl handler::Guest for Component {
                fn describe() -> handler::Description {
                    $crate::describe::<$agent>()
                }
                fn handle(event: handler::Event) -> ::core::result::Result<Vec<handler::Draft>, handler::Failure> {
                    $crate::dispatch::<$agent>(&event)
                }
            }

    $crate::bindings::agent::export_agent!(Component with_types_in $crate::bindings::agent);
        };
        // Natively nobody but tests calls it: without this the compiler would say that nobody does.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&$crate::Event) -> $crate::Handled = $crate::dispatch::<$agent>;
    };
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use crate::testing;
    use serde_json::json;

    #[derive(Deserialize)]
    struct Ask {
        name: String,
    }

    struct Greet;
    impl Agent for Greet {
        type Input = Ask;
        const INFO: Info = Info::new("greet", "1.2.3", "Greets")
            .subscribes(&["hello.asked"])
            .publishes(&["hello.>"])
            .needs(&[("a:b/c", "to try")])
            .labels(&[("kind", "test")]);
        fn handle(ask: Ask, event: &Event) -> Handled {
            if ask.name.is_empty() {
                return Err(retry("no name yet", 250));
            }
            let greeting = context::config("greeting").unwrap_or_else(|| "Hello".to_owned());
            log::info!("greeting {}", ask.name; topic = event.topic);
            Ok(vec![
                Draft::json("hello.greeted", &json!({ "text": format!("{greeting}, {}", ask.name) }))?,
                Draft::text("hello.noted", ask.name).after_ms(10).extension("mood", "good"),
            ])
        }
    }
    crate::agent!(Greet);

    #[test]
    fn a_handler_sees_its_payload_config_and_log() {
        testing::set_config(&[("greeting", "Ahoy")]);
        let drafts = testing::run::<Greet>(&testing::event("hello.asked", &json!({ "name": "Ada" }))).unwrap();
        assert_eq!(drafts.len(), 2);
        assert_eq!(testing::json(&drafts[0]), json!({ "text": "Ahoy, Ada" }));
        assert_eq!(drafts[1].delay_ms, 10);
        assert_eq!(drafts[1].extensions, [("mood".to_owned(), "good".to_owned())]);
        let logs = testing::take_logs();
        assert_eq!(logs[0].message, "greeting Ada");
        assert_eq!(logs[0].fields, [("topic".to_owned(), "hello.asked".to_owned())]);
    }

    #[test]
    fn a_payload_that_does_not_fit_is_rejected_with_the_reason() {
        let failure = testing::run::<Greet>(&testing::event("hello.asked", &json!({ "nam": 1 }))).unwrap_err();
        let Failure::Reject(reason) = failure else { panic!("not a reject: {failure:?}") };
        assert!(reason.contains("hello.asked") && reason.contains("missing field `name`"), "{reason}");
    }

    #[test]
    fn a_retry_carries_its_delay() {
        let failure = testing::run::<Greet>(&testing::event("hello.asked", &json!({ "name": "" }))).unwrap_err();
        let Failure::Retry(retry) = failure else { panic!("not a retry: {failure:?}") };
        assert_eq!((retry.reason.as_str(), retry.after_ms), ("no name yet", 250));
    }

    #[test]
    fn the_description_is_the_info() {
        let description = super::describe::<Greet>();
        assert_eq!(description.name, "greet");
        assert_eq!(description.publishes, ["hello.>"]);
        assert_eq!(description.needs[0].reason, "to try");
        assert_eq!(description.labels, [("kind".to_owned(), "test".to_owned())]);
    }
}
