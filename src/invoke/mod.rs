//! THE road: a prepared function and an input go in, an output or an error comes out. Every entrance walks it (SQL
//! call, trigger, and later job, schedule, HTTP), so limits, role, time and depth are applied here and nowhere else.
//!
//! Only this room calls the runtime. By the time an error leaves it no guest frame is on the stack.

mod engine;
mod event;
mod failure;
mod target;

use std::sync::atomic::{AtomicU32, Ordering};

pub use engine::{check_module, prepare_artefact};
pub use event::{Event, Trigger};
pub use target::Target;

use crate::catalog;
use crate::error::Error;
pub use crate::host::Scope;
use crate::pg::interrupt::Watch;
use crate::pg::{PgError, Role, backend, current_role};
use crate::settings;
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

/// Calls an export with scalars and no Extism input: raw bits in, raw bits out.
#[inline]
pub fn scalar(target: &Target, args: &[u64], scope: Scope) -> Result<u64, PgError> {
    run(target, scope, |running| {
        let function = running.callable(target)?;
        Ok(running.instance.call_scalar(function, args))
    })
}

/// Calls an export with bytes; `read` sees the output (`None` when the guest set none) before the instance goes.
pub fn bytes<T>(
    target: &Target,
    input: &[u8],
    scope: Scope,
    read: impl FnOnce(Option<&[u8]>) -> Result<T, PgError>,
) -> Result<T, PgError> {
    run(target, scope, |running| {
        let function = running.callable(target)?;
        Ok(running.instance.call(function, input).map(|output| output.map(<[u8]>::to_vec)))
    })
    .and_then(|output| read(output.as_deref()).map_err(|error| failure::with_label(error, target)))
}

/// Calls a function by name for `role`, which the current role already is.
///
/// # Errors
/// 42883 for an unknown function, 42501 when the role may not call it, or what the invocation ends with.
pub fn by_name(name: &str, input: &[u8], role: Role) -> Result<Option<Vec<u8>>, PgError> {
    let function = catalog::find(name)?;
    if !function.may_be_called_by(role) {
        return Err(Error::NotAllowed {
            message: format!("permission denied for function \"{name}\""),
            hint: Some("Calling it takes EXECUTE on its SQL function.".to_owned()),
        }
        .into());
    }
    let target = Target::of_function(&function)?;
    bytes(&target, input, Scope::default(), |output| Ok(output.map(<[u8]>::to_vec)))
}

type Ended<T> = Result<T, alyx_runtime::Failure<PgError>>;

#[inline]
fn run<T>(
    target: &Target,
    scope: Scope,
    call: impl FnOnce(&mut Running) -> Result<Ended<T>, PgError>,
) -> Result<T, PgError> {
    let _depth = Depth::enter()?;
    backend::check_stack(settings::max_stack_bytes())?;
    let caller = current_role();
    let watch = Watch::start(target.function.timeout_ms());
    let mut running = target.take(caller, scope)?;
    let ended = call(&mut running)?;
    let host = running.instance.host_mut();
    let ended = match ended {
        // The hot path: nothing raised, nothing logged, nothing to put back.
        Ok(value) if host.is_quiet() => {
            target.put(running, caller);
            return Ok(value);
        }
        ended => ended,
    };
    let ended = failure::settle(target, host, ended);
    let logs = host.finish();
    if ended.is_ok() && running.instance.is_usable() {
        target.put(running, caller);
    } else {
        drop(running);
    }
    drop(watch);
    for (level, line) in logs {
        backend::report(level, &line)?;
    }
    ended
}
