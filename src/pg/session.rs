//! The session of a worker: whose settings it begins with, and what one job must not leave for the next.

use pgrx::pg_sys;

use super::catch::catch;
use super::spi::{self, Cell, Param};
use super::{PgError, Role, raw};

pub use super::role::set_local;

/// Gives the session the settings that a session of `role` begins with (ALTER ROLE, ALTER DATABASE), in place of those
/// of the superuser that it was connected as. In a transaction, as that superuser.
pub fn apply_settings_of(role: Role) -> Result<(), PgError> {
    let role = Param::Big(i64::from(role.oid()));
    let rows = spi::query(include_str!("../../sql/queries/role_settings.sql"), &[role])?;
    for row in rows {
        let mut cells = row.into_iter();
        let mut next = || cells.next().and_then(Cell::some);
        if let (Some(name), Some(value)) = (next(), next()) {
            // A setting of a library that is gone, or a value that is not valid any more, keeps no session from starting.
            let _ = super::role::set_for_process(&name, &value);
        }
    }
    Ok(())
}

/// Takes away what a database's or a role's settings could do to the rows that we keep there: ours are ordinary
/// transactions, whatever the defaults for users are. Until RESET, which goes back to the same.
pub fn settle_defaults() -> Result<(), PgError> {
    let ours = [
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_read_only", "off"),
        // It ends the process, not the statement; a job's transaction has a limit of its own.
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        ("transaction_timeout", "0"),
    ];
    ours.iter().try_for_each(|(name, value)| super::role::set_for_process(name, value))
}

/// Makes commits of this process durable on this machine, also where the server's setting is weaker; and plans plain,
/// since compiling one of our short statements takes longer than any of them.
pub fn settle_as_manager() -> Result<(), PgError> {
    settle_defaults()?;
    super::role::set_for_process("jit", "off")?;
    // Somebody else's lock must not hold up everything: the step is tried again.
    super::role::set_for_process("lock_timeout", "200ms")?;
    let is_weaker = super::backend::setting("synchronous_commit").is_some_and(|value| value == "off");
    if is_weaker { super::role::set_for_process("synchronous_commit", "local") } else { Ok(()) }
}

/// Lets the running transaction commit without waiting for the disk; [`flush_commits`] follows. Nothing else that
/// depends on it can become durable before it does.
pub fn commit_now_flush_later() -> Result<(), PgError> {
    set_local("synchronous_commit", "off")
}

/// Waits until what this process has committed is on disk, and with synchronous replication on standbys too.
pub fn flush_commits() -> Result<(), PgError> {
    // SAFETY: between transactions; the position is that of this process's last commit.
    unsafe {
        catch(|| {
            raw::XLogFlush(pg_sys::XactLastCommitEnd);
            raw::SyncRepWaitForLSN(pg_sys::XactLastCommitEnd, true);
        })
    }
}

/// Forgets a cancel that came when nothing ran.
pub fn forget_cancel() {
    // SAFETY: a sig_atomic_t flag, read at the next check for interrupts only.
    unsafe { pg_sys::QueryCancelPending = 0 };
}

/// What DISCARD ALL does between two users of a pooled session, but for plans, which belong to nobody. `false` when the
/// session cannot be cleaned and has to end: it has temporary objects.
pub fn clean_up() -> Result<bool, PgError> {
    let (mut temporary, mut toast) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: between transactions; what DISCARD ALL calls (discard.c).
    unsafe {
        catch(|| {
            raw::PortalHashTableDeleteAll();
            raw::ResetAllOptions();
            let_go();
            raw::ResetSequenceCaches();
        })?;
        pg_sys::GetTempNamespaceState(&mut temporary, &mut toast);
    }
    Ok(temporary == pg_sys::InvalidOid)
}

/// Ends what a session holds beyond its transactions: prepared statements and advisory locks.
///
/// # Safety
/// At the end of a transaction, or between two. It looks into no catalog and raises nothing.
pub(super) unsafe fn let_go() {
    /// lock.h: advisory locks.
    const USER_LOCKMETHOD: u16 = 2;
    // SAFETY: the caller's contract; what DISCARD ALL calls (discard.c).
    unsafe {
        raw::DropAllPreparedStatements();
        raw::LockReleaseAll(USER_LOCKMETHOD, true);
    }
}

/// A random number from 0 to 1, good for spreading things.
pub fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}
