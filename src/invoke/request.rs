//! The entrance of requests from the web: what came becomes an event, and the outcome a response (SPEC §6).
//!
//! It must not know who may ask, nor how the gateway speaks with us.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::coerce::coerce;
use super::{Entrance, Event, Input, Scope, Target, bytes};
use crate::catalog::Function;
use crate::error::Error;
use crate::pg::{PgError, current_role, escape};
use crate::record::{InvocationId, Occasion, Trigger};

/// What came over HTTP, as far as a guest sees it.
pub struct Request<'a> {
    /// GET, POST, …
    pub method: &'a str,
    /// The path, as it came.
    pub path: &'a str,
    /// JSON object of the query's values.
    pub query: &'a RawValue,
    /// JSON object of the headers, names in lower case.
    pub headers: &'a RawValue,
    /// Value of the header `content-type`.
    pub content_type: &'a str,
    /// The body, as it came.
    pub body: &'a [u8],
}

/// What goes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code, 200 to 599.
    pub status: u16,
    /// Names and values, in no order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// One value, or several under one name.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Request<'_> {
    /// Appends the event's `http` block.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"method\":");
        escape(self.method.as_bytes(), out);
        out.extend_from_slice(b",\"path\":");
        escape(self.path.as_bytes(), out);
        out.extend_from_slice(b",\"query\":");
        out.extend_from_slice(self.query.get().as_bytes());
        out.extend_from_slice(b",\"headers\":");
        out.extend_from_slice(self.headers.get().as_bytes());
        match std::str::from_utf8(self.body) {
            Ok(text) => {
                out.extend_from_slice(b",\"body\":");
                escape(text.as_bytes(), out);
            }
            Err(_) => {
                out.extend_from_slice(b",\"body_base64\":");
                escape(STANDARD.encode(self.body).as_bytes(), out);
            }
        }
        out.push(b'}');
    }

    /// The input that the body is: JSON as it is, a form as an object, the query's object without a body, else null. Texts of
    /// a form or query are read as what the function's schema says they are.
    ///
    /// # Errors
    /// 22023 for a body that says it is JSON and is not.
    pub fn input(&self, function: &Function) -> Result<String, PgError> {
        let typed = |text: String| match &function.manifest.input {
            Some(shape) => {
                let values = serde_json::from_str(&text).ok();
                let schema = alyx_validate::json_schema(&shape.schema).ok();
                let coerced = values.zip(schema).map(|(values, schema)| coerce(values, &schema));
                coerced.map_or(text, |values| serde_json::Value::Object(values).to_string())
            }
            None => text,
        };
        if self.body.is_empty() {
            return Ok(typed(self.query.get().to_owned()));
        }
        let kind = self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let json = || std::str::from_utf8(self.body).ok().filter(|text| is_json(text)).map(str::to_owned);
        match kind.as_str() {
            // curl's -d says "form" whatever it sends.
            "application/x-www-form-urlencoded" if matches!(self.body.first(), Some(b'{' | b'[')) => {
                Ok(json().unwrap_or_else(|| typed(form(self.body))))
            }
            "application/x-www-form-urlencoded" => Ok(typed(form(self.body))),
            "" => Ok(json().unwrap_or_else(|| "null".to_owned())),
            kind if kind == "application/json" || kind.ends_with("+json") => json().ok_or_else(|| {
                Error::InvalidArgument {
                    message: "the request's body is not valid JSON".to_owned(),
                    hint: Some("Its header content-type says that it is.".to_owned()),
                }
                .into()
            }),
            _ => Ok("null".to_owned()),
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// A form as a JSON object; names that come again have lists.
fn form(body: &[u8]) -> String {
    let mut fields: BTreeMap<String, Values> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        match fields.remove(name.as_ref()) {
            None => fields.insert(name.into_owned(), Values::One(value.into_owned())),
            Some(Values::One(first)) => fields.insert(name.into_owned(), Values::Many(vec![first, value.into_owned()])),
            Some(Values::Many(mut all)) => {
                all.push(value.into_owned());
                fields.insert(name.into_owned(), Values::Many(all))
            }
        };
    }
    serde_json::to_string(&fields).unwrap_or_else(|_| "{}".to_owned())
}

/// Calls a function with a request, as the current role.
///
/// # Errors
/// What the invocation ends with; 38000 for an outcome that is no response.
pub fn request(function: &Rc<Function>, id: InvocationId, request: &Request<'_>) -> Result<Response, PgError> {
    let target = Target::of_function(function)?;
    let input = request.input(function)?;
    let mut event = Vec::with_capacity(512 + 2 * request.body.len() + request.headers.get().len());
    let writer = Event { id, function, trigger: Trigger::Http, role: current_role(), input: &input, attempt: 1 };
    writer.write(&mut event, |out| {
        request.write(out);
        Ok(())
    })?;
    let occasion = Occasion { trigger: Trigger::Http, id: Some(id), attempt: 1 };
    let given = Input::Event { event: &event, input: input.as_bytes() };
    bytes(&target, given, Entrance { scope: Scope::default(), occasion, is_kept: true }, |output| {
        Response::of(function, output)
    })
}

/// Most headers of a response, and most bytes of all of them.
const MOST_HEADERS: usize = 100;
const MOST_HEADER_BYTES: usize = 64 << 10;

/// An outcome that says more than its body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    status: i64,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    body_base64: Option<String>,
}

impl Response {
    fn of(function: &Function, output: Option<&[u8]>) -> Result<Self, PgError> {
        let Some(output) = output else { return Ok(Self { status: 204, headers: Vec::new(), body: Vec::new() }) };
        // To serde a list could be a structure as well.
        let is_object = output.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if is_object && let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(output) {
            return Self::of_envelope(function, envelope);
        }
        let kind = match std::str::from_utf8(output) {
            Ok(text) if is_json(text) => "application/json",
            Ok(_) => "text/plain; charset=utf-8",
            Err(_) => "application/octet-stream",
        };
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Ok(Self { status: 200, headers, body: output.to_vec() })
    }

    fn of_envelope(function: &Function, envelope: Envelope<'_>) -> Result<Self, PgError> {
        let wrong = |detail: String| -> PgError {
            Error::BadOutput {
                message: format!("output of function \"{}\" is no HTTP response", function.name),
                detail,
            }
            .into()
        };
        let status = u16::try_from(envelope.status).ok().filter(|status| (200..=599).contains(status));
        let status = status.ok_or_else(|| wrong(format!("Its status is {}, not 200 to 599.", envelope.status)))?;
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut header_bytes = 0;
        for (name, values) in envelope.headers {
            let values = match values {
                Values::One(value) => vec![value],
                Values::Many(values) => values,
            };
            for value in values {
                if !is_token(&name) || value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
                    return Err(wrong(format!("Its header {} is none.", serde_json::json!(name))));
                }
                header_bytes += name.len() + value.len();
                if headers.len() == MOST_HEADERS || header_bytes > MOST_HEADER_BYTES {
                    return Err(wrong(format!(
                        "It has more than {MOST_HEADERS} headers, or {MOST_HEADER_BYTES} bytes of them."
                    )));
                }
                headers.push((name.to_ascii_lowercase(), value));
            }
        }
        let (body, kind) = match (envelope.body.map(RawValue::get), envelope.body_base64) {
            (None | Some("null"), None) => (Vec::new(), None),
            (None | Some("null"), Some(text)) => {
                let body = STANDARD.decode(text).map_err(|error| wrong(format!("Its body_base64: {error}.")))?;
                (body, Some("application/octet-stream"))
            }
            (Some(_), Some(_)) => return Err(wrong("It has both body and body_base64.".to_owned())),
            (Some(json), None) => match serde_json::from_str::<String>(json) {
                Ok(text) => (text.into_bytes(), Some("text/plain; charset=utf-8")),
                Err(_) => (json.as_bytes().to_vec(), Some("application/json")),
            },
        };
        if let Some(kind) = kind.filter(|_| !headers.iter().any(|(name, _)| name == "content-type")) {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Ok(Self { status, headers, body })
    }
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
