//! `/functions/v1/{name}` and below: a request to a function, in one statement, which is its transaction.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::transaction::{ask_once, unreadable};
use super::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, InvocationId, X_INVOCATION_ID};
use crate::caller::Caller;
use crate::database::Database;
use crate::gateway::Gateway;
use crate::message::{Message, Whole, read};
use crate::problem::{Problem, Result};

pub(super) const PREFIX: &str = "/functions/v1/";
const CALL: &str = "SELECT alyx._http_call($1, $2)";

/// What the database is told (src/api/http/call.rs reads it).
#[derive(Serialize)]
struct Asked<'a> {
    id: String,
    function: &'a str,
    route: Option<&'a str>,
    caller: &'a Caller,
    message: &'a Message,
    idempotency_key: Option<&'a str>,
}

/// The first line of its answer.
#[derive(Deserialize)]
struct Head {
    id: String,
    status: u16,
    headers: Vec<(String, String)>,
    replayed: bool,
}

pub(super) async fn call(
    State(gateway): State<Arc<Gateway>>,
    Extension(id): Extension<InvocationId>,
    request: Request,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let (function, route) = place(parts.uri.path()).ok_or_else(|| Problem::not_found(parts.uri.path()))?;
    let caller = Caller::of(&gateway, &parts.headers).await?;
    let _visit = gateway.visit(|| client(&caller, &parts))?;
    gateway.replies.check()?;
    let key = idempotency_key(&parts)?;
    let body = read(&gateway, &parts, body, gateway.settings.max_body, || client(&caller, &parts)).await?;
    let asked = Asked {
        id: id.0.to_string(),
        function,
        route,
        message: &Message::of(&parts, caller.is_known()),
        caller: &caller,
        idempotency_key: key.filter(|_| !is_safe(&parts.method)),
    };
    if is_safe(&parts.method)
        && let Some(replica) = &gateway.replica
    {
        match run(&gateway, replica, &asked, &body).await {
            // A replica that cannot be reached, or has gone: nothing was written, so the primary may be asked. One that says
            // no, or has too much to do, is not passed by.
            Err(problem) if problem.is_unreachable() => {
                tracing::warn!("the replica did not answer; the primary is asked");
            }
            result => return result,
        }
    }
    run(&gateway, &gateway.database, &asked, &body).await
}

async fn run(gateway: &Gateway, database: &Database, asked: &Asked<'_>, body: &Whole) -> Result<Response> {
    let row = ask_once(gateway, database, CALL, asked, &body.bytes).await?.map_err(|error| {
        let problem = Problem::of_database(&error, !asked.caller.is_known());
        // What is wrong with a token is said only where one was needed (src/error.rs, NotSignedIn); a function's own 401
        // is its own.
        let is_about_token = problem.is("PT401", "the token is not valid");
        asked.caller.problem().filter(|_| is_about_token).unwrap_or(problem)
    })?;
    row.try_get::<_, &[u8]>(0).ok().and_then(|frame| reply(gateway, frame)).ok_or_else(unreadable)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Function and path below it. Nothing is decoded: names and paths of functions have no characters that would need it,
/// and what is written in another way is not served.
fn place(path: &str) -> Option<(&str, Option<&str>)> {
    let rest = path.strip_prefix(PREFIX)?;
    let (name, route) = match rest.split_once('/') {
        Some((name, route)) => (name, Some(route)),
        None => (rest, None),
    };
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
    let is_route = |route: &str| {
        route.len() <= 200 && route.split('/').all(|part| !matches!(part, "" | "." | "..") && is_plain(part))
    };
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    let is_good = (1..=63).contains(&name.len()) && name.bytes().all(is_name) && route.is_none_or(is_route);
    is_good.then_some((name, route))
}

/// Whom requests are counted for: who the token says it is, else where it comes from.
pub(super) fn client(caller: &Caller, parts: &Parts) -> String {
    caller.subject.as_ref().map_or_else(|| address(parts), |subject| format!("sub:{subject}"))
}

/// Where a request comes from.
pub(super) fn address(parts: &Parts) -> String {
    let peer = parts.extensions.get::<crate::server::Peer>();
    peer.map_or_else(|| "unknown".to_owned(), |peer| format!("ip:{}", peer.0.ip()))
}

fn idempotency_key(parts: &Parts) -> Result<Option<&str>> {
    let mut keys = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| keys.next().is_none() && (1..=255).contains(&key.len()));
    // The draft of the header writes the key as a string of structured fields, in quotes; most clients do not.
    key.map(|key| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key))
        .map(Some)
        .ok_or_else(|| Problem::bad_request("Idempotency-Key must be one text of 1 to 255 visible characters"))
}

/// Headers that belong to the connection, or that the gateway writes itself.
const NOT_THE_FUNCTIONS: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    X_INVOCATION_ID,
];

/// What a function shows in a browser is of no origin: not of the page's, whose token it could read otherwise.
const SANDBOX: HeaderValue =
    HeaderValue::from_static("sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads");

/// A frame (src/api/http/call.rs writes it) as a reply.
fn reply(gateway: &Gateway, frame: &[u8]) -> Option<Response> {
    let end = frame.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(frame.get(..end)?).ok()?;
    let body = gateway.replies.count(frame.get(end + 1..)?.to_vec());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(head.status).ok()?;
    let headers = response.headers_mut();
    for (name, value) in &head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if !NOT_THE_FUNCTIONS.contains(&name) {
            headers.try_append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?).ok()?;
        }
    }
    headers.insert(X_INVOCATION_ID, HeaderValue::from_str(&head.id).ok()?);
    if gateway.settings.has_page {
        headers.append(header::CONTENT_SECURITY_POLICY, SANDBOX);
    }
    if head.replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_path_names_a_function_in_one_way_only() {
        assert_eq!(place("/functions/v1/slugify"), Some(("slugify", None)));
        assert_eq!(place("/functions/v1/orders/2024/open"), Some(("orders", Some("2024/open"))));
        for tricky in [
            "/functions/v1/",
            "/functions/v1//a",
            "/functions/v1/a/",
            "/functions/v1/a//b",
            "/functions/v1/a/../b",
            "/functions/v1/./a",
            "/functions/v1/%61",
            "/functions/v1/a/%2e%2e/b",
            "/functions/v1/a\\b",
            "/functions/v1/a;b",
            "/functions/v1/a b",
            "/functions/v1/\u{e4}",
            "/functions/v2/a",
            "functions/v1/a",
        ] {
            assert_eq!(place(tricky), None, "{tricky}");
        }
    }
}
