//! `env`: the function's own environment and the secrets it was granted, and nothing else of the server.

use alyx_abi::Env;

use super::guest::GuestHost;
use super::{answer, secrets};

/// `{"key"}` → `{"value": string | null}`.
pub(super) fn env(host: &GuestHost, request: &[u8]) -> Vec<u8> {
    let Env { key } = match answer::request::<Env<'_>>("env", request) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let value = match secrets::value(&host.function, &key) {
        // A secret stands over an environment value that was set under its name later.
        Ok(Some(secret)) => serde_json::json!({ "value": secret.as_str() }),
        Ok(None) => serde_json::json!({ "value": host.function.env.get(&*key) }),
        Err(error) => return answer::error(&error),
    };
    value.to_string().into_bytes()
}

/// The same for Extism's `config_get`, which has no word for a failure.
pub(super) fn config(host: &GuestHost, key: &str) -> Option<String> {
    match secrets::value(&host.function, key) {
        Ok(Some(secret)) => Some(secret.as_str().to_owned()),
        Ok(None) => host.function.env.get(key).cloned(),
        Err(_) => None,
    }
}
