//! `fn_invoke` and the host functions that a manifest maps to other functions.
//!
//! The way back onto the road comes from above, as a function that `invoke` lends each host: this room must not know it.

use alyx_abi::{Enqueue, Invoke};
use serde_json::value::RawValue;

use super::guest::GuestHost;
use super::{answer, query};
use crate::error::Error;
use crate::pg::{PgError, RoleScope, subtransaction};

/// Calls another function that the caller may execute: `{"name", "input"}` → `{"result"}`.
pub(super) fn invoke(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let request: Invoke<'_> = match answer::request("fn_invoke", request) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    let input = request.input.map_or("{}", RawValue::get);
    let can_fail = query::can_fail(request.catch);
    let result = run(host, &request.name, input.as_bytes(), can_fail).map(|output| {
        let mut answer = b"{\"result\":".to_vec();
        answer.extend_from_slice(output.as_deref().unwrap_or(b"null"));
        answer.push(b'}');
        (answer, 0)
    });
    query::settle(host, result, can_fail)
}

/// Has another function that the caller may execute called after commit: `{"name", "input", …}` → `{"id"}`.
pub(super) fn enqueue(host: &mut GuestHost, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let request: Enqueue<'_> = match answer::request("fn_enqueue", request) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    let can_fail = query::can_fail(request.catch);
    let role = host.access()?.role;
    let scope = RoleScope::guest(role);
    let work = || (host.road.enqueue)(&request, role);
    let result = if can_fail { subtransaction(work) } else { work() };
    drop(scope);
    query::settle(host, result.map(|id| (format!("{{\"id\":\"{id}\"}}").into_bytes(), 0)), can_fail)
}

/// A host function of another name: bytes in, bytes out, answered by the function that the manifest maps it to.
pub(super) fn mapped(host: &mut GuestHost, name: &str, request: &[u8]) -> Result<Vec<u8>, PgError> {
    let Some(target) = host.function.host_functions.get(name).cloned() else {
        return Err(Error::Internal(format!("host function \"{name}\" is not mapped")).into());
    };
    // As in Extism a host function that fails stops the guest: it has no way to tell an error from an answer.
    run(host, &target, request, false).map(Option::unwrap_or_default)
}

fn run(host: &mut GuestHost, name: &str, input: &[u8], can_fail: bool) -> Result<Option<Vec<u8>>, PgError> {
    // Opens the scope of settings too: below another role the caller's search_path must not reach the callee's SQL.
    let role = host.access()?.role;
    let _scope = RoleScope::guest(role);
    let work = || (host.road.call)(name, input, role);
    if can_fail { subtransaction(work) } else { work() }
}
