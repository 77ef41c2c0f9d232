//! `alyx versions`: a function's history.

use clap::Args;

use super::{connected, show};
use crate::cli::Global;
use crate::problem::Result;
use crate::terminal::Terminal;

/// List the versions of a function, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx versions hello")]
pub(crate) struct Versions {
    /// Name of the function
    name: String,
}

/// Asks the database.
pub(crate) fn run(args: &Versions, global: &Global, terminal: &Terminal) -> Result<()> {
    let mut database = connected(global)?;
    let sql = format!("SELECT v.* FROM {}.fn_versions($1) v", database.schema);
    let rows = database.rows(&format!("cannot list the versions of \"{}\"", args.name), &sql, &[&args.name])?;
    let columns = [
        ("VERSION", "version"),
        ("CURRENT", "is_current"),
        ("MODULE", "sha256:12"),
        ("EXPORT", "export"),
        ("BY", "deployed_by"),
        ("DEPLOYED", "deployed_at:19"),
    ];
    show::rows(terminal, &columns, &rows, "no versions");
    Ok(())
}
