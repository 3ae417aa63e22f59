//! What is known of a handle.
//!
//! Only handles that carry authority or a destination are kept: a `pollable` or `fields` has nothing to say, and
//! what is not known can never be mistaken for something that is allowed.

use super::facts::{Access, Facts};
use super::http::request_facts_of;
use crate::value::Value;

/// Something that was read plainly, or why it was not.
pub type Parsed<T> = Result<T, &'static str>;

/// What the setters of an `outgoing-request` have said so far. Each part is read when it is set, so that what is
/// kept is short whatever a guest sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: Parsed<String>,
    /// `http` or `https`.
    pub scheme: Parsed<String>,
    /// Host in its normal form, and the port if there is one.
    pub authority: Parsed<(String, Option<u16>)>,
    /// Normalised path, with the query as it was.
    pub path: Parsed<String>,
}

/// What is known of a handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandleFacts {
    /// An `outgoing-request` that was not sent yet.
    Request(Request),
    /// Anything that belongs to the answer to a request that was sent.
    Response {
        /// The request.
        of: Facts,
    },
    /// A `descriptor`.
    Descriptor {
        /// Guest-visible name of the preopened directory.
        directory: String,
        /// Normalised path under it; empty for the directory itself.
        path: String,
    },
    /// An `input-stream` or `directory-entry-stream`.
    Input {
        /// What it reads; [`Facts::Base`] for standard input.
        from: Facts,
    },
    /// An `output-stream`.
    Output {
        /// What it writes; [`Facts::Base`] for the log and for bodies of requests.
        to: Facts,
    },
}

impl HandleFacts {
    /// A value that stands for the handle where arguments of two attempts are compared.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let (case, facts) = match self {
            Self::Request(request) => ("request", request_facts_of(request)),
            Self::Response { of } => ("response", of.clone()),
            Self::Descriptor { directory, path } => {
                let (directory, path) = (directory.clone(), path.clone());
                ("descriptor", Facts::File { directory, path, access: Access::Read })
            }
            Self::Input { from } => ("input", from.clone()),
            Self::Output { to } => ("output", to.clone()),
        };
        Value::Variant(case.to_owned(), Some(Box::new(facts.to_value())))
    }
}
