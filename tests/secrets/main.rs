//! Secrets, which nobody reads but the functions that they were granted to, and `kv_*`, what a function keeps for itself.
//!
//! A server of its own that preloads the library, because records and jobs must keep secrets as well. Tests that take the
//! key away have a server each.

mod at_rest;
mod forms;
mod house;
mod key_file;
mod kv;
mod kv_caps;
mod kv_concurrency;
mod kv_isolation;
mod kv_places;
mod kv_requests;
mod kv_ttl;
mod ownership;
mod places;
mod reading;
mod redaction;
mod revocation;
mod rotation;
mod squatting;
