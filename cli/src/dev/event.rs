//! What the loop hears.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::problem::Problem;

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The user wants to end it.
    Stop,
    /// These files were touched.
    Touched(Vec<PathBuf>),
    /// Anything may have changed: the system lost count.
    Overflow,
    /// A line of a build's output.
    Line { name: String, text: String },
    /// A build ended.
    Built { dir: PathBuf, number: u64, result: Result<(), Problem>, took: Duration },
    /// A deploy ended.
    Deployed { dir: PathBuf, name: String, result: Result<Deploy, Problem>, took: Duration },
    /// The database went away, for this reason.
    Lost(String),
    /// The database is there again.
    Back,
    /// A line of a function's log.
    Log(Value),
}

/// What a deploy did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deploy {
    /// Its number; none when the database was not even asked, because nothing is new.
    pub(crate) version: Option<i32>,
    pub(crate) changed: bool,
}
