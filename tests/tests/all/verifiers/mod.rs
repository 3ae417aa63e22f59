//! Goal: two verifiers that share no code, Rust's [`manes_verify::audit`] and the Python one in `tests/verifier`, agree
//! on every ledger folder: the whole ones, those tampered with, and the golden ones of every released format.
//!
//! Method: the built binary records flows into a small ledger, with a body in a blob, two artifacts and three starts.
//! Each case is a copy of it with one thing changed; all cases of a test are judged by both, the Python one in a single
//! process. Where both must refuse, that is asserted; where both must accept, their reports must be equal.
//! Without `python3` Rust's verdicts are still asserted, and a loud line says that nobody compared them.

mod cases;
mod frames;
mod golden;
mod judge;
mod sample;
mod single;
pub(crate) mod tamper;
