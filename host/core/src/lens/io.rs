//! `wasi:io`: errors, polling and streams.
//!
//! A stream is what it leads to. Reading standard input or writing to the log is local; a file's stream reads or
//! writes that file; a response's stream reads from its host. Checking, subscribing, flushing and polling move no
//! new data: what a flush pushes on was judged when it was written.

use super::call::Call;
use super::facts::Seen;

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    Some(match (call.interface, call.name) {
        ("error", "[method]error.to-debug-string")
        | ("poll", "[method]pollable.ready" | "[method]pollable.block" | "poll")
        | (
            "streams",
            "[method]input-stream.subscribe"
            | "[method]output-stream.subscribe"
            | "[method]output-stream.check-write"
            | "[method]output-stream.flush"
            | "[method]output-stream.blocking-flush",
        ) => Seen::local(),
        (
            "streams",
            "[method]input-stream.read"
            | "[method]input-stream.blocking-read"
            | "[method]input-stream.skip"
            | "[method]input-stream.blocking-skip",
        ) => call.reads(0),
        (
            "streams",
            "[method]output-stream.write"
            | "[method]output-stream.blocking-write-and-flush"
            | "[method]output-stream.write-zeroes"
            | "[method]output-stream.blocking-write-zeroes-and-flush",
        ) => call.writes(0),
        ("streams", "[method]output-stream.splice" | "[method]output-stream.blocking-splice") => {
            call.reads(1).and(call.writes(0))
        }
        _ => return None,
    })
}
