//! Prober: tries one outgoing request and reports what came of it.
//!
//! `probe.requested` `{"url": "http://example.com/"}` → `probe.done` with the status, or with the exact error. It
//! exists to show what happens without a grant: the request never leaves the host, and the refusal is an ordinary
//! error that the agent can report.

mod url;

#[cfg(target_arch = "wasm32")]
mod http;

use manes_sdk::prelude::*;
use url::Url;

/// The agent.
pub struct Prober;

/// What to try.
#[derive(Debug, Deserialize)]
pub struct Requested {
    /// An `http` or `https` address.
    pub url: String,
}

/// What came of it: `{"url": …, "status": 200}` or `{"url": …, "error": "HTTP-request-denied"}`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// As asked.
    pub url: String,
    /// The response's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The error, by its name in `wasi:http`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Agent for Prober {
    type Input = Requested;
    const INFO: Info =
        Info::new("prober", env!("CARGO_PKG_VERSION"), "Tries one outgoing request and reports what came of it")
            .subscribes(&["probe.requested"])
            .publishes(&["probe.done"])
            .needs(&[("wasi:http/outgoing-handler", "to make the request")]);

    fn handle(requested: Requested, _event: &Event) -> Handled {
        let outcome = Url::parse(&requested.url).and_then(|url| get(&url));
        let done = match outcome {
            Ok(status) => {
                log::info!("GET {} answered {status}", requested.url);
                Done { url: requested.url, status: Some(status), error: None }
            }
            Err(error) => {
                log::warn!("GET {} failed: {error}", requested.url);
                Done { url: requested.url, status: None, error: Some(error) }
            }
        };
        emit("probe.done", &done)
    }
}

#[cfg(target_arch = "wasm32")]
fn get(url: &Url) -> Result<u16, String> {
    http::get(url)
}

#[cfg(not(target_arch = "wasm32"))]
fn get(_url: &Url) -> Result<u16, String> {
    Err("requests need a component's imports".to_owned())
}

manes_sdk::agent!(Prober);

#[cfg(test)]
mod tests {
    use super::*;
    use manes_sdk::testing;
    use serde_json::json;

    #[test]
    fn the_outcome_is_an_event_either_way() {
        let drafts = testing::run::<Prober>(&testing::event("probe.requested", &json!({ "url": "ftp://x/" }))).unwrap();
        assert_eq!(drafts[0].topic, "probe.done");
        let done = testing::json(&drafts[0]);
        assert_eq!(done["url"], "ftp://x/");
        assert!(done["error"].as_str().unwrap().contains("http"));
        assert!(done.get("status").is_none());
    }
}
