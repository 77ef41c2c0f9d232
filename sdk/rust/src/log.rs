//! Lines for `alyx.logs` and the server's log.
//!
//! ```
//! use alyx_functions::log;
//!
//! let (id, title) = (7, "Hello");
//! log::info!("created {title}");
//! log::warn!(id, title = title, "took {} tries", 3);   // with fields: written as JSON behind the message
//! ```
//!
//! Fields come before the message, as in `tracing`; each is `name = value` or a variable. A value is anything that serde can
//! write. How loud a line must be to be kept is the manifest's `log`.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::host;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For its author; DEBUG1 in the server's log.
    Debug,
    /// What happens; LOG.
    Info,
    /// What should not; WARNING.
    Warn,
    /// What failed; WARNING.
    Error,
}

/// Writes a line: what the macros do.
///
/// The line is kept until the function has returned; a host that refuses it is no reason to fail.
pub fn line(level: Level, message: impl fmt::Display, fields: &[(&str, Value)]) {
    #[derive(Serialize)]
    struct Line<'a> {
        level: Level,
        message: String,
        #[serde(skip_serializing_if = "Fields::is_empty")]
        fields: Fields<'a>,
    }
    let _ = host::ask::<host::Empty>(host::LOG, &Line { level, message: message.to_string(), fields: Fields(fields) });
}

/// In the order in which they were given.
struct Fields<'a>(&'a [(&'a str, Value)]);

impl Fields<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A field's value; what cannot be written as JSON says so in its place.
#[doc(hidden)]
pub fn __value<T: Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| Value::String(error.to_string()))
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident [$($fields:tt)*] $name:ident = $value:expr, $($rest:tt)+) => {
        $crate::__log!($level [$($fields)* (stringify!($name), $crate::log::__value(&$value)),] $($rest)+)
    };
    ($level:ident [$($fields:tt)*] $name:ident, $($rest:tt)+) => {
        $crate::__log!($level [$($fields)* (stringify!($name), $crate::log::__value(&$name)),] $($rest)+)
    };
    ($level:ident [$($fields:tt)*] $($message:tt)+) => {
        $crate::log::line($crate::log::Level::$level, format_args!($($message)+), &[$($fields)*])
    };
}

/// Writes a line for the author: `debug!("message {}", x)`, with fields `debug!(id = 7, "message")`.
#[macro_export]
#[doc(hidden)]
macro_rules! __debug {
    ($($line:tt)+) => { $crate::__log!(Debug [] $($line)+) };
}

/// Writes a line about what happens: `info!("message {}", x)`, with fields `info!(id = 7, "message")`.
#[macro_export]
#[doc(hidden)]
macro_rules! __info {
    ($($line:tt)+) => { $crate::__log!(Info [] $($line)+) };
}

/// Writes a line about what should not happen: `warn!("message {}", x)`, with fields `warn!(id = 7, "message")`.
#[macro_export]
#[doc(hidden)]
macro_rules! __warn {
    ($($line:tt)+) => { $crate::__log!(Warn [] $($line)+) };
}

/// Writes a line about what failed: `error!("message {}", x)`, with fields `error!(id = 7, "message")`.
#[macro_export]
#[doc(hidden)]
macro_rules! __error {
    ($($line:tt)+) => { $crate::__log!(Error [] $($line)+) };
}

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __warn as warn};
