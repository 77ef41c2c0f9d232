//! A request to a function: role, right, idempotency key, call; in the gateway's statement, which is its transaction.

use serde::Deserialize;

use super::caller::{Caller, Way, way};
use super::kept::Key;
use super::{Message, arguments, parse};
use crate::catalog;
use crate::error::Error;
use crate::invoke::{self, InvocationId, Response};
use crate::pg::{Call, PgError, Reply, current_role};

#[derive(Deserialize)]
struct Request<'a> {
    /// The invocation's id, which the reply carries also when it fails.
    id: String,
    /// Name of the function.
    function: String,
    /// Path below the function's route, without its leading slash.
    route: Option<String>,
    #[serde(borrow)]
    caller: Caller<'a>,
    #[serde(borrow)]
    message: Message<'a>,
    idempotency_key: Option<String>,
}

/// `_http_call(request text, body bytea)` → a line of JSON, `{"id", "status", "headers": [[name, value]], "replayed"}`, and
/// behind its end the body.
pub(in crate::api) fn call(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let (text, body) = arguments(call)?;
    let request: Request<'_> = parse(&text)?;
    let id: InvocationId = request.id.parse().map_err(|()| {
        PgError::from(Error::InvalidArgument { message: "the request's id is no UUID".to_owned(), hint: None })
    })?;
    let function = catalog::find(&request.function)?;
    let way = way(&function, request.route.as_deref(), &request.message.method)?;
    request.caller.enter(&request.message, matches!(way, Way::Nobody))?;
    if matches!(way, Way::Granted) && !function.may_be_called_by(current_role())? {
        return Err(Error::NotAllowed {
            message: format!("permission denied for function \"{}\"", function.name),
            hint: Some("Calling it takes EXECUTE on its SQL function.".to_owned()),
        }
        .into());
    }
    let key = match &request.idempotency_key {
        Some(key) => {
            Some(Key::take(&function, key, &request.caller, request.route.as_deref(), &request.message, &body)?)
        }
        None => None,
    };
    if let Some(frame) = key.as_ref().map(Key::look).transpose()?.flatten() {
        return Reply::bytea(&frame);
    }
    let response = invoke::request(&function, id, &request.message.with(&body))?;
    let reply = frame(&request.id, &response, false);
    if let Some(key) = key {
        key.keep(&frame(&request.id, &response, true))?;
    }
    Reply::bytea(&reply)
}

fn frame(id: &str, response: &Response, is_replayed: bool) -> Vec<u8> {
    let head = serde_json::json!({
        "id": id, "status": response.status, "headers": response.headers, "replayed": is_replayed,
    });
    // JSON text of serde_json has no line feed of its own.
    let mut frame = head.to_string().into_bytes();
    frame.reserve(response.body.len() + 1);
    frame.push(b'\n');
    frame.extend_from_slice(&response.body);
    frame
}
