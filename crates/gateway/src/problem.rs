//! What went wrong, as a reply: `{"error": {"code", "message", "detail", "hint"}}`.

use std::fmt;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tokio_postgres::error::DbError;

use crate::status::status_of;
use crate::token;

/// A reply that says why there is no other.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    extra: Vec<(&'static str, String)>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    /// There is no connection, or it was lost.
    is_unreachable: bool,
}

pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    /// One of the gateway's own: the code is `PT` and the status, as PostgREST writes it.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let code = format!("PT{}", status.as_u16());
        let mut problem = Self {
            status,
            code,
            message: message.into(),
            extra: Vec::new(),
            headers: Vec::new(),
            is_unreachable: false,
        };
        problem.advise();
        problem
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("nothing is served at {path:?}"))
    }

    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// A database that is not there.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { is_unreachable: true, ..Self::busy(message) }
    }

    /// Whether another database might be asked instead.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.is_unreachable
    }

    /// Whether this is what the database said.
    pub(crate) fn is(&self, code: &str, message: &str) -> bool {
        self.code == code && self.message == message
    }

    /// A token that proves nothing.
    pub(crate) fn refused(why: &token::Refused) -> Self {
        let text = why.to_string();
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, format!("the token is not accepted: {text}"));
        let told = format!("Bearer error=\"invalid_token\", error_description=\"{text}\"");
        problem.headers.retain(|(name, _)| name != header::WWW_AUTHENTICATE);
        if let Ok(value) = HeaderValue::from_str(&told) {
            problem.headers.push((header::WWW_AUTHENTICATE, value));
        }
        problem
    }

    /// What the database says; `is_anonymous`: nobody in particular has asked, so that what is forbidden may be allowed to
    /// somebody.
    pub(crate) fn of_database(error: &tokio_postgres::Error, is_anonymous: bool) -> Self {
        match error.as_db_error() {
            Some(error) => Self::of_sqlstate(error, is_anonymous),
            None => {
                tracing::warn!(error = %chain(error), "the database does not answer");
                Self::unreachable("the database does not answer")
            }
        }
    }

    fn of_sqlstate(error: &DbError, is_anonymous: bool) -> Self {
        let code = error.code().code();
        let status = match (status_of(code), is_anonymous) {
            (403, true) => 401,
            (status, _) => status,
        };
        let mut problem = Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: code.to_owned(),
            message: error.message().to_owned(),
            extra: Vec::new(),
            headers: Vec::new(),
            is_unreachable: code.starts_with("57P"),
        };
        let texts = [
            ("detail", error.detail()),
            ("hint", error.hint()),
            ("column", error.column()),
            ("constraint", error.constraint()),
            ("table", error.table()),
            ("schema", error.schema()),
        ];
        for (name, text) in texts {
            problem.extra.extend(text.map(|text| (name, text.to_owned())));
        }
        if let Some(allowed) = error.detail().and_then(|detail| detail.strip_prefix("Allow: "))
            && problem.status == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(allowed) = HeaderValue::from_str(allowed)
        {
            problem.headers.push((header::ALLOW, allowed));
        }
        problem.advise();
        problem
    }

    /// What the status wants to be said along with it.
    fn advise(&mut self) {
        match self.status {
            StatusCode::UNAUTHORIZED => {
                self.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                self.headers.push((header::RETRY_AFTER, HeaderValue::from_static("1")));
            }
            _ => {}
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.extra.push(("hint", hint.into()));
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

/// An error with what caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        self.extra.iter().try_for_each(|(name, text)| write!(f, "; {name}: {text}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut error = Map::new();
        error.insert("code".to_owned(), Value::String(self.code));
        error.insert("message".to_owned(), Value::String(self.message));
        for (name, text) in self.extra {
            error.insert(name.to_owned(), Value::String(text));
        }
        let body = Json(Value::Object(Map::from_iter([("error".to_owned(), Value::Object(error))])));
        let mut response = (self.status, body).into_response();
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
