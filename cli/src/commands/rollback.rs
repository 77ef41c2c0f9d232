//! `alyx rollback`: an older version becomes current, hooks included.

use clap::Args;
use serde_json::json;

use super::connected;
use crate::cli::Global;
use crate::problem::Result;
use crate::terminal::{GOOD, STRONG, Terminal, paint};

/// Make an older version of a function current
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx rollback hello\n  alyx rollback hello 3")]
pub(crate) struct Rollback {
    /// Name of the function
    name: String,
    /// Version [default: the one before the current]
    version: Option<i32>,
}

/// Asks the database.
pub(crate) fn run(args: &Rollback, global: &Global, terminal: &Terminal) -> Result<()> {
    let mut database = connected(global)?;
    let sql = format!("SELECT {}.fn_rollback($1, $2)", database.schema);
    let what = format!("cannot roll back \"{}\"", args.name);
    let version: i32 = database.value(&what, &sql, &[&args.name, &args.version])?;
    terminal.document(&json!({"function": args.name, "version": version}));
    terminal.line(format!(
        "{} {}: version {version} is current",
        paint(GOOD, "rolled back"),
        paint(STRONG, &args.name)
    ));
    Ok(())
}
