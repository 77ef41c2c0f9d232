//! What a guest may ask of the database: one small file per power, all reached through [`GuestHost`].
//!
//! A request that fails is a value that the guest can handle (`{"error": {...}}`). Only what it must not survive stops
//! it: a cancel, a passed time limit, or a failed statement for which it said that it would not handle failure.
#![deny(clippy::indexing_slicing)]

mod answer;
mod call;
mod context;
mod env;
mod fetch;
mod grants;
mod guest;
mod kv;
mod log;
mod query;
mod raise;
mod savepoint;
mod secrets;

pub use context::write_auth;
pub use grants::Grants;
pub use guest::{GuestHost, Road, Scope};
pub use secrets::{key_file, redact, redact_error, unreadable, unusable};
