//! Transactions: what to do when one ends, what to do when a statement ends, and running one in a process of our own.
//!
//! A panic or an ERROR in a commit callback would restart the whole cluster: what hangs there only touches memory.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use pgrx::pg_sys;

use super::catch::catch;
use super::error::throw;
use super::{PgError, Role, SqlState, raw};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everybody sees it now.
    Committed,
    /// It never was.
    Aborted,
    /// It waits for COMMIT PREPARED, which will tell us nothing.
    Prepared,
}

/// Rows that wait in memory for the end of the statement that caused them.
pub struct Buffer {
    /// Whether rows of this nesting level or of deeper ones wait.
    pub is_waiting: fn(level: i32) -> bool,
    /// Writes them.
    pub flush: fn(level: i32) -> Result<(), PgError>,
    /// A subtransaction of this level ended: its rows belong to its parent now (`true`), or are no more.
    pub end_subtransaction: fn(level: i32, is_committed: bool),
}

thread_local! {
    static AT_END: RefCell<Vec<fn(End)>> = const { RefCell::new(Vec::new()) };
    static NEXT_FINISH: Cell<pg_sys::ExecutorFinish_hook_type> = const { Cell::new(None) };
}
static BUFFER: OnceLock<Buffer> = OnceLock::new();
static WHEN_OVER: OnceLock<fn()> = OnceLock::new();

/// Calls `f` at the end of every transaction of this process.
pub fn at_end(f: fn(End)) {
    AT_END.with(|functions| {
        let mut functions = functions.borrow_mut();
        if functions.is_empty() {
            register();
        }
        functions.push(f);
    });
}

fn register() {
    // SAFETY: once per process.
    unsafe { pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut()) };
}

/// Calls `f` when a transaction is over in every respect: others see its rows, have been told what to read again, and
/// its locks are free. Once per process.
pub fn when_over(f: fn()) {
    if WHEN_OVER.set(f).is_ok() {
        // SAFETY: once per process.
        unsafe { pg_sys::RegisterResourceReleaseCallback(Some(on_release), std::ptr::null_mut()) };
    }
}

unsafe extern "C-unwind" fn on_release(
    phase: pg_sys::ResourceReleasePhase::Type,
    _is_commit: bool,
    is_top_level: bool,
    _argument: *mut core::ffi::c_void,
) {
    if is_top_level
        && phase == pg_sys::ResourceReleasePhase::RESOURCE_RELEASE_AFTER_LOCKS
        && let Some(f) = WHEN_OVER.get()
    {
        let _ = catch_unwind(f);
    }
}

/// Lets rows wait in memory until the statement (or, for deferred triggers, the transaction) ends. Once per process.
pub fn keep_buffer(buffer: Buffer) {
    if BUFFER.set(buffer).is_ok() {
        at_end(|_| ());
        // SAFETY: once per process.
        unsafe { pg_sys::RegisterSubXactCallback(Some(on_subtransaction), std::ptr::null_mut()) };
    }
}

/// Joins the chain around the end of statements; called once, when the library is loaded.
pub fn install_hook() {
    // SAFETY: _PG_init runs alone; the hook that was there is called by ours.
    unsafe {
        NEXT_FINISH.set(pg_sys::ExecutorFinish_hook);
        pg_sys::ExecutorFinish_hook = Some(executor_finish);
    }
}

unsafe extern "C-unwind" fn executor_finish(query: *mut pg_sys::QueryDesc) {
    // SAFETY: AFTER triggers fire in here; what they left is written when they have all been.
    unsafe {
        NEXT_FINISH.get().unwrap_or(raw::standard_ExecutorFinish)(query);
        end_statement();
    }
}

/// Writes what waits. Called by hooks, with nothing of Rust's on the stack that an ERROR could jump over.
pub(super) unsafe fn end_statement() {
    let Some(buffer) = BUFFER.get() else { return };
    // SAFETY: reads a variable; `throw` is the last act.
    unsafe {
        let level = pg_sys::GetCurrentTransactionNestLevel();
        if (buffer.is_waiting)(level) {
            // The statement's own snapshot may have gone with its portal; SPI wants one.
            let needs_snapshot = !pg_sys::ActiveSnapshotSet();
            if needs_snapshot {
                raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
            }
            let result = catch_unwind(AssertUnwindSafe(|| (buffer.flush)(level)));
            if needs_snapshot && matches!(result, Ok(Ok(()))) {
                raw::PopActiveSnapshot();
            }
            let error = match result {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => PgError::new(SqlState::new(b"XX000"), "internal error: jobs could not be stored"),
            };
            throw(error.into_error_data());
        }
    }
}

unsafe extern "C-unwind" fn on_transaction(event: pg_sys::XactEvent::Type, _argument: *mut core::ffi::c_void) {
    use pg_sys::XactEvent as Event;
    let end = match event {
        // Deferred triggers have fired; their rows are the last to be written, and may still fail.
        // SAFETY: an ERROR may leave this event by longjmp.
        Event::XACT_EVENT_PRE_COMMIT | Event::XACT_EVENT_PRE_PREPARE => unsafe {
            end_statement();
            return super::confine::before_commit();
        },
        Event::XACT_EVENT_COMMIT => End::Committed,
        Event::XACT_EVENT_ABORT => End::Aborted,
        Event::XACT_EVENT_PREPARE => End::Prepared,
        _ => return,
    };
    let functions = AT_END.with(|functions| functions.borrow().clone());
    for f in functions {
        let _ = catch_unwind(|| f(end));
    }
}

unsafe extern "C-unwind" fn on_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    _id: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut core::ffi::c_void,
) {
    use pg_sys::SubXactEvent as Event;
    let is_committed = match event {
        Event::SUBXACT_EVENT_COMMIT_SUB => true,
        Event::SUBXACT_EVENT_ABORT_SUB => false,
        _ => return,
    };
    if let Some(buffer) = BUFFER.get() {
        // SAFETY: reads a variable, which still names the level that ends.
        let level = unsafe { pg_sys::GetCurrentTransactionNestLevel() };
        let _ = catch_unwind(|| (buffer.end_subtransaction)(level, is_committed));
    }
}

/// The nesting level of the current (sub)transaction, from 1.
pub fn nesting_level() -> i32 {
    // SAFETY: reads a variable.
    unsafe { pg_sys::GetCurrentTransactionNestLevel() }
}

/// Whether all statements of this transaction see by one snapshot (REPEATABLE READ, SERIALIZABLE).
pub fn keeps_snapshot() -> bool {
    // SAFETY: reads a variable.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ.cast_signed() }
}

/// Runs `f` in a transaction of this process of ours: committed when it gives `Ok`, rolled back when it gives `Err`.
///
/// # Errors
/// What `f` or the commit fails with.
pub fn run<T>(f: impl FnOnce() -> Result<T, PgError>) -> Result<T, PgError> {
    run_in(None, f)
}

/// The same in a session that [`super::background::become_role`] gave to `role`. The context that forbids leaving the
/// role is held until after the commit: deferred triggers run under it too.
pub fn run_as<T>(role: Role, f: impl FnOnce() -> Result<T, PgError>) -> Result<T, PgError> {
    run_in(Some(role), f)
}

fn run_in<T>(role: Option<Role>, f: impl FnOnce() -> Result<T, PgError>) -> Result<T, PgError> {
    // SAFETY: no transaction is open in a background process between calls of this function. An abort puts user and
    // context back to what StartTransaction saw: the role, with no context.
    unsafe {
        let result = catch(|| {
            raw::SetCurrentStatementStartTimestamp();
            raw::StartTransactionCommand();
            raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
        });
        let result = result.and_then(|()| {
            role.inspect(|role| confine(*role, pg_sys::SECURITY_LOCAL_USERID_CHANGE));
            f()
        });
        let result = result.and_then(|value| {
            catch(|| {
                raw::PopActiveSnapshot();
                raw::CommitTransactionCommand();
            })
            .map(|()| value)
        });
        if result.is_err() {
            catch(|| raw::AbortCurrentTransaction())?;
        }
        role.inspect(|role| confine(*role, 0));
        result
    }
}

unsafe fn confine(role: Role, context: u32) {
    #[allow(clippy::cast_possible_wrap, reason = "flag bits")]
    // SAFETY: sets two variables of this process.
    unsafe {
        pg_sys::SetUserIdAndSecContext(role.0, context as i32);
    }
}
