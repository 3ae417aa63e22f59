//! Who takes an event, in what order, and what a host that starts again knows.
//!
//! Goal: routing is a function of the ledger: subscriptions, concurrency, delays, hops and identity hold while the
//! host runs and after it has been stopped or cut off. Method: flows of the `script` fixture whose scripts emit to each
//! other; everything is asserted on records. A host that is cut off is a copy of a ledger's folder, taken while an
//! attempt waits for a server that does not answer.

mod backlog;
mod flows;
mod identity;
pub(crate) mod restart;
mod time;
