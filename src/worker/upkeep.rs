//! What a manager does for records, beside its jobs: moves them into tables, stores counters, drops old days.
//!
//! None of it may stop the manager. A step that fails says so in the server log, once until it goes well again.

use std::time::{Duration, Instant};

use super::manager::transaction;
use super::{drain, retention};
use crate::invoke;
use crate::pg::PgError;
use crate::pg::backend::{Level, report_failure};
use crate::pg::background::{must_end, wait};
use crate::pg::session::set_local;
use crate::pg::spi;

/// How often records are looked for.
const PERIOD: Duration = Duration::from_millis(200);
/// The same while there are more than one transaction takes: the rest is left to those who cause them.
const BUSY_PERIOD: Duration = Duration::from_millis(25);
const MINUTE: Duration = Duration::from_secs(60);
/// How long sessions that are ending with the server may take to say so: this long always, since a session may be between
/// two statements, and longer while one is seen.
const LAST_WORDS_MS: u64 = 50;
const MOST_LAST_WORDS: Duration = Duration::from_secs(1);
/// Pause between two looks.
const LOOK_MS: u64 = 10;

/// When what is due.
pub(super) struct Upkeep {
    drain_at: Instant,
    minute_at: Instant,
    has_failed: bool,
}

impl Upkeep {
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self { drain_at: now, minute_at: now + MINUTE, has_failed: false }
    }

    /// Does what is due.
    pub(super) fn run(&mut self) -> Result<(), PgError> {
        let now = Instant::now();
        if now >= self.drain_at {
            let stored = if drain::is_waiting() { self.attempt(drain::drain)? } else { Some(0) };
            self.drain_at = now + if stored == Some(drain::BATCH) { BUSY_PERIOD } else { PERIOD };
        }
        if now >= self.minute_at {
            self.minute_at = now + MINUTE;
            invoke::sweep_cache();
            self.attempt(drain::snapshot)?;
            self.attempt(retention::drop_old_records)?;
            self.attempt(retention::delete_expired_entries)?;
        }
        Ok(())
    }

    /// When it wants to run again.
    pub(super) fn sleep_ms(&self) -> u64 {
        let next = self.drain_at.min(self.minute_at);
        u64::try_from(next.saturating_duration_since(Instant::now()).as_millis()).unwrap_or(0)
    }

    /// Saves what there is, with what sessions that end now still have to say.
    pub(super) fn end(&mut self) -> Result<(), PgError> {
        let began = Instant::now();
        wait(LAST_WORDS_MS)?;
        // Asked to leave for a command of somebody's (DROP DATABASE), it would wait for that very session.
        while must_end() && began.elapsed() < MOST_LAST_WORDS && self.attempt(is_anybody_active)? == Some(true) {
            wait(LOOK_MS)?;
        }
        while self.attempt(drain::drain)? == Some(drain::BATCH) {}
        self.attempt(drain::snapshot).map(drop)
    }

    /// Runs a step in a transaction of its own, which waits neither for the disk nor for other people's locks.
    fn attempt<T>(&mut self, step: impl FnOnce() -> Result<T, PgError>) -> Result<Option<T>, PgError> {
        let result = transaction(|| {
            set_local("synchronous_commit", "off")?;
            set_local("lock_timeout", "100ms")?;
            step()
        });
        match result {
            Ok(done) => {
                self.has_failed = false;
                Ok(done)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.has_failed, true) {
                    report_failure(Level::Warning, "alyx_functions: upkeep failed", &error)?;
                }
                Ok(None)
            }
        }
    }
}

fn is_anybody_active() -> Result<bool, PgError> {
    let rows = spi::query(include_str!("../../sql/queries/is_anybody_active.sql"), &[])?;
    Ok(rows.first().and_then(|row| row.first()).is_some_and(spi::Cell::is_true))
}
