//! A guest's output as the result of an SQL function.

use serde_json::value::RawValue;

use super::bound::Bound;
use crate::error::Error;
use crate::pg::{Call, FromJson, PgError, Reply, TypeId};

/// The result that `output` stands for. Output that was never set is NULL (for a set: no rows).
pub(super) fn reply(call: &mut Call<'_>, bound: &Bound, output: Option<&[u8]>) -> Result<Reply, PgError> {
    let result = bound.result;
    if bound.procedure.returns_set {
        let json = output.map(|bytes| json(bound, bytes)).transpose()?;
        let array = match json.as_deref().map(RawValue::get) {
            None | Some("null") => None,
            Some(text) if text.starts_with('[') => json.as_deref(),
            Some(_) => return Err(bad(bound, "a function that returns a set must give a JSON array")),
        };
        let empty = RawValue::from_string("[]".to_owned()).map_err(|e| Error::Internal(e.to_string()))?;
        return Reply::set(call, bound.procedure.result, array.unwrap_or(&empty));
    }
    let Some(bytes) = output else { return Ok(if result == TypeId::VOID { Reply::VOID } else { Reply::NULL }) };
    match result {
        TypeId::VOID => Ok(Reply::VOID),
        TypeId::BYTEA => Reply::bytea(bytes),
        TypeId::TEXT => {
            let text = std::str::from_utf8(bytes).map_err(|e| bad(bound, &format!("it is not valid UTF-8: {e}")))?;
            if text.contains('\0') {
                return Err(bad(bound, "it contains a zero byte, which text cannot hold"));
            }
            Reply::text(text)
        }
        TypeId::JSON | TypeId::JSONB => {
            std::str::from_utf8(bytes).map_err(|e| bad(bound, &format!("it is not valid UTF-8: {e}")))?;
            // The type's own input function reads it anyway; its complaint is about the guest, not about the caller.
            Reply::json(bytes, result).map_err(|error| match &error.sqlstate.class() {
                b"22" => {
                    bad(bound, &format!("it is not valid JSON: {}", error.detail.as_deref().unwrap_or(&error.message)))
                }
                _ => error,
            })
        }
        TypeId::RECORD => match &*json(bound, bytes)? {
            json if json.get() == "null" => Ok(Reply::NULL),
            json if json.get().starts_with('{') => Reply::record(call, json),
            _ => Err(bad(bound, "a function that returns a row must give a JSON object")),
        },
        other => FromJson::of(other.oid(), -1)?.reply(&json(bound, bytes)?),
    }
}

fn json(bound: &Bound, bytes: &[u8]) -> Result<Box<RawValue>, PgError> {
    serde_json::from_slice(bytes).map_err(|error| bad(bound, &format!("it is not valid JSON: {error}")))
}

fn bad(bound: &Bound, detail: &str) -> PgError {
    let mut shown = detail.trim_end_matches('.').to_owned();
    if let Some(first) = shown.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Error::BadOutput {
        message: format!("output of function \"{}\" does not fit its SQL result type", bound.target.function.name),
        detail: format!("{shown}."),
    }
    .into()
}
