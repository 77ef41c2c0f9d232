//! The kernel's own functions: blocks, input, output, error.

use super::Env;
use crate::failure::LimitKind;
use crate::host::Host;
use crate::state::State;
use wasmtime::Linker;

pub(super) fn define<H: Host>(linker: &mut Linker<State<H>>, namespace: &str, name: &str) -> wasmtime::Result<bool> {
    let ns = namespace;
    match name {
        "alloc" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, length: u64| env.data_mut().alloc(length))?,
        "free" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, at: u64| env.data_mut().kernel.free(at))?,
        // Extism's unsafe twin trusts its argument; here both look it up, so that no answer is wrong.
        "length" | "length_unsafe" => {
            linker.func_wrap(ns, name, |env: Env<'_, H>, at: u64| env.data().kernel.length(at))?
        }
        "load_u8" => linker.func_wrap(ns, name, |env: Env<'_, H>, at: u64| u32::from(env.data().kernel.load_u8(at)))?,
        "load_u64" => linker.func_wrap(ns, name, |env: Env<'_, H>, at: u64| env.data().kernel.load_u64(at))?,
        "store_u8" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, at: u64, value: u32| {
            let [byte, ..] = value.to_le_bytes();
            env.data_mut().kernel.store(at, &[byte]);
        })?,
        "store_u64" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, at: u64, value: u64| {
            env.data_mut().kernel.store(at, &value.to_le_bytes());
        })?,
        "memory_bytes" => linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().kernel.memory_bytes())?,
        "reset" => linker.func_wrap(ns, name, |mut env: Env<'_, H>| {
            let state = env.data_mut();
            state.kernel.reset();
            state.meter.set_kernel(0);
        })?,
        _ => return define_exchange(linker, ns, name),
    };
    Ok(true)
}

fn define_exchange<H: Host>(linker: &mut Linker<State<H>>, ns: &str, name: &str) -> wasmtime::Result<bool> {
    match name {
        "input_length" => linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().kernel.input().length)?,
        "input_offset" => linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().kernel.input().offset)?,
        "input_load_u8" => {
            linker.func_wrap(ns, name, |env: Env<'_, H>, at: u64| u32::from(env.data().kernel.input_u8(at)))?
        }
        "input_load_u64" => linker.func_wrap(ns, name, |env: Env<'_, H>, at: u64| env.data().kernel.input_u64(at))?,
        "input_set" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, at: u64, length: u64| {
            env.data_mut().kernel.set_input(at, length);
        })?,
        "output_set" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, at: u64, length: u64| {
            let state = env.data_mut();
            let limit = u64::from(state.limits.output_bytes);
            if length > limit && state.kernel.contains(at, length) {
                return Err(state.over(LimitKind::Output, limit));
            }
            state.kernel.set_output(at, length);
            Ok(())
        })?,
        "output_length" => linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().kernel.output().length)?,
        "output_offset" => linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().kernel.output().offset)?,
        "error_set" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, at: u64| {
            env.data_mut().kernel.set_error(at);
        })?,
        "error_get" => linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().kernel.error())?,
        _ => return Ok(false),
    };
    Ok(true)
}
