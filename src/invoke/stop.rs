//! Work of ours that can take long asks here whether it must end, and learns here for which error it did.

use std::cell::RefCell;

use alyx_runtime::Interrupt;

use crate::pg::interrupt::{self, Stop};
use crate::pg::{PgError, SqlState};

thread_local! {
    /// The error of an interrupt that was served meanwhile.
    static SERVED: RefCell<Option<PgError>> = const { RefCell::new(None) };
}

/// Keeps the error of an interrupt for [`error`].
pub(super) fn note(stop: Stop) -> Interrupt {
    match stop {
        Stop::Pending => Interrupt::Cancelled,
        Stop::Expired => Interrupt::TimedOut,
        Stop::Error(error) => {
            SERVED.replace(Some(error));
            Interrupt::Cancelled
        }
    }
}

/// Why the work must end, if it must.
pub(super) fn look() -> Option<Interrupt> {
    interrupt::poll().map(note)
}

/// The error for which work was ended; `None` when it was for the time limit.
pub(super) fn error() -> Option<PgError> {
    SERVED.take().or_else(interrupt::raise_pending)
}

/// The same where there is no time limit.
pub(super) fn cancelled() -> PgError {
    error().unwrap_or_else(|| PgError::new(SqlState::new(b"57014"), "canceling statement due to user request"))
}
