//! The documentation says what is so.
//!
//! Method: pages that are made of the code are made again and compared; every link is followed; the tutorial is done as it
//! stands there, in a fresh folder with a copied binary; every example of a command is run.

mod compare;
mod examples;
mod shapes;
mod terminal;
mod tutorial;

use crate::cli::cmd::Cmd;
use crate::cli::desk::{Desk, repository};

#[test]
fn every_link_leads_somewhere() {
    let broken = manes_tests::docs::broken(&repository());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn pages_made_of_the_code_are_what_the_code_says() {
    let desk = Desk::new("");
    let docs = repository().join("docs");
    let stale = Cmd::bare(&desk).args(["reference", "--check"]).arg(docs).run();
    assert_eq!((stale.code, stale.stdout.as_str()), (Some(0), ""), "run `just docs`");
}
