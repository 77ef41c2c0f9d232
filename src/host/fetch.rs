//! `http_fetch`, and Extism's `http_request`, through one client: whether a function may go there is the client's to
//! check (`crates/fetch`), whether it may go now is asked here.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::time::Duration;

use alyx_abi::Fetch;
use alyx_fetch::{Client, Config, FetchError, Kind, Networks, Redirect, Reply, Request};
use alyx_runtime::HttpReply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::answer;
use super::guest::GuestHost;
use crate::error::Error;
use crate::pg::interrupt::{self, Stop};
use crate::pg::wait_event::{WaitEvent, WaitScope};
use crate::pg::{PgError, SqlState, trigger};
use crate::settings;

thread_local! {
    // Connections are kept between requests. Never dropped with the process: its end closes them.
    static CLIENT: ManuallyDrop<RefCell<Option<Client>>> = ManuallyDrop::default();
}

/// `{"method", "url", "headers", "body" | "body_base64", "timeout_ms", "redirect"}` → `{"status", "headers", "body" |
/// "body_base64", "url", "redirected"}`.
pub(super) fn fetch(host: &GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let request: Fetch<'_> = match answer::request("http_fetch", request) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    let body = match (&request.body, &request.body_base64) {
        (None, None) => Ok(Vec::new()),
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(text)) => STANDARD.decode(text.as_bytes()).map_err(|_| "\"body_base64\" is not base64"),
        (Some(_), Some(_)) => Err("give \"body\" or \"body_base64\", not both"),
    };
    let result = match body {
        Ok(body) => send(host, &request, body),
        Err(why) => Err(Refused::Answer(invalid(why).into())),
    };
    match result {
        Ok(reply) => Ok(write(reply)),
        Err(Refused::Answer(error)) => Ok(answer::error(&error)),
        Err(Refused::Stop(error)) => Err(error),
    }
}

/// Extism's form: the body beside the request, and a failure that stops the guest.
pub(super) fn extism(host: &GuestHost, request: &[u8], body: &[u8]) -> Result<HttpReply, PgError> {
    let request: Fetch<'_> = serde_json::from_slice(request)
        .map_err(|problem| invalid(format!("request of http_request is not valid: {problem}")))?;
    match send(host, &request, body.to_vec()) {
        Ok(reply) => {
            let headers_json = serde_json::to_vec(&joined(reply.headers)).ok();
            Ok(HttpReply { status: reply.status, headers_json, body: reply.body })
        }
        Err(Refused::Answer(error) | Refused::Stop(error)) => Err(error),
    }
}

/// A failure that the guest may handle, or one that it must not outlive.
enum Refused {
    Answer(PgError),
    Stop(PgError),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Answer(error.into())
    }
}

fn send(host: &GuestHost, request: &Fetch<'_>, body: Vec<u8>) -> Result<Reply, Refused> {
    if trigger::is_running() && !host.function.http_in_transaction {
        return Err(Error::NotAllowed {
            message: "HTTP requests are not allowed while a trigger runs: its writer would wait for them".to_owned(),
            hint: Some(
                "Make the hook asynchronous (mode: async), or say \"http_in_transaction: true\" in the manifest."
                    .to_owned(),
            ),
        }
        .into());
    }
    let redirect = match request.redirect.as_deref() {
        None => Redirect::Follow,
        Some(name) => {
            Redirect::parse(name).ok_or_else(|| invalid("\"redirect\" is \"follow\", \"manual\" or \"error\""))?
        }
    };
    let mut limits = settings::http_limits();
    if let Some(timeout_ms) = request.timeout_ms {
        limits.time = limits.time.min(Duration::from_millis(timeout_ms));
    }
    let mut stop = None;
    let is_interrupted = || {
        stop = interrupt::poll();
        stop.is_some()
    };
    let request = Request {
        method: request.method.as_deref().unwrap_or_default(),
        url: &request.url,
        headers: request.headers.iter().map(|(name, value)| (&**name, &**value)).collect(),
        body,
        redirect,
    };
    let wait = WaitScope::begin(WaitEvent::Http);
    let sent = with_client(|client| client.fetch(request, &host.function.allowed, &limits, is_interrupted));
    drop(wait);
    match stop {
        Some(Stop::Error(error)) => Err(Refused::Stop(error)),
        // What is pending speaks when the guest is gone.
        Some(Stop::Pending | Stop::Expired) => {
            Err(Refused::Stop(PgError::new(SqlState::new(b"57014"), "canceling statement due to user request")))
        }
        None => Ok(sent.map_err(Error::Fetch)?),
    }
}

/// The client of this process, made anew when a setting that it was made with has changed.
fn with_client(work: impl FnOnce(&mut Client) -> Result<Reply, FetchError>) -> Result<Reply, FetchError> {
    let config = config()?;
    CLIENT.with(|kept| {
        let mut kept = kept.borrow_mut();
        let client = match kept.take().filter(|client| *client.config() == config) {
            Some(client) => client,
            None => Client::new(config)?,
        };
        work(kept.insert(client))
    })
}

fn config() -> Result<Config, FetchError> {
    let wrong = |setting: &str, why: String| FetchError {
        kind: Kind::Unreachable,
        message: format!("the setting alyx_functions.{setting} cannot be used: {why}"),
        hint: None,
    };
    let networks = Networks::parse(&settings::http_allowed_networks())
        .map_err(|entry| wrong("http_allowed_networks", format!("\"{entry}\" is no CIDR block or address")))?;
    let resolver = settings::http_resolver()
        .map(|text| text.parse().map_err(|_| wrong("http_resolver", format!("\"{text}\" is not address:port"))))
        .transpose()?;
    let header_bytes = settings::http_limits().header_bytes;
    Ok(Config { networks, resolver, ca_file: settings::http_ca_file(), header_bytes })
}

#[derive(Serialize)]
struct Answer<'a> {
    status: u16,
    headers: BTreeMap<String, Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    url: &'a str,
    redirected: bool,
}

/// The value of a header. Cookies cannot be joined by commas, which their dates hold.
#[derive(Serialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

fn write(reply: Reply) -> Vec<u8> {
    let body = std::str::from_utf8(&reply.body).ok();
    let answer = Answer {
        status: reply.status,
        headers: by_name(reply.headers),
        body,
        body_base64: body.is_none().then(|| STANDARD.encode(&reply.body)),
        url: &reply.url,
        redirected: reply.redirects > 0,
    };
    serde_json::to_vec(&answer).unwrap_or_else(|_| answer::empty())
}

fn by_name(headers: Vec<(String, String)>) -> BTreeMap<String, Values> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        named.entry(name).or_default().push(value);
    }
    let value = |(name, mut values): (String, Vec<String>)| {
        let value = match values.len() {
            1 => Values::One(values.pop().unwrap_or_default()),
            _ if name == "set-cookie" => Values::Several(values),
            _ => Values::One(values.join(", ")),
        };
        (name, value)
    };
    named.into_iter().map(value).collect()
}

/// As Extism gives them: one text for each name.
fn joined(headers: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let text = named.entry(name).or_default();
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&value);
    }
    named
}

fn invalid(why: impl Into<Cow<'static, str>>) -> Error {
    Error::InvalidArgument { message: why.into().into_owned(), hint: None }
}
