//! What differs between PostgreSQL 15, 16, 17 and 18: each difference once, under one name. What an extension sees of its
//! waits is in `wait_event`.

use core::ffi::c_int;

use pgrx::pg_sys::{self, Oid};

/// Whether a role has a right on a function.
pub(super) unsafe fn may_execute(function: Oid, role: Oid) -> bool {
    #[cfg(feature = "pg15")]
    // SAFETY: aclchk.c answers for any OID of pg_proc.
    let result = unsafe { pg_sys::pg_proc_aclcheck(function, role, pg_sys::ACL_EXECUTE) };
    #[cfg(not(feature = "pg15"))]
    // SAFETY: as above.
    let result =
        unsafe { pg_sys::object_aclcheck(pg_sys::ProcedureRelationId, function, role, pg_sys::ACL_EXECUTE.into()) };
    result == pg_sys::AclResult::ACLCHECK_OK
}

/// Whether a role may connect to a database that is there.
pub(super) unsafe fn may_connect(database: Oid, role: Oid) -> bool {
    #[cfg(feature = "pg15")]
    // SAFETY: aclchk.c answers for the OID of a database.
    let result = unsafe { pg_sys::pg_database_aclcheck(database, role, pg_sys::ACL_CONNECT) };
    #[cfg(not(feature = "pg15"))]
    // SAFETY: as above.
    let result =
        unsafe { pg_sys::object_aclcheck(pg_sys::DatabaseRelationId, database, role, pg_sys::ACL_CONNECT.into()) };
    result == pg_sys::AclResult::ACLCHECK_OK
}

/// Whether a role has the rights of an extension's owner.
pub(super) unsafe fn owns_extension(extension: Oid, role: Oid) -> bool {
    #[cfg(feature = "pg15")]
    // SAFETY: aclchk.c answers for the OID of an extension.
    return unsafe { pg_sys::pg_extension_ownercheck(extension, role) };
    #[cfg(not(feature = "pg15"))]
    // SAFETY: as above.
    return unsafe { pg_sys::object_ownercheck(pg_sys::ExtensionRelationId, extension, role) };
}

/// Whether a role has the rights of a database's owner.
pub(super) unsafe fn owns_database(database: Oid, role: Oid) -> bool {
    #[cfg(feature = "pg15")]
    // SAFETY: aclchk.c answers for the OID of a database.
    return unsafe { pg_sys::pg_database_ownercheck(database, role) };
    #[cfg(not(feature = "pg15"))]
    // SAFETY: as above.
    return unsafe { pg_sys::object_ownercheck(pg_sys::DatabaseRelationId, database, role) };
}

/// Sets a signal handler of this process.
pub(super) unsafe fn handle_signal(signal: c_int, handler: unsafe extern "C-unwind" fn(c_int)) {
    #[cfg(not(feature = "pg18"))]
    // SAFETY: the caller vouches for the handler.
    unsafe {
        pg_sys::pqsignal(signal, Some(handler));
    }
    #[cfg(feature = "pg18")]
    // SAFETY: as above; the name tells the server's function from libpq's.
    unsafe {
        pg_sys::pqsignal_be(signal, Some(handler))
    };
}

/// The attributes of a row type: one after the other, until 17 at the end of the descriptor, from 18 on behind their compact
/// forms.
///
/// # Safety
/// `descriptor` is valid for as long as the slice is used.
pub(super) unsafe fn attributes<'a>(descriptor: pg_sys::TupleDesc) -> &'a [pg_sys::FormData_pg_attribute] {
    // SAFETY: a tuple descriptor has natts attributes.
    unsafe {
        let count = usize::try_from((*descriptor).natts).unwrap_or(0);
        if count == 0 {
            return &[];
        }
        #[cfg(not(feature = "pg18"))]
        let first = (*descriptor).attrs.as_ptr();
        #[cfg(feature = "pg18")]
        let first = pg_sys::TupleDescAttr(descriptor, 0);
        std::slice::from_raw_parts(first, count)
    }
}
