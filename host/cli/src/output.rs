//! Standard output and standard error, which a reader may close before all is written: `manes log | head -1` is no
//! failure.

use crate::exit::Exit;
use std::fmt::Arguments;
use std::io::{ErrorKind, Result, Write as _};

/// Prints a line of results as `println!` does; see [`line`].
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// Prints a line for people on standard error as `eprintln!` does; see [`note`].
macro_rules! tell {
    ($($text:tt)*) => { $crate::output::note(format_args!($($text)*)) };
}
pub(crate) use tell;

/// Prints a line. If it cannot be written, the process ends; see [`give_up`].
pub(crate) fn line(text: Arguments<'_>) {
    try_line(text).unwrap_or_else(|error| give_up(&error));
}

/// Prints bytes as they are. If they cannot be written, the process ends; see [`give_up`].
pub(crate) fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).unwrap_or_else(|error| give_up(&error));
}

/// Prints a line, for those who have something to put in order before the process ends.
pub(crate) fn try_line(text: Arguments<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Ends the process: quietly if nobody reads any more, for there is nobody to tell and nothing left to do.
pub(crate) fn give_up(error: &std::io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(Exit::Done as i32);
    }
    tell!("manes: failed to write to standard output: {error}");
    std::process::exit(Exit::Failed as i32)
}

/// Prints a line on standard error. Whether anybody reads it changes neither what the command does nor how it exits.
pub(crate) fn note(text: Arguments<'_>) {
    // In one write, as far as a line goes: what other processes print does not come between.
    let _unheard = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}
