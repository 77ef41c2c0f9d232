//! `env`: the function's own environment, and nothing else of the server.

use alyx_abi::Env;

use super::answer;
use super::guest::GuestHost;

/// `{"key"}` → `{"value": string | null}`.
pub(super) fn env(host: &GuestHost, request: &[u8]) -> Vec<u8> {
    match answer::request::<Env<'_>>("env", request) {
        Ok(Env { key }) => serde_json::json!({ "value": host.function.env.get(&*key) }).to_string().into_bytes(),
        Err(refusal) => refusal,
    }
}
