//! `db_query` and `db_batch`: a guest's SQL, under the caller's role, with values bound and never spliced.

use std::rc::Rc;

use alyx_abi::{Batch, Query};

use super::answer;
use super::guest::GuestHost;
use crate::error::Error;
use crate::pg::backend::ContextScope;
use crate::pg::{Access, PgError, SqlState, Statement, can_open_subtransaction, interrupt, subtransaction};
use crate::settings;

const CANCELED: SqlState = SqlState::new(b"57014");

/// Whether a failure can be given to the guest as a value: it has to be undone alone for that.
pub(super) fn can_fail(wanted: bool) -> bool {
    wanted && can_open_subtransaction()
}

/// One statement: `{"sql", "params"}` → `{"columns", "rows", "row_count"}`.
pub(super) fn query(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let query: Query<'_> = match answer::request("db_query", request) {
        Ok(query) => query,
        Err(refusal) => return Ok(refusal),
    };
    if let Some(refusal) = refuse(host) {
        return Ok(refusal);
    }
    let access = host.access()?;
    let _context = ContextScope::push(Rc::clone(&host.function.context));
    let mut out = Vec::with_capacity(256);
    let can_fail = can_fail(query.catch);
    let result = run(&query, &access, can_fail, &mut out);
    settle(host, result.map(|rows| (out, rows)), can_fail)
}

/// Several statements, all or none: `{"statements"}` → `{"results": [...]}`.
pub(super) fn batch(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let batch: Batch<'_> = match answer::request("db_batch", request) {
        Ok(batch) => batch,
        Err(refusal) => return Ok(refusal),
    };
    if let Some(refusal) = refuse(host) {
        return Ok(refusal);
    }
    let access = host.access()?;
    let _context = ContextScope::push(Rc::clone(&host.function.context));
    let all = || {
        let mut out = b"{\"results\":[".to_vec();
        let mut rows = 0;
        for (i, query) in batch.statements.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            rows += run(query, &access, false, &mut out)?;
        }
        out.extend_from_slice(b"]}");
        Ok((out, rows))
    };
    let can_fail = can_fail(batch.catch);
    let result = if can_fail { subtransaction(all) } else { all() };
    settle(host, result, can_fail)
}

fn run(query: &Query<'_>, access: &Access, can_fail: bool, out: &mut Vec<u8>) -> Result<u64, PgError> {
    let limit = usize::try_from(settings::max_host_call_bytes()).unwrap_or(usize::MAX);
    Statement { sql: &query.sql, params: &query.params, can_fail }.run(access, limit, out)
}

pub(super) fn refuse(host: &GuestHost) -> Option<Vec<u8>> {
    (host.function.database == alyx_manifest::DatabaseAccess::None)
        .then(|| answer::refused("SQL", "the function's manifest says \"database: none\""))
}

/// Answer and number of rows come out as the answer; an error becomes a value, unless the guest must not outlive it.
pub(super) fn settle(
    host: &mut GuestHost,
    result: Result<(Vec<u8>, u64), PgError>,
    can_fail: bool,
) -> Result<Vec<u8>, PgError> {
    match result {
        Ok((out, rows)) => {
            host.count_rows(rows);
            host.remember(None);
            Ok(out)
        }
        Err(error) => {
            let error = explain_read_only(host, error);
            if !can_fail || error.sqlstate == CANCELED && is_stopping(&error) {
                return Err(error);
            }
            host.remember(Some(&error));
            Ok(answer::error(&error))
        }
    }
}

/// A cancel ends the whole statement of the client. The time limit of a function that was called from here alone does
/// not: to this guest it is an error like any other.
fn is_stopping(error: &PgError) -> bool {
    interrupt::has_expired() || !error.message.contains("exceeded its time limit")
}

/// Postgres says "read-only transaction"; what forbids writing here is the manifest.
fn explain_read_only(host: &GuestHost, error: PgError) -> PgError {
    if error.sqlstate != SqlState::new(b"25006") || host.function.database == alyx_manifest::DatabaseAccess::Write {
        return error;
    }
    Error::NotAllowed {
        message: format!("function \"{}\" may only read the database: {}", host.function.name, error.message),
        hint: Some("The manifest says \"database: read\".".to_owned()),
    }
    .into()
}
