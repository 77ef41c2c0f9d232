//! Counters from shared memory into tables, so that they survive the server.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::catalog::as_owner;
use crate::pg::PgError;
use crate::pg::background::databases;
use crate::pg::spi::{self, Cell, Param};
use crate::record::{self, Counters};

/// What is stored of one function.
struct Stored {
    boot: Option<i64>,
    base: Counters,
    current: Counters,
}

/// Stores what has been counted since the last snapshot, and lets go of what belongs to nobody any more. In a
/// transaction, READ COMMITTED.
pub fn snapshot() -> Result<(), PgError> {
    let Some(boot) = record::boot() else { return Ok(()) };
    as_owner(|| {
        // One snapshot at a time, until the end of the transaction: each says what came since the one before.
        spi::run("LOCK TABLE alyx._statistics IN SHARE ROW EXCLUSIVE MODE", &[])?;
        let stored = read()?;
        write(boot, &stored)?;
        spi::query_kept(include_str!("../../../sql/queries/drop_old_statistics.sql"), &[])?;
        release(&stored);
        Ok(())
    })
}

fn read() -> Result<HashMap<i64, Stored>, PgError> {
    let rows = spi::query_kept(include_str!("../../../sql/queries/read_statistics.sql"), &[])?;
    let stored = rows.into_iter().map(|row| {
        let mut cells = row.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::Null);
        let id = next().parse().unwrap_or(0);
        let [_name, _owner, boot] = [next(), next(), next()];
        let [base, current] = [next(), next()].map(|cell| Counters::from_array(&cell.text()));
        (id, Stored { boot: boot.parse(), base, current })
    });
    Ok(stored.collect())
}

fn write(boot: i64, stored: &HashMap<i64, Stored>) -> Result<(), PgError> {
    let (mut ids, mut bases, mut currents, mut minutes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for live in record::live() {
        let Some(known) = stored.get(&live.function) else { continue };
        let is_same = known.boot == Some(boot);
        let before = if is_same { known.current.clone() } else { Counters::default() };
        if before == live.counters {
            continue;
        }
        let mut minute = live.counters.since(&before);
        minute.longest_ns = record::take_longest_ns(live.function);
        ids.push(live.function);
        bases.push(if is_same { known.base.clone() } else { known.base.plus(&known.current) }.to_array());
        currents.push(live.counters.to_array());
        minutes.push(minute.to_array());
    }
    if ids.is_empty() {
        return Ok(());
    }
    let [bases, currents, minutes] =
        [&bases, &currents, &minutes].map(|texts| texts.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>());
    let params = [Param::Bigs(&ids), Param::Big(boot), Param::Texts(&bases), Param::Texts(&currents)];
    spi::query_kept(include_str!("../../../sql/queries/store_statistics.sql"), &params)?;
    let params = [Param::Bigs(&ids), Param::Texts(&minutes)];
    spi::query_kept(include_str!("../../../sql/queries/store_minutes.sql"), &params).map(drop)
}

fn release(stored: &HashMap<i64, Stored>) {
    let databases: Vec<u32> = databases().into_iter().map(|(oid, _)| oid).collect();
    let is_database = |oid| databases.contains(&oid);
    record::release_rings(is_database);
    record::release_slots(record::micros(SystemTime::now()) / 1_000_000, |id| stored.contains_key(&id), is_database);
}
