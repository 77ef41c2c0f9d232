//! Turns wasmtime's errors into failures.

use crate::failure::{Failure, Frame, LimitKind};
use crate::host::Host;
use crate::state::{State, Stop};
use wasmtime::{FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace};

/// Exit code of a guest that trapped after it had set an error; Extism's number.
pub(crate) const TRAPPED: i32 = 134;
/// Characters of a guest's name or message that are worth passing on.
const MAX_NAME_CHARS: usize = 256;

/// What a guest asked of the host that no well-made guest asks. It says so itself: of a host function that was called last
/// of all (`return_call`) no frame of the guest is on the stack.
#[derive(Debug)]
struct Abuse(String);

impl std::fmt::Display for Abuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Abuse {}

/// Ends the guest as a trap does.
pub(crate) fn abuse(message: String) -> wasmtime::Error {
    wasmtime::Error::new(Abuse(message))
}

/// How wasm was left by other ways than its end.
pub(crate) enum End<E> {
    /// `proc_exit`.
    Exit(i32),
    Failed(Failure<E>),
}

/// Explains `error`; what we stopped ourselves outranks what wasmtime says about it.
pub(crate) fn end<H: Host>(state: &mut State<H>, error: &wasmtime::Error, instance_slots: u32) -> End<H::Error> {
    let failure = match state.stop.take() {
        Some(Stop::Exit(code)) => return End::Exit(code),
        Some(Stop::Host(error)) => Failure::Host(error),
        Some(Stop::Interrupted(why)) => Failure::Interrupted(why),
        Some(Stop::Limit(what, limit)) => Failure::Limit { what, limit },
        None => match (state.meter.exceeded(), error.downcast_ref::<Trap>()) {
            (Some((what, limit)), _) => Failure::Limit { what, limit },
            (None, Some(Trap::StackOverflow)) => Failure::StackOverflow { frames: frames(error) },
            (None, Some(trap)) => {
                let message = trap.to_string();
                let message = message.strip_prefix("wasm trap: ").unwrap_or(&message).to_owned();
                Failure::Trap { message, frames: frames(error) }
            }
            (None, None) if error.is::<PoolConcurrencyLimitError>() => {
                Failure::Limit { what: LimitKind::Instances, limit: instance_slots.into() }
            }
            (None, None) if error.is::<WasmBacktrace>() || error.is::<Abuse>() => {
                Failure::Trap { message: error.root_cause().to_string(), frames: frames(error) }
            }
            (None, None) => Failure::Internal(format!("{error:#}")),
        },
    };
    End::Failed(failure)
}

/// The failure of a guest that exits with `code` and has set no error.
pub(crate) fn exited<E>(exit_code: i32) -> Failure<E> {
    Failure::Guest { message: format!("returned non-zero exit code: {exit_code}"), exit_code }
}

fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    trace.frames().iter().flat_map(places).collect()
}

/// The functions at one frame: several where the compiler of the guest has inlined.
fn places(info: &FrameInfo) -> Vec<Frame> {
    let name = |name: Option<&str>| name.map_or_else(|| format!("function {}", info.func_index()), demangled);
    if info.symbols().is_empty() {
        return vec![Frame { function: name(info.func_name()), ..Frame::default() }];
    }
    let symbols = info.symbols().iter();
    let frame = symbols.map(|symbol| Frame {
        function: name(symbol.name().or(info.func_name())),
        file: symbol.file().map(shortened),
        line: symbol.line(),
        column: symbol.column(),
    });
    frame.collect()
}

fn demangled(name: &str) -> String {
    shortened(&format!("{:#}", rustc_demangle::demangle(name)))
}

fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect()
}
