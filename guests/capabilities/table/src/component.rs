//! The exports: tables and scans as resources.
//!
//! Invariant: each call reads the file anew and keeps nothing of it, so that no answer comes from an earlier state.

use std::cell::RefCell;

use crate::bindings;
use crate::files::{self, FileStream};
use crate::inspect::{Header, inspect};
use crate::query::query;
use crate::scan::Pages;
use crate::wit::{self, Column, Error, Outcome, Plan};
use manes_sdk::log;

struct Component;

struct OpenTable {
    file: String,
    header: Header,
}

struct OpenScan(RefCell<Pages<FileStream>>);

impl wit::Guest for Component {
    type Table = OpenTable;
    type Scan = OpenScan;
}

impl wit::GuestTable for OpenTable {
    fn open(file: String) -> Result<wit::Table, Error> {
        let header = inspect(files::open(&file)?)?;
        log::debug!("opened {file}"; columns = header.columns.len());
        Ok(wit::Table::new(Self { file, header }))
    }

    fn columns(&self) -> Vec<Column> {
        self.header.columns.clone()
    }

    fn query(&self, plan: Plan) -> Result<Outcome, Error> {
        let outcome = query(&self.header, files::open(&self.file)?, &plan)?;
        log::info!("queried {}", self.file; read = outcome.counts.read, matched = outcome.counts.matched, rows = outcome.rows.len());
        Ok(outcome)
    }

    fn scan(&self, columns: Vec<u32>) -> Result<wit::Scan, Error> {
        let pages = Pages::new(&self.header, files::open(&self.file)?, &columns)?;
        Ok(wit::Scan::new(OpenScan(RefCell::new(pages))))
    }
}

impl wit::GuestScan for OpenScan {
    fn next(&self, max_bytes: u32) -> Result<Option<String>, Error> {
        match self.0.try_borrow_mut() {
            Ok(mut pages) => pages.next(max_bytes),
            Err(_) => Err(Error::InvalidPlan("this scan is already being read".to_owned())),
        }
    }
}

bindings::export!(Component with_types_in crate::bindings);
