//! Handlers in `cargo test`, on the machine that builds them: contexts, and a host that the test plays. Not in WebAssembly.
//!
//! ```
//! use alyx_functions::testing::{self, Host};
//! use alyx_functions::{db, handler, params, Context, Error};
//! use serde_json::json;
//!
//! #[handler]
//! fn count(ctx: Context) -> Result<i64, Error> {
//!     db::query_one("SELECT count(*) FROM posts WHERE author = $1", params![ctx.input()?["author"]])
//! }
//!
//! let host = Host::new().on("db_query", |request| {
//!     assert_eq!(request["params"], json!([7]));
//!     Ok(json!({ "rows": [{ "count": 3 }], "columns": ["count"], "row_count": 1 }))
//! });
//! assert_eq!(count(testing::call(json!({ "author": 7 })))?, 3);
//! assert_eq!(host.calls("db_query").len(), 1);
//! # Ok::<(), Error>(())
//! ```
//!
//! What depends on PostgreSQL itself (constraints, rights, locks) is tested in PostgreSQL.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use serde_json::{json, Value};

use crate::context::Context;
use crate::error::Error;
use crate::outcome::IntoOutcome;

/// The context of a call by SQL with this input.
pub fn call(input: Value) -> Context {
    Context::new(input.to_string().into_bytes(), false)
}

/// The context of a call with bytes that are no JSON: what an SQL function gets for `text` or `bytea`.
pub fn call_with(input: impl Into<Vec<u8>>) -> Context {
    Context::new(input.into(), false)
}

/// The context of an event. Members that are left out are filled in: an id, a function, a role, attempt 1, and the trigger by
/// the block that is there.
///
/// ```
/// # use alyx_functions::testing;
/// # use serde_json::json;
/// let ctx = testing::event(json!({
///     "database": { "op": "INSERT", "timing": "BEFORE", "level": "ROW", "new": { "title": "Hi", "slug": null } },
/// }));
/// assert_eq!(ctx.row()?.unwrap()["title"], "Hi");
/// # Ok::<(), alyx_functions::Error>(())
/// ```
pub fn event(mut event: Value) -> Context {
    let blocks = ["database", "schedule", "http", "webhook"];
    let trigger = blocks.into_iter().find(|block| event.get(block).is_some()).unwrap_or("queue");
    if let (Value::Object(event), Value::Object(usual)) = (&mut event, facts(trigger)) {
        for (name, value) in usual {
            event.entry(name).or_insert(value);
        }
    }
    Context::new(event.to_string().into_bytes(), true)
}

fn facts(trigger: &str) -> Value {
    json!({
        "id": "00000000-0000-7000-8000-000000000000", "function": {"name": "test", "version": 1}, "trigger": trigger,
        "auth": {"role": "tester", "id": null, "email": null, "claims": null}, "attempt": 1,
    })
}

/// What the host would get for what a handler returned: its output, read as JSON where it is that.
///
/// # Errors
/// What the invocation would end with.
pub fn output(ctx: &Context, returned: Result<impl IntoOutcome, Error>) -> Result<Option<Value>, Error> {
    let bytes = returned?.into_outcome()?.output(ctx)?;
    Ok(bytes.map(|bytes| {
        serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into())
    }))
}

type Answer = Box<dyn FnMut(&Value) -> Result<Value, Error>>;

#[derive(Default)]
struct Played {
    answers: HashMap<&'static str, Answer>,
    env: HashMap<String, String>,
    calls: Vec<(String, Value)>,
}

thread_local! {
    static PLAYED: RefCell<Played> = RefCell::default();
}

/// The host of the handlers that this thread runs, until it is dropped. Requests and answers are those of docs/reference.md,
/// "Host functions"; `log`, `raise` and savepoints are answered without being told, all others must be.
#[derive(Default)]
#[must_use = "it answers until it is dropped"]
pub struct Host(());

impl Host {
    /// A host that knows nothing yet.
    pub fn new() -> Self {
        PLAYED.take();
        Self(())
    }

    /// Answers a host function by its name: `db_query`, `fn_invoke`, `http_fetch`, `kv_get`, …
    pub fn on(self, function: &'static str, answer: impl FnMut(&Value) -> Result<Value, Error> + 'static) -> Self {
        PLAYED.with_borrow_mut(|played| drop(played.answers.insert(function, Box::new(answer))));
        self
    }

    /// Sets an environment value.
    pub fn env(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        PLAYED.with_borrow_mut(|played| drop(played.env.insert(name.into(), value.into())));
        self
    }

    /// The requests of a host function so far.
    pub fn calls(&self, function: &str) -> Vec<Value> {
        let of_it = |(name, request): &(String, Value)| (name == function).then(|| request.clone());
        PLAYED.with_borrow(|played| played.calls.iter().filter_map(of_it).collect())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        PLAYED.take();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// In the place of the imports.
pub(crate) mod double {
    use super::{facts, json, Answer, Error, Value, PLAYED};

    /// A host function is its name here.
    pub(crate) type Import = &'static str;

    macro_rules! imports {
        ($($name:ident)+) => {
            $(#[allow(non_upper_case_globals, reason = "named as the imports, which are functions")]
            pub(crate) const $name: Import = stringify!($name);)+
        };
    }
    imports! {
        context db_batch db_query db_release db_rollback db_savepoint env fn_enqueue fn_invoke http_fetch kv_delete kv_get
        kv_list kv_set log raise
    }

    pub(crate) fn input() -> Vec<u8> {
        Vec::new()
    }

    pub(crate) fn is_event() -> bool {
        false
    }

    pub(crate) fn set_output(_: &[u8]) {}

    pub(crate) fn call(function: Import, request: &[u8]) -> Vec<u8> {
        let request: Value = serde_json::from_slice(request).unwrap_or_default();
        // Lent out while it runs: an answer may call a handler that asks again.
        let mut answer = PLAYED.with_borrow_mut(|played| {
            played.calls.push((function.to_owned(), request.clone()));
            played.answers.remove(function)
        });
        let answered = match &mut answer {
            Some(answer) => answer(&request),
            None => usual(function, &request),
        };
        if let Some(answer) = answer {
            PLAYED.with_borrow_mut(|played| drop::<Option<Answer>>(played.answers.insert(function, answer)));
        }
        let reply = answered.unwrap_or_else(|error| {
            let fields = error.fields();
            json!({"error": {
                "code": fields.code, "message": fields.message, "detail": fields.detail, "hint": fields.hint, "schema": fields.schema,
                "table": fields.table, "column": fields.column, "datatype": fields.datatype, "constraint": fields.constraint,
            }})
        });
        reply.to_string().into_bytes()
    }

    fn usual(function: &str, request: &Value) -> Result<Value, Error> {
        match function {
            "context" => Ok(facts("sql")),
            "env" => {
                let key = request.get("key").and_then(Value::as_str).unwrap_or_default();
                Ok(json!({ "value": PLAYED.with_borrow(|played| played.env.get(key).cloned()) }))
            }
            "log" | "raise" | "db_savepoint" | "db_release" | "db_rollback" => Ok(json!({})),
            _ => Err(Error::new("0A000", format!("the test's host does not answer {function}"))
                .hint(format!("Say Host::new().on(\"{function}\", |request| …)."))),
        }
    }
}
