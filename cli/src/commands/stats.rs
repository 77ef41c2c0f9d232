//! `alyx stats`: counts and times of functions.

use clap::Args;

use super::{connected, show};
use crate::cli::Global;
use crate::problem::Result;
use crate::terminal::Terminal;

/// Show how often functions ran, failed, and how long they took
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx stats\n  alyx stats hello --minutes 60")]
pub(crate) struct Stats {
    /// Only this function's
    name: Option<String>,
    /// Minute by minute, for the last so many (at most a day)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1440))]
    minutes: Option<i32>,
}

/// Reads the view.
pub(crate) fn run(args: &Stats, global: &Global, terminal: &Terminal) -> Result<()> {
    let mut database = connected(global)?;
    let nothing = "no statistics: nothing ran, or the server does not preload alyx_functions";
    match args.minutes {
        None => {
            let sql = "SELECT * FROM alyx.stats WHERE $1::text IS NULL OR function = $1 ORDER BY function";
            let rows = database.rows("cannot read the statistics", sql, &[&args.name])?;
            let columns = [
                ("FUNCTION", "function"),
                ("CALLS", "calls"),
                ("ERRORS", "errors"),
                ("TRAPS", "traps"),
                ("TIMEOUTS", "timeouts"),
                ("MEAN ms", "mean_ms"),
                ("P50", "p50_ms"),
                ("P95", "p95_ms"),
                ("P99", "p99_ms"),
                ("MAX", "max_ms"),
                ("MEMORY", "peak_memory_bytes"),
            ];
            show::rows(terminal, &columns, &rows, nothing);
        }
        Some(minutes) => {
            let sql = "SELECT * FROM alyx.stats_minutes WHERE ($1::text IS NULL OR function = $1)
                          AND minute > now() - make_interval(mins => $2) ORDER BY minute, function";
            let rows = database.rows("cannot read the statistics", sql, &[&args.name, &minutes])?;
            let columns = [
                ("MINUTE", "minute"),
                ("FUNCTION", "function"),
                ("CALLS", "calls"),
                ("ERRORS", "errors"),
                ("P50", "p50_ms"),
                ("P95", "p95_ms"),
                ("P99", "p99_ms"),
                ("MAX", "max_ms"),
            ];
            show::rows(terminal, &columns, &rows, nothing);
        }
    }
    Ok(())
}
