//! Routing: which agents take an event, in what order, and when a flow has ended.
//!
//! One task owns all of it. It reads the ledger in order and derives everything from what it reads, so that a host
//! that starts again knows what the last one knew. Its queues hold positions in the ledger, never content.

mod closing;
mod command;
mod routes;
pub mod state;
mod task;
#[cfg(test)]
mod tests;
mod view;
mod window;
mod work;

pub use command::{Command, Handle, RouterError};
pub use routes::Routes;
pub use task::start;
pub use view::AgentView;
pub use work::{GIVEN_UP, Phase, Work};
