//! Configuration and variables.

use super::Env;
use crate::failure::LimitKind;
use crate::host::Host;
use crate::outcome::abuse;
use crate::state::State;
use crate::variables::Variables;
use wasmtime::Linker;

pub(super) fn define<H: Host>(linker: &mut Linker<State<H>>, ns: &str, name: &str) -> wasmtime::Result<bool> {
    match name {
        "config_get" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, key: u64| config_get(env.data_mut(), key))?,
        "var_get" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, key: u64| var_get(env.data_mut(), key))?,
        "var_set" => linker
            .func_wrap(ns, name, |mut env: Env<'_, H>, key: u64, value: u64| var_set(env.data_mut(), key, value))?,
        _ => return Ok(false),
    };
    Ok(true)
}

fn config_get<H: Host>(state: &mut State<H>, key: u64) -> wasmtime::Result<u64> {
    let key = take_key(state, key, "config key")?;
    let value = state.host.config(&key).unwrap_or_default();
    state.put(value.as_bytes())
}

fn var_get<H: Host>(state: &mut State<H>, key: u64) -> wasmtime::Result<u64> {
    let key = take_key(state, key, "variable key")?;
    let State { kernel, variables, meter, .. } = state;
    let Some(value) = variables.get(&key) else { return Ok(0) };
    let block = kernel.put(value, meter.room());
    state.allocated(block)
}

fn var_set<H: Host>(state: &mut State<H>, key: u64, value: u64) -> wasmtime::Result<()> {
    let key = take_key(state, key, "variable key")?;
    let State { kernel, variables, meter, limits, .. } = state;
    let limit = u64::from(limits.var_bytes);
    let Some(bytes) = kernel.block(value) else {
        return Err(abuse(format!("invalid handle offset for variable value: {value}")));
    };
    if value != 0 && Variables::cost(&key, bytes) > meter.room() {
        return Err(state.over(LimitKind::Memory, state.limits.memory_bytes));
    }
    if value == 0 && limit > 0 {
        variables.remove(&key);
    } else if variables.set(key, bytes, limit).is_err() {
        return Err(abuse(format!("variable store is full: at most {limit} bytes are allowed")));
    }
    meter.set_variables(variables.bytes());
    kernel.free(value);
    Ok(())
}

/// Reads a key and frees its block; null is the empty key.
fn take_key<H: Host>(state: &mut State<H>, block: u64, what: &str) -> wasmtime::Result<String> {
    let Some(bytes) = state.kernel.block(block) else {
        return Err(abuse(format!("invalid handle offset for {what}: {block}")));
    };
    let length = bytes.len();
    state.check_host_call(length)?;
    let bytes = state.kernel.block(block).unwrap_or_default();
    let Ok(key) = std::str::from_utf8(bytes).map(str::to_owned) else {
        return Err(abuse(format!("{what} is not valid UTF-8")));
    };
    state.kernel.free(block);
    Ok(key)
}
