//! Where the jobs and schedules of a database run: in one place. A copy of the data directory, or of the database within its
//! server, holds the same ones; it lets them wait until somebody says that they are to run there.
//!
//! What is not a copy: a standby that was promoted and a recovery to a point in time have a timeline of their own, a cluster
//! that pg_upgrade made has an identifier of its own. They go on by themselves, since what they came from is meant to be gone.

use alloc::string::String;

/// A place where jobs may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The cluster's identifier, made by initdb.
    pub system: i64,
    /// A new one begins with each promotion; 0 on a standby, which has none of its own.
    pub timeline: i64,
    /// OID of the database.
    pub database: i64,
    /// Number and birth of the file that lives as long as its data directory, with a space between; a birth of 0 is not
    /// known, and an empty text says nothing.
    pub control_file: String,
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
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "this data directory is a copy",
            Self::Database => "this database is a copy of another",
            Self::Restore => "a dump is being restored into this database",
        }
    }
}

/// Why `here` is not where the jobs of `kept` run.
#[must_use]
pub fn copy_of(kept: &Place, here: &Place) -> Option<Waiting> {
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
    match (kept.split_once(' '), here.split_once(' ')) {
        (Some((_, kept)), Some((_, here))) if kept != "0" && here != "0" => kept == here,
        (Some((kept, _)), Some((here, _))) => kept == here,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(system: i64, timeline: i64, database: i64, control_file: &str) -> Place {
        Place { system, timeline, database, control_file: control_file.into() }
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
