//! Old records go, a day at a time.

use crate::catalog::as_owner;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{Call, PgError, Reply, SettingsScope, SqlState, quote_identifier, subtransaction};
use crate::settings;

crate::entry!(alyx_drop_old_records, pg_finfo_alyx_drop_old_records, drop_now);

/// How long a partition waits for those who are reading it; then it is tried again at the next call.
const PATIENCE: &str = "100ms";

/// Drops the partitions whose records are all older than the settings want, and returns their number. The manager calls
/// it each minute, in a transaction.
///
/// # Errors
/// What dropping fails with, but for a partition that is being read: that one stays until the next time.
pub fn drop_old_records() -> Result<usize, PgError> {
    let (ok, failed) = settings::retention_minutes();
    as_owner(|| {
        let params = [Param::Int(ok), Param::Int(failed)];
        let rows = spi::query_kept(include_str!("../../sql/queries/old_partitions.sql"), &params)?;
        let mut dropped = 0;
        for name in rows.into_iter().flatten().filter_map(Cell::some) {
            match subtransaction(|| drop_partition(&name)) {
                Ok(()) => dropped += 1,
                Err(error) if error.sqlstate == SqlState::new(b"55P03") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(dropped)
    })
}

/// Deletes entries of functions, replies and deliveries whose time is up; nobody sees them since. The manager calls it each
/// minute.
///
/// # Errors
/// What deleting fails with.
pub fn delete_expired_entries() -> Result<(), PgError> {
    as_owner(|| {
        spi::query_kept(include_str!("../../sql/queries/kv_expire.sql"), &[Param::Text(None)])?;
        spi::query_kept(include_str!("../../sql/queries/expire_replies.sql"), &[])?;
        spi::query_kept(include_str!("../../sql/queries/expire_deliveries.sql"), &[]).map(drop)
    })
}

fn drop_partition(name: &str) -> Result<(), PgError> {
    let _settings = SettingsScope::open();
    spi::run("SELECT pg_catalog.set_config('lock_timeout', $1, true)", &[Param::Text(Some(PATIENCE))])?;
    let table = quote_identifier(name);
    spi::run(&format!("ALTER EXTENSION alyx_functions DROP TABLE alyx.{table}"), &[])?;
    spi::run(&format!("DROP TABLE alyx.{table}"), &[])
}

/// `_drop_old_records()` → how many partitions were dropped.
fn drop_now(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    Ok(Reply::big(i64::try_from(drop_old_records()?).unwrap_or(i64::MAX)))
}
