//! Files: what lies under a granted directory and nothing else, to read or to write as granted.
//!
//! Goal: a read grant changes nothing on the disk, whatever is tried; no path leads out of the directory; what was read
//! replays when the files are gone. Method: the `script` fixture uses Rust's own `std::fs`, and the folder is compared
//! with what it was.

mod escapes;
mod rights;
