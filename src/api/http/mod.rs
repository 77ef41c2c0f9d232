//! What the gateway (`alyx serve`) asks the database for, one statement for each request from the web.
//!
//! Every rule about who may do what is here and below, none in the gateway: it says who signed the request's token, and
//! this room decides as which role it runs. Nothing here has more rights than its caller: a role is taken as SET ROLE
//! takes it, which a session may do for roles that it is a member of, and which guests may not do at all.
//!
//! | file | job |
//! |---|---|
//! | `caller` | who asks, and the role that the request runs as |
//! | `call` | a request to a function |
//! | `kept` | replies that are given again under an idempotency key |
//! | `delivery` | a webhook: proof, dedupe, job |
//! | `listing` | what the current role could call, for `/openapi.json` |

mod call;
mod caller;
mod delivery;
mod kept;
mod listing;

pub(super) use call::call;
pub(super) use caller::assume;
pub(super) use delivery::deliver;
pub(super) use listing::list;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::invoke::Request;
use crate::pg::{Call, PgError, TypeId};

/// The part of a request that guests may see.
#[derive(Deserialize)]
struct Message<'a> {
    method: String,
    path: String,
    #[serde(borrow)]
    query: &'a RawValue,
    #[serde(borrow)]
    headers: &'a RawValue,
    #[serde(default)]
    content_type: String,
}

impl Message<'_> {
    fn with<'b>(&'b self, body: &'b [u8]) -> Request<'b> {
        Request {
            method: &self.method,
            path: &self.path,
            query: self.query,
            headers: self.headers,
            content_type: &self.content_type,
            body,
        }
    }
}

/// The first argument, the request's JSON, and the second, its body.
fn arguments(call: &Call<'_>) -> Result<(String, Vec<u8>), PgError> {
    let text = super::required(call, 0, "request")?;
    let mut body = Vec::new();
    call.bytes(1, TypeId::BYTEA, &mut body)?;
    Ok((text, body))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, PgError> {
    serde_json::from_str(text).map_err(|error| {
        Error::InvalidArgument {
            message: format!("argument \"request\" is not what the gateway sends: {error}"),
            hint: Some("Use an \"alyx serve\" of the extension's release.".to_owned()),
        }
        .into()
    })
}
