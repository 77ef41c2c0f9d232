//! Who runs a statement: switching role for a stretch of work, and the rights that roles have.

use core::ffi::c_int;

use pgrx::pg_sys;

use super::catch::catch;
use super::raw;

/// The OID of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Role(pub(super) pg_sys::Oid);

impl Role {
    /// A role by its OID, as the catalog stores it.
    pub fn from_oid(oid: u32) -> Self {
        Self(pg_sys::Oid::from(oid))
    }

    /// Its OID.
    pub fn oid(self) -> u32 {
        self.0.to_u32()
    }

    /// Its name; the OID in digits when it has been dropped.
    pub fn name(self) -> String {
        // SAFETY: with noerr a missing role gives null.
        unsafe {
            let name = pg_sys::GetUserNameFromId(self.0, true);
            if name.is_null() { self.0.to_u32().to_string() } else { super::call::owned(name) }
        }
    }

    /// Whether it is a superuser.
    pub fn is_superuser(self) -> bool {
        // SAFETY: a cached catalog look-up.
        unsafe { pg_sys::superuser_arg(self.0) }
    }

    /// Whether it has the rights of `other`: is the same role, a member that inherits, or a superuser.
    pub fn has_rights_of(self, other: Self) -> bool {
        // SAFETY: a cached catalog look-up.
        unsafe { pg_sys::has_privs_of_role(self.0, other.0) }
    }

    /// Whether it may EXECUTE an SQL function.
    pub fn may_execute(self, function: u32) -> bool {
        // SAFETY: aclchk.c answers for any OID of pg_proc.
        let result = unsafe { pg_sys::pg_proc_aclcheck(pg_sys::Oid::from(function), self.0, pg_sys::ACL_EXECUTE) };
        result == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Runs as another role until dropped.
///
/// The context forbids SET ROLE, RESET ROLE, SET SESSION AUTHORIZATION and set_config of either, at any depth.
pub struct RoleScope {
    role: pg_sys::Oid,
    context: c_int,
}

impl RoleScope {
    /// Switches to `role`, for SQL that a guest wrote.
    pub fn guest(role: Role) -> Self {
        Self::switch(role, pg_sys::SECURITY_LOCAL_USERID_CHANGE)
    }

    /// Switches to `role`, for our own statements on our own tables: row-level security on them is not applied.
    pub fn internal(role: Role) -> Self {
        Self::switch(role, pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS)
    }

    #[allow(clippy::cast_possible_wrap, reason = "flag bits")]
    fn switch(role: Role, flags: u32) -> Self {
        let mut scope = Self { role: pg_sys::InvalidOid, context: 0 };
        // SAFETY: reads and writes two backend variables; `Drop` puts them back.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut scope.role, &mut scope.context);
            pg_sys::SetUserIdAndSecContext(role.0, scope.context | flags as c_int);
        }
        scope
    }
}

impl Drop for RoleScope {
    fn drop(&mut self) {
        // SAFETY: restores what `switch` saw; also right after a subtransaction abort, which restored the same.
        unsafe { pg_sys::SetUserIdAndSecContext(self.role, self.context) };
    }
}

/// Settings that SQL changes inside this scope go back when it is dropped.
pub struct SettingsScope(c_int);

impl SettingsScope {
    /// Opens a nesting level.
    pub fn open() -> Self {
        // SAFETY: counts a backend variable up; `Drop` closes the level.
        Self(unsafe { pg_sys::NewGUCNestLevel() })
    }
}

impl Drop for SettingsScope {
    fn drop(&mut self) {
        let level = self.0;
        // SAFETY: closes this level and any deeper one that an error left open.
        let _ = unsafe { catch(|| raw::AtEOXact_GUC(false, level)) };
    }
}

/// Makes the transaction read-only for a stretch of work.
pub(super) struct ReadOnlyScope(bool);

impl ReadOnlyScope {
    pub(super) fn open(read_only: bool) -> Self {
        // SAFETY: a backend variable; restored by `Drop`.
        unsafe {
            let before = pg_sys::XactReadOnly;
            pg_sys::XactReadOnly = before || read_only;
            Self(before)
        }
    }
}

impl Drop for ReadOnlyScope {
    fn drop(&mut self) {
        // SAFETY: restores what `open` saw.
        unsafe { pg_sys::XactReadOnly = self.0 };
    }
}
