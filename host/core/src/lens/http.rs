//! `wasi:http`: what a request says before it is sent, and where an answer comes from.
//!
//! Setters are remembered only when they succeeded. `handle` is the one write: it covers the body, whose stream
//! reaches the network by no other way. What arrives afterwards (status, body, trailers) is a read from the same
//! host under the same facts, so that a grant revoked in between ends it. Everything else is memory of the host.

use super::authority::authority_of;
use super::call::{Call, Lesson, ODD_ARGUMENT, UNKNOWN_HANDLE, each_handle, is_ok};
use super::facts::{Effect, Facts, Seen};
use super::handle::{HandleFacts, Parsed, Request};
use super::target::{method_of, path_of, scheme_of};
use crate::value::Value;

/// The facts of a request, for whoever holds one in another form (a hook that sees what is about to be dialled).
/// `None` is what WASI takes for unset: `https`, no authority, the root.
#[must_use]
pub fn request_facts(method: &str, scheme: Option<&str>, authority: Option<&str>, path: Option<&str>) -> Facts {
    request_facts_of(&Request {
        method: method_of(method),
        scheme: scheme_of(scheme.unwrap_or("https")),
        authority: authority_parts(authority.unwrap_or_default()),
        path: path_of(path.unwrap_or_default()),
    })
}

/// The facts of a request as far as its setters have said.
pub(super) fn request_facts_of(request: &Request) -> Facts {
    plain_facts(request).unwrap_or_else(|why| Facts::Refused { why })
}

fn plain_facts(request: &Request) -> Parsed<Facts> {
    let (method, scheme) = (request.method.clone()?, request.scheme.clone()?);
    let (host, port) = request.authority.clone()?;
    let path = request.path.clone()?;
    let port = port.unwrap_or(if scheme == "http" { 80 } else { 443 });
    Ok(Facts::Http { method, scheme, host, port, path })
}

fn authority_parts(text: &str) -> Parsed<(String, Option<u16>)> {
    authority_of(text).map(|(host, port)| (host.to_string(), port))
}

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    match (call.interface, call.name) {
        ("outgoing-handler", "handle") => Some(send(call)),
        ("incoming-handler", "handle") => Some(Seen::refused("a server's entry point is not an import")),
        ("types", "[method]future-incoming-response.get" | "[method]future-trailers.get") => Some(call.answers(0)),
        ("types", name) => (is_message(name) || is_fields(name)).then(Seen::local),
        _ => None,
    }
}

fn send(call: &Call<'_>) -> Seen {
    match call.facts(0) {
        Some(HandleFacts::Request(request)) => Seen { effect: Effect::Write, facts: request_facts_of(request) },
        Some(
            HandleFacts::Response { .. }
            | HandleFacts::Descriptor { .. }
            | HandleFacts::Input { .. }
            | HandleFacts::Output { .. },
        )
        | None => Seen::refused(UNKNOWN_HANDLE),
    }
}

/// Building and taking apart messages in the host's memory.
fn is_message(name: &str) -> bool {
    matches!(
        name,
        "[method]incoming-request.method"
            | "[method]incoming-request.path-with-query"
            | "[method]incoming-request.scheme"
            | "[method]incoming-request.authority"
            | "[method]incoming-request.headers"
            | "[method]incoming-request.consume"
            | "[constructor]outgoing-request"
            | "[method]outgoing-request.body"
            | "[method]outgoing-request.method"
            | "[method]outgoing-request.set-method"
            | "[method]outgoing-request.path-with-query"
            | "[method]outgoing-request.set-path-with-query"
            | "[method]outgoing-request.scheme"
            | "[method]outgoing-request.set-scheme"
            | "[method]outgoing-request.authority"
            | "[method]outgoing-request.set-authority"
            | "[method]outgoing-request.headers"
            | "[method]response-outparam.send-informational"
            | "[static]response-outparam.set"
            | "[method]incoming-response.status"
            | "[method]incoming-response.headers"
            | "[method]incoming-response.consume"
            | "[method]incoming-body.stream"
            | "[static]incoming-body.finish"
            | "[method]future-trailers.subscribe"
            | "[constructor]outgoing-response"
            | "[method]outgoing-response.status-code"
            | "[method]outgoing-response.set-status-code"
            | "[method]outgoing-response.headers"
            | "[method]outgoing-response.body"
            | "[method]outgoing-body.write"
            | "[static]outgoing-body.finish"
            | "[method]future-incoming-response.subscribe"
            | "http-error-code"
    )
}

/// Header fields and options.
fn is_fields(name: &str) -> bool {
    matches!(
        name,
        "[constructor]fields"
            | "[static]fields.from-list"
            | "[method]fields.get"
            | "[method]fields.has"
            | "[method]fields.set"
            | "[method]fields.delete"
            | "[method]fields.append"
            | "[method]fields.entries"
            | "[method]fields.clone"
            | "[constructor]request-options"
            | "[method]request-options.connect-timeout"
            | "[method]request-options.set-connect-timeout"
            | "[method]request-options.first-byte-timeout"
            | "[method]request-options.set-first-byte-timeout"
            | "[method]request-options.between-bytes-timeout"
            | "[method]request-options.set-between-bytes-timeout"
    )
}

/// Follows a request from its constructor to the last part of its answer.
pub(super) fn learn(call: &Call<'_>, outcome: &Value) -> Vec<Lesson> {
    match (call.interface, call.name) {
        ("outgoing-handler", "handle") => sent(call, outcome),
        ("types", "[constructor]outgoing-request") => each_handle(outcome, &HandleFacts::Request(unset())),
        (
            "types",
            "[method]outgoing-request.set-method"
            | "[method]outgoing-request.set-scheme"
            | "[method]outgoing-request.set-authority"
            | "[method]outgoing-request.set-path-with-query",
        ) if is_ok(outcome) => set(call),
        ("types", "[method]outgoing-body.write") => each_handle(outcome, &HandleFacts::Output { to: Facts::Base }),
        ("types", "[static]incoming-body.finish") => finished(call, outcome),
        ("types", "[method]future-incoming-response.get" | "[method]incoming-response.consume") => {
            answer(call).map(|of| each_handle(outcome, &HandleFacts::Response { of })).unwrap_or_default()
        }
        ("types", "[method]incoming-body.stream") => {
            answer(call).map(|from| each_handle(outcome, &HandleFacts::Input { from })).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// A request whose setters were not called yet.
fn unset() -> Request {
    Request { method: method_of("GET"), scheme: scheme_of("https"), authority: authority_parts(""), path: path_of("") }
}

/// `handle` takes the request, whatever comes of it.
fn sent(call: &Call<'_>, outcome: &Value) -> Vec<Lesson> {
    let Seen { facts, .. } = send(call);
    let mut lessons = each_handle(outcome, &HandleFacts::Response { of: facts });
    lessons.extend(call.handle(0).map(|request| (request.clone(), None)));
    lessons
}

/// `finish` takes the body and gives its trailers.
fn finished(call: &Call<'_>, outcome: &Value) -> Vec<Lesson> {
    let Some(of) = answer(call) else { return Vec::new() };
    let mut lessons = each_handle(outcome, &HandleFacts::Response { of });
    lessons.extend(call.handle(0).map(|body| (body.clone(), None)));
    lessons
}

/// A setter that succeeded.
fn set(call: &Call<'_>) -> Vec<Lesson> {
    let (Some(handle), Some(HandleFacts::Request(request))) = (call.handle(0), call.facts(0)) else {
        return Vec::new();
    };
    let mut request = request.clone();
    match call.name {
        "[method]outgoing-request.set-method" => request.method = set_method(call.args.get(1)),
        "[method]outgoing-request.set-scheme" => request.scheme = set_scheme(call.args.get(1)),
        "[method]outgoing-request.set-authority" => {
            request.authority = optional_text(call.args.get(1)).and_then(authority_parts);
        }
        _ => request.path = optional_text(call.args.get(1)).and_then(path_of),
    }
    vec![(handle.clone(), Some(HandleFacts::Request(request)))]
}

fn set_method(argument: Option<&Value>) -> Parsed<String> {
    match argument {
        Some(Value::Variant(case, None)) => method_of(&case.to_ascii_uppercase()),
        Some(Value::Variant(case, Some(name))) if case == "other" => method_of(name.as_str().ok_or(ODD_ARGUMENT)?),
        _ => Err(ODD_ARGUMENT),
    }
}

fn set_scheme(argument: Option<&Value>) -> Parsed<String> {
    let Some(Value::Option(scheme)) = argument else { return Err(ODD_ARGUMENT) };
    match scheme.as_deref() {
        None => scheme_of("https"),
        Some(Value::Variant(case, None)) => scheme_of(&case.to_ascii_lowercase()),
        Some(Value::Variant(case, Some(name))) if case == "other" => scheme_of(name.as_str().ok_or(ODD_ARGUMENT)?),
        Some(_) => Err(ODD_ARGUMENT),
    }
}

/// `option<string>`, with unset as the empty text.
fn optional_text(argument: Option<&Value>) -> Parsed<&str> {
    match argument {
        Some(Value::Option(None)) => Ok(""),
        Some(Value::Option(Some(text))) => text.as_str().ok_or(ODD_ARGUMENT),
        _ => Err(ODD_ARGUMENT),
    }
}

/// The request to which the handle at the first place belongs the answer.
fn answer(call: &Call<'_>) -> Option<Facts> {
    match call.facts(0)? {
        HandleFacts::Response { of } => Some(of.clone()),
        HandleFacts::Request(_)
        | HandleFacts::Descriptor { .. }
        | HandleFacts::Input { .. }
        | HandleFacts::Output { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::script::{Guest, handle, some, text};
    use std::slice::from_ref;

    const TYPES: &str = "wasi:http/types";

    fn case(name: &str) -> Value {
        Value::Variant(name.into(), None)
    }

    fn other(name: &str) -> Value {
        Value::Variant("other".into(), Some(Box::new(text(name))))
    }

    /// A request to which setters are applied in order.
    fn request(guest: &mut Guest, setters: &[(&str, Value)]) -> Value {
        let (_, request) = guest.new_handle(TYPES, "[constructor]outgoing-request", &[handle("fields", 900)]);
        for (name, value) in setters {
            let name = format!("[method]outgoing-request.set-{name}");
            assert_eq!(
                guest.call(TYPES, &name, &[request.clone(), value.clone()], Some(Value::ok(None))),
                Seen::local()
            );
        }
        request
    }

    fn send(guest: &mut Guest, request: &Value) -> (Seen, Value) {
        guest.ok("wasi:http/outgoing-handler", "handle", &[request.clone(), Value::Option(None)])
    }

    fn http(method: &str, scheme: &str, host: &str, port: u16, path: &str) -> Facts {
        let (method, scheme, host, path) = (method.into(), scheme.into(), host.into(), path.into());
        Facts::Http { method, scheme, host, port, path }
    }

    fn facts(setters: &[(&str, Value)]) -> Facts {
        let mut guest = Guest::default();
        let request = request(&mut guest, setters);
        let (seen, _) = send(&mut guest, &request);
        assert_eq!(seen.effect, Effect::Write);
        seen.facts
    }

    fn authority(name: &str) -> (&'static str, Value) {
        ("authority", some(text(name)))
    }

    #[test]
    fn a_request_is_what_its_setters_said() {
        assert_eq!(facts(&[authority("Example.com")]), http("GET", "https", "example.com", 443, "/"));
        let all = [
            ("method", case("post")),
            ("scheme", some(case("HTTP"))),
            authority("127.0.0.1:8080"),
            ("path-with-query", some(text("/v1/x?q=1"))),
        ];
        assert_eq!(facts(&all), http("POST", "http", "127.0.0.1", 8080, "/v1/x?q=1"));
        let plain_http = [("scheme", some(other("http"))), authority("a.b"), ("method", other("GET"))];
        assert_eq!(facts(&plain_http), http("GET", "http", "a.b", 80, "/"));
        let reset = [("scheme", some(case("HTTP"))), ("scheme", Value::Option(None)), authority("a.b")];
        assert_eq!(facts(&reset), http("GET", "https", "a.b", 443, "/"));
    }

    #[test]
    fn what_is_not_plain_is_refused_when_it_is_sent() {
        let evil = |setter: (&'static str, Value)| {
            let found = facts(&[authority("example.com"), setter]);
            assert!(matches!(found, Facts::Refused { .. }), "{found:?}");
        };
        assert!(matches!(facts(&[]), Facts::Refused { .. }), "no authority");
        evil(("authority", Value::Option(None)));
        evil(authority("example.com@evil.com"));
        evil(authority("127.1"));
        evil(("method", case("connect")));
        evil(("method", other("get")));
        evil(("scheme", some(other("ftp"))));
        evil(("scheme", some(other("HTTPS"))));
        evil(("path-with-query", some(text("//evil.com/"))));
        evil(("path-with-query", some(text("/a/%2e%2e/b"))));
        evil(("path-with-query", Value::U8(1)));
    }

    #[test]
    fn a_setter_that_failed_changes_nothing() {
        let mut guest = Guest::default();
        let request = request(&mut guest, &[authority("example.com")]);
        let args = [request.clone(), some(text("evil.com"))];
        guest.call(TYPES, "[method]outgoing-request.set-authority", &args, Some(Value::err(None)));
        assert_eq!(send(&mut guest, &request).0.facts, http("GET", "https", "example.com", 443, "/"));
    }

    #[test]
    fn an_answer_is_read_from_the_host_that_was_asked() {
        let mut guest = Guest::default();
        let request = request(&mut guest, &[authority("example.com")]);
        let (_, future) = send(&mut guest, &request);
        let read = Seen { effect: Effect::Read, facts: http("GET", "https", "example.com", 443, "/") };

        let response = handle("incoming-response", 50);
        let ready = some(Value::ok(Some(Value::ok(Some(response.clone())))));
        assert_eq!(guest.call(TYPES, "[method]future-incoming-response.get", &[future], Some(ready)), read);
        assert_eq!(guest.call(TYPES, "[method]incoming-response.status", from_ref(&response), None), Seen::local());
        let (_, body) = guest.ok(TYPES, "[method]incoming-response.consume", &[response]);
        let (_, stream) = guest.ok(TYPES, "[method]incoming-body.stream", from_ref(&body));
        let seen = guest.call("wasi:io/streams", "[method]input-stream.blocking-read", &[stream, Value::U64(1)], None);
        assert_eq!(seen, read);
        let (_, trailers) = guest.new_handle(TYPES, "[static]incoming-body.finish", &[body]);
        assert_eq!(guest.call(TYPES, "[method]future-trailers.get", &[trailers], None), read);
    }

    #[test]
    fn a_body_is_local_because_handle_covers_it() {
        let mut guest = Guest::default();
        let request = request(&mut guest, &[authority("example.com")]);
        let (_, body) = guest.ok(TYPES, "[method]outgoing-request.body", from_ref(&request));
        let (_, stream) = guest.ok(TYPES, "[method]outgoing-body.write", from_ref(&body));
        let write = "[method]output-stream.blocking-write-and-flush";
        assert_eq!(guest.call("wasi:io/streams", write, &[stream, Value::Bytes(vec![1])], None), Seen::local());
        assert_eq!(
            guest.call(TYPES, "[static]outgoing-body.finish", &[body, Value::Option(None)], None),
            Seen::local()
        );
    }

    #[test]
    fn a_request_is_gone_once_it_was_handed_over() {
        let mut guest = Guest::default();
        let request = request(&mut guest, &[authority("example.com")]);
        send(&mut guest, &request);
        assert!(matches!(send(&mut guest, &request).0.facts, Facts::Refused { why: UNKNOWN_HANDLE }));
    }

    #[test]
    fn a_hook_sees_the_same_facts() {
        assert_eq!(request_facts("GET", None, Some("example.com"), None), facts(&[authority("example.com")]));
        assert!(matches!(request_facts("GET", None, None, None), Facts::Refused { .. }));
    }
}
