//! Deployed functions by name, and their modules: read once per backend and deploy, then served from memory.
//!
//! Reads and writes run with the rights of the extension's owner (no one else has any on these tables), so every
//! statement here is fixed text with qualified names. Whether a role may do a thing is asked before, by the callers.

mod function;
pub mod secrets;
mod store;

pub use function::{Function, Source, as_owner, find, find_by_id, require_owned, wasm};
pub use store::{Deployed, HookRow, Stored, Transaction};
