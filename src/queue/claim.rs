//! The manager's side of the queue: which jobs there are, which of them are taken. Inside a transaction of its own.

use std::collections::BTreeSet;

use super::job::Job;
use crate::catalog::as_owner;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, Role, clock};
use crate::record::InvocationId;

/// How far the jobs of a function have been claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Rank of the last claimed job.
    pub rank: i64,
    /// Its id.
    pub id: InvocationId,
}

impl Cursor {
    /// Before all jobs of this rank.
    pub fn before(rank: i64) -> Self {
        Self { rank: rank.saturating_sub(1), id: InvocationId([0xFF; 16]) }
    }

    /// Before all jobs.
    pub const START: Self = Self { rank: i64::MIN, id: InvocationId([0; 16]) };
}

/// A job that the manager has marked as running and has yet to give to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The job.
    pub id: InvocationId,
    /// The mark: no other claim has the same.
    pub lease: i64,
    /// Its function.
    pub function_id: i64,
    /// The role it was made by.
    pub role: Role,
    /// The OID of the role that it runs as, once that is known: the same, or the function's owner.
    pub runs_as: u32,
    /// Its place among the function's jobs.
    pub rank: i64,
    /// The key whose jobs run one at a time.
    pub ordering_key: Option<String>,
    /// How often the server ended with it.
    pub crashes: i32,
    /// This attempt, from 1.
    pub attempt: i32,
}

fn claimed(rows: Vec<Vec<Cell>>, function_id: i64, lease: i64) -> Vec<Claimed> {
    let mut jobs: Vec<Claimed> = rows
        .into_iter()
        .filter_map(|row| {
            let mut cells = row.into_iter();
            let mut next = || cells.next().unwrap_or(Cell::Null);
            let (id, role) = (next().parse()?, next().parse()?);
            Some(Claimed {
                id,
                lease,
                function_id,
                role: Role::from_oid(role),
                runs_as: role,
                rank: next().parse()?,
                ordering_key: next().some(),
                crashes: next().parse()?,
                attempt: next().parse()?,
            })
        })
        .collect();
    // UPDATE … RETURNING gives them in any order.
    jobs.sort_by_key(|job| (job.rank, job.id));
    jobs
}

/// Claims up to `limit` jobs of a function behind `cursor`, of those without an ordering key.
pub fn claim(function_id: i64, cursor: Cursor, limit: i32, lease: i64) -> Result<Vec<Claimed>, PgError> {
    let id = cursor.id.to_string();
    let params = [
        Param::Big(function_id),
        Param::Big(cursor.rank),
        Param::Text(Some(&id)),
        Param::Int(limit),
        Param::Big(lease),
    ];
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/claim.sql"), &params))?;
    Ok(claimed(rows, function_id, lease))
}

/// Keys that one claim looks at.
const KEYS: i32 = 500;

/// What came of a look at a function's ordering keys.
#[derive(Debug, Default)]
pub struct OrderedClaim {
    /// The claimed jobs, one per key.
    pub jobs: Vec<Claimed>,
    /// Where the next look begins: behind this key, or at the first when there are no more.
    pub next_after: Option<String>,
}

/// Claims the first job of each of up to `limit` ordering keys of a function, behind the key `after` and but for those
/// that are `busy`.
pub fn claim_ordered(
    function_id: i64,
    after: &str,
    busy: &BTreeSet<String>,
    limit: i32,
    lease: i64,
) -> Result<OrderedClaim, PgError> {
    let params = [Param::Big(function_id), Param::Text(Some(after)), Param::Int(KEYS)];
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/next_keys.sql"), &params))?;
    let keys: Vec<String> = rows.into_iter().flatten().filter_map(Cell::some).collect();
    let is_cut = keys.len() >= usize::try_from(KEYS).unwrap_or(usize::MAX);
    let free: Vec<Option<&str>> =
        keys.iter().filter(|key| !busy.contains(*key)).map(|key| Some(key.as_str())).collect();
    let params = [Param::Big(function_id), Param::Texts(&free), Param::Int(limit), Param::Big(lease)];
    let rows = match free.is_empty() {
        true => Vec::new(),
        false => as_owner(|| spi::query_kept(include_str!("../../sql/queries/claim_ordered.sql"), &params))?,
    };
    let jobs = claimed(rows, function_id, lease);
    let is_full = jobs.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let last_claimed = jobs.iter().filter_map(|job| job.ordering_key.clone()).max();
    let next_after = if is_full { last_claimed } else { keys.into_iter().next_back().filter(|_| is_cut) };
    Ok(OrderedClaim { jobs, next_after })
}

/// Claims one job that the server went down with.
pub fn claim_suspect(lease: i64) -> Result<Option<Claimed>, PgError> {
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/claim_suspect.sql"), &[Param::Big(lease)]))?;
    let function_id = rows.first().and_then(|row| row.last().cloned()).and_then(Cell::parse).unwrap_or(0);
    Ok(claimed(rows, function_id, lease).pop())
}

/// The functions that have jobs, running ones included.
pub fn discover() -> Result<Vec<i64>, PgError> {
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/discover.sql"), &[]))?;
    Ok(rows.into_iter().flatten().filter_map(Cell::parse).collect())
}

/// When the next deferred job is due, in microseconds since 1970.
pub fn next_deferred() -> Result<Option<i64>, PgError> {
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/next_deferred.sql"), &[]))?;
    Ok(rows.into_iter().flatten().next().and_then(Cell::parse))
}

/// Makes deferred jobs that are due ready, a bounded number: `(function, least rank, count)`.
pub fn promote() -> Result<Vec<(i64, i64, i64)>, PgError> {
    let now = [Param::Big(clock::now_us())];
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/promote.sql"), &now))?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let mut cells = row.into_iter();
            let mut next = || cells.next().and_then(Cell::parse);
            Some((next()?, next()?, next()?))
        })
        .collect())
}

/// Gives back jobs that were claimed and not started: `(function, rank)` of each.
pub fn release_leases(jobs: &[InvocationId]) -> Result<Vec<(i64, i64)>, PgError> {
    let ids: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
    let rows =
        as_owner(|| spi::query_kept(include_str!("../../sql/queries/release_leases.sql"), &[Param::Texts(&ids)]))?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let mut cells = row.into_iter();
            let mut next = || cells.next().and_then(Cell::parse);
            Some((next()?, next()?))
        })
        .collect())
}

/// Puts the jobs back that were claimed under leases before this one and that nobody works on any more: `crashed` says
/// that the server ended with them. `false` when some are held by other transactions and have to wait.
pub fn recover(crashed: bool, before: i64) -> Result<bool, PgError> {
    let sql = match crashed {
        true => include_str!("../../sql/queries/recover_crashed.sql"),
        false => include_str!("../../sql/queries/release_all_leases.sql"),
    };
    let before = [Param::Big(before)];
    as_owner(|| spi::run(sql, &before))?;
    let left = as_owner(|| spi::query(include_str!("../../sql/queries/has_old_leases.sql"), &before))?;
    Ok(!left.iter().flatten().any(Cell::is_true))
}

impl Job {
    pub(super) fn from_row(row: Vec<Cell>) -> Option<Self> {
        let mut cells = row.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::Null);
        Some(Self {
            id: next().parse()?,
            function_id: next().parse()?,
            source: super::Source::from_word(&next().text()),
            role: Role::from_oid(next().parse()?),
            claims: next().some(),
            payload: next().text(),
            depth: next().parse()?,
            attempt: next().parse()?,
            conflicts: next().parse()?,
            age_ms: next().parse()?,
            dedupe_key: next().some(),
        })
    }
}
