//! Making jobs, in the transaction that causes them.
//!
//! Rows wait in memory until the statement ends, so that a statement of a million rows makes a few large inserts; they
//! go with the subtransaction that they belong to. The manager hears of them when they are visible to it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::board::{Database, poke};
use super::job::{NewJob, rank};
use super::tables;
use crate::catalog::as_owner;
use crate::error::Error;
use crate::pg::spi::{self, Cell as Value, Param};
use crate::pg::transaction::{self, Buffer, End};
use crate::pg::{PgError, clock, shmem};
use crate::record::InvocationId;
use crate::settings;

/// Rows and bytes that wait in memory before they are written in the middle of a statement.
const MAX_ROWS: usize = 1000;
const MAX_BYTES: usize = 4 << 20;
/// Longest ordering or dedupe key.
const MAX_KEY_BYTES: usize = 512;

struct Waiting {
    level: i32,
    id: String,
    role: i64,
    run_at_us: i64,
    rank: i64,
    is_ready: bool,
    depth: i64,
    job: NewJob,
}

/// What this transaction has for the manager, once it is committed.
#[derive(Default)]
struct News {
    ready: BTreeMap<i64, i64>,
    timed: bool,
    installed: bool,
    restored: bool,
}

thread_local! {
    static WAITING: RefCell<Vec<Waiting>> = const { RefCell::new(Vec::new()) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static NEWS: RefCell<News> = RefCell::default();
    static IS_INSTALLED: Cell<bool> = const { Cell::new(false) };
    // How deep the running job stands, for what it makes itself.
    static RUNNING: Cell<Option<i32>> = const { Cell::new(None) };
}

/// Joins this process's transactions. Called before the first job is made in it.
pub fn install() {
    if !IS_INSTALLED.replace(true) {
        transaction::keep_buffer(Buffer { is_waiting, flush, end_subtransaction });
        transaction::at_end(end);
        transaction::when_over(tell);
    }
}

/// Marks what this process runs as a job of this depth, or as no job.
pub fn running_job(depth: Option<i32>) {
    RUNNING.set(depth);
}

/// Makes a job; it is a row at the latest when the statement ends. Gives its id, or the id of the job that holds the
/// same dedupe key.
pub fn enqueue(mut job: NewJob) -> Result<InvocationId, PgError> {
    install();
    // An empty key is none.
    job.ordering_key = job.ordering_key.filter(|key| !key.is_empty());
    job.dedupe_key = job.dedupe_key.filter(|key| !key.is_empty());
    // What a client or a guest asks for by name starts anew; only triggers that fire each other count.
    let depth = match (job.source, RUNNING.get()) {
        (super::Source::Database, Some(depth)) => depth.saturating_add(1),
        _ => 0,
    };
    if depth > settings::max_job_depth() {
        return Err(Error::JobsTooDeep { limit: settings::max_job_depth() }.into());
    }
    check_key("ordering_key", job.ordering_key.as_deref())?;
    check_key("dedupe_key", job.dedupe_key.as_deref())?;
    let id = job.id.unwrap_or_else(InvocationId::new);
    if let Some(key) = &job.dedupe_key
        && let Some(holder) = hold_key(job.function_id, key, &id)?
    {
        return Ok(holder);
    }
    let now_us = clock::now_us();
    let run_at_us = job.run_at_us.unwrap_or(now_us);
    let waiting = Waiting {
        level: transaction::nesting_level(),
        id: id.to_string(),
        role: i64::from(job.role.oid()),
        run_at_us,
        rank: rank(run_at_us, job.priority),
        is_ready: run_at_us <= now_us,
        depth: i64::from(depth),
        job,
    };
    let bytes = BYTES.get() + waiting.job.payload.len();
    BYTES.set(bytes);
    let rows = WAITING.with_borrow_mut(|all| {
        all.push(waiting);
        all.len()
    });
    if rows >= MAX_ROWS || bytes >= MAX_BYTES {
        flush(transaction::nesting_level())?;
    }
    Ok(id)
}

/// Keys stand in indexes, whose rows have a limit: one that passes here must fit wherever the job goes.
fn check_key(argument: &str, key: Option<&str>) -> Result<(), PgError> {
    match key {
        Some(key) if key.len() > MAX_KEY_BYTES => Err(Error::InvalidArgument {
            message: format!("argument \"{argument}\" is longer than {MAX_KEY_BYTES} bytes"),
            hint: Some("Use a hash of what the key is made of.".to_owned()),
        }
        .into()),
        _ => Ok(()),
    }
}

/// Takes a dedupe key for a new job; the holder's id when it is taken.
fn hold_key(function_id: i64, key: &str, id: &InvocationId) -> Result<Option<InvocationId>, PgError> {
    let id = id.to_string();
    let params = [Param::Big(function_id), Param::Text(Some(key)), Param::Text(Some(&id))];
    // Looked for first: a key that is taken should cost no wait for the job that gives it back. The holder may be done
    // between the two statements; its key is free then. A transaction that keeps its snapshot may see one that is long
    // done, so there the insert is asked first, which knows better (and may say 40001).
    let mut trusts_snapshot = !transaction::keeps_snapshot();
    for _ in 0..10 {
        let holder = as_owner(|| {
            spi::query_kept(include_str!("../../sql/queries/find_dedupe_key.sql"), params.get(..2).unwrap_or_default())
        })?;
        if let Some(holder) = holder.into_iter().flatten().next().and_then(Value::parse).filter(|_| trusts_snapshot) {
            return Ok(Some(holder));
        }
        trusts_snapshot = true;
        let taken = as_owner(|| spi::query_kept(include_str!("../../sql/queries/take_dedupe_key.sql"), &params))?;
        if !taken.is_empty() {
            return Ok(None);
        }
    }
    Err(Error::Internal(format!("dedupe key \"{key}\" is taken by no job")).into())
}

fn is_waiting(level: i32) -> bool {
    WAITING.with_borrow(|all| all.iter().any(|waiting| waiting.level >= level))
}

/// Writes the rows of this nesting level: those of an outer statement wait for its own end.
fn flush(level: i32) -> Result<(), PgError> {
    let rows: Vec<Waiting> =
        WAITING.with_borrow_mut(|all| all.extract_if(.., |waiting| waiting.level >= level).collect());
    BYTES.set(WAITING.with_borrow(|all| all.iter().map(|waiting| waiting.job.payload.len()).sum()));
    let (ready, later): (Vec<Waiting>, Vec<Waiting>) = rows.into_iter().partition(|row| row.is_ready);
    insert(&ready, tables::INSERT_READY)?;
    insert(&later, tables::INSERT_DEFERRED)?;
    NEWS.with_borrow_mut(|news| {
        for row in ready {
            let least = news.ready.entry(row.job.function_id).or_insert(row.rank);
            *least = row.rank.min(*least);
        }
        news.timed |= !later.is_empty();
    });
    Ok(())
}

fn insert(rows: &[Waiting], sql: &'static str) -> Result<(), PgError> {
    if rows.is_empty() {
        return Ok(());
    }
    fn texts<'a>(rows: &'a [Waiting], of: impl Fn(&'a Waiting) -> Option<&'a str>) -> Vec<Option<&'a str>> {
        rows.iter().map(of).collect()
    }
    let numbers = |of: fn(&Waiting) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    let params = [
        Param::Texts(&texts(rows, |row| Some(&row.id))),
        Param::Bigs(&numbers(|row| row.job.function_id)),
        Param::Texts(&texts(rows, |row| Some(row.job.source.word()))),
        Param::Bigs(&numbers(|row| row.role)),
        Param::Texts(&texts(rows, |row| row.job.claims.as_deref())),
        Param::Texts(&texts(rows, |row| Some(&row.job.payload))),
        Param::Bigs(&numbers(|row| i64::from(row.job.priority))),
        Param::Bigs(&numbers(|row| row.run_at_us)),
        Param::Bigs(&numbers(|row| row.rank)),
        Param::Texts(&texts(rows, |row| row.job.ordering_key.as_deref())),
        Param::Texts(&texts(rows, |row| row.job.dedupe_key.as_deref())),
        Param::Bigs(&numbers(|row| row.job.schedule_id.unwrap_or(0))),
        Param::Bigs(&numbers(|row| row.depth)),
    ];
    as_owner(|| spi::query_kept(sql, &params)).map(drop)
}

/// Says that a row of this transaction gave something a time: a schedule, or a job that is to be tried again.
pub fn announce_time() {
    install();
    NEWS.with_borrow_mut(|news| news.timed = true);
}

/// Asks the launcher, once this transaction is committed, to see whether this database needs a manager. `restored`: the
/// extension was created by a dump, whose session is still at work.
pub fn poke_at_commit(restored: bool) {
    install();
    NEWS.with_borrow_mut(|news| {
        news.installed = true;
        news.restored |= restored;
    });
}

/// Says that this transaction made a job of the function ready again.
pub(super) fn announce_ready(function_id: i64, rank: i64) {
    install();
    NEWS.with_borrow_mut(|news| {
        let least = news.ready.entry(function_id).or_insert(rank);
        *least = rank.min(*least);
    });
}

fn end_subtransaction(level: i32, is_committed: bool) {
    WAITING.with_borrow_mut(|all| {
        if is_committed {
            all.iter_mut().filter(|waiting| waiting.level >= level).for_each(|waiting| waiting.level = level - 1);
        } else {
            all.retain(|waiting| waiting.level < level);
        }
    });
}

fn end(end: End) {
    WAITING.with_borrow_mut(Vec::clear);
    BYTES.set(0);
    if end != End::Committed {
        NEWS.take();
    }
}

/// Not at the commit itself: a manager that is quicker than the invalidation messages would look at what it remembers.
fn tell() {
    let news = NEWS.take();
    if news.installed {
        if let Some(database) = Database::claim(shmem::database_id()).filter(|_| news.restored) {
            database.restored_by(shmem::process_id());
        }
        poke(shmem::database_id());
    }
    if (news.timed || !news.ready.is_empty())
        && let Some(database) = Database::find(shmem::database_id())
    {
        database.ring(news.ready.into_iter(), news.timed);
    }
}
