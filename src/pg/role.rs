//! Who runs a statement: switching role for a stretch of work, and the rights that roles have.

use core::ffi::c_int;

use pgrx::pg_sys;

use super::call::quote_identifier;
use super::catch::catch;
use super::{PgError, raw, version};

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

    /// Whether there is such a role.
    pub fn exists(self) -> bool {
        #[allow(clippy::cast_possible_wrap, reason = "a small enum value")]
        let cache = pg_sys::SysCacheIdentifier::AUTHOID as c_int;
        let none = pg_sys::Datum::null();
        // SAFETY: a cached catalog look-up.
        unsafe { pg_sys::SearchSysCacheExists(cache, pg_sys::Datum::from(self.0), none, none, none) }
    }

    /// Whether it may connect to this database.
    pub fn may_connect(self) -> bool {
        // SAFETY: aclchk.c answers for the database of this process.
        unsafe { version::may_connect(pg_sys::MyDatabaseId, self.0) }
    }

    /// Whose rights a function of `owner` has when this role calls it. Below a superuser a function of somebody else
    /// has its owner's rights at most.
    pub fn acting_for(self, owner: Self, runs_as_owner: bool, is_guarded: bool) -> Self {
        let is_too_strong = || is_guarded && self.is_superuser() && !owner.is_superuser();
        if runs_as_owner || is_too_strong() { owner } else { self }
    }

    /// Whether it may EXECUTE an SQL function.
    pub fn may_execute(self, function: u32) -> bool {
        // SAFETY: aclchk.c answers for any OID of pg_proc.
        unsafe { version::may_execute(pg_sys::Oid::from(function), self.0) }
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
    /// Switches to `role`, for SQL that somebody else than the current role may have written.
    ///
    /// Below a superuser it may also leave nothing behind that would run later with the superuser's rights: no temporary
    /// object, no deferred trigger, no prepared statement (as VACUUM and REINDEX do it).
    pub fn guest(role: Role) -> Self {
        let current = super::call::current_role();
        let is_below = role != current && current.is_superuser() && !role.is_superuser();
        let flags = if is_below { pg_sys::SECURITY_RESTRICTED_OPERATION } else { 0 };
        Self::switch(role, pg_sys::SECURITY_LOCAL_USERID_CHANGE | flags)
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

/// Gives a setting the value that this session, a process of ours, begins with: RESET goes back to it.
pub(super) fn set_for_process(name: &str, value: &str) -> Result<(), PgError> {
    set(name, value, pg_sys::GucContext::PGC_SUSET, pg_sys::GucSource::PGC_S_CLIENT, pg_sys::GucAction::GUC_ACTION_SET)
}

/// Sets a setting until the transaction ends.
pub fn set_local(name: &str, value: &str) -> Result<(), PgError> {
    let (context, source) = (pg_sys::GucContext::PGC_USERSET, pg_sys::GucSource::PGC_S_SESSION);
    set(name, value, context, source, pg_sys::GucAction::GUC_ACTION_LOCAL)
}

fn set(
    name: &str,
    value: &str,
    context: pg_sys::GucContext::Type,
    source: pg_sys::GucSource::Type,
    action: pg_sys::GucAction::Type,
) -> Result<(), PgError> {
    let name = super::datum::c_string(name.as_bytes())?;
    let value = super::datum::c_string(value.as_bytes())?;
    // SAFETY: guc.c copies the value.
    unsafe {
        catch(|| raw::set_config_option(name.as_ptr(), value.as_ptr(), context, source, action, true, 0, false))?;
    }
    Ok(())
}

/// Settings that SQL changes inside this scope go back when it is dropped.
pub struct SettingsScope {
    level: c_int,
    is_read_only: bool,
}

impl SettingsScope {
    /// Opens a nesting level.
    pub fn open() -> Self {
        // SAFETY: counts a backend variable up; `Drop` closes the level.
        unsafe { Self { level: pg_sys::NewGUCNestLevel(), is_read_only: pg_sys::XactReadOnly } }
    }

    /// Inside this scope names mean what is in this schema or in pg_catalog, whatever the caller's search_path is.
    pub fn search_only(&self, schema: &str) -> Result<(), PgError> {
        let path = format!("{}, pg_temp", quote_identifier(schema));
        let (context, source) = (pg_sys::GucContext::PGC_USERSET, pg_sys::GucSource::PGC_S_SESSION);
        set("search_path", &path, context, source, pg_sys::GucAction::GUC_ACTION_SAVE)
    }
}

impl Drop for SettingsScope {
    fn drop(&mut self) {
        let level = self.level;
        // SAFETY: closes this level and any deeper one that an error left open. Whether the transaction is read-only is
        // not the guest's to change, and `ReadOnlyScope` writes that variable without guc.c knowing.
        unsafe {
            let _ = catch(|| raw::AtEOXact_GUC(false, level));
            pg_sys::XactReadOnly = self.is_read_only;
        }
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
