//! What people and programs see: lines, tables, JSON documents, errors, spinners.

mod output;
mod progress;
mod table;

pub(crate) use output::{BAD, FAINT, GOOD, STRONG, Terminal, WARN, describe, paint};
pub(crate) use progress::Spinner;
pub(crate) use table::table;
