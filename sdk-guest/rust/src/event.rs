//! From an event to a typed payload.
//!
//! Invariant: a payload that does not fit is the sender's fault, so decoding fails with
//! [`Failure::Reject`] and a message that names the topic, the type and the place in the text.

use serde::de::DeserializeOwned;

use crate::{Event, Failure, Payload, reject};

/// What a handler takes. Implemented for every type that serde can deserialise, for [`Event`], and by
/// [`crate::topics!`].
pub trait Input: Sized {
    /// Decodes the event's payload.
    ///
    /// # Errors
    ///
    /// [`Failure::Reject`] if the payload is not what the handler takes.
    fn from_event(event: &Event) -> Result<Self, Failure>;
}

impl<T: DeserializeOwned> Input for T {
    fn from_event(event: &Event) -> Result<Self, Failure> {
        event.json()
    }
}

impl Input for Event {
    fn from_event(event: &Event) -> Result<Self, Failure> {
        Ok(event.clone())
    }
}

impl Event {
    /// The payload's bytes, whichever form it came in.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            Payload::Text(text) => text.as_bytes(),
            Payload::Binary(bytes) => bytes,
        }
    }

    /// The payload as text.
    ///
    /// # Errors
    ///
    /// [`Failure::Reject`] if it is binary and not UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        match &self.data {
            Payload::Text(text) => Ok(text),
            Payload::Binary(bytes) => str::from_utf8(bytes)
                .map_err(|error| reject(format!("payload of `{}` is not UTF-8 text: {error}", self.topic))),
        }
    }

    /// The payload decoded from JSON.
    ///
    /// # Errors
    ///
    /// [`Failure::Reject`] that names the type wanted and what is wrong where.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(self.bytes()).map_err(|error| {
            let wanted = short_name(core::any::type_name::<T>());
            reject(format!("payload of `{}` is not a JSON {wanted}: {error}", self.topic))
        })
    }

    /// An extension attribute by name.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// `my::module::Ask` is `Ask` to the reader of a message; generic types keep their full name.
fn short_name(path: &str) -> &str {
    if path.contains('<') { path } else { path.rsplit("::").next().unwrap_or(path) }
}

/// An enum with one variant per topic, as the [`Input`](crate::Input) of an agent that takes several payload types.
///
/// ```
/// use manes_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// pub struct Order { item: String }
/// #[derive(Deserialize)]
/// pub struct Cancel { reason: String }
///
/// manes_sdk::topics! {
///     /// What the shop reacts to.
///     pub enum Work {
///         "shop.ordered" => Ordered(Order),
///         "shop.cancelled" => Cancelled(Cancel),
///     }
/// }
/// # let event = manes_sdk::testing::event("shop.cancelled", &serde_json::json!({ "reason": "late" }));
/// # assert!(matches!(Work::from_event(&event), Ok(Work::Cancelled(cancel)) if cancel.reason == "late"));
/// # let other = manes_sdk::testing::event("shop.closed", &serde_json::json!({}));
/// # assert!(matches!(Work::from_event(&other), Err(Failure::Reject(_))));
/// ```
#[macro_export]
macro_rules! topics {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($topic:literal => $variant:ident($payload:ty)),+ $(,)? }) => {
        $(#[$meta])*
        $vis enum $name {
            $(#[doc = concat!("An event on `", $topic, "`.")] $variant($payload)),+
        }

        impl $crate::Input for $name {
            fn from_event(event: &$crate::Event) -> ::core::result::Result<Self, $crate::Failure> {
                match event.topic.as_str() {
                    $($topic => event.json::<$payload>().map(Self::$variant),)+
                    other => Err($crate::reject(format!(
                        "no handler for topic `{other}`; this agent takes {}",
                        [$(concat!("`", $topic, "`")),+].join(", "),
                    ))),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn binary_json_decodes_like_text() {
        let mut event = testing::event("a.b", &[1, 2]);
        event.data = Payload::Binary(b"[3]".to_vec());
        assert_eq!(event.json::<Vec<u8>>().unwrap(), [3]);
    }

    #[test]
    fn text_that_is_not_utf8_is_rejected() {
        let mut event = testing::event("a.b", &());
        event.data = Payload::Binary(vec![0xff]);
        assert!(matches!(event.text(), Err(Failure::Reject(reason)) if reason.contains("not UTF-8")));
    }

    #[test]
    fn a_raw_event_is_an_input() {
        let mut event = testing::event("a.b", &());
        event.extensions = vec![("k".to_owned(), "v".to_owned())];
        let raw = Event::from_event(&event).unwrap();
        assert_eq!((raw.topic.as_str(), raw.extension("k"), raw.extension("x")), ("a.b", Some("v"), None));
    }
}
