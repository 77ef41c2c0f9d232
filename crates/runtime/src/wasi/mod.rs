//! WASI preview 1 without power: clocks, random numbers, the function's environment, and output that goes to the log.
//! No files, no sockets, no arguments, no sleep.

mod guest;
mod io;
mod system;

pub(crate) use io::Streams;

use crate::host::Host;
use crate::imports::{WASI_REFUSED, types};
use crate::state::State;
use crate::summary::ValueType;
use guest::{Errno, Memory, Stopped};
use wasmtime::{Caller, FuncType, Linker, Val, ValType};

/// Defines the function `name`; false when WASI preview 1 has none of that name.
pub(crate) fn define<H: Host>(linker: &mut Linker<State<H>>, namespace: &str, name: &str) -> wasmtime::Result<bool> {
    Ok(io::define(linker, namespace, name)?
        || system::define(linker, namespace, name)?
        || define_refused(linker, namespace, name)?)
}

/// Runs the body of a WASI function on the guest's memory and gives its error number.
fn answer<H: Host>(
    mut caller: Caller<'_, State<H>>,
    body: impl FnOnce(&mut Memory<'_>, &mut State<H>) -> Result<(), Stopped>,
) -> wasmtime::Result<u32> {
    let Some(memory) = caller.get_export("memory").and_then(wasmtime::Extern::into_memory) else {
        return Ok(Errno::Fault.code());
    };
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    match body(&mut Memory::new(bytes), state) {
        Ok(()) => Ok(Errno::Success.code()),
        Err(Stopped::Errno(errno)) => Ok(errno.code()),
        Err(Stopped::Guest(error)) => Err(error),
    }
}

/// Functions of files and sockets: there are none, and the guest is told so.
fn define_refused<H: Host>(linker: &mut Linker<State<H>>, namespace: &str, name: &str) -> wasmtime::Result<bool> {
    let Some((_, params, results)) = WASI_REFUSED.iter().find(|entry| entry.0 == name) else { return Ok(false) };
    let value_types = |letters: &str| {
        types(letters).into_iter().map(|ty| if ty == ValueType::I64 { ValType::I64 } else { ValType::I32 })
    };
    let ty = FuncType::new(linker.engine(), value_types(params), value_types(results));
    let errno = if name.starts_with("fd_") || name.starts_with("path_") { Errno::BadFile } else { Errno::NotSupported };
    linker.func_new(namespace, name, ty, move |_, _, results| {
        if let Some(result) = results.first_mut() {
            *result = Val::I32(i32::from(errno as u8));
        }
        Ok(())
    })?;
    Ok(true)
}
