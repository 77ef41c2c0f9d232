//! `raise`: the error that the caller of the function will see, in the guest's own words and with its own code.

use alyx_abi::Raise;

use super::answer;
use super::guest::GuestHost;
use crate::pg::{PgError, RetryAdvice, SqlState};

/// `{"sqlstate", "message", "detail", "hint", "column", "constraint", "table", "schema", "datatype",
/// "stack", "non_retryable", "retry_after_ms"}` → `{}`.
///
/// The guest goes on until it returns; whatever it returns, the error stands. A later `raise` replaces an earlier one.
pub(super) fn raise(host: &mut GuestHost, request: &[u8]) -> Vec<u8> {
    let request: Raise = match answer::request("raise", request) {
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
    error.context = request.stack.as_deref().map(frames);
    error.retry = RetryAdvice { non_retryable: request.non_retryable, after_ms: request.retry_after_ms };
    host.raise(error);
    answer::empty()
}

/// Lines of a guest's stack that CONTEXT shows, and bytes of each.
const MOST_FRAMES: usize = 20;
const MOST_BYTES: usize = 300;

/// A guest's stack, a line for each frame, bounded.
fn frames(stack: &str) -> String {
    let lines = stack.lines().map(str::trim).filter(|line| !line.is_empty()).take(MOST_FRAMES);
    lines.map(|line| &line[..line.floor_char_boundary(MOST_BYTES)]).collect::<Vec<_>>().join("\n")
}

/// A guest's code, unless it is none or of a class that means success, a warning, no data or an internal error.
fn allowed(code: &str) -> Option<SqlState> {
    let state = SqlState::parse(code)?;
    (!matches!(&state.class(), b"00" | b"01" | b"02" | b"XX")).then_some(state)
}
