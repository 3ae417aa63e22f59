//! The integration tests: one binary, so that wasmtime is linked once.
//!
//! Each module's header says its goal and method. All of them drive hosts through [`manes_tests::TestHost`] or the
//! built `manes` binary; components come from `guests/`, which `just test` builds first.

mod attempts;
mod capabilities;
mod cli;
mod csv;
mod divergence;
mod docs;
mod files;
mod http;
mod languages;
mod limits;
mod replay;
mod resume;
mod routing;
mod schema;
mod verifiers;
mod waist;
