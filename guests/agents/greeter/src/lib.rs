//! The smallest agent: an event in, an event out.

use manes_sdk::prelude::*;

/// Greets whoever asks.
pub struct Greeter;

/// Whom to greet.
#[derive(Deserialize)]
pub struct Ask {
    name: String,
}

/// The greeting.
#[derive(Serialize)]
pub struct Greeting {
    text: String,
}

impl Agent for Greeter {
    type Input = Ask;
    const INFO: Info =
        Info::new("greeter", "0.1.0", "Greets whoever asks").subscribes(&["hello.asked"]).publishes(&["hello.greeted"]);

    fn handle(ask: Ask, _event: &Event) -> Handled {
        if ask.name.trim().is_empty() {
            return Err(reject("the name is empty; send {\"name\": \"Ada\"}"));
        }
        emit("hello.greeted", &Greeting { text: format!("Hello, {}", ask.name) })
    }
}

manes_sdk::agent!(Greeter);

#[cfg(test)]
mod tests {
    use super::*;
    use manes_sdk::testing;

    #[test]
    fn greets_by_name_and_rejects_nobody() {
        let ask = |name: &str| testing::event("hello.asked", &serde_json::json!({ "name": name }));
        let drafts = testing::run::<Greeter>(&ask("Ada")).expect("a name is enough");
        assert_eq!(testing::json(&drafts[0]), serde_json::json!({ "text": "Hello, Ada" }));
        assert!(testing::run::<Greeter>(&ask(" ")).is_err());
    }
}
