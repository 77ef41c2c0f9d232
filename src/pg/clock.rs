//! The wall clock, in microseconds since 1970.

use core::ffi::{c_char, c_int};

use pgrx::pg_sys;

use super::catch::catch;
use super::spi::{self, Cell, Param};
use super::{PgError, SqlState, raw};

/// Microseconds from 1970 to 2000, where Postgres' own count begins.
const EPOCH_US: i64 = 946_684_800_000_000;

/// Now, and never an older now.
pub fn now_us() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }.saturating_add(EPOCH_US)
}

/// An instant in ISO 8601, in UTC, as `to_json` of a timestamptz writes it.
pub fn iso_utc(unix_s: i64) -> Result<String, PgError> {
    let since_2000_us = unix_s.saturating_mul(1_000_000).saturating_sub(EPOCH_US);
    let mut buffer = [0 as c_char; pg_sys::MAXDATELEN as usize + 1];
    let utc: c_int = 0;
    // SAFETY: the buffer has the length that json.c itself uses (MAXDATELEN + 1).
    unsafe {
        let datum = pg_sys::Datum::from(since_2000_us);
        catch(|| raw::JsonEncodeDateTime(buffer.as_mut_ptr(), datum, pg_sys::TIMESTAMPTZOID, &utc))?;
        Ok(super::call::owned(buffer.as_ptr()))
    }
}

/// Reads a timestamp as Postgres does, in microseconds since 1970.
pub fn parse_us(text: &str) -> Result<i64, PgError> {
    let sql = "SELECT (EXTRACT(epoch FROM t) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 \
               FROM (SELECT $1::pg_catalog.timestamptz AS t) q WHERE pg_catalog.isfinite(t)";
    let rows = spi::query_kept(sql, &[Param::Text(Some(text))])?;
    let us = rows.into_iter().flatten().next().and_then(Cell::parse);
    us.ok_or_else(|| PgError::new(SqlState::new(b"22023"), "time must be finite"))
}
