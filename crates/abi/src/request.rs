//! Requests, as a guest writes them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bounded;

/// `db_query`: one statement.
#[derive(Debug, Deserialize)]
pub struct Query<'a> {
    /// Its text.
    #[serde(borrow)]
    pub sql: Cow<'a, str>,
    /// Values of `$1`, `$2`, …; at most 65 535.
    #[serde(borrow, default, deserialize_with = "bounded::params")]
    pub params: Vec<&'a RawValue>,
    /// Whether the guest handles a failure. If not, the statement needs no subtransaction and its failure ends the guest.
    #[serde(default = "yes")]
    pub catch: bool,
}

/// `db_batch`: several statements, all or none.
#[derive(Debug, Deserialize)]
pub struct Batch<'a> {
    /// The statements, at most 10 000. Their own `catch` has no meaning.
    #[serde(borrow, deserialize_with = "bounded::statements")]
    pub statements: Vec<Query<'a>>,
    /// As for [`Query`], for all of them.
    #[serde(default = "yes")]
    pub catch: bool,
}

/// `fn_invoke`: a call of another function.
#[derive(Debug, Deserialize)]
pub struct Invoke<'a> {
    /// Its name.
    #[serde(borrow, alias = "function")]
    pub name: Cow<'a, str>,
    /// Its input; an empty object when it is left out.
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
    /// As for [`Query`].
    #[serde(default = "yes")]
    pub catch: bool,
}

/// `fn_enqueue`: a call of another function after commit.
#[derive(Debug, Deserialize)]
pub struct Enqueue<'a> {
    /// The function.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Its input; an empty object when it is left out.
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
    /// When it may run, as PostgreSQL reads a timestamp; now when it is left out.
    #[serde(borrow, default)]
    pub run_at: Option<Cow<'a, str>>,
    /// How long it waits at least, in milliseconds, counted from `run_at` or now.
    #[serde(default)]
    pub delay_ms: Option<u32>,
    /// Higher is earlier: a point is worth a minute of waiting.
    #[serde(default)]
    pub priority: i32,
    /// Jobs of one function and key run one at a time, in order.
    #[serde(borrow, default)]
    pub ordering_key: Option<Cow<'a, str>>,
    /// While a job of this key waits or runs, no other is made.
    #[serde(borrow, default)]
    pub dedupe_key: Option<Cow<'a, str>>,
    /// As for [`Query`].
    #[serde(default = "yes")]
    pub catch: bool,
}

/// `env`: one environment value.
#[derive(Debug, Deserialize)]
pub struct Env<'a> {
    /// Its name.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
}

/// `http_fetch`, and Extism's `http_request`, whose body comes beside it.
#[derive(Debug, Deserialize)]
pub struct Fetch<'a> {
    /// The method; GET when it is left out.
    #[serde(borrow, default)]
    pub method: Option<Cow<'a, str>>,
    /// An absolute URL, http or https.
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    /// Names and values; a value may be a list. At most 1 000.
    #[serde(borrow, default, deserialize_with = "bounded::headers")]
    pub headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The body as text.
    #[serde(borrow, default)]
    pub body: Option<Cow<'a, str>>,
    /// The body as bytes, in base64.
    #[serde(borrow, default)]
    pub body_base64: Option<Cow<'a, str>>,
    /// Milliseconds that it may take, redirects included.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// `follow`, `manual` or `error`.
    #[serde(borrow, default)]
    pub redirect: Option<Cow<'a, str>>,
}

/// `kv_get` and `kv_delete`: one entry of the function's own.
#[derive(Debug, Deserialize)]
pub struct Key<'a> {
    /// Its key.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// As for [`Query`].
    #[serde(default = "yes")]
    pub catch: bool,
}

/// `kv_set`: an entry to keep.
#[derive(Debug, Deserialize)]
pub struct KvSet<'a> {
    /// Its key.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// Its value.
    #[serde(borrow)]
    pub value: &'a RawValue,
    /// Milliseconds after which it is gone; never when it is left out.
    #[serde(default)]
    pub ttl_ms: Option<u64>,
    /// As for [`Query`].
    #[serde(default = "yes")]
    pub catch: bool,
}

/// `kv_list`: entries in the order of their keys' bytes.
#[derive(Debug, Default, Deserialize)]
pub struct KvList<'a> {
    /// What their keys begin with.
    #[serde(borrow, default)]
    pub prefix: Cow<'a, str>,
    /// Only keys after this one.
    #[serde(borrow, default)]
    pub after: Option<Cow<'a, str>>,
    /// At most this many, 1 to 1 000; 100 when it is left out.
    #[serde(default)]
    pub limit: Option<u32>,
    /// As for [`Query`].
    #[serde(default = "yes")]
    pub catch: bool,
}

/// `log`: one line.
#[derive(Debug, Deserialize)]
pub struct Log<'a> {
    /// `trace`, `debug`, `info`, `warn` or `error`; anything else is `info`.
    #[serde(borrow, default)]
    pub level: Option<Cow<'a, str>>,
    /// The text, or any JSON value.
    #[serde(borrow)]
    pub message: &'a RawValue,
    /// What belongs to it, usually an object.
    #[serde(borrow, default)]
    pub fields: Option<&'a RawValue>,
}

/// `raise`: the error that the function's caller will see.
#[derive(Debug, Default, Deserialize)]
pub struct Raise {
    /// SQLSTATE; classes 00, 01, 02 and XX, and what is no code, become 38000.
    #[serde(alias = "code")]
    pub sqlstate: Option<String>,
    /// Primary message.
    pub message: Option<String>,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// Column it is about.
    #[serde(alias = "field")]
    pub column: Option<String>,
    /// Constraint it is about.
    pub constraint: Option<String>,
    /// Schema it is about.
    pub schema: Option<String>,
    /// Table it is about.
    pub table: Option<String>,
    /// Data type it is about.
    pub datatype: Option<String>,
    /// Where the guest was, a line for each of its frames, innermost first: for CONTEXT.
    pub stack: Option<String>,
    /// Whether a job that fails with it must not be tried again.
    #[serde(default)]
    pub non_retryable: bool,
    /// Milliseconds after which a job that fails with it should be tried again.
    pub retry_after_ms: Option<u64>,
}

fn yes() -> bool {
    true
}
