//! Every limit stops what goes over it, says which line of the manifest raises it, and hurts nobody else.
//!
//! Goal: a hostile or careless guest is stopped by the limit that it meets, with its own status; raising the limit by
//! the very line that was printed lets the same script through; neighbours go on meanwhile and memory comes back.
//! Method: [`each`] follows the printed lines until the script is done, for every field of `Limits`; [`neighbours`]
//! looks at the order of records, not at clocks; [`memory`] measures a process of its own.

mod each;
mod memory;
mod neighbours;
