//! What a denial says, and what the guest gets for a call that was denied.

use super::decision::Decision;
use crate::function::FunctionId;
use crate::value::{Shape, Value};

/// Cases of an error type that mean a denial, the plainest first.
const DENIED_CASES: [&str; 5] = ["access-denied", "not-permitted", "access", "denied", "HTTP-request-denied"];

/// A denial in words: what is not granted and the manifest line that would allow it, or which function is refused
/// and why. Empty for an allowance.
#[must_use]
pub fn denial_message(function: &FunctionId, decision: &Decision) -> String {
    match decision {
        Decision::Allow { .. } => String::new(),
        Decision::Deny { what, allow_with: Some(line), .. } => format!("{what} is not granted; allow with: {line}"),
        Decision::Deny { what, allow_with: None, .. } => format!("{function} is refused: {what}"),
    }
}

/// What a denied call returns, by the shape of its result: `err(message)` where the error is text, else the error's
/// own case for it. `None` if the type has no way to say so; then the attempt ends as denied.
#[must_use]
pub fn denied_value(result: Option<&Shape>, message: &str) -> Option<Value> {
    let Some(Shape::Result(_, Some(error))) = result else { return None };
    let error = match error.as_ref() {
        Shape::String => Value::String(message.to_owned()),
        Shape::Enum(names) => Value::Enum(first(|case| names.iter().any(|name| name == case))?.to_owned()),
        Shape::Variant(cases) => {
            let bare = |case: &str| cases.iter().any(|(name, payload)| name == case && payload.is_none());
            Value::Variant(first(bare)?.to_owned(), None)
        }
        _ => return None,
    };
    Some(Value::err(Some(error)))
}

fn first(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    DENIED_CASES.into_iter().find(|case| has(case))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::{Lens, Seen, request_facts};
    use crate::policy::Grants;

    fn result(error: Shape) -> Shape {
        Shape::Result(Some(Box::new(Shape::U8)), Some(Box::new(error)))
    }

    fn denied(error: Shape) -> Option<Value> {
        denied_value(Some(&result(error)), "no")
    }

    #[test]
    fn a_denial_speaks_the_errors_own_language() {
        assert_eq!(denied(Shape::String), Some(Value::err(Some(Value::String("no".into())))));
        let sockets = Shape::Enum(vec!["unknown".into(), "access-denied".into()]);
        assert_eq!(denied(sockets), Some(Value::err(Some(Value::Enum("access-denied".into())))));
        let files = Shape::Enum(vec!["access".into(), "not-permitted".into()]);
        assert_eq!(denied(files), Some(Value::err(Some(Value::Enum("not-permitted".into())))));
        let http = Shape::Variant(vec![("DNS-timeout".into(), None), ("HTTP-request-denied".into(), None)]);
        assert_eq!(denied(http), Some(Value::err(Some(Value::Variant("HTTP-request-denied".into(), None)))));
    }

    #[test]
    fn a_type_that_cannot_say_so_ends_the_attempt() {
        let loaded = Shape::Variant(vec![("denied".into(), Some(Shape::String))]);
        assert_eq!(denied(loaded), None, "a case with a payload is not ours to fill");
        assert_eq!(denied(Shape::Enum(vec!["io".into()])), None);
        assert_eq!(denied(Shape::U8), None);
        assert_eq!(denied_value(Some(&Shape::Result(None, None)), "no"), None);
        assert_eq!(denied_value(Some(&Shape::String), "no"), None);
        assert_eq!(denied_value(None, "no"), None);
    }

    #[test]
    fn a_message_names_the_line_or_the_reason() {
        let function = FunctionId::new("wasi:http/outgoing-handler@0.2.6", "handle");
        let facts = request_facts("GET", None, Some("example.com"), Some("/?token=secret"));
        let message = |seen: &Seen| denial_message(&function, &Grants::default().decide(seen));
        let seen = Seen { facts, ..Seen::local() };
        assert_eq!(
            message(&seen),
            r#"GET example.com/ is not granted; allow with: http = ["GET https://example.com/"]"#
        );
        let unknown = Lens::new().see(&function, &[]);
        let expected = "wasi:http/outgoing-handler@0.2#handle is refused: the handle came from no call that is known";
        assert_eq!(message(&unknown), expected);
        assert_eq!(message(&Seen::local()), "");
    }
}
