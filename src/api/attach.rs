//! `fn_attach` and `fn_detach`: CREATE TRIGGER and DROP TRIGGER in the product's own words.

use alyx_manifest::{Action, Level, Mode, Timing};
use serde::Deserialize;
use serde_json::json;

use super::hooks::{Wanted, create_trigger, qualified_name, require_workers, trigger_name};
use super::{reply, required};
use crate::catalog;
use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{Call, PgError, Reply, TypeId, quote_identifier};

#[derive(Deserialize)]
struct Options {
    events: Option<Vec<String>>,
    timing: Option<String>,
    for_each: Option<String>,
    mode: Option<String>,
    condition: Option<String>,
    columns: Option<Vec<String>>,
}

/// `_attach(name text, target regclass, options jsonb)` → `{trigger}`.
pub(super) fn attach(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    let relation = relation(call)?;
    let mut text = Vec::new();
    call.bytes(2, TypeId::JSONB, &mut text)?;
    let options: Options = serde_json::from_slice(&text).map_err(|error| invalid(&error.to_string(), ""))?;
    let function = catalog::require_owned(&name)?;
    let mode = match word(options.mode.as_deref(), "sync").as_str() {
        "sync" => Mode::Sync,
        "async" => {
            require_workers("asynchronous triggers")?;
            Mode::Async
        }
        _ => return Err(invalid("mode", "sync or async")),
    };
    let columns = options.columns.unwrap_or_default();
    let wanted = Wanted {
        events: events(&options.events.unwrap_or_default())?,
        timing: match word(options.timing.as_deref(), "after").as_str() {
            "before" => Timing::Before,
            "after" => Timing::After,
            "instead_of" | "instead of" => Timing::InsteadOf,
            _ => return Err(invalid("timing", "before, after or instead_of")),
        },
        level: match word(options.for_each.as_deref(), "row").as_str() {
            "row" => Level::Row,
            "statement" => Level::Statement,
            _ => return Err(invalid("for_each", "row or statement")),
        },
        mode,
        when: options.condition.as_deref(),
        columns: &columns,
        args: &[],
    };
    if mode == Mode::Async && wanted.timing != Timing::After {
        return Err(invalid("timing", "after: a job cannot change the row that led to it"));
    }
    let schema = schema_of(&name)?;
    let trigger = free_trigger_name(&function.name, call)?;
    spi::run_one(&create_trigger(&wanted, &name, &schema, &relation, &trigger))?;
    reply(&json!({ "trigger": trigger }))
}

/// `_detach(name text, target regclass)` → `{dropped}`.
pub(super) fn detach(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    let relation = relation(call)?;
    catalog::require_owned(&name)?;
    let triggers = triggers(&name, call)?;
    for trigger in &triggers {
        spi::run(&format!("DROP TRIGGER {} ON {relation}", quote_identifier(trigger)), &[])?;
    }
    reply(&json!({ "dropped": triggers.len() }))
}

fn relation(call: &Call<'_>) -> Result<String, PgError> {
    let oid = call.oid(1).ok_or_else(|| invalid("target", "a table or view"))?;
    qualified_name(&oid.to_string())
}

/// The first name of ours that no trigger of the relation has.
fn free_trigger_name(function: &str, call: &Call<'_>) -> Result<String, PgError> {
    let oid = call.oid(1).unwrap_or(0).to_string();
    let rows = spi::query(
        "SELECT t.tgname FROM pg_catalog.pg_trigger t WHERE t.tgrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
        &[Param::Text(Some(&oid))],
    )?;
    let taken: Vec<String> = rows.into_iter().flatten().filter_map(Cell::some).collect();
    let free = (1..).map(|number| trigger_name(function, number)).find(|name| !taken.contains(name));
    free.ok_or_else(|| Error::Internal("no free trigger name".to_owned()).into())
}

fn triggers(name: &str, call: &Call<'_>) -> Result<Vec<String>, PgError> {
    let oid = call.oid(1).unwrap_or(0).to_string();
    let rows = spi::query(
        include_str!("../../sql/queries/find_triggers.sql"),
        &[Param::Text(Some(name)), Param::Text(Some(&oid))],
    )?;
    Ok(rows.into_iter().flatten().filter_map(Cell::some).collect())
}

/// The schema of the trigger function that deploy made.
fn schema_of(name: &str) -> Result<String, PgError> {
    let rows = spi::query(
        "SELECT f.schema FROM alyx.functions f WHERE f.name OPERATOR(pg_catalog.=) $1",
        &[Param::Text(Some(name))],
    )?;
    rows.into_iter().flatten().next().and_then(Cell::some).ok_or_else(|| Error::UnknownFunction(name.to_owned()).into())
}

fn events(given: &[String]) -> Result<Vec<Action>, PgError> {
    let actions: Result<Vec<Action>, PgError> = given
        .iter()
        .map(|event| match event.to_ascii_lowercase().as_str() {
            "insert" => Ok(Action::Insert),
            "update" => Ok(Action::Update),
            "delete" => Ok(Action::Delete),
            "truncate" => Ok(Action::Truncate),
            _ => Err(invalid("events", "insert, update, delete and truncate")),
        })
        .collect();
    let actions = actions?;
    if actions.is_empty() { Err(invalid("events", "insert, update, delete and truncate")) } else { Ok(actions) }
}

fn word(given: Option<&str>, default: &str) -> String {
    given.unwrap_or(default).to_ascii_lowercase()
}

fn invalid(argument: &str, expected: &str) -> PgError {
    Error::InvalidArgument {
        message: format!("invalid value for argument \"{argument}\""),
        hint: (!expected.is_empty()).then(|| format!("Expected {expected}.")),
    }
    .into()
}
