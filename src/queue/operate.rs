//! What people do with jobs: cancel, replay, discard. Whether a role may is asked before, by the callers.

use super::outbox;
use crate::catalog::as_owner;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, Role};
use crate::record::InvocationId;

/// A job that somebody asks for by its id.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Whether it has been given up.
    pub is_dead: bool,
    /// The owner of its function; `None` when that has been dropped.
    pub owner: Option<Role>,
    /// The role that made it.
    pub role: Role,
}

/// The job of this id, if it is not done.
pub fn find(id: &InvocationId) -> Result<Option<Found>, PgError> {
    let id = id.to_string();
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/find_job.sql"), &[Param::Text(Some(&id))]))?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut cells = row.into_iter();
    let mut next = || cells.next().unwrap_or(Cell::Null);
    Ok(Some(Found {
        is_dead: next().text() == "dead",
        owner: next().parse().map(Role::from_oid),
        role: Role::from_oid(next().parse().unwrap_or(0)),
    }))
}

/// Cancels a job that waits; whether it did.
pub fn cancel(id: &InvocationId) -> Result<bool, PgError> {
    let id = id.to_string();
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/cancel_job.sql"), &[Param::Text(Some(&id))]))?;
    Ok(!rows.is_empty())
}

/// Which dead jobs to put back.
#[derive(Clone, Copy, Debug)]
pub enum Replay<'a> {
    /// This one.
    Job(&'a InvocationId),
    /// Those of a function that died since then (a timestamptz as text).
    Function(i64, &'a str),
}

/// Puts dead jobs back into the queue; how many.
pub fn replay(which: Replay<'_>) -> Result<usize, PgError> {
    let id;
    let params = match which {
        Replay::Job(job) => {
            id = job.to_string();
            [Param::Text(Some(&id)), Param::Big(0), Param::Text(Some("-infinity"))]
        }
        Replay::Function(function, since) => [Param::Text(None), Param::Big(function), Param::Text(Some(since))],
    };
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/replay_jobs.sql"), &params))?;
    let count = rows.len();
    for row in rows {
        let mut cells = row.into_iter();
        let mut next = || cells.next().and_then(Cell::parse);
        if let (Some(function), Some(rank)) = (next(), next()) {
            outbox::announce_ready(function, rank);
        }
    }
    Ok(count)
}

/// Deletes a dead job; whether there was one.
pub fn discard(id: &InvocationId) -> Result<bool, PgError> {
    let id = id.to_string();
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/discard_job.sql"), &[Param::Text(Some(&id))]))?;
    Ok(!rows.is_empty())
}

/// Puts all waiting jobs of a function that is being dropped, or has been, among the dead; its schedules go.
pub fn bury_function(function_id: i64, name: Option<&str>) -> Result<(), PgError> {
    let params = [Param::Big(function_id), Param::Text(name)];
    as_owner(|| spi::run(include_str!("../../sql/queries/bury_function.sql"), &params))
}
