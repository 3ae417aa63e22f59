//! Requests and their answers, put together from the calls that made them: `[[http]]` says in four lines what took forty.

use manes_core::cursor::{Recorded, RecordedCall};
use manes_core::value::{Origin, Value};
use std::collections::{BTreeMap, HashMap};

/// Headers of an answer that its sender sets by itself.
const SENDERS: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// A request and what came back, as far as the agent looked at it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) body: String,
    pub(super) status: Option<u16>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) answer: String,
}

/// Why calls cannot be told as requests and answers: an error instead of an answer, bytes that are no text, and the like.
#[derive(Debug)]
pub(super) struct Odd;

/// True for what a request and its answer are made of.
pub(super) fn is_http(call: &RecordedCall) -> bool {
    call.function.interface.starts_with("wasi:http/")
}

#[derive(Debug, Default)]
struct Request {
    method: String,
    scheme: String,
    authority: String,
    path: String,
    body: Vec<u8>,
}

/// What the calls of an attempt are about so far, by the handles that they returned.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    requests: HashMap<Origin, Request>,
    /// A request's body and its stream, by the request.
    sent: HashMap<Origin, Origin>,
    /// A future, an answer, its headers, body and stream, by their place in `made`.
    answers: HashMap<Origin, usize>,
    /// Each with the request's origin and the bytes of its answer; complete once there is an answer.
    made: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    request: Origin,
    answered: bool,
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    bytes: Vec<u8>,
}

impl Exchanges {
    /// Takes the next call of the attempt. `returned` is its outcome, if it returned anything.
    pub(super) fn take(&mut self, call: &RecordedCall, args: &[Value], returned: Option<&Value>) -> Result<(), Odd> {
        let (name, interface) = (call.function.name.as_str(), call.function.interface.as_str());
        let subject = args.iter().find_map(origin);
        if interface.starts_with("wasi:http/outgoing-handler") {
            return match &call.outcome {
                // Denied again by the same grants.
                Recorded::Denied(_) => Ok(()),
                Recorded::Returned(_) => self.handed(subject.ok_or(Odd)?, returned),
                Recorded::Ended(_) | Recorded::Unknown => Err(Odd),
            };
        }
        if interface.starts_with("wasi:http/types") {
            return match name.strip_prefix("[constructor]").or(name.strip_prefix("[method]")).unwrap_or(name) {
                "outgoing-request" => {
                    let request = Request { method: "GET".into(), scheme: "https".into(), ..Request::default() };
                    self.requests.insert(returned.and_then(origin).ok_or(Odd)?, request);
                    Ok(())
                }
                setter if setter.starts_with("outgoing-request.set-") => self.set(setter, subject, args, returned),
                "outgoing-request.body" | "outgoing-body.write" => {
                    let (from, to) = (subject.ok_or(Odd)?, succeeded(returned).and_then(origin).ok_or(Odd)?);
                    let request = self.sent.get(&from).copied().unwrap_or(from);
                    self.sent.insert(to, request);
                    Ok(())
                }
                getter => self.answered(getter, subject, args, returned),
            };
        }
        match subject {
            Some(subject) if interface.starts_with("wasi:io/streams") => self.streamed(name, subject, args, returned),
            _ => Ok(()),
        }
    }

    /// The exchanges, in the order in which the requests were handed over.
    pub(super) fn finish(self) -> Result<Vec<Exchange>, Odd> {
        let exchange = |made: Made| {
            let request = self.requests.get(&made.request).filter(|_| made.answered).ok_or(Odd)?;
            let path = if request.path.is_empty() { "/" } else { &request.path };
            Ok(Exchange {
                method: request.method.clone(),
                url: format!("{}://{}{path}", request.scheme, request.authority),
                body: String::from_utf8(request.body.clone()).map_err(|_| Odd)?,
                status: made.status,
                headers: made.headers,
                answer: String::from_utf8(made.bytes).map_err(|_| Odd)?,
            })
        };
        self.made.into_iter().map(exchange).collect()
    }

    fn handed(&mut self, request: Origin, returned: Option<&Value>) -> Result<(), Odd> {
        let future = succeeded(returned).and_then(origin).ok_or(Odd)?;
        self.answers.insert(future, self.made.len());
        self.made.push(Made { request, answered: false, status: None, headers: BTreeMap::new(), bytes: Vec::new() });
        Ok(())
    }

    fn set(&mut self, setter: &str, subject: Option<Origin>, args: &[Value], done: Option<&Value>) -> Result<(), Odd> {
        let request = subject.and_then(|subject| self.requests.get_mut(&subject)).ok_or(Odd)?;
        if !matches!(done, Some(Value::Result(Ok(_)))) {
            return Ok(());
        }
        let to = args.get(1).and_then(word);
        match setter.trim_start_matches("outgoing-request.set-") {
            "method" => request.method = to.ok_or(Odd)?.to_ascii_uppercase(),
            "scheme" => request.scheme = to.map_or_else(|| "https".into(), |scheme| scheme.to_ascii_lowercase()),
            "authority" => request.authority = to.unwrap_or_default(),
            "path-with-query" => request.path = to.unwrap_or_default(),
            _ => return Err(Odd),
        }
        Ok(())
    }

    /// What was asked of a future, an answer, its headers or its body.
    fn answered(
        &mut self,
        getter: &str,
        subject: Option<Origin>,
        args: &[Value],
        got: Option<&Value>,
    ) -> Result<(), Odd> {
        let Some(place) = subject.and_then(|subject| self.answers.get(&subject).copied()) else { return Ok(()) };
        let made = self.made.get_mut(place).ok_or(Odd)?;
        match getter {
            "future-incoming-response.get" => match got {
                // Not there yet.
                Some(Value::Option(None)) => {}
                Some(Value::Option(Some(inner))) => {
                    let answer = succeeded(succeeded(Some(inner))).and_then(origin).ok_or(Odd)?;
                    made.answered = true;
                    self.answers.insert(answer, place);
                }
                _ => return Err(Odd),
            },
            "incoming-response.status" => match got {
                Some(Value::U16(status)) => made.status = Some(*status),
                _ => return Err(Odd),
            },
            "incoming-response.headers" | "fields.clone" => {
                self.answers.insert(got.and_then(origin).ok_or(Odd)?, place);
            }
            "incoming-response.consume" | "incoming-body.stream" => {
                // The second time it is an error, in a test as well.
                self.answers.extend(succeeded(got).and_then(origin).map(|stream| (stream, place)));
            }
            "fields.get" => {
                let (Some(Value::String(name)), Some(Value::List(values))) = (args.get(1), got) else {
                    return Err(Odd);
                };
                for value in values {
                    header(&mut made.headers, name, value)?;
                }
            }
            "fields.entries" => {
                let Some(Value::List(entries)) = got else { return Err(Odd) };
                for entry in entries {
                    let Value::Tuple(pair) = entry else { return Err(Odd) };
                    let [Value::String(name), value] = pair.as_slice() else { return Err(Odd) };
                    header(&mut made.headers, name, value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What went over a stream.
    fn streamed(&mut self, name: &str, stream: Origin, args: &[Value], done: Option<&Value>) -> Result<(), Odd> {
        let written = self.sent.get(&stream).copied();
        if let Some(request) = written.and_then(|request| self.requests.get_mut(&request)) {
            if name.contains("write") && !name.contains("check-write") {
                let (Some(Value::Bytes(bytes)), Some(_)) = (args.get(1), succeeded_or_nothing(done)) else {
                    return Err(Odd);
                };
                request.body.extend(bytes);
            }
            return if name.contains("splice") { Err(Odd) } else { Ok(()) };
        }
        let Some(made) = self.answers.get(&stream).and_then(|place| self.made.get_mut(*place)) else { return Ok(()) };
        match name.trim_start_matches("[method]input-stream.") {
            "read" | "blocking-read" => match done {
                Some(Value::Result(Ok(Some(bytes)))) => match bytes.as_ref() {
                    Value::Bytes(bytes) => made.bytes.extend(bytes),
                    _ => return Err(Odd),
                },
                Some(Value::Result(Err(Some(why)))) if word(why).as_deref() == Some("closed") => {}
                _ => return Err(Odd),
            },
            "subscribe" => {}
            _ => return Err(Odd),
        }
        Ok(())
    }
}

/// A header that the agent saw. Of two with one name a case can say one.
fn header(headers: &mut BTreeMap<String, String>, name: &str, value: &Value) -> Result<(), Odd> {
    let name = name.to_ascii_lowercase();
    let Value::Bytes(bytes) = value else { return Err(Odd) };
    let text = String::from_utf8(bytes.clone()).map_err(|_| Odd)?;
    if SENDERS.contains(&name.as_str()) {
        return Ok(());
    }
    match headers.insert(name, text.clone()) {
        Some(before) if before != text => Err(Odd),
        _ => Ok(()),
    }
}

fn origin(value: &Value) -> Option<Origin> {
    let mut first = None;
    value.handles(&mut |handle| first = first.or(Some(handle.origin)));
    first
}

/// What lies in `ok`.
fn succeeded(value: Option<&Value>) -> Option<&Value> {
    match value? {
        Value::Result(Ok(Some(inner))) => Some(inner),
        _ => None,
    }
}

fn succeeded_or_nothing(value: Option<&Value>) -> Option<()> {
    matches!(value?, Value::Result(Ok(_))).then_some(())
}

/// The text of a string, of a case with or without one, or of what an option holds.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) | Value::Enum(text) => Some(text.clone()),
        Value::Variant(_, Some(inner)) | Value::Option(Some(inner)) => word(inner),
        Value::Variant(case, None) => Some(case.clone()),
        _ => None,
    }
}
