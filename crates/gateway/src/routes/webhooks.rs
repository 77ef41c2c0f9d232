//! `/webhooks/v1/{path}`: deliveries of other services. The database proves them; here they only arrive.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Json as AsJson;

use super::X_INVOCATION_ID;
use super::functions::address;
use super::transaction::{ask_once, unreadable};
use crate::gateway::Gateway;
use crate::message::{Message, read};
use crate::problem::{Problem, Result};

const PREFIX: &str = "/webhooks/v1/";
const DELIVER: &str = "SELECT alyx._http_deliver($1, $2)";

/// What the database is told (src/api/http/delivery.rs reads it).
#[derive(Serialize)]
struct Delivery<'a> {
    route: &'a str,
    /// Every field by itself: two where one is signed are not one.
    fields: Vec<(&'a str, String)>,
    message: &'a Message,
}

#[derive(Deserialize, Serialize)]
struct Taken {
    /// The job.
    id: String,
    /// The same delivery has come before.
    duplicate: bool,
}

pub(super) async fn deliver(State(gateway): State<Arc<Gateway>>, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let route = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b);
    if !(1..=200).contains(&route.len()) || !route.bytes().all(is_plain) {
        return Err(Problem::not_found(parts.uri.path()));
    }
    let _visit = gateway.visit(|| address(&parts))?;
    let body = read(&gateway, &parts, body, gateway.settings.max_body, || address(&parts)).await?;
    let fields = parts.headers.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let delivery = Delivery { route, fields: fields.collect(), message: &Message::of(&parts, false) };
    let row = ask_once(&gateway, &gateway.database, DELIVER, &delivery, &body.bytes).await?;
    let row = row.map_err(|error| told(route, Problem::of_database(&error, false)))?;
    let AsJson(taken) = row.try_get::<_, AsJson<Taken>>(0).map_err(|_| unreadable())?;
    // 202 once the job is committed; 200 for what has been taken before.
    let status = if taken.duplicate { StatusCode::OK } else { StatusCode::ACCEPTED };
    let id = HeaderValue::from_str(&taken.id);
    let mut response = (status, Json(taken)).into_response();
    if let Ok(id) = id {
        response.headers_mut().insert(X_INVOCATION_ID, id);
    }
    Ok(response)
}

/// What a stranger is told: that a secret is missing here, or anything else that is ours to mend, is for the log. The
/// sender tries again later.
fn told(route: &str, problem: Problem) -> Problem {
    if !problem.status().is_server_error() {
        return problem;
    }
    tracing::error!(route, %problem, "a delivery could not be taken");
    Problem::busy("the delivery cannot be taken now")
}
