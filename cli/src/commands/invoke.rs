//! `alyx invoke`: calls a function now, as this role or another, and prints its answer.

use std::io::Read;

use clap::Args;
use serde_json::{Value, json};

use super::connected;
use crate::cli::Global;
use crate::database;
use crate::problem::{OnPath, Problem, Result};
use crate::terminal::Terminal;

/// Call a function and print its answer
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx invoke hello '{\"name\": \"Ada\"}'\n  alyx invoke hello @input.json\n  \
echo '{}' | alyx invoke hello -\n  alyx invoke hello --role app_user --claims '{\"sub\": \"42\"}'\n  alyx invoke hello --rollback")]
pub(crate) struct Invoke {
    /// Name of the function
    name: String,
    /// Input: JSON, @file, or - for stdin
    #[arg(default_value = "{}", allow_hyphen_values = true, value_name = "JSON|@FILE|-")]
    input: String,
    /// Call as this role, as SET ROLE does
    #[arg(long)]
    role: Option<String>,
    /// JSON object for request.jwt.claims, which the function sees as ctx.auth
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// Undo what the call wrote
    #[arg(long)]
    rollback: bool,
}

/// Calls and prints.
pub(crate) fn run(args: &Invoke, global: &Global, terminal: &Terminal) -> Result<()> {
    let input = parsed("the input", &text(&args.input)?)?;
    let claims = match &args.claims {
        Some(text) => match parsed("--claims", text)? {
            claims @ Value::Object(_) => Some(claims.to_string()),
            _ => return Err(Problem::usage("--claims is no JSON object").next("Write --claims '{\"sub\": \"42\"}'.")),
        },
        None => None,
    };
    let mut database = connected(global)?;
    let what = format!("cannot call \"{}\"", args.name);
    let failed = |error: postgres::Error| database::problem(what.clone(), &error);
    let mut transaction = database.client.transaction().map_err(failed)?;
    if let Some(claims) = &claims {
        transaction
            .execute("SELECT pg_catalog.set_config('request.jwt.claims', $1, true)", &[claims])
            .map_err(failed)?;
    }
    if let Some(role) = &args.role {
        transaction.execute("SELECT pg_catalog.set_config('role', $1, true)", &[role]).map_err(failed)?;
    }
    let sql = format!("SELECT {}.fn_invoke($1, $2)::text", database.schema);
    let answer: Option<String> = transaction.query_one(&sql, &[&args.name, &input]).map_err(failed)?.get(0);
    if args.rollback {
        transaction.rollback().map_err(failed)?;
    } else {
        transaction.commit().map_err(failed)?;
    }
    let answer: Value = answer.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    terminal.document(&json!({"function": args.name, "output": answer}));
    terminal.line(serde_json::to_string_pretty(&answer).unwrap_or_default());
    Ok(())
}

fn text(input: &str) -> Result<String> {
    if input == "-" {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Problem::usage("cannot read the input from stdin").why(error))?;
        return Ok(text);
    }
    match input.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .on("read", path.as_ref())
            .map_err(|problem| Problem { exit: crate::problem::Exit::Usage, ..problem }),
        None => Ok(input.to_owned()),
    }
}

fn parsed(what: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| {
        let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
        let shown: String = line.chars().take(120).collect();
        Problem::usage(format!("{what} is not JSON"))
            .why(format!("{error}: {shown}"))
            .next("Put it in single quotes, so that the shell leaves its double quotes alone: '{\"name\": \"Ada\"}'.")
    })
}
