//! One GET through `wasi:http`.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, Method, OutgoingRequest, Scheme};

use crate::url::Url;

/// The status of the response. Its body is not read.
pub(crate) fn get(url: &Url) -> Result<u16, String> {
    let invalid = |()| "invalid request".to_owned();
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Get).map_err(invalid)?;
    let scheme = if url.secure { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(&url.authority)).map_err(invalid)?;
    request.set_path_with_query(Some(&url.path_with_query)).map_err(invalid)?;
    let response = outgoing_handler::handle(request, None).map_err(|code| name(&code))?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => Ok(response.status()),
        Some(Ok(Err(code))) => Err(name(&code)),
        Some(Err(())) | None => Err("the response did not become ready".to_owned()),
    }
}

/// The error's name in `wasi:http`; for the rarer ones as Rust writes it.
fn name(code: &ErrorCode) -> String {
    match code {
        ErrorCode::HttpRequestDenied => "HTTP-request-denied".to_owned(),
        ErrorCode::ConnectionRefused => "connection-refused".to_owned(),
        ErrorCode::ConnectionTimeout => "connection-timeout".to_owned(),
        ErrorCode::DestinationNotFound => "destination-not-found".to_owned(),
        ErrorCode::InternalError(reason) => {
            format!("internal-error: {}", reason.as_deref().unwrap_or("no reason given"))
        }
        other => format!("{other:?}"),
    }
}
