//! What was recorded can be run again, exactly, from the record alone.
//!
//! Goal: a recorded activation replays with the same calls, events, end and fuel when nothing of its surroundings is
//! left: no server, no files, no capability, no host. Method: [`thousand`] records seeded scripts that mix every
//! operation of the `script` fixture, removes everything but a copy of the ledger's folder, and replays; what the set
//! must cover is a list in [`coverage`], checked against the record. [`verdicts`] holds the record in hand and takes
//! single things out of it: a replay must say which.

mod coverage;
mod mix;
mod thousand;
mod verdicts;
