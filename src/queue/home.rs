//! Settles where the jobs and schedules of a database run; `alyx_schedule` says what is a copy.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use alyx_schedule::{Place, Waiting, copy_of};

use super::board::Database;
use crate::catalog::as_owner;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, backend, shmem};

/// Settles here, unless there is a reason to wait. Copies are taken for originals where `may_be_copy`.
pub fn settle_in(may_be_copy: bool, restorer: u32) -> Result<Option<Waiting>, PgError> {
    as_owner(|| {
        let (here, kept) = look()?;
        let found = reason(&here, kept.as_ref(), restorer)?.filter(|why| !may_be_copy || *why == Waiting::Restore);
        if found.is_none() && kept.as_ref() != Some(&here) {
            if kept.is_none_or(|kept| kept.system != here.system) {
                spi::run(include_str!("../../sql/queries/forget_oids.sql"), &[])?;
            }
            keep(&here)?;
        }
        Ok(found)
    })
}

/// Why jobs do not run here, if they do not. On a standby nothing is said: nothing runs there.
pub fn waiting() -> Result<Option<Waiting>, PgError> {
    as_owner(|| {
        let (here, kept) = look()?;
        if here.timeline == 0 {
            return Ok(None);
        }
        reason(&here, kept.as_ref(), Database::find(shmem::database_id()).map_or(0, Database::restorer))
    })
}

/// Whether a dump is being restored here, by pg_restore. Its jobs come before the rows, indexes and grants that they need.
pub fn is_being_restored() -> Result<bool, PgError> {
    as_owner(|| restores(0))
}

fn reason(here: &Place, kept: Option<&Place>, restorer: u32) -> Result<Option<Waiting>, PgError> {
    // Who has run jobs here before goes on: something else is being restored.
    if (kept.is_none() || restorer != 0) && restores(restorer)? {
        return Ok(Some(Waiting::Restore));
    }
    match kept.and_then(|kept| copy_of(kept, here)) {
        // Made from a template in which nobody has ever had anything to do.
        Some(Waiting::Database) if !has_work()? => Ok(None),
        found => Ok(found),
    }
}

/// Whether pg_restore is at work here, or the session `restorer`, which created the extension as a dump does.
fn restores(restorer: u32) -> Result<bool, PgError> {
    let restorer = [Param::Big(i64::from(restorer))];
    let rows = spi::query_kept(include_str!("../../sql/queries/is_being_restored.sql"), &restorer)?;
    Ok(rows.iter().flatten().any(Cell::is_true))
}

fn has_work() -> Result<bool, PgError> {
    let rows = spi::query(include_str!("../../sql/queries/has_work.sql"), &[])?;
    Ok(rows.iter().flatten().any(Cell::is_true))
}

fn look() -> Result<(Place, Option<Place>), PgError> {
    let rows = spi::query(include_str!("../../sql/queries/find_home.sql"), &[])?;
    let mut cells = rows.into_iter().flatten();
    let mut next = || cells.next().unwrap_or(Cell::Null);
    let (system, timeline) = (next().parse().unwrap_or(0), next().parse().unwrap_or(0));
    let database = i64::from(shmem::database_id());
    let here = Place { system, timeline, database, control_file: control_file() };
    // A standby has no timeline of its own, and runs nothing.
    let kept = next().parse().filter(|_| timeline != 0).map(|system| Place {
        system,
        timeline: next().parse().unwrap_or(0),
        database: next().parse().unwrap_or(0),
        control_file: next().text(),
    });
    Ok((here, kept))
}

fn keep(here: &Place) -> Result<(), PgError> {
    let params = [
        Param::Big(here.system),
        Param::Big(here.timeline),
        Param::Big(here.database),
        Param::Text(Some(&here.control_file)),
    ];
    spi::run(include_str!("../../sql/queries/keep_home.sql"), &params)
}

/// Number and birth of the control file; a file system that does not tell births has numbers alone.
fn control_file() -> String {
    let Ok(facts) = fs::metadata(backend::data_directory().join("global/pg_control")) else { return String::new() };
    let born = facts.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    format!("{} {}", facts.ino(), born.map_or(0, |born| born.as_micros()))
}
