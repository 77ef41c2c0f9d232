//! A manifest's hooks. Database hooks become triggers; the other kinds are kept in the catalog for who serves them.

use alyx_manifest::{Action, DatabaseHook, Hook, Level, Manifest, Mode, Timing};

use super::functions::{in_manifest, quote_literal};
use crate::catalog::{HookRow, Transaction, as_owner};
use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::trigger::ASYNC_MARK;
use crate::pg::{PgError, backend, quote_identifier};
use crate::queue;

/// Refuses hooks that this server cannot serve, before anything is stored.
pub(super) fn check(manifest: &Manifest) -> Result<(), PgError> {
    for hook in &manifest.hooks {
        match hook {
            Hook::Schedule(_) => require_workers("schedules")?,
            Hook::Database(DatabaseHook { mode: Mode::Async, .. }) => require_workers("asynchronous hooks")?,
            Hook::Webhook(_) => require_workers("webhooks")?,
            Hook::Database(_) | Hook::Http(_) => {}
        }
    }
    Ok(())
}

/// Refuses schedules whose times are none, at their place in the manifest.
pub(super) fn check_schedules(manifest: &Manifest) -> Result<(), PgError> {
    for hook in &manifest.hooks {
        if let Hook::Schedule(hook) = hook {
            queue::parse_schedule(&hook.cron, &hook.timezone)
                .map_err(|error| in_manifest(error, "hook", hook.line, hook.column))?;
        }
    }
    Ok(())
}

/// Refuses what background workers do.
pub(super) fn require_workers(what: &'static str) -> Result<(), PgError> {
    if backend::is_preloaded() { Ok(()) } else { Err(Error::NotPreloaded { what }.into()) }
}

/// Drops the triggers of the hooks before and makes those of the manifest.
pub(super) fn reconcile(
    name: &str,
    schema: &str,
    manifest: &Manifest,
    transaction: &Transaction<'_>,
) -> Result<(), PgError> {
    let function = crate::catalog::find(name)?;
    super::schedules::reconcile(function.id, manifest, crate::pg::current_role())?;
    let mut firings = Vec::new();
    for (relation, trigger) in transaction.hook_triggers()? {
        // The table may have been dropped since, and its trigger with it.
        let rows = spi::query("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[Param::Text(Some(&relation))])?;
        if rows.first().and_then(|row| row.first()).is_some_and(Cell::is_true) {
            let firing = firing_of(&relation, &trigger)?;
            spi::run(&format!("DROP TRIGGER IF EXISTS {} ON {relation}", quote_identifier(&trigger)), &[])?;
            firings.extend(firing.map(|firing| (relation, trigger, firing)));
        }
    }
    let mut rows = Vec::new();
    for (at, hook) in manifest.hooks.iter().enumerate() {
        let definition = serde_json::to_string(hook).map_err(|error| Error::Internal(error.to_string()))?;
        let (r#type, relation, trigger) = match hook {
            Hook::Database(hook) => {
                let in_place = |error: PgError| in_manifest(error, "hook", hook.line, hook.column);
                let relation = resolve(&hook.source).map_err(in_place)?;
                let trigger = hook.name.clone().unwrap_or_else(|| trigger_name(name, at + 1));
                let sql = create_trigger(&Wanted::of(hook), name, schema, &relation, &trigger);
                spi::run_one(&sql).map_err(|error| in_place(taken(error, name, &hook.source)))?;
                let before = firings.iter().find(|(table, name, _)| *table == relation && *name == trigger);
                if let Some((.., firing)) = before {
                    spi::run(&format!("ALTER TABLE {relation} {firing} {}", quote_identifier(&trigger)), &[])?;
                }
                ("database", Some(relation), Some(trigger))
            }
            Hook::Schedule(_) => ("schedule", None, None),
            Hook::Http(_) => ("http", None, None),
            Hook::Webhook(hook) => {
                let in_place = |error: PgError| in_manifest(error, "hook", hook.line, hook.column);
                require_free(&hook.path, name).map_err(in_place)?;
                ("webhook", None, None)
            }
        };
        rows.push(HookRow { r#type, definition, relation, trigger });
    }
    transaction.set_hooks(&rows)
}

/// How a trigger was told to fire, by somebody who looks after replicas or has switched it off: what its successor of the
/// same name on the same table keeps. `None` for the ordinary way.
fn firing_of(relation: &str, trigger: &str) -> Result<Option<&'static str>, PgError> {
    let sql = include_str!("../../sql/queries/find_firing.sql");
    let rows = spi::query(sql, &[Param::Text(Some(relation)), Param::Text(Some(trigger))])?;
    let firing = rows.into_iter().flatten().next().map(Cell::text).unwrap_or_default();
    Ok(match firing.as_str() {
        "A" => Some("ENABLE ALWAYS TRIGGER"),
        "R" => Some("ENABLE REPLICA TRIGGER"),
        "D" => Some("DISABLE TRIGGER"),
        _ => None,
    })
}

/// Refuses a webhook's path that another function has. Two that take it at once meet at the table's unique index.
fn require_free(path: &str, name: &str) -> Result<(), PgError> {
    let sql = include_str!("../../sql/queries/find_webhook.sql");
    let rows = as_owner(|| spi::query_latest(sql, &[Param::Text(Some(path))]))?;
    match rows.into_iter().flatten().next().and_then(Cell::some) {
        Some(other) if other != name => Err(Error::PathTaken(path.to_owned()).into()),
        _ => Ok(()),
    }
}

/// A trigger of this name is there: most likely one of fn_attach.
fn taken(mut error: PgError, name: &str, source: &str) -> PgError {
    if error.sqlstate == crate::pg::SqlState::new(b"42710") && error.hint.is_none() {
        error.hint = Some(format!(
            "Where it was attached by hand: SELECT fn_detach('{name}', {}). Else give the hook a \"name\".",
            quote_literal(source)
        ));
    }
    error
}

/// What a trigger should be.
pub(super) struct Wanted<'a> {
    pub(super) events: Vec<Action>,
    pub(super) timing: Timing,
    pub(super) level: Level,
    pub(super) mode: Mode,
    pub(super) when: Option<&'a str>,
    pub(super) columns: &'a [String],
    pub(super) args: &'a [String],
}

impl<'a> Wanted<'a> {
    fn of(hook: &'a DatabaseHook) -> Self {
        Self {
            events: hook.action.clone(),
            timing: hook.timing,
            level: hook.for_each,
            mode: hook.mode,
            when: hook.when.as_deref(),
            columns: &hook.columns,
            args: &hook.args,
        }
    }
}

/// The text of CREATE TRIGGER. Statement triggers on one event get their transition tables, so that the event can
/// carry `new_rows` and `old_rows`.
pub(super) fn create_trigger(wanted: &Wanted<'_>, name: &str, schema: &str, relation: &str, trigger: &str) -> String {
    let timing = match wanted.timing {
        Timing::Before => "BEFORE",
        Timing::After => "AFTER",
        Timing::InsteadOf => "INSTEAD OF",
    };
    let events: Vec<String> = wanted
        .events
        .iter()
        .map(|event| match event {
            Action::Insert => "INSERT".to_owned(),
            Action::Delete => "DELETE".to_owned(),
            Action::Truncate => "TRUNCATE".to_owned(),
            Action::Update if wanted.columns.is_empty() => "UPDATE".to_owned(),
            Action::Update => {
                let columns: Vec<String> = wanted.columns.iter().map(|column| quote_identifier(column)).collect();
                format!("UPDATE OF {}", columns.join(", "))
            }
        })
        .collect();
    let transition = match (wanted.level, wanted.timing, wanted.events.as_slice()) {
        (Level::Statement, Timing::After, [Action::Insert]) => " REFERENCING NEW TABLE AS new_rows",
        (Level::Statement, Timing::After, [Action::Delete]) => " REFERENCING OLD TABLE AS old_rows",
        (Level::Statement, Timing::After, [Action::Update]) if wanted.columns.is_empty() => {
            " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
        }
        _ => "",
    };
    let level = if wanted.level == Level::Row { "ROW" } else { "STATEMENT" };
    let when = wanted.when.map(|condition| format!(" WHEN ({condition}\n)")).unwrap_or_default();
    let mode = (wanted.mode == Mode::Async).then_some(ASYNC_MARK);
    let args: Vec<String> = mode.into_iter().chain(wanted.args.iter().map(String::as_str)).map(quote_literal).collect();
    format!(
        "CREATE TRIGGER {} {timing} {} ON {relation}{transition} FOR EACH {level}{when} EXECUTE FUNCTION {}.{}({})",
        quote_identifier(trigger),
        events.join(" OR "),
        quote_identifier(schema),
        quote_identifier(name),
        args.join(", ")
    )
}

/// The name of the trigger that a deploy or attach makes.
pub(super) fn trigger_name(function: &str, number: usize) -> String {
    let mut name = format!("alyx_{function}");
    name.truncate(56);
    format!("{name}_{number}")
}

fn resolve(source: &str) -> Result<String, PgError> {
    let rows = spi::query("SELECT $1::pg_catalog.regclass::pg_catalog.oid", &[Param::Text(Some(source))])?;
    let oid = rows.into_iter().flatten().next().map(Cell::text).unwrap_or_default();
    qualified_name(&oid)
}

/// The schema-qualified name of a relation, whatever search_path is.
pub(super) fn qualified_name(oid: &str) -> Result<String, PgError> {
    let rows = spi::query(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
        &[Param::Text(Some(oid))],
    )?;
    rows.into_iter().flatten().next().and_then(Cell::some).ok_or_else(|| {
        PgError::new(crate::pg::SqlState::new(b"42P01"), format!("relation with OID {oid} does not exist"))
    })
}
