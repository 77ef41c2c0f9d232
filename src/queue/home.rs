//! Where a database's jobs and schedules run: in one place. A copy of the data directory, or of the database within the
//! server, holds the same jobs; it lets them wait until somebody says that they are to run there.
//!
//! What is not a copy: a standby that was promoted and a recovery to a point in time have a timeline of their own, a cluster
//! that pg_upgrade made has an identifier of its own. They go on by themselves, since what they came from is meant to be gone.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use crate::catalog::as_owner;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, backend, shmem};

/// A place where jobs may run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Made by initdb.
    system: i64,
    /// A new one begins with each promotion.
    timeline: i64,
    database: i64,
    /// The file that lives as long as its data directory: it is written in place.
    control_file: String,
}

/// Of what this database is a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyOf {
    /// Of a data directory.
    Directory,
    /// Of another database of this server.
    Database,
}

impl CopyOf {
    /// As a sentence needs it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "this data directory is a copy",
            Self::Database => "this database is a copy of another",
        }
    }
}

/// Why `here` is not where the jobs of `kept` run.
fn copy_of(kept: &Place, here: &Place) -> Option<CopyOf> {
    if kept.system != here.system {
        return None;
    }
    if kept.database != here.database {
        return Some(CopyOf::Database);
    }
    (kept.timeline == here.timeline && kept.control_file != here.control_file).then_some(CopyOf::Directory)
}

/// Settles here, unless this is a copy.
pub fn settle_in(may_be_copy: bool) -> Result<Option<CopyOf>, PgError> {
    as_owner(|| {
        let (here, kept) = look()?;
        let found = kept.as_ref().filter(|_| !may_be_copy).and_then(|kept| copy_of(kept, &here));
        if found.is_none() && kept.as_ref() != Some(&here) {
            if kept.is_some_and(|kept| kept.system != here.system) {
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

/// Of what this is a copy, if it is one.
pub fn is_copy() -> Result<Option<CopyOf>, PgError> {
    as_owner(|| {
        let (here, kept) = look()?;
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
