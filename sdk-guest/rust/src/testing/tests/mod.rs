//! Tests of the kit, by part.

mod bus;
mod failures;
mod mocks;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message of the panic that `work` ends with.
fn panic_of<T>(work: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(work)) else { panic!("it did not panic") };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}
