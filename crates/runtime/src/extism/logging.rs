//! The log functions.

use super::Env;
use crate::host::{Host, LogLevel};
use crate::outcome::abuse;
use crate::state::State;
use wasmtime::Linker;

pub(super) fn define<H: Host>(linker: &mut Linker<State<H>>, ns: &str, name: &str) -> wasmtime::Result<bool> {
    let level = match name {
        "log_trace" => LogLevel::Trace,
        "log_debug" => LogLevel::Debug,
        "log_info" => LogLevel::Info,
        "log_warn" => LogLevel::Warn,
        "log_error" => LogLevel::Error,
        "get_log_level" => {
            linker.func_wrap(ns, name, |env: Env<'_, H>| env.data().host.log_level().extism())?;
            return Ok(true);
        }
        _ => return Ok(false),
    };
    linker.func_wrap(ns, name, move |mut env: Env<'_, H>, message: u64| log(env.data_mut(), level, message))?;
    Ok(true)
}

/// An invalid handle is an error only where the message would be kept, as in Extism.
fn log<H: Host>(state: &mut State<H>, level: LogLevel, message: u64) -> wasmtime::Result<()> {
    if state.logs(level) {
        let Some(bytes) = state.kernel.block(message) else {
            return Err(abuse(format!("invalid handle offset for log message: {message}")));
        };
        // The budget bounds what is worth decoding; the rest only counts.
        let budget = usize::try_from(state.limits.log_bytes).unwrap_or(usize::MAX);
        let (kept, dropped) = bytes.split_at_checked(budget).unwrap_or((bytes, &[]));
        let dropped = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
        let text = String::from_utf8_lossy(kept).into_owned();
        state.usage.log_dropped_bytes = state.usage.log_dropped_bytes.saturating_add(dropped);
        state.log(level, &text);
    }
    state.kernel.free(message);
    Ok(())
}
