//! `alyx doctor`: what of the surroundings is there, and what is missing for what.

use clap::Args;
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
    let mut findings = Vec::new();
    let mut fatal = None;
    // As all commands do it: a server that "alyx dev" keeps in this folder, and that runs, needs no address.
    let here = || server::running(std::path::Path::new("."));
    match given_address(global).map(|given| given.or_else(here)) {
        Ok(None) => {
            findings.push(("database", "none", "no DATABASE_URL: \"alyx dev\" starts a private server".to_owned()))
        }
        Ok(Some(address)) => match database::connect(&address).and_then(|mut database| versions(&mut database)) {
            Ok(text) => findings.push(("database", "ok", format!("{}: {text}", address.describe()))),
            Err(problem) => {
                findings.push(("database", "bad", problem.what.clone()));
                fatal = Some(problem);
            }
        },
        Err(problem) => {
            findings.push(("database", "bad", problem.what.clone()));
            fatal = Some(problem);
        }
    }
    match server::Programs::find(None, None) {
        Ok(found) => {
            findings.push(("private server", "ok", format!("PostgreSQL {} in {}", found.major, found.bin.display())))
        }
        Err(problem) => findings.push(("private server", "none", problem.what)),
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
            Some(text) => findings.push((name, "ok", text)),
            None => findings.push((name, "none", format!("needed to build {what}"))),
        }
    }
    let list: Vec<Value> =
        findings.iter().map(|(name, state, text)| json!({"name": name, "state": state, "text": text})).collect();
    if fatal.is_none() {
        terminal.document(&json!({"ok": true, "findings": list}));
    }
    for (name, state, text) in &findings {
        let sign = match *state {
            "ok" => paint(GOOD, "ok  "),
            "bad" => paint(BAD, "bad "),
            _ => paint(WARN, "none"),
        };
        terminal.line(format!("{sign} {name:<15} {}", paint(FAINT, text)));
    }
    fatal.map_or(Ok(()), |problem: Problem| Err(problem))
}

fn versions(database: &mut database::Database) -> Result<String> {
    let sql = format!(
        "SELECT 'PostgreSQL ' || current_setting('server_version') || ', alyx_functions ' || v.extension || ', wasmtime ' || v.wasmtime
           FROM {}.fn_version() v",
        database.schema
    );
    database.value("cannot ask for the versions", &sql, &[])
}
