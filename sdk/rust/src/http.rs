//! Requests to the web, where the manifest's `allowed_hosts` lets the function go, and replies to requests that came in.
//!
//! ```
//! use std::time::Duration;
//! use alyx_functions::{http, Error};
//! use serde_json::json;
//!
//! # fn run(order: i64, key: &str) -> Result<(), Error> {
//! #[derive(serde::Deserialize)]
//! struct Shipment { tracking: String }
//!
//! let shipment: Shipment = http::fetch("https://warehouse.example.com/shipments")
//!     .method("POST")
//!     .header("authorization", format!("Bearer {key}"))
//!     .json(&json!({ "order": order }))
//!     .timeout(Duration::from_secs(5))
//!     .send()?
//!     .error_for_status()?
//!     .json()?;
//! # Ok(()) }
//! ```
//!
//! While a trigger runs a request is refused, because the row stays locked while the other side thinks: use an asynchronous
//! hook, or say `http_in_transaction: true` in the manifest.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::{base64, host, json};

/// Begins a request: GET, unless [`method`](Request::method) says otherwise. The URL must be absolute, http or https.
pub fn fetch(url: impl Into<String>) -> Request {
    let fields = Fields {
        url: url.into(),
        method: None,
        headers: BTreeMap::new(),
        body: None,
        body_base64: None,
        timeout_ms: None,
        redirect: None,
    };
    Request { fields, failed: None }
}

/// A request, sent by [`send`](Request::send).
#[derive(Debug)]
#[must_use = "a request goes out by `send`"]
pub struct Request {
    fields: Fields,
    failed: Option<Error>,
}

#[derive(Debug, Serialize)]
struct Fields {
    url: String,
    method: Option<String>,
    headers: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    timeout_ms: Option<u64>,
    redirect: Option<Redirect>,
}

/// What becomes of an answer that leads elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Redirect {
    /// It is followed, where the function may go there.
    Follow,
    /// It is the response.
    Manual,
    /// It is a failure.
    Error,
}

impl Request {
    /// Sets the method.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.fields.method = Some(method.into());
        self
    }

    /// Adds a header; a name may come several times.
    pub fn header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.fields.headers.entry(name.as_ref().to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    /// Sets a text or bytes as the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        (self.fields.body, self.fields.body_base64) = match String::from_utf8(body.into()) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(base64::encode(error.as_bytes()))),
        };
        self
    }

    /// Sets a JSON value as the body, and its `content-type` where none is set.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.fields.headers.entry("content-type".to_owned()).or_insert_with(|| vec!["application/json".to_owned()]);
        match json::write("the body", value) {
            Ok(text) => self.body(text),
            Err(error) => {
                self.failed = Some(error);
                self
            }
        }
    }

    /// How long it may take, redirects included; at most `alyx_functions.max_http_time`, which it is by default.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.fields.timeout_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// What becomes of an answer that leads elsewhere; it is followed by default.
    pub fn redirect(mut self, redirect: Redirect) -> Self {
        self.fields.redirect = Some(redirect);
        self
    }

    /// Sends it and waits for the response. A response of an error status is one, too.
    ///
    /// # Errors
    /// 22023 for what cannot be sent, 42501 where the function may not go, 08001 when nobody answers, 08006 when the time is up
    /// or the connection is lost, 54000 when something is too large.
    pub fn send(self) -> Result<Response, Error> {
        match self.failed {
            None => host::ask(host::HTTP_FETCH, &self.fields),
            Some(error) => Err(error),
        }
    }
}

/// The response to a request.
#[derive(Clone, Debug, Deserialize)]
pub struct Response {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(default)]
    url: String,
    #[serde(default)]
    redirected: bool,
}

impl Response {
    /// The status, as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The response again, unless its status is 400 or more.
    ///
    /// # Errors
    /// 08006 with the status and the beginning of the body.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.status < 400 {
            return Ok(self);
        }
        let body: String = self.text().chars().take(500).collect();
        let error = Error::new("08006", format!("{} answered with status {}", self.url, self.status));
        Err(if body.is_empty() { error } else { error.detail(body) })
    }

    /// A header by its name, in any case; several values of one name are joined by commas, but for `set-cookie`, whose first is
    /// given.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.headers.get(&name.to_ascii_lowercase())? {
            Value::Array(values) => values.first()?.as_str(),
            value => value.as_str(),
        }
    }

    /// All values of a header.
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        match self.headers.get(&name.to_ascii_lowercase()) {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            Some(value) => value.as_str().into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The body as text; what is no UTF-8 in it becomes `U+FFFD`.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.body {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(String::from_utf8_lossy(&self.bytes()).into_owned()),
        }
    }

    /// The body as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(text)) => base64::decode(text).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 42804 when it does not fit the type; the message names the path of the value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        json::read_value(&format!("the body from {}", self.url), &self.text())
    }

    /// Where it came from, after redirects.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether a redirect was followed.
    pub fn is_redirected(&self) -> bool {
        self.redirected
    }
}

/// The reply to a request that came in: what a handler returns when a JSON body with status 200 is not what it means.
///
/// ```
/// use alyx_functions::http::Reply;
/// use alyx_functions::{handler, Error};
///
/// #[handler]
/// fn old_page() -> Result<Reply, Error> {
///     Ok(Reply::new(301).header("location", "https://example.com/new"))
/// }
/// ```
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Reply {
    /// A reply without a body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: String::new() }
    }

    /// Sets a header.
    pub fn header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.headers.insert(name.as_ref().to_ascii_lowercase(), value.into());
        self
    }

    /// Sets a text as the body.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON value as the body, and its `content-type`.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }
}
