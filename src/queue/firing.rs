//! Schedules whose instant has come: the manager makes their jobs, and moves the row on in the same transaction.

use alyx_schedule::{DEFAULT_GRACE_S, Firing, Missed, Overlap, Run, fire};
use serde_json::value::RawValue;

use super::job::{NewJob, Source};
use super::outbox;
use super::timetable::parse;
use crate::catalog::as_owner;
use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, Role, clock};

/// Jobs of one schedule that may wait when `overlap` is `allow`.
const MAX_WAITING: u32 = 100;

/// A schedule whose instant has come.
struct Due {
    id: i64,
    function_id: i64,
    cron: String,
    timezone: String,
    input: String,
    overlap: Overlap,
    missed: Missed,
    role: Role,
    anchor_s: i64,
    due_s: i64,
    previous_s: Option<i64>,
    running: u32,
    waiting: u32,
}

impl Due {
    fn from_row(row: Vec<Cell>) -> Option<Self> {
        let mut cells = row.into_iter();
        let mut cell = || cells.next().unwrap_or(Cell::Null);
        Some(Self {
            id: cell().parse()?,
            function_id: cell().parse()?,
            cron: cell().text(),
            timezone: cell().text(),
            input: cell().text(),
            overlap: Overlap::from_name(&cell().text())?,
            missed: Missed::from_name(&cell().text())?,
            role: Role::from_oid(cell().parse()?),
            anchor_s: cell().parse()?,
            due_s: cell().parse()?,
            previous_s: cell().parse(),
            running: cell().parse()?,
            waiting: cell().parse()?,
        })
    }

    /// Makes the jobs that are due; what to write into the row.
    fn fire(&self, now_s: i64) -> Result<Advance, PgError> {
        let (schedule, zone) = parse(&self.cron, &self.timezone)?;
        if schedule.is_reboot() {
            let run = Run { scheduled_at: self.due_s, previous_at: self.previous_s, missed: 0 };
            self.enqueue(&run)?;
            return Ok(Advance { next_s: None, previous_s: Some(self.due_s), skipped: 0, error: None });
        }
        let Firing { runs, next } =
            fire(&schedule, &zone, self.anchor_s, self.due_s, now_s, self.previous_s, self.missed, DEFAULT_GRACE_S);
        let (mut waiting, mut skipped, mut previous_s) = (self.waiting, 0, None);
        for run in &runs {
            let is_full = self.overlap == Overlap::Allow && waiting >= MAX_WAITING;
            // Runs of one catch-up follow each other by their ordering key, so they do not overlap.
            let is_admitted = previous_s.is_some() && self.overlap == Overlap::Skip
                || self.overlap.admits(self.running, waiting) && !is_full;
            if is_admitted {
                self.enqueue(run)?;
                waiting += 1;
                previous_s = Some(run.scheduled_at);
            } else {
                skipped += 1;
            }
        }
        Ok(Advance { next_s: next, previous_s, skipped, error: None })
    }

    fn enqueue(&self, run: &Run) -> Result<(), PgError> {
        let input = RawValue::from_string(self.input.clone()).map_err(|error| Error::Internal(error.to_string()))?;
        let schedule = serde_json::json!({
            "id": self.id,
            "scheduled_at": clock::iso_utc(run.scheduled_at)?,
            "previous_at": run.previous_at.map(clock::iso_utc).transpose()?,
            "missed": run.missed,
            "timezone": self.timezone,
        });
        let job = NewJob {
            function_id: self.function_id,
            id: None,
            source: Source::Schedule,
            role: self.role,
            claims: None,
            payload: format!("{{\"input\":{},\"schedule\":{schedule}}}", input.get()),
            run_at_us: Some(run.scheduled_at.saturating_mul(1_000_000)),
            priority: 0,
            ordering_key: (self.overlap != Overlap::Allow).then(|| format!("schedule {}", self.id)),
            dedupe_key: None,
            schedule_id: Some(self.id),
        };
        outbox::enqueue(job).map(drop)
    }
}

/// What to write into a row that has fired.
struct Advance {
    next_s: Option<i64>,
    previous_s: Option<i64>,
    skipped: i64,
    error: Option<String>,
}

/// Fires what is due, a bounded number; how many schedules that were. In a transaction of the manager's.
pub fn fire_due() -> Result<usize, PgError> {
    let now_us = clock::now_us();
    let now = [Param::Big(now_us)];
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/due_schedules.sql"), &now))?;
    let count = rows.len();
    let now_s = now_us / 1_000_000;
    let (mut ids, mut advances) = (Vec::new(), Vec::new());
    for due in rows.into_iter().filter_map(Due::from_row) {
        // One schedule that cannot be fired must not hold up the others: it stops, and says why.
        let advance = due.fire(now_s).unwrap_or_else(|error| Advance {
            next_s: None,
            previous_s: None,
            skipped: 0,
            error: Some(error.message.clone()),
        });
        ids.push(due.id);
        advances.push(advance);
    }
    if ids.is_empty() {
        return Ok(count);
    }
    let of = |of: fn(&Advance) -> i64| advances.iter().map(of).collect::<Vec<i64>>();
    let errors: Vec<Option<&str>> = advances.iter().map(|advance| advance.error.as_deref()).collect();
    let params = [
        Param::Bigs(&ids),
        Param::Bigs(&of(|advance| advance.next_s.unwrap_or(0))),
        Param::Bigs(&of(|advance| advance.previous_s.unwrap_or(0))),
        Param::Bigs(&of(|advance| advance.skipped)),
        Param::Texts(&errors),
    ];
    as_owner(|| spi::query_kept(include_str!("../../sql/queries/advance_schedules.sql"), &params))?;
    Ok(count)
}
