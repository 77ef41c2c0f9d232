//! THE road: a prepared function and an input go in, an output or an error comes out. Every entrance walks it (SQL
//! call, trigger, and later job, schedule, HTTP), so limits, role, time and depth are applied here and nowhere else.
//!
//! Only this room calls the runtime. By the time an error leaves it no guest frame is on the stack.

mod coerce;
mod engine;
mod enqueue;
mod event;
mod failure;
mod job;
mod leftover;
mod request;
mod schema;
mod source;
mod stop;
mod target;

use std::sync::atomic::{AtomicU32, Ordering};

pub use engine::{cache_folder, cache_holdings, check_module, define, name_of_source, prepare_artefact, sweep_cache};
pub use enqueue::{Order, enqueue, enqueue_delivery, enqueue_event};
pub use event::Event;
pub use job::job;
pub use request::{Request, Response, request};
pub use schema::{check_input, check_schemas};
pub use target::Target;

use crate::catalog;
use crate::error::Error;
use crate::host::{Road, redact};
pub use crate::host::{Scope, redact_error};
use crate::pg::backend::Level;
use crate::pg::interrupt::Watch;
use crate::pg::{PgError, Role, backend, current_role};
use crate::record::{Invocation, Kind, Line, Used, current_id, keep_payload, micros};
pub use crate::record::{InvocationId, Occasion, Trigger};
use crate::settings;
use alyx_runtime::LogLevel;
use failure::Failed;
use target::Running;

// One thread runs functions; an atomic is cheaper here than thread-local storage of a shared library.
static DEPTH: AtomicU32 = AtomicU32::new(0);

/// One level of nesting, left on drop.
struct Depth(u32);

impl Depth {
    #[inline]
    fn enter() -> Result<Self, PgError> {
        let depth = DEPTH.load(Ordering::Relaxed);
        let limit = settings::max_call_depth();
        if depth >= limit {
            return Err(Error::TooDeep { limit }.into());
        }
        DEPTH.store(depth + 1, Ordering::Relaxed);
        Ok(Self(depth))
    }
}

impl Drop for Depth {
    #[inline]
    fn drop(&mut self) {
        DEPTH.store(self.0, Ordering::Relaxed);
    }
}

/// How a call stands in its query, and what led to it.
#[derive(Clone, Copy, Debug)]
pub struct Entrance {
    /// What its place means for the guest's SQL.
    pub scope: Scope,
    /// What led to it.
    pub occasion: Occasion,
    /// Whether input and output are kept with the record: not on paths that are as short as a row trigger.
    pub is_kept: bool,
}

impl Entrance {
    /// A call by SQL.
    pub const fn sql(scope: Scope) -> Self {
        Self { scope, occasion: Occasion::SQL, is_kept: false }
    }
}

/// Calls an export with scalars and no Extism input: raw bits in, raw bits out.
#[inline]
pub fn scalar(target: &Target, args: &[u64], entrance: Entrance) -> Result<u64, PgError> {
    let call = |running: &mut Running| {
        let function = running.callable(target)?;
        Ok(running.instance.call_scalar(function, args))
    };
    run(target, entrance, || Ok(()), call, Ok)
}

/// What a guest is given to read.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// What its caller passed.
    Plain(&'a [u8]),
    /// The event of a job, a schedule or a request, and the input in it.
    Event { event: &'a [u8], input: &'a [u8] },
    /// The event of a trigger, which has no input.
    Change(&'a [u8]),
}

/// Calls an export with bytes; `read` sees the output, `None` when the guest set none.
pub fn bytes<T>(
    target: &Target,
    input: Input<'_>,
    entrance: Entrance,
    read: impl FnOnce(Option<&[u8]>) -> Result<T, PgError>,
) -> Result<T, PgError> {
    let schemas = match input {
        Input::Change(_) => None,
        Input::Plain(_) | Input::Event { .. } => target.schemas.as_deref(),
    };
    let payload_bytes = if entrance.is_kept { settings::record_payload_bytes() } else { 0 };
    let check = || {
        if payload_bytes > 0
            && let Input::Plain(input) | Input::Event { input, .. } = input
        {
            keep(Kind::Input, input, payload_bytes);
        }
        match (schemas, input) {
            (Some(schemas), Input::Plain(input) | Input::Event { input, .. }) => {
                schemas.check_input(&target.function, input)
            }
            _ => Ok(()),
        }
    };
    let call = |running: &mut Running| {
        let function = running.callable(target)?;
        let instance = &mut running.instance;
        let ended = match input {
            Input::Plain(input) => instance.call(function, input),
            Input::Event { event, .. } | Input::Change(event) => instance.call_event(function, event),
        };
        Ok(ended.map(|output| output.map(<[u8]>::to_vec)))
    };
    let read = |output: Option<Vec<u8>>| {
        let output = output.as_deref();
        if payload_bytes > 0
            && let Some(output) = output
        {
            keep(Kind::Output, output, payload_bytes);
        }
        let checked = schemas.map_or(Ok(()), |schemas| schemas.check_output(&target.function, output));
        checked.and_then(|()| read(output)).map_err(|error| failure::with_label(error, target))
    };
    run(target, entrance, check, call, read)
}

/// Keeps the beginning of an input or output with the record, without secrets.
#[cold]
fn keep(kind: Kind, bytes: &[u8], most_bytes: usize) {
    // A secret that begins before the cut and ends behind it must be found whole.
    const LONGEST_SECRET: usize = 64 << 10;
    let seen = bytes.get(..most_bytes + LONGEST_SECRET).unwrap_or(bytes);
    let text = String::from_utf8_lossy(seen);
    let mut clean = redact(&text).into_owned();
    let mut end = clean.len().min(most_bytes);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    if end < clean.len() || seen.len() < bytes.len() {
        clean.truncate(end);
        clean.push_str(" [cut]");
    }
    keep_payload(kind, clean);
}

/// Calls a function by name for `role`, which the current role already is.
///
/// # Errors
/// 42883 for an unknown function, 42501 when the role may not call it, or what the invocation ends with.
pub fn by_name(name: &str, input: &[u8], role: Role) -> Result<Option<Vec<u8>>, PgError> {
    let function = catalog::find(name)?;
    if !function.may_be_called_by(role)? {
        return Err(Error::NotAllowed {
            message: format!("permission denied for function \"{name}\""),
            hint: Some("Calling it takes EXECUTE on its SQL function.".to_owned()),
        }
        .into());
    }
    let target = Target::of_function(&function)?;
    let entrance = Entrance { is_kept: true, ..Entrance::sql(Scope::default()) };
    bytes(&target, Input::Plain(input), entrance, |output| Ok(output.map(<[u8]>::to_vec)))
}

/// What guests are lent to call other functions.
const ROAD: Road = Road { call: by_name, enqueue: enqueue::for_guest, invocation_id };

/// The id of the innermost invocation; one of its own where nothing is recorded.
fn invocation_id() -> String {
    let id = current_id().unwrap_or_else(InvocationId::new);
    let mut text = Vec::new();
    id.write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

type Ended<T> = Result<T, alyx_runtime::Failure<PgError>>;

/// One invocation, observed from its first moment to its last: every way out leaves its record.
#[inline]
fn run<T, R>(
    target: &Target,
    entrance: Entrance,
    check: impl FnOnce() -> Result<(), PgError>,
    call: impl FnOnce(&mut Running) -> Result<Ended<T>, PgError>,
    read: impl FnOnce(T) -> Result<R, PgError>,
) -> Result<R, PgError> {
    let caller = current_role();
    let scope =
        Scope { trigger: entrance.occasion.trigger.word(), attempt: entrance.occasion.attempt, ..entrance.scope };
    let mut invocation = Invocation::begin(&target.recorder, caller, entrance.occasion);
    let result = walk(target, caller, scope, &mut invocation, check, call);
    match result.and_then(|value| Ok(read(value)?)) {
        Ok(value) => {
            invocation.succeeded();
            Ok(value)
        }
        Err(Failed { status, mut error }) => {
            // Here an error leaves for the client, the server log and the record.
            redact_error(&mut error);
            invocation.failed(status, &error);
            Err(error)
        }
    }
}

#[inline]
fn walk<T>(
    target: &Target,
    caller: Role,
    scope: Scope,
    invocation: &mut Invocation,
    check: impl FnOnce() -> Result<(), PgError>,
    call: impl FnOnce(&mut Running) -> Result<Ended<T>, PgError>,
) -> Result<T, Failed> {
    let _depth = Depth::enter().map_err(Failed::at_limit)?;
    backend::check_stack(settings::max_stack_bytes()).map_err(Failed::at_limit)?;
    let watch = Watch::start(target.function.timeout_ms());
    check().map_err(|error| failure::before_call(error, target))?;
    let mut running = target.take(caller, scope)?;
    let ended = call(&mut running)?;
    leftover::note(running.instance.host_peak_bytes());
    if invocation.is_observed() {
        invocation.guest_ended(used(&running));
    }
    let host = running.instance.host_mut();
    let left_open = host.close_savepoints();
    let ended = match ended {
        // The hot path: nothing raised, nothing logged, nothing to put back.
        Ok(value) if host.is_quiet() && !left_open => {
            target.put(running);
            return Ok(value);
        }
        ended => ended,
    };
    let logs = host.take_logs();
    invocation.logged(logs.iter().map(|line| Line {
        kind: Kind::Log(line.level),
        at_us: micros(line.at),
        text: line.text.clone(),
    }));
    // For a session that is being terminated this is the end: what is to be recorded must be known by now.
    let ended = failure::settle(target, host, ended, left_open);
    host.finish();
    if ended.is_ok() && running.instance.is_usable() {
        target.put(running);
    } else {
        drop(running);
    }
    drop(watch);
    for line in logs {
        let level = match line.level {
            LogLevel::Trace | LogLevel::Debug | LogLevel::Off => Level::Debug,
            LogLevel::Info => Level::Log,
            LogLevel::Warn | LogLevel::Error => Level::Warning,
        };
        backend::report(level, &format!("function \"{}\": {}", target.function.name, line.text))?;
    }
    ended
}

#[inline]
fn used(running: &Running) -> Used {
    let (host_calls, rows) = running.instance.host().used();
    Used { memory_bytes: running.instance.usage().memory_peak_bytes, host_calls, rows }
}
