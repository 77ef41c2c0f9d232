//! `alyx doctor`: what of the surroundings is there, and what is missing for what.

use clap::Args;
use postgres::error::SqlState;
use serde_json::{Value, json};

use super::given_address;
use crate::cli::Global;
use crate::database;
use crate::problem::{Problem, Result};
use crate::server;
use crate::terminal::{BAD, FAINT, GOOD, Terminal, WARN, paint};

/// Look at the surroundings: database, extension, private server, build tools
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx doctor")]
pub(crate) struct Doctor {}

/// Looks at everything, and fails when the database that is named cannot be used.
pub(crate) fn run(_: &Doctor, global: &Global, terminal: &Terminal) -> Result<()> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut fatal = None;
    // As all commands do it: a server that "alyx dev" keeps in this folder, and that runs, needs no address.
    let here = || server::running(std::path::Path::new("."));
    match given_address(global).map(|given| given.or_else(here)) {
        Ok(None) => findings.push(Finding::new(
            "database",
            "none",
            "no DATABASE_URL: \"alyx dev\" starts a private server".to_owned(),
        )),
        Ok(Some(address)) => match database::connect(&address).and_then(|mut database| examine(&mut database)) {
            Ok((text, examined)) => {
                findings.push(Finding::new("database", "ok", format!("{}: {text}", address.describe())));
                findings.extend(examined);
            }
            Err(problem) => {
                findings.push(Finding::new("database", "bad", problem.what.clone()));
                fatal = Some(problem);
            }
        },
        Err(problem) => {
            findings.push(Finding::new("database", "bad", problem.what.clone()));
            fatal = Some(problem);
        }
    }
    match server::Programs::find(None, None) {
        Ok(server) => findings.push(Finding::new(
            "private server",
            "ok",
            format!("PostgreSQL {} in {}", server.major, server.bin.display()),
        )),
        Err(problem) => findings.push(Finding::new("private server", "none", problem.what)),
    }
    for (name, what) in [
        ("node", "TypeScript and JavaScript"),
        ("npm", "TypeScript and JavaScript"),
        ("cargo", "Rust"),
        ("zig", "Zig"),
        ("clang", "C"),
    ] {
        let output = std::process::Command::new(name).arg(if name == "zig" { "version" } else { "--version" }).output();
        let text = output
            .ok()
            .filter(|out| out.status.success())
            .map(|out| String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned());
        match text {
            Some(text) => findings.push(Finding::new(name, "ok", text)),
            None => findings.push(Finding::new(name, "none", format!("needed to build {what}"))),
        }
    }
    let as_json = |finding: &Finding| {
        let Finding { name, state, text, hint } = finding;
        let mut value = json!({"name": name, "state": state, "text": text});
        if let Some(hint) = hint {
            value["hint"] = json!(hint);
        }
        value
    };
    let list: Vec<Value> = findings.iter().map(as_json).collect();
    if fatal.is_none() {
        terminal.document(&json!({"ok": true, "findings": list}));
    }
    for Finding { name, state, text, hint } in &findings {
        let sign = match *state {
            "ok" => paint(GOOD, "ok  "),
            "bad" => paint(BAD, "bad "),
            other => paint(WARN, format!("{other:<4}")),
        };
        terminal.line(format!("{sign} {name:<23} {}", paint(FAINT, text)));
        if let Some(hint) = hint {
            terminal.line(format!("     {:<23} {hint}", ""));
        }
    }
    fatal.map_or(Ok(()), |problem: Problem| Err(problem))
}

/// Something that was looked at. States: `ok`, `warn`, `bad`, and `none` for what is not there.
struct Finding {
    name: String,
    state: &'static str,
    text: String,
    hint: Option<String>,
}

impl Finding {
    fn new(name: &str, state: &'static str, text: String) -> Self {
        Self { name: name.to_owned(), state, text, hint: None }
    }
}

/// What the database says of itself. What fn_doctor finds is told and fails nothing: commands may work nevertheless.
fn examine(database: &mut database::Database) -> Result<(String, Vec<Finding>)> {
    let versions = versions(database)?;
    let sql = format!("SELECT item, state, detail, hint FROM {}.fn_doctor()", database.schema);
    let rows = match database.client.query(&sql, &[]) {
        Ok(rows) => rows,
        Err(error) => {
            let why = match error.code() {
                Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => "fn_doctor() is for members of pg_monitor",
                Some(code) if *code == SqlState::UNDEFINED_FUNCTION => {
                    "no fn_doctor(): run ALTER EXTENSION alyx_functions UPDATE"
                }
                _ => return Err(database::problem("cannot ask fn_doctor()", &error)),
            };
            return Ok((versions, vec![Finding::new("installation", "none", why.to_owned())]));
        }
    };
    let finding = |row: postgres::Row| Finding {
        name: row.get(0),
        state: match row.get(1) {
            "ok" => "ok",
            "problem" => "bad",
            _ => "warn",
        },
        text: row.get(2),
        hint: row.get(3),
    };
    Ok((versions, rows.into_iter().map(finding).collect()))
}

fn versions(database: &mut database::Database) -> Result<String> {
    let sql = format!(
        "SELECT 'PostgreSQL ' || current_setting('server_version') || ', alyx_functions ' || v.extension || ', wasmtime ' || v.wasmtime
           FROM {}.fn_version() v",
        database.schema
    );
    database.value("cannot ask for the versions", &sql, &[])
}
