//! Requests to the host: JSON out, JSON or an error back. It knows how to ask, and which failure the host still remembers;
//! what a request means is told where it is made.

use std::cell::Cell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Fields};
use crate::json;
use crate::members::Members;

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::sys;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::double as sys;

/// A host function.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) import: sys::Import,
}

macro_rules! functions {
    ($($constant:ident = $name:ident;)+) => {
        $(pub(crate) const $constant: Function = Function { name: stringify!($name), import: sys::$name };)+
    };
}

functions! {
    CONTEXT = context;
    DB_BATCH = db_batch;
    DB_QUERY = db_query;
    DB_RELEASE = db_release;
    DB_ROLLBACK = db_rollback;
    DB_SAVEPOINT = db_savepoint;
    ENV = env;
    FN_ENQUEUE = fn_enqueue;
    FN_INVOKE = fn_invoke;
    HTTP_FETCH = http_fetch;
    KV_DELETE = kv_delete;
    KV_GET = kv_get;
    KV_LIST = kv_list;
    KV_SET = kv_set;
    LOG = log;
    RAISE = raise;
}

/// A request or an answer without members.
#[derive(Serialize, Deserialize)]
pub(crate) struct Empty {}

thread_local! {
    /// Number of the failure that the host remembers with every field that Postgres set: that of the last statement, when
    /// it failed. If it ends the function, the host tells its own copy.
    static REMEMBERED: Cell<Option<u32>> = const { Cell::new(None) };
    static FAILURES: Cell<u32> = const { Cell::new(0) };
}

/// Forgets what belongs to the invocation before: an instance may serve several.
pub(crate) fn begin() {
    REMEMBERED.set(None);
}

/// Whether the host would tell this failure itself.
pub(crate) fn remembers(failure: Option<u32>) -> bool {
    failure.is_some() && REMEMBERED.get() == failure
}

/// Whether the last statement failed.
pub(crate) fn has_failed() -> bool {
    REMEMBERED.get().is_some()
}

/// A request that runs SQL or another function: the host remembers its failure until the next of them.
pub(crate) fn run<R: DeserializeOwned>(function: Function, request: &impl Serialize) -> Result<R, Error> {
    let request = json::write(function.name, request)?;
    match answer(function, &request) {
        Ok(answer) => {
            REMEMBERED.set(None);
            json::read_answer(function.name, &answer)
        }
        Err(fields) => {
            let number = FAILURES.get().wrapping_add(1);
            FAILURES.set(number);
            REMEMBERED.set(Some(number));
            Err(Error::failure(*fields, Some(number)))
        }
    }
}

/// Any other request.
pub(crate) fn ask<R: DeserializeOwned>(function: Function, request: &impl Serialize) -> Result<R, Error> {
    json::read_answer(function.name, &ask_bytes(function, request)?)
}

/// The same, with the answer as it is.
pub(crate) fn ask_bytes(function: Function, request: &impl Serialize) -> Result<Vec<u8>, Error> {
    let request = json::write(function.name, request)?;
    answer(function, &request).map_err(|fields| Error::failure(*fields, None))
}

fn answer(function: Function, request: &[u8]) -> Result<Vec<u8>, Box<Fields>> {
    let answer = sys::call(function.import, request);
    // The host writes this member first and alone. Looking for it otherwise would read every answer twice.
    if answer.starts_with(b"{\"error\":") {
        if let Some(error) = Members::of(&answer).object("error") {
            return Err(Box::new(Fields::of(&error)));
        }
    }
    Ok(answer)
}
