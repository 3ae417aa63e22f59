//! What an agent sees of the `manes:table` capability.
//!
//! Agents are written against the traits [`Source`], [`Table`] and [`Scan`], so that they run natively in tests
//! with any implementation behind them. In a component [`Imported`] is the one that leaves the sandbox.
//!
//! Invariant: no logic. What a call means is said in `capabilities/table/wit/table.wit`.

#[allow(missing_docs, clippy::all, reason = "generated code")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../capabilities/table/wit",
        world: "table-user",
        additional_derives: [PartialEq],
    });
}

pub use bindings::manes::table::table as wit;
pub use wit::{Column, Error, Kind, Outcome, Plan};

/// Opens tables.
pub trait Source {
    /// An open table.
    type Table: Table;
    /// Opens a file by its plain name.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or is not a CSV with a header.
    fn open(&self, file: &str) -> Result<Self::Table, Error>;
}

/// An open table.
pub trait Table {
    /// A walk over its records.
    type Scan: Scan;
    /// The columns, in the file's order.
    fn columns(&self) -> Vec<Column>;
    /// Runs a plan over the whole file.
    ///
    /// # Errors
    ///
    /// If the plan does not fit the file, or a limit is reached.
    fn query(&self, plan: &Plan) -> Result<Outcome, Error>;
    /// Walks over all records, cut down to `columns`.
    ///
    /// # Errors
    ///
    /// If a column does not exist.
    fn scan(&self, columns: &[u32]) -> Result<Self::Scan, Error>;
}

/// A walk over a table's records.
pub trait Scan {
    /// The next whole records as RFC 4180 text, `None` at the end.
    ///
    /// # Errors
    ///
    /// If the file is malformed from here on or cannot be read.
    fn next(&mut self, max_bytes: u32) -> Result<Option<String>, Error>;
}

/// The capability that the manifest grants. Only works inside a component.
#[derive(Debug, Clone, Copy, Default)]
pub struct Imported;

impl Source for Imported {
    type Table = wit::Table;
    fn open(&self, file: &str) -> Result<wit::Table, Error> {
        wit::Table::open(file)
    }
}

impl Table for wit::Table {
    type Scan = wit::Scan;
    fn columns(&self) -> Vec<Column> {
        Self::columns(self)
    }
    fn query(&self, plan: &Plan) -> Result<Outcome, Error> {
        Self::query(self, plan)
    }
    fn scan(&self, columns: &[u32]) -> Result<wit::Scan, Error> {
        Self::scan(self, columns)
    }
}

impl Scan for wit::Scan {
    fn next(&mut self, max_bytes: u32) -> Result<Option<String>, Error> {
        Self::next(self, max_bytes)
    }
}

/// An error as a sentence for the person who asked.
#[must_use]
pub fn explain(error: &Error) -> String {
    match error {
        Error::AccessDenied => {
            "access to the table was denied: the operator has to grant this agent `manes:table/table`, and the table \
             capability the folder with the file"
                .to_owned()
        }
        Error::NotFound(text)
        | Error::InvalidName(text)
        | Error::Malformed(text)
        | Error::InvalidPlan(text)
        | Error::Limit(text)
        | Error::Io(text) => text.clone(),
    }
}
