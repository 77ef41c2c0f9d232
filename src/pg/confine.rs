//! A transaction that belongs to a role of its own, in a session that others will use after it: the gateway's.
//!
//! The role is taken as SET LOCAL ROLE takes it, and cannot be left again until everything that users wrote has run:
//! deferred triggers fire when no guest's scope is open any more, and would otherwise be free to SET ROLE to whatever the
//! session may. Before the commit all settings go back, whoever changed them; temporary objects go; after it locks and
//! prepared statements of the session. Workers do the same between two jobs (`session::clean_up`).

use core::ffi::c_int;
use std::cell::Cell;

use pgrx::pg_sys;

use super::error::SqlState;
use super::{PgError, raw};
use super::{session, transaction};

thread_local! {
    // The nesting level of settings that the transaction was confined at.
    static LEVEL: Cell<Option<c_int>> = const { Cell::new(None) };
    // Its settings have gone back, its end has yet to come.
    static IS_ENDING: Cell<bool> = const { Cell::new(false) };
    static IS_INSTALLED: Cell<bool> = const { Cell::new(false) };
}

/// Confines the rest of the transaction to the role that `take` sets.
///
/// # Errors
/// 25001 when it is confined already or a subtransaction is open, whose end would end the confinement; or what `take` fails
/// with.
pub fn confine(take: impl FnOnce() -> Result<(), PgError>) -> Result<(), PgError> {
    if LEVEL.get().is_some() || transaction::nesting_level() > 1 {
        return Err(PgError::new(SqlState::new(b"25001"), "this transaction has a role already, or a savepoint"));
    }
    if !IS_INSTALLED.replace(true) {
        transaction::at_end(|_| end());
    }
    // SAFETY: opens a level of settings that `before_commit` closes; an abort closes all levels and puts user and context
    // back to what the transaction began with.
    unsafe {
        LEVEL.set(Some(pg_sys::NewGUCNestLevel()));
        take()?;
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        #[allow(clippy::cast_possible_wrap, reason = "flag bits")]
        pg_sys::SetUserIdAndSecContext(user, context | pg_sys::SECURITY_LOCAL_USERID_CHANGE as c_int);
    }
    Ok(())
}

/// Called when deferred triggers have fired: nothing that users wrote runs any more.
///
/// # Safety
/// In the pre-commit callback, with nothing on the stack that an ERROR could not jump over.
pub(super) unsafe fn before_commit() {
    let Some(level) = LEVEL.take() else { return };
    // SAFETY: the caller's contract; DISCARD TEMP's own function, which wants a snapshot, and what closes a level.
    unsafe {
        #[allow(clippy::cast_possible_wrap, reason = "a flag bit")]
        let has_temporary = pg_sys::MyXactFlags & pg_sys::XACT_FLAGS_ACCESSEDTEMPNAMESPACE as c_int != 0;
        if has_temporary {
            raw::PushActiveSnapshot(raw::GetTransactionSnapshot());
            raw::ResetTempTableNamespace();
            raw::PopActiveSnapshot();
        }
        // The role is one of the settings, and is put back only where no context forbids it.
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(user, 0);
        raw::AtEOXact_GUC(false, level);
        IS_ENDING.set(true);
    }
}

/// Called when the transaction has ended, either way: what only touches memory.
fn end() {
    let was_confined = LEVEL.take().is_some();
    if !IS_ENDING.replace(false) && !was_confined {
        return;
    }
    // SAFETY: a transaction is at its end.
    unsafe { session::let_go() };
}
