//! How an invocation that did not succeed is told: who failed, what was the cause, where in the guest.

use alyx_runtime::{Failure, Frame, Interrupt};

use super::{Target, source};
use crate::error::Error;
use crate::host::GuestHost;
use crate::pg::{PgError, SqlState, interrupt};
use crate::record::Status;

/// Guest frames shown in CONTEXT.
const MAX_FRAMES: usize = 10;

/// An invocation that failed: in which way, and what its caller is told.
pub(super) struct Failed {
    pub(super) status: Status,
    pub(super) error: PgError,
}

impl Failed {
    fn new(status: Status, error: PgError) -> Self {
        Self { status, error }
    }

    /// What could not even begin, for want of room.
    #[cold]
    pub(super) fn at_limit(error: PgError) -> Self {
        Self::new(Status::Limit, error)
    }
}

impl From<PgError> for Failed {
    fn from(error: PgError) -> Self {
        // What Postgres cancelled under a host function is cancelled like anything else.
        let status = if error.sqlstate == CANCELED { Status::Canceled } else { Status::Error };
        Self { status, error }
    }
}

const CANCELED: SqlState = SqlState::new(b"57014");

/// The result of a call, after the guest has returned: an error that the guest raised stands over whatever it
/// returned, and an SQL error that it did not handle over the trap or exit code that came of it.
pub(super) fn settle<T>(
    target: &Target,
    host: &mut GuestHost,
    ended: Result<T, Failure<PgError>>,
    left_open: bool,
) -> Result<T, Failed> {
    let raised = host.take_raised();
    match ended {
        Ok(value) => match raised {
            None if left_open => Err(Failed::new(Status::Error, with_label(Error::LeftOpen.into(), target))),
            None => Ok(value),
            Some(error) => Err(Failed::new(Status::Error, told(error, target))),
        },
        Err(failure) => Err(explain(target, host, raised, failure)),
    }
}

fn explain(target: &Target, host: &mut GuestHost, raised: Option<PgError>, failure: Failure<PgError>) -> Failed {
    let name = || target.function.name.clone();
    let (status, error, frames): (Status, PgError, Vec<Frame>) = match failure {
        // Nothing that the guest did stands against a cancel, a time limit or a bug of ours.
        Failure::Interrupted(Interrupt::Cancelled) => {
            let error = match interrupt::raise_pending() {
                Some(error) => error,
                // The cancel was served while the guest was being stopped, or serving another interrupt failed.
                None => raised.unwrap_or_else(canceled),
            };
            return Failed::new(Status::Canceled, error);
        }
        Failure::Interrupted(Interrupt::TimedOut) => (Status::Timeout, timed_out(target), Vec::new()),
        Failure::Host(_) if interrupt::has_expired() => (Status::Timeout, timed_out(target), Vec::new()),
        Failure::Host(error) => {
            // A host call that was waiting for something outside gives up when a cancel comes; Postgres words it.
            if let Some(pending) = interrupt::raise_pending() {
                return Failed::new(Status::Canceled, pending);
            }
            let failed = Failed::from(error);
            return Failed { error: with_label(failed.error, target), ..failed };
        }
        Failure::Internal(message) => (Status::Error, Error::Internal(message).into(), Vec::new()),
        Failure::Limit { what, limit } => {
            (Status::Limit, Error::Limit { function: name(), what, limit }.into(), Vec::new())
        }
        Failure::StackOverflow { frames } => (Status::Limit, Error::StackOverflow { function: name() }.into(), frames),
        Failure::Guest { message, .. } => {
            if let Some(error) = raised.or_else(|| host.take_unhandled(Some(&message))) {
                return Failed::new(Status::Error, told(error, target));
            }
            let mut error = PgError::from(Error::GuestFailed { message });
            source::locate(&mut error, target);
            (Status::Error, error, Vec::new())
        }
        Failure::Trap { message, frames } => {
            if let Some(error) = raised.or_else(|| host.take_unhandled(None)) {
                return Failed::new(Status::Trap, told(error, target));
            }
            (Status::Trap, Error::Trapped { function: name(), message }.into(), frames)
        }
    };
    Failed::new(status, with_frames(with_label(error, target), &frames))
}

/// A call that was refused before it got an instance.
#[cold]
pub(super) fn before_call(error: PgError, target: &Target) -> Failed {
    let failed = if interrupt::has_expired() { Failed::new(Status::Timeout, error) } else { Failed::from(error) };
    Failed { error: with_label(failed.error, target), ..failed }
}

/// A failure before the function was called: in its start function or initialisers, or for want of room.
pub(super) fn of_start(target: &Target, failure: Failure<PgError>) -> Failed {
    let mut host = GuestHost::new(std::rc::Rc::clone(&target.grants), super::ROAD);
    explain(target, &mut host, None, failure)
}

fn canceled() -> PgError {
    PgError::new(CANCELED, "canceling statement due to user request")
}

fn timed_out(target: &Target) -> PgError {
    let limit_ms = target.function.timeout_ms();
    Error::TimedOut { function: target.function.name.clone(), limit_ms }.into()
}

/// A guest's error with all that CONTEXT says of it.
fn told(mut error: PgError, target: &Target) -> PgError {
    source::locate(&mut error, target);
    with_label(error, target)
}

/// Puts the line about the function into CONTEXT, unless the error passed our context callback already.
pub(super) fn with_label(mut error: PgError, target: &Target) -> PgError {
    let context = error.context.get_or_insert_default();
    if !context.contains(&target.grants.label) {
        if !context.is_empty() {
            context.push('\n');
        }
        context.push_str(&target.grants.label);
    }
    error
}

fn with_frames(mut error: PgError, frames: &[Frame]) -> PgError {
    if !frames.is_empty() {
        let lines: Vec<String> = frames.iter().take(MAX_FRAMES).map(|frame| format!("at guest {frame}")).collect();
        let label = error.context.take().unwrap_or_default();
        error.context = Some(format!("{}\n{label}", lines.join("\n")));
    }
    error
}
