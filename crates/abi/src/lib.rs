//! What crosses between a guest and the host functions of `extism:host/user`: names, requests and the form of errors.
//!
//! One definition for the host, for guest SDKs and for the reference (docs/reference.md). Values of SQL stay JSON text
//! (`RawValue`), so that no digit of a number is lost. It must not know what a request leads to.

mod bounded;
mod error;
mod request;

pub use error::{ErrorReply, SqlError};
pub use request::{Batch, Enqueue, Env, Fetch, Invoke, Key, KvList, KvSet, Log, Query, Raise};

/// The host functions of `extism:host/user`, each `(i64) -> i64`: offset of the request in, offset of the response out.
pub const HOST_FUNCTIONS: [&str; 16] = [
    "context",
    "db_batch",
    "db_query",
    "db_release",
    "db_rollback",
    "db_savepoint",
    "env",
    "fn_enqueue",
    "fn_invoke",
    "http_fetch",
    "kv_delete",
    "kv_get",
    "kv_list",
    "kv_set",
    "log",
    "raise",
];
