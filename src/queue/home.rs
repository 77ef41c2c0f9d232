//! Where a database's jobs and schedules run: in one place. A copy of the data directory, or of the database within the
//! server, holds the same jobs; it lets them wait until somebody says that they are to run there.
//!
//! What is not a copy: a standby that was promoted and a recovery to a point in time have a timeline of their own, a cluster
//! that pg_upgrade made has an identifier of its own. They go on by themselves, since what they came from is meant to be gone.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use super::board::Database;
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

/// Why the jobs of a database do not run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// This is a copy of a data directory.
    Directory,
    /// This is a copy of another database of this server.
    Database,
    /// A dump brings it just now: its jobs come before the rows, indexes and grants that they need.
    Restore,
}

impl Waiting {
    /// As a sentence needs it after "because".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "this data directory is a copy",
            Self::Database => "this database is a copy of another",
            Self::Restore => "a dump is being restored into this database",
        }
    }
}

/// Why `here` is not where the jobs of `kept` run.
fn copy_of(kept: &Place, here: &Place) -> Option<Waiting> {
    if kept.system != here.system {
        // pg_upgrade's clusters begin with the first timeline; pg_createsubscriber makes a copy of a standby, which has another.
        return (here.timeline > 1).then_some(Waiting::Directory);
    }
    if kept.database != here.database {
        return Some(Waiting::Database);
    }
    let is_same = is_same_file(&kept.control_file, &here.control_file);
    (kept.timeline == here.timeline && !is_same).then_some(Waiting::Directory)
}

/// Births tell files apart; where one of them is not known, numbers do. What is not known at all is taken for the same.
fn is_same_file(kept: &str, here: &str) -> bool {
    let parts = |text: &str| text.split_once(' ').map(|(number, birth)| (number.to_owned(), birth.to_owned()));
    match (parts(kept), parts(here)) {
        (Some((_, kept)), Some((_, here))) if kept != "0" && here != "0" => kept == here,
        (Some((kept, _)), Some((here, _))) => kept == here,
        _ => true,
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(system: i64, timeline: i64, database: i64, control_file: &str) -> Place {
        Place { system, timeline, database, control_file: control_file.to_owned() }
    }

    #[test]
    fn what_goes_on_and_what_waits() {
        let kept = place(1, 1, 5, "10 77");
        let of = |here: &Place| copy_of(&kept, here);
        assert_eq!(of(&kept), None);
        assert_eq!(of(&place(1, 1, 5, "11 78")), Some(Waiting::Directory), "copied");
        assert_eq!(of(&place(1, 1, 6, "10 77")), Some(Waiting::Database), "made from a template");
        assert_eq!(of(&place(1, 2, 5, "11 78")), None, "promoted");
        assert_eq!(of(&place(2, 1, 5, "11 78")), None, "pg_upgrade");
        assert_eq!(of(&place(2, 3, 5, "11 78")), Some(Waiting::Directory), "pg_createsubscriber");
        for same in ["11 77", "10 0", ""] {
            assert_eq!(of(&place(1, 1, 5, same)), None, "{same}: a file system tells less, or other numbers");
        }
        assert_eq!(copy_of(&place(1, 1, 5, "10 0"), &place(1, 1, 5, "11 78")), Some(Waiting::Directory));
    }
}
