//! `raise`: the error that the caller of the function will see, in the guest's own words and with its own code.

use serde::Deserialize;

use super::answer;
use super::guest::GuestHost;
use crate::pg::{PgError, SqlState};

#[derive(Deserialize)]
struct Request {
    #[serde(alias = "code")]
    sqlstate: Option<String>,
    #[serde(default)]
    message: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
    #[serde(alias = "field")]
    column: Option<String>,
    constraint: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    datatype: Option<String>,
}

/// `{"sqlstate", "message", "detail", "hint", "column", "constraint", "table", "schema", "datatype"}` → `{}`.
///
/// The guest goes on until it returns; whatever it returns, the error stands. A later `raise` replaces an earlier one.
pub(super) fn raise(host: &mut GuestHost, request: &[u8]) -> Vec<u8> {
    let request: Request = match answer::request("raise", request) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let code = request.sqlstate.as_deref().and_then(allowed).unwrap_or(SqlState::new(b"38000"));
    let message = request.message.filter(|text| !text.is_empty());
    let mut error = PgError::new(code, message.unwrap_or_else(|| "function raised an error without a message".into()));
    error.detail = request.detail;
    error.hint = request.hint;
    error.column = request.column;
    error.constraint = request.constraint;
    error.schema = request.schema;
    error.table = request.table;
    error.datatype = request.datatype;
    host.raise(error);
    answer::empty()
}

/// A guest's code, unless it is none or of a class that means success, a warning, no data or an internal error.
fn allowed(code: &str) -> Option<SqlState> {
    let state = SqlState::parse(code)?;
    (!matches!(&state.class(), b"00" | b"01" | b"02" | b"XX")).then_some(state)
}
