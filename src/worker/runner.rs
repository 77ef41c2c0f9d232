//! A worker: a process of one database and one role that runs the jobs its manager gives it, each in a transaction of
//! its own, and ends when it has had nothing to do for a while.
//!
//! The session belongs to the role for good; the superuser that Postgres connected it as is out of reach. A job is taken
//! out of the queue by the transaction that runs it: what it did and that it is done become true together.

use std::cell::Cell;
use std::ffi::CString;
use std::time::Instant;

use alyx_schedule::{Failure, JobSoFar, Next, RetryPolicy, after_failure};

use crate::catalog;
use crate::error::Error;
use crate::invoke;
use crate::pg::backend::{Level, report_failure};
use crate::pg::background::{self, wait};
use crate::pg::interrupt::{self, SqlScope, Watch};
use crate::pg::wait_event::WaitEvent;
use crate::pg::{PgError, Role, SqlState, session, shmem, transaction};
use crate::queue::{self, Assigned, Database, Failed, Job, Slot, Source};
use crate::record::InvocationId;
use crate::settings;

crate::process!(alyx_worker_main, run);

const CANCELED: SqlState = SqlState::new(b"57014");
/// The SQLSTATE of what is tried again at once.
const CONFLICT: &str = "40001";

thread_local! {
    static SLOT: Cell<Option<Slot>> = const { Cell::new(None) };
}

fn at_exit() {
    if let Some(slot) = SLOT.get() {
        let database = slot.database();
        slot.end(interrupt::has_expired());
        if let Some(database) = Database::find(database) {
            database.nudge();
        }
    }
}

fn run(argument: u64) -> Result<(), PgError> {
    let Some(slot) = usize::try_from(argument).ok().and_then(Slot::at) else { return Ok(()) };
    let role = Role::from_oid(slot.role());
    SLOT.set(Some(slot));
    interrupt::end_when_overdue();
    background::at_exit(at_exit);
    background::connect(slot.database())?;
    let (name, is_superuser) = transaction::run(|| {
        session::apply_settings_of(role)?;
        Ok((role.name(), role.is_superuser()))
    })?;
    session::settle_defaults()?;
    background::become_role(role, is_superuser);
    background::show_name(&format!("alyx worker: {name}"))?;
    background::waits_for(WaitEvent::WorkerMain);
    if !slot.begin(shmem::process_id(), background::latch()) {
        return Ok(());
    }
    let Some(database) = Database::find(slot.database()) else { return Ok(()) };
    database.nudge();
    let mut idle_since = Instant::now();
    let mut unflushed_since: Option<Instant> = None;
    loop {
        while let Some(job) = slot.start_next() {
            let began = Instant::now();
            // Jobs that follow each other share a flush. Before it a crash takes effects and completion together.
            let is_followed = settings::group_flush_delay_ms() > 0 && slot.in_hand() > 1;
            let is_clean = run_one(role, slot, job, is_followed)?;
            unflushed_since = flush(unflushed_since.or(is_followed.then_some(began)), !is_followed)?;
            slot.finish(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
            // The manager refills before the queue runs dry.
            if slot.in_hand() <= 1 || slot.in_hand() == queue::QUEUE as u64 / 2 {
                database.nudge();
            }
            if !is_clean {
                return flush(unflushed_since, true).map(drop);
            }
            idle_since = Instant::now();
        }
        unflushed_since = flush(unflushed_since, true)?;
        background::show(None);
        background::report_table_statistics();
        let idle_ms = u64::try_from(idle_since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let patience_ms = settings::worker_idle_timeout_ms();
        if slot.is_retired() || database.is_held() || idle_ms >= patience_ms {
            // A job that is being assigned now is given back by the manager when it sees the end.
            return Ok(());
        }
        wait(patience_ms - idle_ms)?;
    }
}

/// Makes what was committed durable when it is time; since when something is not.
fn flush(unflushed_since: Option<Instant>, is_last: bool) -> Result<Option<Instant>, PgError> {
    let Some(since) = unflushed_since else { return Ok(None) };
    if !is_last && since.elapsed().as_millis() < u128::from(settings::group_flush_delay_ms()) {
        return Ok(Some(since));
    }
    session::flush_commits()?;
    Ok(None)
}

/// Runs one job; whether the session is fit for another. `is_followed`: somebody will flush its commit.
fn run_one(role: Role, slot: Slot, (id, lease): Assigned, is_followed: bool) -> Result<bool, PgError> {
    session::forget_cancel();
    let mut so_far = None;
    let result = within_limit(|| {
        transaction::run_as(role, || {
            let Some(job) = queue::take(&id, lease)? else { return Ok(()) };
            let attempt = so_far.insert(Attempt::new(job));
            queue::running_job(Some(attempt.job.depth));
            attempt.run(role)?;
            if is_followed {
                session::commit_now_flush_later()?;
            }
            queue::finish(&attempt.job)
        })
    });
    queue::running_job(None);
    if let Err(error) = result {
        let meant = if error.sqlstate == CANCELED { slot.take_cancelled() } else { None };
        // The failed transaction has put the row back; what becomes of it is the next transaction's to write.
        uncancelled(|| transaction::run(|| settle(&id, lease, so_far.as_ref(), &error, meant)))?;
    }
    session::clean_up()
}

/// Bookkeeping is nobody's to cancel: who asks twice for the end of a job must not end the worker with it.
fn uncancelled(mut work: impl FnMut() -> Result<(), PgError>) -> Result<(), PgError> {
    loop {
        session::forget_cancel();
        match work() {
            Err(error) if error.sqlstate == CANCELED => {}
            other => return other,
        }
    }
}

/// The function has its own limit. This one is for what else runs in its transaction, deferred triggers above all.
fn within_limit<T>(work: impl FnOnce() -> Result<T, PgError>) -> Result<T, PgError> {
    let limit_ms = settings::max_timeout_ms().saturating_mul(2);
    let watch = Watch::start(limit_ms);
    let sql = SqlScope::open();
    let result = work();
    let is_late = interrupt::has_expired();
    drop(sql);
    drop(watch);
    match result {
        Err(mut error) if is_late && error.sqlstate == CANCELED => {
            error.message = format!("the job's transaction took longer than {limit_ms} ms");
            Err(error)
        }
        other => other,
    }
}

/// A job on its way.
struct Attempt {
    job: Job,
    function: Option<String>,
    policy: RetryPolicy,
}

impl Attempt {
    fn new(job: Job) -> Self {
        Self { job, function: None, policy: RetryPolicy::default() }
    }

    fn run(&mut self, role: Role) -> Result<(), PgError> {
        let job = &self.job;
        let Some(function) = catalog::find_by_id(job.function_id)? else {
            return Err(Error::UnknownFunction("(dropped)".to_owned()).into());
        };
        self.function = Some(function.name.clone());
        self.policy = policy(&function.manifest, job.source);
        check_rights(job, &function, role)?;
        if let Some(claims) = &job.claims {
            session::set_local("request.jwt.claims", claims)?;
        }
        let activity = format!("function \"{}\" job {} attempt {}", function.name, job.id, job.attempt);
        background::show(CString::new(activity).ok().as_deref());
        invoke::job(&function, job)
    }
}

/// The manifest's `retry`; without it schedules are not tried again, they come again.
fn policy(manifest: &alyx_manifest::Manifest, source: Source) -> RetryPolicy {
    match manifest.retry {
        Some(retry) => RetryPolicy {
            attempts: retry.attempts,
            exponential: retry.backoff == alyx_manifest::Backoff::Exponential,
            base_ms: retry.base_ms,
            max_ms: retry.max_ms,
        },
        None if source == Source::Schedule => RetryPolicy { attempts: 1, ..RetryPolicy::default() },
        None => RetryPolicy::default(),
    }
}

/// What was allowed when the job was made may be forbidden now.
fn check_rights(job: &Job, function: &catalog::Function, role: Role) -> Result<(), PgError> {
    let refuse = |message: String, hint: &str| -> Result<(), PgError> {
        Err(Error::NotAllowed { message, hint: Some(hint.to_owned()) }.into())
    };
    if !job.role.exists() || !role.exists() {
        return refuse(format!("role {} of the job does not exist any more", job.role.oid()), "Discard the job.");
    }
    if !role.may_connect() {
        let hint = "A job needs the right to connect to its database, as a session would.";
        return refuse(format!("role \"{}\" may not connect to this database", role.name()), hint);
    }
    if function.role_for(job.role) != role {
        // The function's owner or its manifest has changed since the job was claimed.
        return Err(PgError::new(SqlState::new(b"40001"), "the job's role has changed"));
    }
    // Whether a trigger may run its function was asked when the trigger was made, as Postgres does it.
    if job.source != Source::Database && !function.may_be_called_by(job.role)? {
        let message = format!("permission denied for function \"{}\"", function.name);
        return refuse(message, "Calling it takes EXECUTE on its SQL function.");
    }
    Ok(())
}

fn settle(
    id: &InvocationId,
    lease: i64,
    attempt: Option<&Attempt>,
    error: &PgError,
    meant: Option<InvocationId>,
) -> Result<(), PgError> {
    // Without an attempt the row could not even be read: as if it had been the first.
    let (so_far, policy) = match attempt {
        Some(attempt) => (
            JobSoFar {
                attempt: u32::try_from(attempt.job.attempt).unwrap_or(1),
                conflicts: u32::try_from(attempt.job.conflicts).unwrap_or(0),
                age_ms: u64::try_from(attempt.job.age_ms).unwrap_or(0),
            },
            attempt.policy.clone(),
        ),
        None => (JobSoFar { attempt: 1, conflicts: 0, age_ms: 0 }, RetryPolicy::default()),
    };
    // A cancel that was meant for the job before this one is nobody's failure.
    let is_stray = meant.is_some_and(|meant| meant != *id);
    let sqlstate = if is_stray { CONFLICT.to_owned() } else { error.sqlstate.to_string() };
    let failure = Failure {
        sqlstate: &sqlstate,
        non_retryable: error.retry.non_retryable,
        retry_after_ms: error.retry.after_ms,
        cancelled: meant.is_some() && !is_stray,
    };
    let next: Next = after_failure(&so_far, &failure, &policy, session::random());
    let function = attempt.and_then(|attempt| attempt.function.as_deref());
    if let Next::Dead { reason } = next {
        let name = function.unwrap_or("(unknown)");
        let (tries, reason) = (so_far.attempt, reason.as_str());
        let what = format!("alyx_functions: job {id} of function \"{name}\" is dead ({reason}) after attempt {tries}");
        report_failure(Level::Log, &what, error)?;
    }
    let attempt = i32::try_from(so_far.attempt).unwrap_or(i32::MAX);
    queue::settle(&Failed { id, lease, attempt, error, function }, next)
}
