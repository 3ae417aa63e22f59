//! Lines for the operator: `log::info!("read {n} rows"; file = name, bytes = size)`.
//!
//! A line never fails; the host cuts what is over the budget and records the cut. Formatting follows
//! [`std::format!`]; after a semicolon come fields, each anything that implements `Display`.

pub use crate::bindings::agent::manes::agent::log::Level;

/// Writes one line with its fields; the macros of this module are shorter.
pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::agent::manes::agent::log::write(level, message, fields);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::log(level, message, fields);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    // Everything before a semicolon is the message; what follows are fields.
    (@split $level:ident [$($message:tt)+] ; $($key:ident = $value:expr),+ $(,)?) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($($message)+),
            &[$((::std::string::String::from(stringify!($key)), ::std::string::ToString::to_string(&$value))),+],
        )
    };
    (@split $level:ident [$($message:tt)+]) => {
        $crate::log::write($crate::log::Level::$level, &::std::format!($($message)+), &[])
    };
    (@split $level:ident [$($message:tt)*] $next:tt $($rest:tt)*) => {
        $crate::__log!(@split $level [$($message)* $next] $($rest)*)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __trace { ($($line:tt)+) => { $crate::__log!(@split Trace [] $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __debug { ($($line:tt)+) => { $crate::__log!(@split Debug [] $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __info { ($($line:tt)+) => { $crate::__log!(@split Info [] $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __warn { ($($line:tt)+) => { $crate::__log!(@split Warn [] $($line)+) }; }
#[doc(hidden)]
#[macro_export]
macro_rules! __error { ($($line:tt)+) => { $crate::__log!(@split Error [] $($line)+) }; }

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __trace as trace, __warn as warn};

#[cfg(test)]
mod tests {
    use super::Level;
    use crate::{log, testing};

    #[test]
    fn lines_have_level_message_and_fields() {
        testing::take_logs();
        let rows = 3;
        log::warn!("cut at {rows} of {}", 9; file = "a.csv", rows = rows + 1);
        log::error!("plain");
        let lines = testing::take_logs();
        assert_eq!(lines[0].level, Level::Warn);
        assert_eq!(lines[0].message, "cut at 3 of 9");
        assert_eq!(lines[0].fields[1], ("rows".to_owned(), "4".to_owned()));
        assert_eq!((lines[1].level, lines[1].message.as_str()), (Level::Error, "plain"));
    }
}
