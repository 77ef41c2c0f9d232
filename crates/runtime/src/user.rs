//! `extism:host/user`: functions of the embedder, request block in, response block out.

use crate::host::Host;
use crate::outcome::abuse;
use crate::state::{State, Stop};
use wasmtime::{Caller, Linker};

/// Defines the function `name`; every name exists here, since [`imports::check`](crate::imports::check) has refused
/// those that the embedder does not have.
pub(crate) fn define<H: Host>(linker: &mut Linker<State<H>>, namespace: &str, name: &str) -> wasmtime::Result<bool> {
    let function = name.to_owned();
    linker.func_wrap(namespace, name, move |mut caller: Caller<'_, State<H>>, request: u64| {
        call(caller.data_mut(), &function, request)
    })?;
    Ok(true)
}

/// The request block stays the guest's: it frees it itself, and might free the response if we did.
fn call<H: Host>(state: &mut State<H>, name: &str, request: u64) -> wasmtime::Result<u64> {
    let Some(length) = state.kernel.block(request).map(<[u8]>::len) else {
        return Err(abuse(format!("invalid handle offset for request of host function \"{name}\": {request}")));
    };
    state.check_host_call(length)?;
    state.usage.host_calls = state.usage.host_calls.saturating_add(1);
    let response = state.host.call(name, state.kernel.block(request).unwrap_or_default());
    match response {
        Ok(response) => {
            state.check_host_call(response.len())?;
            state.put(&response)
        }
        Err(error) => Err(state.stop(Stop::Host(error))),
    }
}
