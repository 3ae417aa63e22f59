//! The `manes:table` capability: questions to the CSV files of one granted folder.
//!
//! | module | holds |
//! |---|---|
//! | [`reader`] | bytes → records, streaming |
//! | [`cell`] | what a cell means: missing, number, text |
//! | [`inspect`] | header and kinds of columns |
//! | [`filter`], [`accumulate`], [`order`] | the parts of a query |
//! | [`query`] | a plan over a whole file |
//! | [`scan`] | records cut down to some columns, page by page |
//! | `files`, `component` | the folder, and the exports; in a component only |
//!
//! Invariant: memory is bounded, whatever the file. A file is read as a stream and never kept; what a query keeps
//! (groups, values for medians, rows of a result) has a limit, and reaching it is an error that names the limit.

pub mod accumulate;
pub mod cell;
pub mod filter;
pub mod inspect;
pub mod limits;
pub mod order;
pub mod query;
pub mod reader;
pub mod scan;

#[cfg(target_arch = "wasm32")]
mod component;
#[cfg(target_arch = "wasm32")]
mod files;

#[allow(missing_docs, clippy::all, unreachable_pub, reason = "generated code")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "table-provider",
    });
}

pub use bindings::exports::manes::table::table as wit;

use manes_sdk::{Capability, Effect};

/// The claim of effects: everything reads, dropping a handle does nothing.
pub struct Table;

impl Capability for Table {
    const EFFECTS: &'static [(&'static str, Effect)] = &[("table.*", Effect::Read)];
}

manes_sdk::capability!(Table);
