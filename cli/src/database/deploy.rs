//! `fn_deploy`, `fn_check`, and what is deployed now.

use alyx_manifest::Manifest;
use postgres::Transaction;
use serde_json::Value;

use super::{Database, error};
use crate::problem::{Exit, Problem, Result};
use crate::project::Ready;

/// A function as it is in the database.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) version: i32,
    pub(crate) sha256: String,
    pub(crate) bytes: i32,
    /// Its manifest's text; empty when it has none.
    pub(crate) text: String,
    /// The same, read; a text that this version does not understand counts as empty.
    pub(crate) manifest: Manifest,
}

/// What a deploy did.
#[derive(Debug, Clone)]
pub(crate) struct Deployed {
    pub(crate) version: i32,
    pub(crate) changed: bool,
    pub(crate) hooks: Value,
}

/// The current version of a function, when this role sees one.
///
/// # Errors
/// The database refuses to say.
pub(crate) fn state(database: &mut Database, name: &str) -> Result<Option<State>> {
    let sql = "SELECT version, sha256, module_bytes, COALESCE(manifest, '') FROM alyx.functions WHERE name = $1";
    let row = database
        .client
        .query_opt(sql, &[&name])
        .map_err(|error| error::problem("cannot read alyx.functions", &error))?;
    Ok(row.map(|row| {
        let text: String = row.get(3);
        let manifest = alyx_manifest::parse(&text).unwrap_or_default();
        State { version: row.get(0), sha256: row.get(1), bytes: row.get(2), text, manifest }
    }))
}

/// What the database finds wrong; writes nothing.
///
/// # Errors
/// The first of its complaints.
pub(crate) fn check(database: &mut Database, ready: &Ready) -> Result<()> {
    let what = format!("\"{}\" would be refused", ready.name);
    let sql = format!("SELECT {}.fn_check($1, $2)::text", database.schema);
    let text: String = database.value(&what, &sql, &[&ready.wasm, &manifest(ready)])?;
    let report: Value = serde_json::from_str(&text).map_err(|error| Problem::failed(&what).why(error))?;
    let problems = report.get("problems").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(first) = problems.first() else { return Ok(()) };
    let is_manifest = |found: &Value| {
        let message = found.get("message").and_then(Value::as_str);
        message.is_some_and(|message| message.starts_with("invalid manifest"))
    };
    let exit = if problems.iter().all(is_manifest) { Exit::Usage } else { Exit::Refused };
    let mut problem = Problem::new(exit, what);
    problem.sqlstate = first.get("code").and_then(Value::as_str).map(str::to_owned);
    for found in &problems {
        // The check knows no name.
        let text = |key: &str| {
            let text = found.get(key).and_then(Value::as_str).unwrap_or_default();
            text.replace("\"(module)\"", &format!("\"{}\"", ready.name))
        };
        problem = problem.why(text("message")).why(text("detail"));
        if !text("hint").is_empty() {
            problem = problem.next(text("hint"));
        }
    }
    Err(problem)
}

/// Deploys one function within a transaction.
///
/// # Errors
/// The database refuses it.
pub(crate) fn deploy(transaction: &mut Transaction<'_>, schema: &str, ready: &Ready) -> Result<Deployed> {
    let sql = format!("SELECT version, changed, COALESCE(hooks, '[]')::text FROM {schema}.fn_deploy($1, $2, $3)");
    let row = transaction
        .query_one(&sql, &[&ready.name, &ready.wasm, &manifest(ready)])
        .map_err(|error| error::problem(format!("cannot deploy \"{}\"", ready.name), &error))?;
    let hooks = serde_json::from_str(row.get(2)).unwrap_or_default();
    Ok(Deployed { version: row.get(0), changed: row.get(1), hooks })
}

fn manifest(ready: &Ready) -> Option<&str> {
    Some(ready.manifest.as_str()).filter(|text| !text.is_empty())
}
