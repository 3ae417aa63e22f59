//! What the integration tests stand on: one builder of hosts, one loopback server, one seed.
//!
//! | module | what it gives |
//! |---|---|
//! | [`host`] | [`TestHost`]: a manifest line by line, then a running host |
//! | [`running`] | [`Running`]: send an event, wait for its flow, look at it, replay it |
//! | [`view`] | short questions to a flow: its only activation, its calls, what it reported |
//! | [`components`] | the built fixtures, patched ones, and those written as WAT |
//! | [`server`] | [`Server`]: an HTTP server on the loopback that counts, holds, drops and floods |
//! | [`gate`] | [`Gate`]: a ledger that holds intents back |
//! | [`alone`] | a test in a process of its own |
//! | [`seed`] | [`Seed`]: reproducible randomness |
//! | [`sim`] | a simulated machine under a whole host |
//!
//! Invariant: nothing here sleeps to let something happen; every wait is for an event, under a guard that explains
//! itself when it ends the wait.

pub mod alone;
pub mod components;
pub mod docs;
pub mod gate;
pub mod host;
pub mod running;
pub mod seed;
pub mod server;
pub mod sim;
pub mod view;

pub use alone::alone;
pub use gate::Gate;
pub use host::TestHost;
pub use running::{Running, replay, replay_with};
pub use seed::Seed;
pub use server::Server;
