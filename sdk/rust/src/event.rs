//! What led to an invocation, as the host tells it: "Event and outcome" in docs/reference.md.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::Value;

use crate::error::Error;
use crate::json;
use crate::members::{Members, Parts};

/// What led to an invocation, and who asks.
#[derive(Debug)]
#[non_exhaustive]
pub struct Event {
    /// A UUID of this invocation; of a job the same in every attempt, so it can name its effects elsewhere.
    pub id: String,
    /// This function.
    pub function: FunctionVersion,
    /// What led here.
    pub trigger: Trigger,
    /// Who calls.
    pub auth: Auth,
    /// Which try of a job this is, from 1.
    pub attempt: u32,
    /// The trigger and its rows, when a database trigger led here.
    pub database: Option<Database>,
    /// The times, when a schedule led here.
    pub schedule: Option<Schedule>,
    pub(crate) input: Option<Box<RawValue>>,
    pub(crate) http: Option<Box<RawValue>>,
}

impl Event {
    /// Reads what the host wrote: an event, or of a plain call what there is of one.
    pub(crate) fn of(text: &[u8]) -> Self {
        let parts = Parts::of(text);
        let (event, none) = (&parts.own, Members::default());
        let function = parts.block("function").unwrap_or(&none);
        let auth = parts.block("auth").unwrap_or(&none);
        Self {
            id: event.text("id").unwrap_or_default(),
            function: FunctionVersion {
                name: function.text("name").unwrap_or_default(),
                version: function.number("version").and_then(|version| version.try_into().ok()).unwrap_or_default(),
            },
            trigger: event.text("trigger").map_or(Trigger::Other, |word| Trigger::of(&word)),
            auth: Auth {
                role: auth.text("role").unwrap_or_default(),
                id: auth.text("id"),
                email: auth.text("email"),
                claims: auth.kept("claims"),
            },
            attempt: event.number("attempt").and_then(|attempt| attempt.try_into().ok()).unwrap_or(1),
            database: parts.block("database").map(Database::of),
            schedule: parts.block("schedule").map(Schedule::of),
            input: event.kept("input"),
            // Webhooks have the same block under their own word.
            http: event.kept("http").or_else(|| event.kept("webhook")),
        }
    }
}

/// A function as it was deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionVersion {
    /// Its name.
    pub name: String,
    /// Which of its versions runs.
    pub version: i32,
}

/// What led to an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trigger {
    /// A call by SQL, by `fn_invoke` or by another function.
    Sql,
    /// A trigger of the database, in its transaction or as a job.
    Database,
    /// `fn_enqueue`.
    Queue,
    /// A schedule.
    Schedule,
    /// An HTTP request.
    Http,
    /// A webhook.
    Webhook,
    /// What a later version of the host knows.
    Other,
}

impl Trigger {
    fn of(word: &str) -> Self {
        match word {
            "sql" => Self::Sql,
            "database" => Self::Database,
            "queue" => Self::Queue,
            "schedule" => Self::Schedule,
            "http" => Self::Http,
            "webhook" => Self::Webhook,
            _ => Self::Other,
        }
    }
}

/// Who calls: the role, and the claims of PostgREST's `request.jwt.claims`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Auth {
    /// The role that called or fired the trigger, also where the function runs as its owner.
    pub role: String,
    /// `sub` of the claims.
    pub id: Option<String>,
    /// `email` of the claims.
    pub email: Option<String>,
    claims: Option<Box<RawValue>>,
}

impl Auth {
    /// All claims as a type of your own, or as [`Value`]; `None` when there are none.
    ///
    /// # Errors
    /// When they do not fit the type.
    ///
    /// ```
    /// # use alyx_functions::{Context, Error};
    /// #[derive(serde::Deserialize)]
    /// struct Claims { tenant: i64 }
    ///
    /// fn tenant(ctx: &Context) -> Result<i64, Error> {
    ///     let claims = ctx.auth().claims::<Claims>()?.ok_or_else(|| Error::http(401, "sign in first"))?;
    ///     Ok(claims.tenant)
    /// }
    /// ```
    pub fn claims<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        read(self.claims.as_deref(), "the claims of the caller")
    }
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `TRUNCATE`.
    Truncate,
}

/// When a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timing {
    /// `BEFORE`: the outcome may change the row or drop it.
    Before,
    /// `AFTER`: the outcome is ignored.
    After,
    /// `INSTEAD OF`, on views: the outcome may change what RETURNING shows.
    InsteadOf,
}

/// How often a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Once for each row.
    Row,
    /// Once for each statement.
    Statement,
}

/// A database trigger. Of an event trigger there are only `event` and `tag`; its other texts are empty.
#[derive(Debug)]
#[non_exhaustive]
pub struct Database {
    /// What changed; `None` in event triggers, as the next two.
    pub op: Option<Op>,
    /// When it fires.
    pub timing: Option<Timing>,
    /// How often.
    pub level: Option<Level>,
    /// Schema of the table; of a partition its own.
    pub schema: String,
    /// The table or view.
    pub table: String,
    /// Name of the trigger.
    pub trigger: String,
    /// Arguments of CREATE TRIGGER.
    pub args: Vec<String>,
    /// Of an event trigger: `ddl_command_end` and so on.
    pub event: Option<String>,
    /// Of an event trigger: the command, as `CREATE TABLE`.
    pub tag: Option<String>,
    pub(crate) new: Option<Box<RawValue>>,
    pub(crate) old: Option<Box<RawValue>>,
    pub(crate) new_rows: Option<Box<RawValue>>,
    pub(crate) old_rows: Option<Box<RawValue>>,
}

impl Database {
    fn of(block: &Members<'_>) -> Self {
        let word = |name| block.text(name).unwrap_or_default();
        Self {
            op: match word("op").as_str() {
                "INSERT" => Some(Op::Insert),
                "UPDATE" => Some(Op::Update),
                "DELETE" => Some(Op::Delete),
                "TRUNCATE" => Some(Op::Truncate),
                _ => None,
            },
            timing: match word("timing").as_str() {
                "BEFORE" => Some(Timing::Before),
                "AFTER" => Some(Timing::After),
                "INSTEAD OF" => Some(Timing::InsteadOf),
                _ => None,
            },
            level: match word("level").as_str() {
                "ROW" => Some(Level::Row),
                "STATEMENT" => Some(Level::Statement),
                _ => None,
            },
            schema: word("schema"),
            table: word("table"),
            trigger: word("trigger"),
            args: block.raw("args").and_then(|args| serde_json::from_str(args.get()).ok()).unwrap_or_default(),
            event: block.text("event"),
            tag: block.text("tag"),
            new: block.kept("new"),
            old: block.kept("old"),
            new_rows: block.kept("new_rows"),
            old_rows: block.kept("old_rows"),
        }
    }

    /// Whether what a handler returns has an effect.
    pub(crate) fn can_change(&self) -> bool {
        self.level == Some(Level::Row) && self.timing != Some(Timing::After)
    }
}

/// The times of a scheduled run, in ISO 8601 and UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// The schedule.
    pub id: Option<i64>,
    /// The instant that this run is for.
    pub scheduled_at: String,
    /// The one before it.
    pub previous_at: Option<String>,
    /// How many runs were left out since then.
    pub missed: u64,
    /// The zone that the cron text is read in.
    pub timezone: String,
}

impl Schedule {
    fn of(block: &Members<'_>) -> Self {
        Self {
            id: block.number("id"),
            scheduled_at: block.text("scheduled_at").unwrap_or_default(),
            previous_at: block.text("previous_at"),
            missed: block.number("missed").and_then(|missed| missed.try_into().ok()).unwrap_or_default(),
            timezone: block.text("timezone").unwrap_or_default(),
        }
    }
}

/// An HTTP request that led here.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct HttpRequest {
    /// GET, POST, …
    pub method: String,
    /// The path.
    pub path: String,
    /// The query's values by name.
    #[serde(default)]
    pub query: BTreeMap<String, Value>,
    /// The headers; names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, as it came; empty when it is not UTF-8.
    #[serde(default)]
    pub body: String,
    /// The body in base64, when it is not UTF-8.
    #[serde(default)]
    pub body_base64: Option<String>,
}

impl HttpRequest {
    /// A header by its name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }
}

/// A part of the event, where it is there.
pub(crate) fn read<T: DeserializeOwned>(part: Option<&RawValue>, what: &str) -> Result<Option<T>, Error> {
    part.map(|raw| json::read_value(what, raw.get())).transpose()
}
