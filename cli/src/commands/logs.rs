//! `alyx logs`: what functions logged, and with `-f` what they log from now on.

use std::collections::HashSet;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::{address, show};
use crate::cli::Global;
use crate::database::{self, Address, Database};
use crate::problem::{Exit, Problem, Result};
use crate::terminal::{BAD, FAINT, STRONG, Terminal, WARN, paint};

/// Show what functions logged
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx logs\n  alyx logs hello -n 200\n  alyx logs -f --json\n\n\
Logs are kept where the server preloads the library: shared_preload_libraries = 'alyx_functions'.")]
pub(crate) struct Logs {
    /// Only this function's
    name: Option<String>,
    /// Stay and show new lines as they come
    #[arg(long, short)]
    follow: bool,
    /// How many of the latest lines
    #[arg(long, short = 'n', default_value_t = 50)]
    lines: u32,
}

/// Lines and failures, oldest first. A failed invocation is a line of its own: what it did not log itself is in its error.
const SQL: &str = "SELECT * FROM (
    SELECT l.logged_at AS at, l.function, l.level, l.message, l.invocation, l.line
      FROM alyx.logs l WHERE ($1::text IS NULL OR l.function = $1) AND l.logged_at > $2::text::timestamptz
    UNION ALL
    SELECT i.started_at + i.duration_ms * interval '1 millisecond', i.function, 'failed',
           i.status || ' ' || COALESCE(i.sqlstate, '') || ': ' || COALESCE(i.error, ''), i.id, 1000000 + i.attempt
      FROM alyx.invocations i WHERE ($1::text IS NULL OR i.function = $1) AND i.status <> 'ok'
       AND i.started_at > $2::text::timestamptz
    ORDER BY 1 DESC, 6 DESC LIMIT $3) recent ORDER BY at, line";

/// Reads what is new since the last time; the records of an invocation may come later than those of a younger one.
pub(crate) struct Reader {
    name: Option<String>,
    seen: HashSet<(String, i64)>,
    since: String,
}

impl Reader {
    /// A reader of one function's lines, or of all.
    pub(crate) fn new(name: Option<String>) -> Self {
        Self { name, seen: HashSet::new(), since: "-infinity".to_owned() }
    }

    /// From now on only lines that are new.
    pub(crate) fn skip_past(&mut self, database: &mut Database) -> Result<()> {
        self.since = database.value("cannot read the clock", "SELECT clock_timestamp()::text", &[])?;
        Ok(())
    }

    /// What came since the last call, oldest first.
    pub(crate) fn read(&mut self, database: &mut Database, limit: i64) -> Result<Vec<Value>> {
        let rows = database.rows("cannot read the logs", SQL, &[&self.name, &self.since, &limit])?;
        let key = |row: &Value| (show::cell(row.get("invocation")), row["line"].as_i64().unwrap_or_default());
        let new: Vec<Value> = rows.iter().filter(|row| !self.seen.contains(&key(row))).cloned().collect();
        self.seen = rows.iter().map(key).collect();
        Ok(new)
    }

    /// Moves the window along, so that it does not grow.
    pub(crate) fn advance(&mut self, database: &mut Database) -> Result<()> {
        let sql = "SELECT GREATEST($1::text::timestamptz, clock_timestamp() - interval '2 minutes')::text";
        self.since = database.value("cannot read the clock", sql, &[&self.since])?;
        Ok(())
    }
}

/// Shows and follows.
pub(crate) fn run(args: &Logs, global: &Global, terminal: &Terminal) -> Result<()> {
    let address = address(global)?;
    let mut database = database::connect(&address)?;
    if let Some(name) = &args.name {
        known(&mut database, name)?;
    }
    let mut reader = Reader::new(args.name.clone());
    let rows = reader.read(&mut database, i64::from(args.lines))?;
    if !args.follow {
        terminal.document(&Value::Array(rows.clone()));
        if rows.is_empty() {
            terminal
                .line(paint(FAINT, "no logs: functions logged nothing, or the server does not preload alyx_functions"));
        }
        rows.iter().for_each(|row| terminal.line(line(row)));
        return Ok(());
    }
    let show = |rows: &[Value]| {
        for row in rows {
            terminal.event(row);
            terminal.line(line(row));
        }
    };
    show(&rows);
    loop {
        std::thread::sleep(Duration::from_millis(250));
        let mut poll = || -> Result<Vec<Value>> {
            reader.advance(&mut database)?;
            reader.read(&mut database, 10_000)
        };
        match poll() {
            Ok(rows) => show(&rows),
            Err(problem) if problem.exit == Exit::Unreachable => {
                terminal.note(paint(WARN, "the database is gone; waiting for it"));
                database = again(&address);
            }
            Err(problem) => return Err(problem),
        }
    }
}

fn again(address: &Address) -> Database {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        if let Ok(database) = database::connect(address) {
            return database;
        }
    }
}

/// A name without a function would show nothing for ever.
fn known(database: &mut Database, name: &str) -> Result<()> {
    let what = "cannot look for the function";
    let found: bool = database.value(what, "SELECT EXISTS (SELECT FROM alyx.functions WHERE name = $1)", &[&name])?;
    if found {
        return Ok(());
    }
    Err(Problem::new(Exit::Refused, format!("there is no function \"{name}\" that this role owns"))
        .next("\"alyx functions\" lists those that there are."))
}

/// A log line for people.
pub(crate) fn line(row: &Value) -> String {
    let text = |key: &str| show::cell(row.get(key));
    let time: String = text("at").chars().skip(11).take(12).collect();
    let level = match text("level").as_str() {
        level @ ("error" | "failed") => paint(BAD, level),
        level @ "warn" => paint(WARN, level),
        level => paint(FAINT, level),
    };
    let message: String = text("message").chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    format!("{} {} {level} {message}", paint(FAINT, time), paint(STRONG, text("function")))
}
