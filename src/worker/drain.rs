//! Records on their way from shared memory into tables, and counters with them.
//!
//! The manager calls [`drain`] five times a second and [`snapshot`] each minute and at its end (`upkeep`), each in a
//! transaction of its own with `synchronous_commit` off: what a crash takes is what the records tell of, not what they record. What was
//! read leaves the ring when that transaction has committed, and stays there when it was rolled back.
//!
//! A failure here must stop nobody: the manager reports it and goes on. What could not be stored three times in a row,
//! for another reason than a lock, is counted as lost and makes room.

mod partitions;
mod snapshot;
mod store;

use std::cell::{Cell, RefCell};

pub use snapshot::snapshot;

use crate::catalog::as_owner;
use crate::pg::background::wait;
use crate::pg::transaction::{self, End};
use crate::pg::{Call, PgError, Reply, SqlState};
use crate::record::{self, Consumer};

crate::entry!(alyx_drain, pg_finfo_alyx_drain, drain_now);
crate::entry!(alyx_forget_records, pg_finfo_alyx_forget_records, forget_records);

/// Most records of one transaction; at five transactions a second what bounds the manager's processor time.
pub const BATCH: usize = 4096;
/// How often a batch is tried before it is lost.
const TRIES: u32 = 3;
const LOCKED: SqlState = SqlState::new(b"55P03");
/// How long `_drain` waits for the process that is reading.
const PATIENCE_MS: u64 = 5000;

thread_local! {
    // What the transaction that is open has read.
    static OPEN: RefCell<Option<Consumer>> = const { RefCell::new(None) };
    static FAILURES: Cell<u32> = const { Cell::new(0) };
}

/// Whether a record waits.
pub fn is_waiting() -> bool {
    record::is_waiting()
}

/// Stores the oldest records of this database, at most [`BATCH`], and returns their number: that many means that there
/// may be more. Does nothing while another process reads the ring.
///
/// # Errors
/// What storing them fails with; the transaction must be rolled back.
pub fn drain() -> Result<usize, PgError> {
    let Some(mut consumer) = OPEN.with(RefCell::take).or_else(Consumer::take) else { return Ok(0) };
    let entries = consumer.read(BATCH);
    match as_owner(|| store::store(&entries)) {
        Ok(()) => {
            watch_transactions();
            OPEN.with(|open| open.replace(Some(consumer)));
            FAILURES.set(0);
            Ok(entries.len())
        }
        Err(error) => {
            // A lock that somebody holds says nothing against the records: they wait, as long as the ring has room.
            FAILURES.set(FAILURES.get() + u32::from(error.sqlstate != LOCKED));
            if FAILURES.get() >= TRIES {
                FAILURES.set(0);
                consumer.lose();
            }
            Err(error)
        }
    }
}

fn watch_transactions() {
    thread_local! {
        static IS_WATCHING: Cell<bool> = const { Cell::new(false) };
    }
    if !IS_WATCHING.replace(true) {
        transaction::at_end(|end| {
            if let Some(consumer) = OPEN.with(RefCell::take)
                && end != End::Aborted
            {
                consumer.confirm();
            }
        });
    }
}

/// `_drain()` → how many records were stored. All that there are, and the counters, in the caller's transaction.
fn drain_now(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    let mut waited_ms = 0;
    while record::is_being_read() && waited_ms < PATIENCE_MS {
        wait(5)?;
        waited_ms += 5;
    }
    let mut stored = 0;
    loop {
        let count = drain()?;
        stored += count;
        if count < BATCH {
            break;
        }
    }
    snapshot()?;
    Ok(Reply::big(i64::try_from(stored).unwrap_or(i64::MAX)))
}

/// `_forget_records()`.
fn forget_records(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    record::forget();
    if let Some(mut consumer) = Consumer::take() {
        while consumer.read(BATCH).len() == BATCH {}
        consumer.confirm();
    }
    Ok(Reply::VOID)
}
