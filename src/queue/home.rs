//! Settles where the jobs and schedules of a database run; `alyx_schedule` says what is a copy.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use alyx_schedule::{Place, Waiting, copy_of};

use super::board::Database;
use crate::catalog::as_owner;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, backend, shmem};

/// Settles here, unless this is a copy, or a dump is being restored by the session `restorer` or by pg_restore.
pub fn settle_in(may_be_copy: bool, restorer: u32) -> Result<Option<Waiting>, PgError> {
    as_owner(|| {
        let (here, kept) = look()?;
        // Who has run jobs here before goes on: something else is being restored.
        if (kept.is_none() || restorer != 0) && is_being_restored(restorer)? {
            return Ok(Some(Waiting::Restore));
        }
        let found = kept.as_ref().filter(|_| !may_be_copy).and_then(|kept| copy_of(kept, &here));
        // Made from a template in which nobody has ever had anything to do.
        let found = match found {
            Some(Waiting::Database) if !has_work()? => None,
            other => other,
        };
        if found.is_none() && kept.as_ref() != Some(&here) {
            if kept.is_none_or(|kept| kept.system != here.system) {
                spi::run(include_str!("../../sql/queries/forget_oids.sql"), &[])?;
            }
            keep(&here)?;
        }
        Ok(found)
    })
}

/// Whether a dump is being restored here: `restorer` is the session that created the extension, when a dump did. Its jobs
/// come before the rows, indexes and grants that they need.
pub fn is_being_restored(restorer: u32) -> Result<bool, PgError> {
    let restorer = [Param::Big(i64::from(restorer))];
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/is_being_restored.sql"), &restorer))?;
    Ok(rows.iter().flatten().any(Cell::is_true))
}

fn has_work() -> Result<bool, PgError> {
    let rows = spi::query(include_str!("../../sql/queries/has_work.sql"), &[])?;
    Ok(rows.iter().flatten().any(Cell::is_true))
}

/// Why jobs do not run here, if they do not.
pub fn waiting() -> Result<Option<Waiting>, PgError> {
    as_owner(|| {
        let (here, kept) = look()?;
        let restorer = Database::find(shmem::database_id()).map_or(0, Database::restorer);
        if (kept.is_none() || restorer != 0) && here.timeline != 0 && is_being_restored(restorer)? {
            return Ok(Some(Waiting::Restore));
        }
        Ok(kept.and_then(|kept| copy_of(&kept, &here)))
    })
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
