//! Catching a Postgres ERROR as a value, with or without a subtransaction around the work.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use cee_scape::{SigJmpBufFields, call_with_sigsetjmp};
use pgrx::pg_sys;

use super::error::PgError;
use super::raw;

/// Runs `f`; an ERROR raised inside it comes back as a value.
///
/// The transaction is in doubt after an `Err`: either the error is raised again, or the work stood inside
/// [`subtransaction`], which rolls it back.
///
/// # Safety
/// `f` may be left by longjmp: it must call Postgres through [`raw`] and own nothing that needs dropping at such a call.
pub(super) unsafe fn catch<T>(f: impl FnOnce() -> T) -> Result<T, PgError> {
    // SAFETY: this is PG_TRY/PG_CATCH of elog.h: the same three globals are saved and restored around sigsetjmp.
    unsafe {
        let memory_context = pg_sys::CurrentMemoryContext;
        let exception_stack = pg_sys::PG_exception_stack;
        let context_stack = pg_sys::error_context_stack;
        let mut value = MaybeUninit::uninit();
        let jumped = call_with_sigsetjmp(false, |buffer| {
            pg_sys::PG_exception_stack = std::ptr::from_ref::<SigJmpBufFields>(buffer).cast_mut().cast();
            // A panic must not cross the C frame of sigsetjmp.
            value.write(catch_unwind(AssertUnwindSafe(f)));
            0
        });
        pg_sys::PG_exception_stack = exception_stack;
        pg_sys::error_context_stack = context_stack;
        if jumped == 0 {
            match value.assume_init() {
                Ok(value) => Ok(value),
                Err(panic) => resume_unwind(panic),
            }
        } else {
            pg_sys::CurrentMemoryContext = memory_context;
            Err(PgError::capture())
        }
    }
}

/// Whether a subtransaction can be opened now: never while a parallel plan runs.
pub fn can_open_subtransaction() -> bool {
    // SAFETY: reads a backend variable.
    unsafe { !pg_sys::IsInParallelMode() }
}

/// Runs `f` inside a subtransaction: kept when it gives `Ok`, rolled back when it gives `Err`.
pub fn subtransaction<T>(f: impl FnOnce() -> Result<T, PgError>) -> Result<T, PgError> {
    // SAFETY: the pattern of plpython's plpy_spi.c: memory context and resource owner are put back after each of the
    // three calls, because they switch both.
    unsafe {
        let memory_context = pg_sys::CurrentMemoryContext;
        let resource_owner = pg_sys::CurrentResourceOwner;
        catch(|| raw::BeginInternalSubTransaction(std::ptr::null()))?;
        pg_sys::CurrentMemoryContext = memory_context;
        let result = f().and_then(|value| catch(|| raw::ReleaseCurrentSubTransaction()).map(|()| value));
        let result = match result {
            Ok(value) => Ok(value),
            Err(error) => {
                pg_sys::CurrentMemoryContext = memory_context;
                catch(|| raw::RollbackAndReleaseCurrentSubTransaction())?;
                Err(error)
            }
        };
        pg_sys::CurrentMemoryContext = memory_context;
        pg_sys::CurrentResourceOwner = resource_owner;
        result
    }
}
