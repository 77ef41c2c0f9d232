//! Statements that a guest may not run: they would leave its role, its transaction or the database.
//!
//! Asked twice: when the statement is prepared, and for every utility command that runs while a guest's SQL does, so
//! that nothing hides in a DO block or in a function of another language. Behind both stands the security context of
//! [`super::role::RoleScope`], which also stops `set_config('role', …)`.

use core::ffi::c_int;
use std::cell::Cell;

use pgrx::pg_sys;
use pgrx::pg_sys::NodeTag;

use super::PgError;
use super::error::SqlState;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static SWITCHED: Cell<bool> = const { Cell::new(false) };
}

/// A stretch in which utility commands are a guest's, however deep they stand.
pub(super) struct GuestSql {
    was_switched: bool,
}

impl GuestSql {
    /// `is_switched`: the role is not the one that called. Then nothing may be left for the caller to run.
    pub(super) fn enter(is_switched: bool) -> Self {
        DEPTH.set(DEPTH.get() + 1);
        let was_switched = SWITCHED.get();
        SWITCHED.set(was_switched || is_switched);
        Self { was_switched }
    }
}

impl Drop for GuestSql {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
        SWITCHED.set(self.was_switched);
    }
}

/// The refusal of a utility command that runs while a guest's SQL does, however deep it stands.
///
/// # Safety
/// `node` is the command's statement.
pub(super) unsafe fn of_utility(node: *mut pg_sys::Node) -> Option<PgError> {
    // SAFETY: the caller's contract.
    if DEPTH.get() > 0 { unsafe { refusal(node) }.map(refused) } else { None }
}

/// Takes the one statement out of a parse tree, if a guest may run it.
///
/// # Safety
/// `tree` is what raw_parser returned.
pub(super) unsafe fn check(tree: *mut pg_sys::List) -> Result<*mut pg_sys::RawStmt, PgError> {
    // SAFETY: a List of RawStmt, null when empty.
    unsafe {
        let count = if tree.is_null() { 0 } else { (*tree).length };
        if count != 1 {
            let mut error = PgError::new(SqlState::new(b"42601"), format!("expected one SQL statement, got {count}"));
            error.hint = Some("Use db_batch to run several statements, all or none.".into());
            return Err(error);
        }
        let raw = (*(*tree).elements).ptr_value.cast::<pg_sys::RawStmt>();
        match refusal((*raw).stmt) {
            None => Ok(raw),
            Some(what) => Err(refused(what)),
        }
    }
}

fn refused(what: &str) -> PgError {
    let mut error = PgError::new(SqlState::new(b"42501"), format!("a function may not run {what}"));
    error.detail = Some("A function's SQL stays in its role, its transaction and the database.".into());
    error
}

unsafe fn refusal(node: *mut pg_sys::Node) -> Option<&'static str> {
    // SAFETY: each cast follows the node's own tag.
    unsafe {
        match (*node).type_ {
            NodeTag::T_TransactionStmt => Some("transaction control"),
            NodeTag::T_ListenStmt => Some("LISTEN"),
            NodeTag::T_UnlistenStmt => Some("UNLISTEN"),
            NodeTag::T_LoadStmt => Some("LOAD"),
            NodeTag::T_DiscardStmt => Some("DISCARD"),
            NodeTag::T_AlterSystemStmt => Some("ALTER SYSTEM"),
            NodeTag::T_VariableSetStmt => variable(&*node.cast::<pg_sys::VariableSetStmt>()),
            NodeTag::T_DeclareCursorStmt => {
                let declare = &*node.cast::<pg_sys::DeclareCursorStmt>();
                #[allow(clippy::cast_possible_wrap, reason = "a flag bit")]
                let hold = pg_sys::CURSOR_OPT_HOLD as c_int;
                match declare.options & hold != 0 {
                    true => Some("DECLARE CURSOR WITH HOLD"),
                    false => SWITCHED.get().then_some("DECLARE CURSOR as another role"),
                }
            }
            NodeTag::T_PrepareStmt => SWITCHED.get().then_some("PREPARE as another role"),
            NodeTag::T_CopyStmt => {
                let copy = &*node.cast::<pg_sys::CopyStmt>();
                if copy.is_program {
                    Some("COPY with PROGRAM")
                } else if copy.filename.is_null() {
                    Some("COPY with the client's connection")
                } else {
                    Some("COPY with a file of the server")
                }
            }
            _ => None,
        }
    }
}

unsafe fn variable(set: &pg_sys::VariableSetStmt) -> Option<&'static str> {
    if set.kind == pg_sys::VariableSetKind::VAR_RESET_ALL {
        return Some("RESET ALL");
    }
    // SAFETY: the name is null or a NUL-terminated string.
    let name = unsafe { super::call::owned(set.name) }.to_ascii_lowercase();
    let is_reset = matches!(set.kind, pg_sys::VariableSetKind::VAR_RESET | pg_sys::VariableSetKind::VAR_SET_DEFAULT);
    match name.as_str() {
        "role" if is_reset => Some("RESET ROLE"),
        "role" => Some("SET ROLE"),
        "session_authorization" if is_reset => Some("RESET SESSION AUTHORIZATION"),
        "session_authorization" => Some("SET SESSION AUTHORIZATION"),
        "transaction" | "session characteristics" => Some("SET TRANSACTION"),
        _ => None,
    }
}

/// The refusal behind an error code of SPI, if it is one.
pub(super) fn by_spi(code: c_int) -> Option<PgError> {
    match code {
        pg_sys::SPI_ERROR_TRANSACTION => Some(refused("transaction control")),
        pg_sys::SPI_ERROR_COPY => Some(refused("COPY with the client's connection")),
        _ => None,
    }
}
