//! The host of Manes: engine, waist, providers, ledgers, routing.
//!
//! Architecture invariant: whatever a component can reach, it reaches through [`waist`], and whatever happens is in
//! the [`ledger`] before anybody is told.

pub mod activation;
pub mod attempt;
pub mod component;
pub mod deploy;
pub mod earlier;
pub mod engine;
pub mod event;
pub mod guest;
pub mod host;
pub mod inspect;
pub mod interpose;
pub mod journal;
pub mod keystore;
pub mod ledger;
pub mod manifest;
pub mod nearest;
pub mod provider;
pub mod query;
mod question;
pub mod records;
pub mod replay;
pub mod router;
pub mod script;
pub mod seams;
pub mod state;
pub mod time;
#[cfg(test)]
mod told;
pub mod waist;
