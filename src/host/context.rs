//! `context`: what a guest may know of its own invocation, and who is asking.

use super::guest::GuestHost;
use crate::pg::{Role, backend, escape};

/// `{}` → `{"id", "function": {"name", "version"}, "trigger", "auth", "attempt"}`, as in an event.
pub(super) fn context(host: &GuestHost) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"id\":");
    escape((host.road.invocation_id)().as_bytes(), &mut out);
    out.extend_from_slice(b",\"function\":{\"name\":");
    escape(host.function.name.as_bytes(), &mut out);
    out.extend_from_slice(format!(",\"version\":{}}},\"trigger\":", host.function.version).as_bytes());
    escape(host.scope().trigger.as_bytes(), &mut out);
    out.extend_from_slice(b",\"auth\":");
    write_auth(host.caller(), &mut out);
    out.extend_from_slice(format!(",\"attempt\":{}}}", host.scope().attempt).as_bytes());
    out
}

/// Who is asking: the role, and the claims that PostgREST or the gateway put into `request.jwt.claims`.
pub fn write_auth(role: Role, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"role\":");
    escape(role.name().as_bytes(), out);
    let claims = backend::setting("request.jwt.claims")
        .and_then(|text| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).ok());
    for (key, claim) in [("id", "sub"), ("email", "email")] {
        out.extend_from_slice(format!(",\"{key}\":").as_bytes());
        match claims.as_ref().and_then(|claims| claims.get(claim)).and_then(serde_json::Value::as_str) {
            Some(text) => escape(text.as_bytes(), out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b",\"claims\":");
    match claims.and_then(|claims| serde_json::to_vec(&claims).ok()) {
        Some(json) => out.extend_from_slice(&json),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}
