//! `extism:host/env`: the kernel and host functions of Extism, with the semantics of its crate 1.41.

mod http;
mod logging;
mod memory;
mod values;

use crate::host::Host;
use crate::state::State;
use wasmtime::{Caller, Linker};

type Env<'a, H> = Caller<'a, State<H>>;

/// Defines the function `name`; false when Extism has none of that name.
pub(crate) fn define<H: Host>(linker: &mut Linker<State<H>>, namespace: &str, name: &str) -> wasmtime::Result<bool> {
    Ok(memory::define(linker, namespace, name)?
        || values::define(linker, namespace, name)?
        || logging::define(linker, namespace, name)?
        || http::define(linker, namespace, name)?)
}
