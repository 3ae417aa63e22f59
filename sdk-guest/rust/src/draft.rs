//! The events a handler emits.
//!
//! A draft is a request: it becomes an event when the host records it with the end of this activation, which says
//! nothing about whether anybody receives it.

use serde::Serialize;

use crate::{Draft, Failure, Handled, Payload, reject};

impl Draft {
    /// A draft with a JSON payload.
    ///
    /// # Errors
    ///
    /// [`Failure::Reject`] if the value has no JSON form, such as a map whose keys are not strings.
    pub fn json<T: Serialize + ?Sized>(topic: impl Into<String>, payload: &T) -> Result<Self, Failure> {
        let topic = topic.into();
        let text = serde_json::to_string(payload)
            .map_err(|error| reject(format!("cannot write the payload of `{topic}` as JSON: {error}")))?;
        Ok(Self::new(topic, "application/json", Payload::Text(text)))
    }

    /// A draft with plain text.
    #[must_use]
    pub fn text(topic: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(topic, "text/plain; charset=utf-8", Payload::Text(text.into()))
    }

    /// A draft with bytes.
    #[must_use]
    pub fn binary(topic: impl Into<String>, content_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::new(topic, content_type, Payload::Binary(bytes))
    }

    /// A draft with everything stated.
    #[must_use]
    pub fn new(topic: impl Into<String>, content_type: impl Into<String>, data: Payload) -> Self {
        Self { topic: topic.into(), content_type: content_type.into(), data, delay_ms: 0, extensions: Vec::new() }
    }

    /// Delivers no earlier than this many milliseconds after it is recorded.
    #[must_use]
    pub fn after_ms(mut self, delay_ms: u32) -> Self {
        self.delay_ms = delay_ms;
        self
    }

    /// Adds a CloudEvents extension attribute.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }
}

/// Ends the handler with one event of JSON.
///
/// # Errors
///
/// As [`Draft::json`].
pub fn emit<T: Serialize + ?Sized>(topic: impl Into<String>, payload: &T) -> Handled {
    Ok(vec![Draft::json(topic, payload)?])
}

/// Ends the handler with nothing to emit.
///
/// # Errors
///
/// Never; the result is what a handler returns.
pub const fn done() -> Handled {
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn json_that_cannot_be_written_is_rejected_by_topic() {
        let keyed_by_list = BTreeMap::from([(vec![1], 2)]);
        let failure = Draft::json("a.b", &keyed_by_list).unwrap_err();
        assert!(matches!(failure, Failure::Reject(reason) if reason.contains("`a.b`")));
    }

    #[test]
    fn drafts_carry_their_content_type() {
        assert_eq!(Draft::text("a", "b").content_type, "text/plain; charset=utf-8");
        assert_eq!(Draft::binary("a", "image/png", vec![1]).content_type, "image/png");
        assert_eq!(emit("a", "b").unwrap()[0].content_type, "application/json");
        assert!(done().unwrap().is_empty());
    }
}
