//! `alyx replay`: dead jobs go back into the queue.

use clap::Args;
use serde_json::json;

use super::connected;
use crate::cli::Global;
use crate::problem::Result;
use crate::terminal::{GOOD, Terminal, paint};

/// Put dead jobs back into the queue
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alyx replay 01932a7e-7f3c-7000-8000-0123456789ab\n  alyx replay notify --since '1 hour ago'\n\n\
--since takes what PostgreSQL reads as a time, and `N unit ago`."
)]
pub(crate) struct Replay {
    /// A job's id, or the name of a function for all of its dead jobs
    job_or_function: String,
    /// Only jobs that died since then
    #[arg(long, value_name = "TIME", default_value = "-infinity", allow_hyphen_values = true)]
    since: String,
}

/// Asks the database.
pub(crate) fn run(args: &Replay, global: &Global, terminal: &Terminal) -> Result<()> {
    let mut database = connected(global)?;
    let what = format!("cannot replay \"{}\"", args.job_or_function);
    let since = match args.since.strip_suffix(" ago") {
        Some(span) => database.value(&what, "SELECT (now() - $1::text::interval)::text", &[&span])?,
        None => args.since.clone(),
    };
    let sql = format!("SELECT {}.fn_replay($1, $2::text::timestamptz)", database.schema);
    let count: i32 = database.value(&what, &sql, &[&args.job_or_function, &since])?;
    terminal.document(&json!({"replayed": count}));
    terminal.line(format!("{} {count} job{}", paint(GOOD, "replayed"), if count == 1 { "" } else { "s" }));
    Ok(())
}
