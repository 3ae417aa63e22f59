//! The lens: what a call is about, judged from its arguments and from what earlier calls said of its handles.
//!
//! An HTTP GET is some twenty calls, and the one with the effect is `handle([6])`: a policy on raw arguments is
//! blind. The lens follows each handle (method, authority and path of a request; directory and path of a file; what
//! a stream reads or writes) and yields [`Seen`]: an effect and the facts that policy decides on.
//!
//! Invariants:
//! * **Pure.** The same calls give the same facts, live and in replay.
//! * **Never a guess.** What cannot be read plainly (an authority that two parsers would split differently, a path
//!   with `..`, an unknown handle) becomes [`Facts::Refused`], which no grant matches. What has no entry is a write.
//! * **Every function has an entry.** A test walks the WIT of WASI 0.2 and of our own interfaces, and [`covers`] says
//!   no for any function that nobody thought about.
//!
//! One file per WASI package holds its entries. `authority`, `target` and `path` hold the three parsers on which
//! the rest stands; grants are read with the same ones, so that both sides of a comparison are normal in one way.

mod authority;
mod call;
mod cli;
mod clocks;
mod facts;
mod filesystem;
mod handle;
mod http;
mod io;
mod manes;
mod path;
mod random;
mod sockets;
mod target;
mod track;

#[cfg(test)]
mod coverage;
#[cfg(test)]
mod script;

pub(crate) use authority::{Host, host_of, port_of};
pub use facts::{Access, Effect, Facts, Seen};
pub(crate) use facts::{excerpt, origin};
pub use handle::{HandleFacts, Parsed, Request};
pub use http::request_facts;
pub(crate) use target::{method_of, path_of};
pub use track::{Lens, covers};
