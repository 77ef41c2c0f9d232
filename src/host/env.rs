//! `env`: the function's own environment, and nothing else of the server.

use serde::Deserialize;

use super::answer;
use super::guest::GuestHost;

#[derive(Deserialize)]
struct Request {
    key: String,
}

/// `{"key"}` → `{"value": string | null}`.
pub(super) fn env(host: &GuestHost, request: &[u8]) -> Vec<u8> {
    match answer::request::<Request>("env", request) {
        Ok(Request { key }) => serde_json::json!({ "value": host.function.env.get(&key) }).to_string().into_bytes(),
        Err(refusal) => refusal,
    }
}
