//! What goes back to a guest: JSON, and an error as `{"error": {"code", "message", …}}`.

use alyx_abi::{ErrorReply, SqlError};

use crate::error::Error;
use crate::pg::PgError;

/// The empty answer.
pub(super) fn empty() -> Vec<u8> {
    b"{}".to_vec()
}

/// An error as the guest sees it: `code` is the SQLSTATE.
pub(super) fn error(error: &PgError) -> Vec<u8> {
    let error = SqlError {
        code: error.sqlstate.to_string(),
        message: &error.message,
        detail: error.detail.as_deref(),
        hint: error.hint.as_deref(),
        schema: error.schema.as_deref(),
        table: error.table.as_deref(),
        column: error.column.as_deref(),
        datatype: error.datatype.as_deref(),
        constraint: error.constraint.as_deref(),
    };
    serde_json::to_vec(&ErrorReply { error }).unwrap_or_else(|_| br#"{"error":{"code":"XX000"}}"#.to_vec())
}

/// A refusal, 42501.
pub(super) fn refused(what: &str, why: &str) -> Vec<u8> {
    error(&Error::NotAllowed { message: format!("{what} is not allowed: {why}"), hint: None }.into())
}

/// Reads a request.
///
/// # Errors
/// The answer to give when it is not what the host function takes.
pub(super) fn request<'a, T: serde::Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, Vec<u8>> {
    serde_json::from_slice(bytes).map_err(|problem| {
        let message = format!("request of {what} is not valid: {problem}");
        error(&Error::InvalidArgument { message, hint: None }.into())
    })
}
