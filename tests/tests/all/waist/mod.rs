//! The one narrow way out: every call judged, recorded and answered by whom it belongs to.
//!
//! Goal: what the design says of denial, handles, blame, effects and records holds for real components. Method: the
//! `script` fixture makes the calls; what is asserted is what the guest saw (its report) *and* what the ledger says.

mod blame;
mod children;
mod denial;
mod fixtures;
mod handles;
mod load;
mod records;
mod stock;
