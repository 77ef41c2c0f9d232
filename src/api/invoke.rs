//! `fn_invoke`: a call by name, now, in this transaction, as this role.

use super::required;
use crate::error::Error;
use crate::invoke::by_name;
use crate::pg::{Call, PgError, Reply, TypeId, current_role};

/// `fn_invoke(name text, input jsonb)` → jsonb.
pub(super) fn invoke(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let name = required(call, 0, "name")?;
    let mut input = Vec::new();
    if !call.bytes(1, TypeId::JSONB, &mut input)? {
        input.extend_from_slice(b"null");
    }
    let Some(output) = by_name(&name, &input, current_role())? else { return Ok(Reply::NULL) };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&output) {
        return Err(Error::BadOutput {
            message: format!("output of function \"{name}\" is not valid JSON"),
            detail: format!("{error}."),
        }
        .into());
    }
    Reply::json(&output, TypeId::JSONB)
}
