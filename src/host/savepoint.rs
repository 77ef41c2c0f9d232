//! `db_savepoint`, `db_release`, `db_rollback`: a stretch of work that the guest keeps or undoes as a whole.

use super::answer;
use super::guest::GuestHost;
use super::query::{refuse, settle};
use crate::error::Error;
use crate::pg::{PgError, Savepoint};

/// Stretches that may be open at a time.
const MOST_OPEN: usize = 32;

/// `{}` → `{}`: what the guest's statements do from here on stands or falls together.
pub(super) fn open(host: &mut GuestHost) -> Result<Vec<u8>, PgError> {
    if let Some(refusal) = refuse(host) {
        return Ok(refusal);
    }
    // Settings are put back by the level that they were changed in, which must lie around the subtransaction.
    host.access()?;
    if host.savepoints.len() >= MOST_OPEN {
        let message = format!("function \"{}\" has {MOST_OPEN} transactions open in each other", host.function.name);
        return Ok(answer::error(&PgError::new(crate::pg::SqlState::new(b"54000"), message)));
    }
    let opened = Savepoint::open().map(|savepoint| {
        host.savepoints.push(savepoint);
        (answer::empty(), 0)
    });
    settle(host, opened, true)
}

/// `{}` → `{}`: keeps the work since the last `db_savepoint`.
pub(super) fn release(host: &mut GuestHost) -> Result<Vec<u8>, PgError> {
    end(host, "db_release", Savepoint::release)
}

/// `{}` → `{}`: undoes the work since the last `db_savepoint`.
pub(super) fn roll_back(host: &mut GuestHost) -> Result<Vec<u8>, PgError> {
    end(host, "db_rollback", Savepoint::roll_back)
}

fn end(host: &mut GuestHost, name: &str, how: fn(Savepoint) -> Result<(), PgError>) -> Result<Vec<u8>, PgError> {
    let Some(savepoint) = host.savepoints.pop() else {
        let message = format!("{name} without db_savepoint before it");
        return Ok(answer::error(&Error::InvalidArgument { message, hint: None }.into()));
    };
    // The failure of which it is undone stays the guest's last one: if it passes it on, the caller sees the original.
    how(savepoint).map(|()| answer::empty())
}

/// Undoes what the guest left open; true when there was something.
pub(super) fn close(savepoints: &mut Vec<Savepoint>) -> bool {
    let was_open = !savepoints.is_empty();
    while let Some(innermost) = savepoints.pop() {
        let _ = innermost.roll_back();
    }
    was_open
}
