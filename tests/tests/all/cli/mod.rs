//! Goal: every command keeps what its help promises, to people and to programs.
//!
//! Method: the built binary in a process of its own, as a user runs it, on a [`desk::Desk`]: a temporary folder with a
//! manifest, a ledger, data and a home of its own. [`cmd::Cmd`] runs it with a deadline, output piped, and checks on
//! each run what holds for all of them: no colours into a pipe, no panic, a documented exit code. Where a test waits,
//! it polls a fact that can be observed, with a deadline.

mod backup;
mod case_rules;
mod cases;
pub(crate) mod cmd;
mod control;
pub(crate) mod desk;
mod follow;
mod grants;
mod help;
mod ids;
mod keys;
mod killed;
mod manifest;
mod project;
mod proofs;
mod replay;
mod run;
mod show;
mod steer;
mod tampered;
mod terminal;
mod up;
