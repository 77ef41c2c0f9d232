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
    let sql = format!(
        "SELECT v.*, left(v.sha256, 12) AS hash, CASE WHEN v.is_current THEN '*' END AS current,
                to_char(v.deployed_at, 'YYYY-MM-DD HH24:MI:SS') AS deployed FROM {}.fn_versions($1) v",
        database.schema
    );
    let rows = database.rows(&format!("cannot list the versions of \"{}\"", args.name), &sql, &[&args.name])?;
    let columns = [
        ("", "current"),
        ("VERSION", "version"),
        ("MODULE", "hash"),
        ("EXPORT", "export"),
        ("BY", "deployed_by"),
        ("DEPLOYED", "deployed"),
    ];
    show::rows(terminal, &columns, &rows, "no versions");
    Ok(())
}
