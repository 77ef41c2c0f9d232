//! Small facts about this backend: room on the stack, its data folder, settings, log lines.

use core::ffi::{CStr, c_char, c_int};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;

use pgrx::pg_sys;

use super::call::owned;
use super::catch::catch;
use super::error::SqlState;
use super::{PgError, raw};

/// Bytes kept free below a guest's stack for the host functions that run on top of it.
const STACK_SLOP: usize = 256 * 1024;

/// Refuses to start a guest that could run off the end of the process's stack.
///
/// # Errors
/// 54001, as Postgres itself says it.
#[inline]
pub fn check_stack(guest_bytes: usize) -> Result<(), PgError> {
    let here = 0u8;
    let at = std::ptr::from_ref(&here) as usize;
    let (base, limit) = *STACK.get_or_init(stack);
    let used = base.abs_diff(at);
    if used + guest_bytes + STACK_SLOP <= limit { Ok(()) } else { Err(too_deep(used, limit, guest_bytes)) }
}

/// Gives freed memory that the allocator keeps back to the system. Takes tens of microseconds per megabyte.
pub fn give_back_memory() {
    // SAFETY: malloc_trim(3) may be called at any time outside of a signal handler.
    unsafe { libc::malloc_trim(0) };
}

/// Where this process's stack begins and how many bytes it may take; neither changes while it runs.
static STACK: OnceLock<(usize, usize)> = OnceLock::new();

fn stack() -> (usize, usize) {
    // SAFETY: set_stack_base returns the base it replaces, which is put back at once.
    let (base, limit) = unsafe {
        let base = raw::set_stack_base();
        raw::restore_stack_base(base);
        (base as usize, raw::get_stack_depth_rlimit())
    };
    // -1 says that the platform does not tell; a base of 0 that there is nothing to measure from.
    match usize::try_from(limit) {
        Ok(limit) if base != 0 && limit > 0 => (base, limit),
        _ => (base, usize::MAX),
    }
}

#[cold]
fn too_deep(used: usize, limit: usize, guest_bytes: usize) -> PgError {
    let mut error = PgError::new(SqlState::new(b"54001"), "stack depth limit exceeded");
    error.detail = Some(format!("{used} bytes of {limit} are in use, and a function may need {guest_bytes} more."));
    error.hint = Some(
        "Make the nesting of functions and triggers shallower, or raise the stack limit of the server's platform."
            .to_owned(),
    );
    error
}

/// The data folder of the cluster.
pub fn data_directory() -> PathBuf {
    // SAFETY: set before any backend starts.
    PathBuf::from(unsafe { owned(pg_sys::DataDir) })
}

/// The value of a setting, empty or not there as `None`.
pub fn setting(name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: with missing_ok an unknown setting gives null; the value is copied at once.
    let value = unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        if value.is_null() { return None } else { owned(value) }
    };
    (!value.is_empty()).then_some(value)
}

/// Bytes that are free for this user on the file system of a path, and whether it can be written at all.
pub fn free_space(path: &Path) -> Option<(u64, bool)> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: the path ends in a zero byte; the answer is read only after the call succeeded.
    let found = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &mut found) == 0).then_some(found)?
    };
    let bytes = found.f_bavail.saturating_mul(found.f_frsize).min(i64::MAX.unsigned_abs());
    Some((bytes, found.f_flag & libc::ST_RDONLY == 0))
}

/// Whether this session restores a dump: each begins with `SET row_security = off`, which hardly anybody else does, and
/// which CREATE EXTENSION leaves alone, unlike check_function_bodies.
pub fn restores_dump() -> bool {
    // SAFETY: a setting of this backend.
    unsafe { !pg_sys::row_security }
}

/// Whether function bodies should be checked when they are created: off while a dump is restored.
pub fn checks_function_bodies() -> bool {
    // SAFETY: a setting of this backend.
    unsafe { pg_sys::check_function_bodies }
}

/// Whether the server loaded this library at its start.
pub fn is_preloaded() -> bool {
    setting("shared_preload_libraries").is_some_and(|list| {
        list.split(',').any(|library| library.trim().trim_matches('"').rsplit('/').next() == Some("alyx_functions"))
    })
}

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// DEBUG1.
    Debug,
    /// LOG: the server log.
    Log,
    /// WARNING: server log and client.
    Warning,
}

/// Sends one line to the server log and to the client, as each has asked for. Never with guest frames on the stack.
pub fn report(level: Level, message: &str) -> Result<(), PgError> {
    report_as(level, message, None)
}

/// The same of a failure that the process goes on after, under the SQLSTATE of the error.
pub fn report_failure(level: Level, what: &str, error: &PgError) -> Result<(), PgError> {
    report_as(level, &format!("{what}: {}", error.message), Some(error.sqlstate))
}

fn report_as(level: Level, message: &str, sqlstate: Option<SqlState>) -> Result<(), PgError> {
    #[allow(clippy::cast_possible_wrap, reason = "small constants")]
    let level = match level {
        Level::Debug => pg_sys::DEBUG1 as c_int,
        Level::Log => pg_sys::LOG as c_int,
        Level::Warning => pg_sys::WARNING as c_int,
    };
    let text: Vec<u8> = message.bytes().filter(|byte| *byte != 0).collect();
    let Ok(text) = super::datum::c_string(&text) else { return Ok(()) };
    const HERE: *const c_char = c"alyx_functions".as_ptr();
    // SAFETY: the calls that ereport expands to; the text is an argument, never a format.
    unsafe {
        catch(|| {
            if raw::errstart(level, std::ptr::null()) {
                if let Some(sqlstate) = sqlstate {
                    raw::errcode(sqlstate.0);
                }
                raw::errmsg_internal(c"%s".as_ptr(), text.as_ptr());
                raw::errfinish(HERE, 0, HERE);
            }
        })
    }
}

/// Adds a line to the CONTEXT of any error raised while it lives.
pub struct ContextScope {
    callback: Box<(pg_sys::ErrorContextCallback, Rc<CStr>)>,
}

impl ContextScope {
    /// Pushes the line.
    pub fn push(line: Rc<CStr>) -> Self {
        let mut callback = Box::new((
            pg_sys::ErrorContextCallback {
                // SAFETY: the head of the backend's callback list.
                previous: unsafe { pg_sys::error_context_stack },
                callback: Some(add_context),
                arg: std::ptr::null_mut(),
            },
            line,
        ));
        callback.0.arg = callback.1.as_ptr().cast_mut().cast();
        // SAFETY: the box keeps its address until `Drop` takes it off the list again.
        unsafe { pg_sys::error_context_stack = &mut callback.0 };
        Self { callback }
    }
}

impl Drop for ContextScope {
    fn drop(&mut self) {
        // SAFETY: scopes nest, so ours is the head.
        unsafe { pg_sys::error_context_stack = self.callback.0.previous };
    }
}

unsafe extern "C-unwind" fn add_context(line: *mut core::ffi::c_void) {
    // SAFETY: `line` is the string of a live ContextScope, passed as an argument.
    unsafe {
        raw::set_errcontext_domain(std::ptr::null());
        raw::errcontext_msg(c"%s".as_ptr(), line.cast::<c_char>());
    }
}
