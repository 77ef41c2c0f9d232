//! `alyx jobs`: what waits, runs, or is dead.

use clap::Args;

use super::{connected, show};
use crate::cli::Global;
use crate::problem::Result;
use crate::terminal::Terminal;

/// List jobs that wait or run, or those that failed for good
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx jobs\n  alyx jobs notify --dead\n  alyx replay notify")]
pub(crate) struct Jobs {
    /// Only this function's
    name: Option<String>,
    /// Dead ones
    #[arg(long)]
    dead: bool,
    /// How many at most
    #[arg(long, short = 'n', default_value_t = 100)]
    lines: u32,
}

/// Reads the view.
pub(crate) fn run(args: &Jobs, global: &Global, terminal: &Terminal) -> Result<()> {
    let mut database = connected(global)?;
    let limit = i64::from(args.lines);
    if args.dead {
        let sql = "SELECT *, to_char(died_at, 'YYYY-MM-DD HH24:MI:SS') AS died FROM alyx.dead_jobs
                    WHERE $1::text IS NULL OR function = $1 ORDER BY died_at DESC LIMIT $2";
        let rows = database.rows("cannot list dead jobs", sql, &[&args.name, &limit])?;
        let columns = [
            ("ID", "id"),
            ("FUNCTION", "function"),
            ("REASON", "reason"),
            ("ATTEMPTS", "attempt"),
            ("SQLSTATE", "sqlstate"),
            ("DIED", "died"),
            ("ERROR", "last_error"),
        ];
        show::rows(terminal, &columns, &rows, "no dead jobs");
    } else {
        let sql = "SELECT *, to_char(run_at, 'YYYY-MM-DD HH24:MI:SS') AS due FROM alyx.jobs
                    WHERE $1::text IS NULL OR function = $1 ORDER BY run_at LIMIT $2";
        let rows = database.rows("cannot list jobs", sql, &[&args.name, &limit])?;
        let columns = [
            ("ID", "id"),
            ("FUNCTION", "function"),
            ("STATUS", "status"),
            ("SOURCE", "source"),
            ("ATTEMPT", "attempt"),
            ("RUN AT", "due"),
            ("ERROR", "last_error"),
        ];
        show::rows(terminal, &columns, &rows, "no jobs wait or run");
    }
    Ok(())
}
