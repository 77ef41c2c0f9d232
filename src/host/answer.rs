//! What goes back to a guest: JSON, and an error as `{"error": {"code", "message", …}}`.

use serde_json::{Map, Value};

use crate::error::Error;
use crate::pg::PgError;

/// The empty answer.
pub(super) fn empty() -> Vec<u8> {
    b"{}".to_vec()
}

/// An error as the guest sees it: `code` is the SQLSTATE, absent fields are left out.
pub(super) fn error(error: &PgError) -> Vec<u8> {
    let mut fields = Map::new();
    fields.insert("code".to_owned(), Value::String(error.sqlstate.to_string()));
    fields.insert("message".to_owned(), Value::String(error.message.clone()));
    let optional = [
        ("detail", &error.detail),
        ("hint", &error.hint),
        ("schema", &error.schema),
        ("table", &error.table),
        ("column", &error.column),
        ("datatype", &error.datatype),
        ("constraint", &error.constraint),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            fields.insert(key.to_owned(), Value::String(value.clone()));
        }
    }
    serde_json::json!({ "error": fields }).to_string().into_bytes()
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
