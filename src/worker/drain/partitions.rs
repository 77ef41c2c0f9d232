//! Partitions by day, made when they are needed.

use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, quote_identifier};

const DAY_US: u64 = 86_400_000_000;

/// A table that has a partition for each day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    parent: &'static str,
    day: u64,
}

impl Need {
    /// What a record of an invocation needs.
    pub(super) fn invocation(failed: bool, at_us: u64) -> Self {
        Self { parent: if failed { "_invocation_failed" } else { "_invocation_ok" }, day: at_us / DAY_US }
    }

    /// What a log line needs.
    pub(super) fn log(failed: bool, at_us: u64) -> Self {
        Self { parent: if failed { "_log_failed" } else { "_log_ok" }, day: at_us / DAY_US }
    }
}

/// Makes the partitions that are missing. As the extension's owner.
///
/// Not by `CREATE TABLE … PARTITION OF`, which would wait for every reader of the parent. They are members of the
/// extension, so that pg_dump leaves them out and DROP EXTENSION takes them along.
pub(super) fn make(needs: &[Need]) -> Result<(), PgError> {
    let parents: Vec<Option<&str>> = needs.iter().map(|need| Some(need.parent)).collect();
    let days: Vec<i64> = needs.iter().map(|need| i64::try_from(need.day).unwrap_or(0)).collect();
    let params = [Param::Texts(&parents), Param::Bigs(&days)];
    for row in spi::query_kept(include_str!("../../../sql/queries/missing_partitions.sql"), &params)? {
        let [parent, name, from, to] = <[Cell; 4]>::try_from(row).unwrap_or([const { Cell::Null }; 4]).map(Cell::text);
        let (parent, name) = (quote_identifier(&parent), quote_identifier(&name));
        for statement in [
            format!("CREATE TABLE alyx.{name} (LIKE alyx.{parent} INCLUDING INDEXES)"),
            format!("ALTER TABLE alyx.{parent} ATTACH PARTITION alyx.{name} FOR VALUES FROM ('{from}') TO ('{to}')"),
            format!("ALTER EXTENSION alyx_functions ADD TABLE alyx.{name}"),
        ] {
            spi::run(&statement, &[])?;
        }
    }
    Ok(())
}
