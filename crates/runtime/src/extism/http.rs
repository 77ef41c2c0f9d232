//! Extism's HTTP client, as far as the host allows it.

use super::Env;
use crate::host::Host;
use crate::outcome::abuse;
use crate::state::{State, Stop};
use wasmtime::Linker;

pub(super) fn define<H: Host>(linker: &mut Linker<State<H>>, ns: &str, name: &str) -> wasmtime::Result<bool> {
    match name {
        "http_request" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, request: u64, body: u64| {
            request_and_body(env.data_mut(), request, body)
        })?,
        "http_status_code" => linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().http_status)?,
        "http_headers" => linker.func_wrap(ns, name, |mut env: Env<'_, H>| {
            let state = env.data_mut();
            let headers = state.http_headers.take();
            let block = state.put(headers.as_deref().unwrap_or_default());
            state.http_headers = headers;
            block
        })?,
        _ => return Ok(false),
    };
    Ok(true)
}

fn request_and_body<H: Host>(state: &mut State<H>, request: u64, body: u64) -> wasmtime::Result<u64> {
    let Some(request_bytes) = state.kernel.block(request).map(<[u8]>::len) else {
        return Err(abuse(format!("invalid handle offset for HTTP request: {request}")));
    };
    let Some(body_bytes) = state.kernel.block(body).map(<[u8]>::len) else {
        return Err(abuse(format!("invalid handle offset for HTTP body: {body}")));
    };
    state.check_host_call(request_bytes.saturating_add(body_bytes))?;
    state.usage.http_requests = state.usage.http_requests.saturating_add(1);
    let reply = {
        let block = |offset| state.kernel.block(offset).unwrap_or_default();
        state.host.http_request(block(request), block(body))
    };
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return Err(state.stop(Stop::Host(error))),
    };
    state.check_host_call(reply.body.len().saturating_add(reply.headers_json.as_ref().map_or(0, Vec::len)))?;
    state.kernel.free(request);
    state.kernel.free(body);
    state.http_status = reply.status.into();
    state.http_headers = reply.headers_json;
    state.put(&reply.body)
}
