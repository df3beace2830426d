//! Lines to standard error, which is a component's log. The host caps and scrubs it.

use std::fmt::Arguments;
use std::io::Write;

/// Writes one line. Used by the macros; a log that cannot be written never fails a call.
#[doc(hidden)]
pub fn line(level: &str, text: Arguments<'_>) {
    let text = crate::failure::clean(&text.to_string(), 4_096);
    let _ = writeln!(std::io::stderr(), "{level} {text}");
}

/// Logs what a person may want to know, formatted as by `format!`.
#[macro_export]
macro_rules! log_info {
    ($($text:tt)*) => { $crate::log::line("INFO", format_args!($($text)*)) };
}

/// Logs what a person should look at, formatted as by `format!`.
#[macro_export]
macro_rules! log_warn {
    ($($text:tt)*) => { $crate::log::line("WARN", format_args!($($text)*)) };
}
