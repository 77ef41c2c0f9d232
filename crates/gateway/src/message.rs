//! What came over HTTP, in the form that the database is told: names in lower case, text as text.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use crate::admission::Share;
use crate::gateway::Gateway;
use crate::problem::{Problem, Result};

/// The part of a request that guests may see (src/api/http/mod.rs reads it).
#[derive(Serialize)]
pub(crate) struct Message {
    method: String,
    path: String,
    query: Map<String, Value>,
    headers: Map<String, Value>,
    content_type: String,
}

impl Message {
    /// `is_known`: the token has told the gateway who asks. Then it is not passed on: whoever wrote the function could use
    /// it elsewhere in its bearer's name.
    pub(crate) fn of(parts: &Parts, is_known: bool) -> Self {
        let hidden = |name: &HeaderName| is_known && name == header::AUTHORIZATION;
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: query(parts.uri.query().unwrap_or_default()),
            headers: headers(&parts.headers, hidden),
            content_type: text(parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes())),
        }
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn query(text: &str) -> Map<String, Value> {
    let mut values = Map::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let value = Value::String(value.into_owned());
        match values.get_mut(name.as_ref()) {
            None => drop(values.insert(name.into_owned(), value)),
            Some(Value::Array(all)) => all.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    values
}

/// Header fields as an object; fields of one name are one list (RFC 9110 §5.3).
fn headers(fields: &HeaderMap, is_hidden: impl Fn(&HeaderName) -> bool) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in fields.keys().filter(|name| !is_hidden(name)) {
        let values: Vec<String> = fields.get_all(name).iter().map(|value| text(value.as_bytes())).collect();
        let between = if name == header::COOKIE { "; " } else { ", " };
        headers.insert(name.as_str().to_owned(), Value::String(values.join(between)));
    }
    headers
}

/// A body in memory, and what it takes of the memory for all bodies and of its client's share.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
    _share: Share,
}

/// Reads a body within its limit, its time, and what all bodies, and those of one client, may take together.
pub(crate) async fn read(
    gateway: &Gateway,
    parts: &Parts,
    body: Body,
    limit: usize,
    client: impl FnOnce() -> String,
) -> Result<Whole> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"));
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        let message = "compressed bodies are not accepted";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    // Whoever says that it will be too large need not send it.
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let patience: Duration = gateway.settings.body_timeout;
    let reading = collect(gateway, body, gateway.body_shares.of(client), limit, too_large);
    match tokio::time::timeout(patience, reading).await {
        Ok(result) => result,
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

async fn collect(
    gateway: &Gateway,
    mut body: Body,
    mut share: Share,
    limit: usize,
    too_large: impl Fn() -> Problem,
) -> Result<Whole> {
    let mut whole = BytesMut::new();
    let mut memory: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Problem::bad_request(format!("the body was not read: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(too_large());
        }
        if !share.take(data.len()) {
            let message = "this client has too many large bodies at a time";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, message));
        }
        let more = gateway.take_bytes(data.len())?;
        match &mut memory {
            Some(memory) => memory.merge(more),
            None => memory = Some(more),
        }
        whole.extend_from_slice(&data);
    }
    Ok(Whole { bytes: whole.freeze(), _memory: memory, _share: share })
}
