//! What Postgres tells this backend has changed: counters that cached values are stamped with.
//!
//! The callbacks run wherever invalidation messages are read, even in the middle of a guest's SQL, so they only count.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use pgrx::pg_sys;

use super::catch::catch;
use super::{PgError, raw};

static RELATIONS: AtomicU64 = AtomicU64::new(1);
static FUNCTIONS: AtomicU64 = AtomicU64::new(1);
static CATALOG: AtomicU32 = AtomicU32::new(0);
static WATCHING: AtomicBool = AtomicBool::new(false);

/// Counts every change of the definition of any table, type or schema.
pub fn relations() -> u64 {
    watch();
    RELATIONS.load(Ordering::Relaxed)
}

/// Counts every deploy, and every change of any SQL function.
#[inline]
pub fn functions() -> u64 {
    watch();
    FUNCTIONS.load(Ordering::Relaxed)
}

#[inline]
fn watch() {
    if !WATCHING.load(Ordering::Relaxed) {
        register();
    }
}

#[cold]
fn register() {
    WATCHING.store(true, Ordering::Relaxed);
    // SAFETY: once per backend; the callbacks only touch atomics.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_relation), pg_sys::Datum::null());
        #[allow(clippy::cast_possible_wrap, reason = "small enum values")]
        let (functions, types) =
            (pg_sys::SysCacheIdentifier::PROCOID as i32, pg_sys::SysCacheIdentifier::TYPEOID as i32);
        pg_sys::CacheRegisterSyscacheCallback(functions, Some(on_function), pg_sys::Datum::null());
        pg_sys::CacheRegisterSyscacheCallback(types, Some(on_name), pg_sys::Datum::null());
        #[allow(clippy::cast_possible_wrap, reason = "a small enum value")]
        let schemas = pg_sys::SysCacheIdentifier::NAMESPACEOID as i32;
        pg_sys::CacheRegisterSyscacheCallback(schemas, Some(on_name), pg_sys::Datum::null());
    }
}

unsafe extern "C-unwind" fn on_relation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    RELATIONS.fetch_add(1, Ordering::Relaxed);
    if relation == pg_sys::InvalidOid || relation.to_u32() == CATALOG.load(Ordering::Relaxed) {
        FUNCTIONS.fetch_add(1, Ordering::Relaxed);
    }
}

unsafe extern "C-unwind" fn on_function(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    FUNCTIONS.fetch_add(1, Ordering::Relaxed);
}

unsafe extern "C-unwind" fn on_name(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    RELATIONS.fetch_add(1, Ordering::Relaxed);
}

/// Finds the catalog table whose invalidation means "a function has changed"; its OID and its owner's.
///
/// # Errors
/// 55000 when the extension is not installed in this database.
pub fn find_catalog() -> Result<(u32, super::Role), PgError> {
    watch();
    // SAFETY: look-ups that answer InvalidOid for what is missing.
    let (relation, owner) = unsafe {
        let schema = pg_sys::get_namespace_oid(c"alyx".as_ptr(), true);
        let relation = pg_sys::get_relname_relid(c"_function".as_ptr(), schema);
        (relation, if relation == pg_sys::InvalidOid { relation } else { owner_of(relation)? })
    };
    if owner == pg_sys::InvalidOid {
        let mut error = PgError::new(
            super::SqlState::new(b"55000"),
            "extension \"alyx_functions\" is not installed in this database",
        );
        error.hint = Some("Run CREATE EXTENSION alyx_functions.".to_owned());
        return Err(error);
    }
    CATALOG.store(relation.to_u32(), Ordering::Relaxed);
    Ok((relation.to_u32(), super::Role(owner)))
}

unsafe fn owner_of(relation: pg_sys::Oid) -> Result<pg_sys::Oid, PgError> {
    // SAFETY: the tuple is released before the function returns.
    unsafe {
        #[allow(clippy::cast_possible_wrap, reason = "a small enum value")]
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, pg_sys::Datum::from(relation));
        if tuple.is_null() {
            return Ok(pg_sys::InvalidOid);
        }
        let class = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>();
        let owner = (*class).relowner;
        pg_sys::ReleaseSysCache(tuple);
        Ok(owner)
    }
}

/// Tells every backend, at commit, that functions have changed; this one at its next command.
pub fn announce_change() -> Result<(), PgError> {
    let (relation, _) = find_catalog()?;
    // SAFETY: queues a transactional invalidation message.
    unsafe {
        catch(|| {
            raw::CacheInvalidateRelcacheByRelid(pg_sys::Oid::from(relation));
            raw::CommandCounterIncrement();
        })
    }
}

/// Locks the catalog against being dropped until the transaction ends, if nobody holds it or waits for it: `false` when
/// somebody is about to change or drop the extension.
///
/// # Errors
/// 55000 when the extension is not installed in this database.
pub fn try_lock_catalog() -> Result<bool, PgError> {
    let (relation, _) = find_catalog()?;
    #[allow(clippy::cast_possible_wrap, reason = "a lock mode")]
    let mode = pg_sys::AccessShareLock as i32;
    // SAFETY: the lock goes with the transaction.
    unsafe { catch(|| raw::ConditionalLockRelationOid(pg_sys::Oid::from(relation), mode)) }
}
