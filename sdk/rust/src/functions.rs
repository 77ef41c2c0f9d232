//! Other functions: called now, in this transaction, or after its commit, as a job. And the function's own environment.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{to_raw_value, RawValue};

use crate::error::Error;
use crate::{host, json};

/// Calls another function in this transaction, as this function's role; its result.
///
/// # Errors
/// What the other function ends with; 42883 when there is none of that name, 42501 when this role may not call it, 42804 when
/// the result does not fit the type.
///
/// ```
/// # use alyx_functions::{invoke, Error};
/// # use serde_json::{json, Value};
/// # fn run() -> Result<(), Error> {
/// let price: Value = invoke("price", &json!({ "product": 7 }))?;
/// # Ok(()) }
/// ```
pub fn invoke<T: DeserializeOwned>(name: &str, input: &(impl Serialize + ?Sized)) -> Result<T, Error> {
    #[derive(Serialize)]
    struct Invoke<'a, I: ?Sized> {
        name: &'a str,
        input: &'a I,
    }
    #[derive(Deserialize)]
    struct Answer {
        result: Box<RawValue>,
    }
    let Answer { result } = host::run(host::FN_INVOKE, &Invoke { name, input })?;
    json::read_value(&format!("the result of function {name:?}"), result.get())
}

/// Has another function called after the commit, as a job; the job's id. [`Job`] has options.
///
/// # Errors
/// 42883 when there is none of that name, 42501 when this role may not call it, 55000 when the server has no queue.
pub fn enqueue(name: &str, input: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    Job::new(name, input).enqueue()
}

/// A call of another function after the commit, with all that can be said about it.
///
/// ```
/// use std::time::Duration;
/// use alyx_functions::{Error, Job};
/// use serde_json::json;
///
/// # fn run() -> Result<(), Error> {
/// let id = Job::new("send-welcome", &json!({ "user": 7 }))
///     .delay(Duration::from_secs(60))
///     .ordering_key("user 7")
///     .enqueue()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a job is made by `enqueue`"]
pub struct Job<'a> {
    request: Request<'a>,
    failed: Option<Error>,
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    name: &'a str,
    input: Option<Box<RawValue>>,
    run_at: Option<String>,
    delay_ms: Option<u32>,
    priority: i32,
    ordering_key: Option<String>,
    dedupe_key: Option<String>,
}

impl<'a> Job<'a> {
    /// A call of the function `name`.
    pub fn new(name: &'a str, input: &(impl Serialize + ?Sized)) -> Self {
        let (input, failed) = match to_raw_value(input) {
            Ok(input) => (Some(input), None),
            Err(error) => (None, Some(json::unwritable("the job's input", &error))),
        };
        let request =
            Request { name, input, run_at: None, delay_ms: None, priority: 0, ordering_key: None, dedupe_key: None };
        Self { request, failed }
    }

    /// When it may run: a time as PostgreSQL reads it, as `2026-12-24 18:00 Europe/Berlin`. Now when it is not said.
    pub fn run_at(mut self, time: impl Into<String>) -> Self {
        self.request.run_at = Some(time.into());
        self
    }

    /// How long it waits at least; at most 49 days.
    pub fn delay(mut self, time: Duration) -> Self {
        self.request.delay_ms = Some(u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Higher is earlier: a point is worth a minute of waiting.
    pub fn priority(mut self, priority: i32) -> Self {
        self.request.priority = priority;
        self
    }

    /// Jobs of one function and key run one at a time, in order.
    pub fn ordering_key(mut self, key: impl Into<String>) -> Self {
        self.request.ordering_key = Some(key.into());
        self
    }

    /// While a job of this key waits or runs, no other is made: the id is that of the first.
    pub fn dedupe_key(mut self, key: impl Into<String>) -> Self {
        self.request.dedupe_key = Some(key.into());
        self
    }

    /// Makes the job; its id.
    ///
    /// # Errors
    /// As [`enqueue`]; 22007 when `run_at` is no time.
    pub fn enqueue(self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Answer {
            id: String,
        }
        if let Some(error) = self.failed {
            return Err(error);
        }
        host::run(host::FN_ENQUEUE, &self.request).map(|Answer { id }| id)
    }
}

/// An environment value of this function, or a secret that its manifest lists; `None` when there is none of that name.
///
/// # Errors
/// 42501 when the secret was not granted, 55000 when it cannot be decrypted.
///
/// ```
/// # use alyx_functions::{env, Error};
/// # fn key() -> Result<String, Error> {
/// env("WAREHOUSE_KEY")?.ok_or_else(|| Error::msg("WAREHOUSE_KEY is not set"))
/// # }
/// ```
pub fn env(name: &str) -> Result<Option<String>, Error> {
    #[derive(Serialize)]
    struct Key<'a> {
        key: &'a str,
    }
    #[derive(Deserialize)]
    struct Answer {
        value: Option<String>,
    }
    host::ask(host::ENV, &Key { key: name }).map(|Answer { value }| value)
}
