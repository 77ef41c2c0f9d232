//! The four kinds of hook (SPEC §4): which events reach the function, and how.
//! Plain data: it must not know YAML, nor how triggers, schedules or routes are made.

use serde::Serialize;

/// One rule that leads events to the function.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Hook {
    /// Rows or statements that change a table or view.
    Database(DatabaseHook),
    /// The clock.
    Schedule(ScheduleHook),
    /// A request to the gateway under the function's name.
    Http(HttpHook),
    /// A signed delivery from another service.
    Webhook(WebhookHook),
}

impl Hook {
    /// Line and column of the entry in the manifest, 1-based.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        match self {
            Self::Database(hook) => (hook.line, hook.column),
            Self::Schedule(hook) => (hook.line, hook.column),
            Self::Http(hook) => (hook.line, hook.column),
            Self::Webhook(hook) => (hook.line, hook.column),
        }
    }

    /// The name the manifest gives the hook, where it gives one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Database(hook) => hook.name.as_deref(),
            Self::Schedule(hook) => hook.name.as_deref(),
            Self::Http(hook) => hook.name.as_deref(),
            Self::Webhook(hook) => hook.name.as_deref(),
        }
    }
}

/// Changes of a table or view. The combination is one that PostgreSQL's `CREATE TRIGGER` accepts for some relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseHook {
    /// Table or view as written, `table` or `schema.table`; identifiers may be quoted.
    pub source: String,
    /// Operations, at least one, none twice.
    pub action: Vec<Action>,
    /// When, relative to the operation.
    pub timing: Timing,
    /// Once per row or once per statement.
    pub for_each: Level,
    /// In the writer's transaction, or as a job after commit.
    pub mode: Mode,
    /// SQL condition over `NEW` and `OLD`, unchecked.
    pub when: Option<String>,
    /// Columns of `UPDATE OF`; empty means any.
    pub columns: Vec<String>,
    /// Arguments handed to the function.
    pub args: Vec<String>,
    /// Name for the trigger; derived from the function's when absent.
    pub name: Option<String>,
    /// Line of the entry, 1-based; left out of the serialised form, which is content only.
    #[serde(skip)]
    pub line: usize,
    /// Column of the entry, 1-based.
    #[serde(skip)]
    pub column: usize,
}

/// An operation on a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `TRUNCATE`; statement level only.
    Truncate,
}

/// When a trigger fires, relative to the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Before it, able to change or drop the row.
    Before,
    /// After it.
    After,
    /// In its place; views only.
    InsteadOf,
}

/// How often a trigger fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Once per affected row.
    Row,
    /// Once per statement.
    Statement,
}

/// Whether the function runs in the writer's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In the writer's transaction.
    Sync,
    /// As a job, after the writer has committed.
    Async,
}

/// Runs by the clock. The cron text has the right number of fields; its meaning is checked where it is scheduled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScheduleHook {
    /// Five or six fields, or `@daily`, `@every 30s`, ….
    pub cron: String,
    /// IANA name, `UTC` by default; whether it exists is for PostgreSQL to say.
    pub timezone: String,
    /// What happens when a run is due while the last one goes on.
    pub overlap: Overlap,
    /// What happens to runs that were due while the server was down.
    pub missed: Missed,
    /// Input of each run, a JSON object.
    pub input: serde_json::Value,
    /// Name of the schedule.
    pub name: Option<String>,
    /// Line of the entry, 1-based; left out of the serialised form, which is content only.
    #[serde(skip)]
    pub line: usize,
    /// Column of the entry, 1-based.
    #[serde(skip)]
    pub column: usize,
}

/// What happens when a run is due while the last one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The new run is dropped.
    Skip,
    /// The new run waits.
    Queue,
    /// Both run.
    Allow,
}

/// What happens to runs that were due while the server was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run stands for all of them.
    Once,
    /// They are dropped.
    Skip,
    /// Each is made up for.
    All,
}

/// Requests to the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpHook {
    /// Methods that are let through, at least one; `POST` by default.
    pub methods: Vec<Method>,
    /// Path below the function's own route; the route itself when absent.
    pub path: Option<String>,
    /// Who may call.
    pub auth: Auth,
    /// Name of the hook.
    pub name: Option<String>,
    /// Line of the entry, 1-based; left out of the serialised form, which is content only.
    #[serde(skip)]
    pub line: usize,
    /// Column of the entry, 1-based.
    #[serde(skip)]
    pub column: usize,
}

/// An HTTP method a hook may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

/// Who may call over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Only with a valid token.
    Required,
    /// With a token or as the anonymous role.
    Optional,
    /// Always as the anonymous role.
    None,
}

/// Deliveries from another service, verified before they become jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookHook {
    /// Path below `/webhooks/v1/`, without a leading slash.
    pub path: String,
    /// How a delivery proves where it comes from.
    pub verify: Verify,
    /// Name of the hook.
    pub name: Option<String>,
    /// Line of the entry, 1-based; left out of the serialised form, which is content only.
    #[serde(skip)]
    pub line: usize,
    /// Column of the entry, 1-based.
    #[serde(skip)]
    pub column: usize,
}

/// How a delivery proves where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verify {
    /// Signature scheme.
    pub scheme: Scheme,
    /// Names of the secrets that hold the keys, at least one; any of them may have signed, so that keys can be rotated.
    #[serde(rename = "secret")]
    pub secrets: Vec<String>,
    /// How far the time of a delivery may be from the server's, either way, in seconds.
    pub tolerance_s: u32,
    /// Where the signature of [`Scheme::Hmac`] stands; `None` for schemes that say so themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// The form of a plain HMAC signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Header with the signature, in lower case.
    pub header: String,
    /// The hash under the HMAC.
    pub algorithm: Hash,
    /// How the header writes the signature's bytes.
    pub encoding: Encoding,
    /// What stands before the signature; empty for nothing.
    pub prefix: String,
    /// Header with the time, in seconds since 1970; then `<time>.<body>` is what is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
    /// Header with the delivery's id; without one a delivery is known by what was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_header: Option<String>,
}

impl Default for Signature {
    fn default() -> Self {
        Self {
            header: "x-signature".to_owned(),
            algorithm: Hash::Sha256,
            encoding: Encoding::Hex,
            prefix: String::new(),
            timestamp_header: None,
            id_header: None,
        }
    }
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Bytes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Two digits for each byte.
    Hex,
    /// RFC 4648, padded.
    Base64,
}

/// Signature scheme of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Standard Webhooks.
    Standard,
    /// Stripe.
    Stripe,
    /// GitHub.
    Github,
    /// Plain HMAC over the body, in the form that [`Signature`] says.
    Hmac,
}
