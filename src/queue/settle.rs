//! The worker's side of the queue: a job goes with the transaction that does it, or is put where its failure leads.

use alyx_schedule::{Next, Reason};
use serde_json::json;

use super::job::Job;
use super::outbox;
use crate::catalog::as_owner;
use crate::pg::PgError;
use crate::pg::spi::{self, Cell, Param};
use crate::record::InvocationId;

/// Takes a claimed job out of the queue; `None` when the claim is not ours any more. Rolled back, it is there again.
pub fn take(id: &InvocationId, lease: i64) -> Result<Option<Job>, PgError> {
    let id = id.to_string();
    let params = [Param::Text(Some(&id)), Param::Big(lease)];
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/take_job.sql"), &params))?;
    Ok(rows.into_iter().next().and_then(Job::from_row))
}

/// The last of a job that was done, in the transaction that did it: who asks for its dedupe key should not have to wait
/// for the function.
pub fn finish(job: &Job) -> Result<(), PgError> {
    let Some(key) = &job.dedupe_key else { return Ok(()) };
    let id = job.id.to_string();
    let params = [Param::Big(job.function_id), Param::Text(Some(key)), Param::Text(Some(&id))];
    as_owner(|| spi::query_kept(include_str!("../../sql/queries/free_dedupe_key.sql"), &params)).map(drop)
}

/// How an attempt ended that did not succeed.
pub struct Failed<'a> {
    /// The job.
    pub id: &'a InvocationId,
    /// The claim under which it was tried.
    pub lease: i64,
    /// This attempt, from 1.
    pub attempt: i32,
    /// The error.
    pub error: &'a PgError,
    /// The function's name, for the record of the dead.
    pub function: Option<&'a str>,
}

/// Puts a job that failed where `next` says. In a transaction of its own, after the one that failed.
pub fn settle(failed: &Failed<'_>, next: Next) -> Result<(), PgError> {
    let id = failed.id.to_string();
    let error = json!([{
        "attempt": failed.attempt,
        "sqlstate": failed.error.sqlstate.to_string(),
        "message": shorten(&failed.error.message),
        "detail": failed.error.detail.as_deref().map(shorten),
    }])
    .to_string();
    let claim = [Param::Text(Some(&id)), Param::Big(failed.lease)];
    let [job, lease] = claim;
    let rows = as_owner(|| match next {
        Next::RetryNow => spi::query_kept(include_str!("../../sql/queries/retry_now.sql"), &claim),
        Next::RetryAfter { ms } => {
            let ms = Param::Big(i64::try_from(ms).unwrap_or(i64::MAX));
            let params = [job, lease, Param::Text(Some(&error)), ms];
            spi::query_kept(include_str!("../../sql/queries/retry_later.sql"), &params)
        }
        Next::Dead { reason } => bury(&claim, &error, reason, failed.function),
    })?;
    let found = rows.into_iter().next().and_then(|row| {
        let mut cells = row.into_iter();
        Some((cells.next().and_then(Cell::parse)?, cells.next().and_then(Cell::parse)?))
    });
    match (found, next) {
        (Some((function, rank)), Next::RetryNow) => outbox::announce_ready(function, rank),
        (Some(_), Next::RetryAfter { .. }) => outbox::announce_time(),
        _ => {}
    }
    Ok(())
}

fn bury(
    claim: &[Param<'_>; 2],
    error: &str,
    reason: Reason,
    function: Option<&str>,
) -> Result<Vec<Vec<Cell>>, PgError> {
    let [job, lease] = *claim;
    let params = [job, lease, Param::Text(Some(error)), Param::Text(Some(reason.as_str())), Param::Text(function)];
    spi::query_kept(include_str!("../../sql/queries/bury_job.sql"), &params)
}

/// Error texts are a guest's and of any length; ten of them are kept with each job.
fn shorten(text: &str) -> &str {
    let mut end = text.len().min(1000);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
