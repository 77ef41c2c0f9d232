//! C entry points: Postgres calls in, a `Result` comes back, and only then is an error raised.
//!
//! Everything a Rust body owns is dropped before [`super::error::throw`] jumps, so nothing leaks and no guest frame is
//! ever jumped over. A panic (our bug, or an ERROR that went through one of pgrx's guards) becomes an error value too.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pgrx::pg_sys;
use pgrx::pg_sys::panic::CaughtError;

use super::call::{Call, Reply};
use super::error::{PgError, SqlState, throw};

/// A body behind an entry point.
pub type Body = fn(&mut Call<'_>) -> Result<Reply, PgError>;

thread_local! {
    static PANIC_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the place of a panic for the error message instead of printing it, with no backtrace.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        PANIC_PLACE.with(|slot| *slot.borrow_mut() = place);
    }));
}

/// Runs one entry point.
///
/// # Safety
/// `fcinfo` is the call that Postgres is making right now.
pub unsafe fn run(fcinfo: pg_sys::FunctionCallInfo, body: Body) -> pg_sys::Datum {
    // SAFETY: `fcinfo` is valid for the whole call; `throw` is the last act and this frame owns nothing by then.
    unsafe {
        match attempt(fcinfo, body) {
            Ok(datum) => datum,
            Err(data) => throw(data),
        }
    }
}

#[inline]
unsafe fn attempt(fcinfo: pg_sys::FunctionCallInfo, body: Body) -> Result<pg_sys::Datum, *mut pg_sys::ErrorData> {
    // SAFETY: as for `run`.
    let result = catch_unwind(AssertUnwindSafe(|| unsafe { body(&mut Call::new(fcinfo)) }));
    match result {
        // SAFETY: as for `run`.
        Ok(Ok(reply)) => Ok(unsafe { reply.give(fcinfo) }),
        // SAFETY: the current memory context is the caller's.
        Ok(Err(error)) => Err(unsafe { error.into_error_data() }),
        // SAFETY: as above.
        Err(panic) => Err(unsafe { from_panic(panic).into_error_data() }),
    }
}

fn from_panic(panic: Box<dyn Any + Send>) -> PgError {
    let panic = match panic.downcast::<CaughtError>() {
        Ok(caught) => {
            let (CaughtError::PostgresError(report)
            | CaughtError::ErrorReport(report)
            | CaughtError::RustPanic { ereport: report, .. }) = *caught;
            let mut error =
                PgError::new(SqlState::from_packed(report.sql_error_code() as i32), report.message().to_owned());
            error.detail = report.detail().map(ToOwned::to_owned);
            error.hint = report.hint().map(ToOwned::to_owned);
            return error;
        }
        Err(panic) => panic,
    };
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned());
    let mut error = PgError::new(SqlState::new(b"XX000"), format!("internal error: {text}"));
    error.detail = PANIC_PLACE.with(|slot| slot.borrow_mut().take()).map(|place| format!("Raised at {place}."));
    error.hint = Some("This is a bug of alyx_functions; please report it with the statement that led here.".to_owned());
    error
}

/// Declares the C symbols of SQL-callable functions: `entry!(symbol, finfo_symbol, body);`.
#[macro_export]
macro_rules! entry {
    ($symbol:ident, $finfo:ident, $body:path) => {
        #[doc(hidden)]
        #[allow(unsafe_code, reason = "the C symbol of an SQL function; the body is safe Rust")]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $finfo() -> *const pgrx::pg_sys::Pg_finfo_record {
            const RECORD: pgrx::pg_sys::Pg_finfo_record = pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &RECORD
        }

        /// Called by Postgres.
        ///
        /// # Safety
        /// By the function manager only.
        #[allow(unsafe_code, reason = "the C symbol of an SQL function; the body is safe Rust")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $symbol(fcinfo: pgrx::pg_sys::FunctionCallInfo) -> pgrx::pg_sys::Datum {
            // SAFETY: Postgres passes a valid call.
            unsafe { $crate::pg::entry::run(fcinfo, $body) }
        }
    };
}
