//! Write agents and capabilities for Manes in Rust.
//!
//! An agent is a WebAssembly component with one entry point: it takes an event and returns the events it
//! wants to emit, or says why it could not. This crate turns that contract (`wit/agent.wit`) into a trait
//! with typed payloads:
//!
//! ```
//! use manes_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Ask { name: String }
//! #[derive(Serialize)]
//! struct Greeting { text: String }
//!
//! struct Greet;
//! impl Agent for Greet {
//!     type Input = Ask;
//!     const INFO: Info = Info::new("greet", "0.1.0", "Greets whoever asks")
//!         .subscribes(&["hello.asked"])
//!         .publishes(&["hello.greeted"]);
//!     fn handle(ask: Ask, _event: &Event) -> Handled {
//!         emit("hello.greeted", &Greeting { text: format!("Hello, {}!", ask.name) })
//!     }
//! }
//! manes_sdk::agent!(Greet);
//! # let event = manes_sdk::testing::event("hello.asked", &serde_json::json!({ "name": "Ada" }));
//! # assert_eq!(manes_sdk::testing::run::<Greet>(&event).unwrap().len(), 1);
//! ```
//!
//! In `Cargo.toml` the crate is a `cdylib` and depends on `serde` with its `derive` feature, whose macros name that crate;
//! `cargo build --release --target wasm32-wasip2` gives the component in `target/wasm32-wasip2/release`.
//!
//! | to | use |
//! |---|---|
//! | emit one event, several, none | [`emit`], [`Draft::json`] in a `vec!`, [`done`] |
//! | give up for good, or for now | [`reject`], [`retry`] |
//! | take several payload types | [`topics!`], or `type Input = Event` for the raw event |
//! | log | [`log::info!`](log::info), with fields after a semicolon |
//! | read settings, count attempts | [`context::config`], [`context::attempt`] |
//! | provide a capability | [`capability!`] |
//! | call a capability, with mocks in tests | [`imports!`] |
//! | test without a host | [`testing`]: [one handler](testing::run), or [several on a bus](testing::Bus) |
//!
//! Invariant: handlers are plain functions of their arguments. The exports exist only in a Wasm build, so that
//! the same crate compiles and tests natively; there, log, context and imports go to [`testing`] instead of a host.

mod agent;
mod capability;
pub mod context;
mod draft;
mod event;
mod failure;
mod imports;
mod info;
pub mod log;
pub mod prelude;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[doc(hidden)]
pub mod bindings;

pub use agent::{Agent, Handled};
#[doc(hidden)]
pub use agent::{describe, dispatch};
pub use bindings::agent::manes::agent::types::{Draft, Event, Failure, Payload};
pub use bindings::provider::exports::manes::agent::capability::Effect;
pub use capability::Capability;
#[doc(hidden)]
pub use capability::effects;
pub use draft::{done, emit};
pub use event::Input;
pub use failure::{reject, retry};
pub use info::Info;

#[doc(hidden)]
pub use serde_json;
