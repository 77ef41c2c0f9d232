//! The workers of one manager: starting them, giving them jobs, learning what they have done and what they left undone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::pg::background::{self, Child, ChildState, Start};
use crate::queue::{Claimed, QUEUE, Slot};

/// How long jobs wait behind one that takes long, before they are given to somebody else.
pub(super) const STUCK_AFTER: Duration = Duration::from_millis(25);

/// One worker, as its manager sees it.
#[derive(Debug)]
pub(super) struct Worker {
    slot: Slot,
    child: Child,
    /// The role that it runs jobs as.
    pub(super) role: u32,
    /// Jobs that it was given and has not finished, oldest first; `None` for those that were taken back.
    hand: VecDeque<Option<Claimed>>,
    seen: (u64, u64),
    /// How many it had started when that number last changed, and when that was.
    started: (u64, Instant),
    is_retired: bool,
}

/// What a worker that has ended left undone.
pub(super) struct Left {
    /// The job that it was running, and whether the worker ended because that did not stop.
    pub(super) interrupted: Option<(Claimed, bool)>,
    /// Jobs that it had not begun.
    pub(super) untouched: Vec<Claimed>,
}

impl Worker {
    /// Starts a worker of a role. `Err(true)` when all of our slots are taken, `Err(false)` when the server has no room
    /// for one more process.
    pub(super) fn start(database: u32, role: u32) -> Result<Self, bool> {
        let slot = Slot::take(database, role).ok_or(true)?;
        let start = Start {
            symbol: "alyx_worker_main",
            r#type: "alyx worker",
            name: "alyx worker",
            argument: u64::try_from(slot.number()).unwrap_or(0),
        };
        match background::start(&start) {
            Some(child) => Ok(Self {
                slot,
                child,
                role,
                hand: VecDeque::new(),
                seen: (0, 0),
                started: (0, Instant::now()),
                is_retired: false,
            }),
            None => {
                slot.free();
                Err(false)
            }
        }
    }

    /// Jobs that it may still be given.
    pub(super) fn room(&self, at_most: u64) -> u64 {
        let at_most = at_most.min(QUEUE as u64);
        if self.is_retired { 0 } else { at_most.saturating_sub(self.slot.in_hand()) }
    }

    /// Jobs that it has.
    pub(super) fn in_hand(&self) -> usize {
        self.hand.iter().flatten().count()
    }

    /// Whether it has a job that must run alone.
    pub(super) fn has_suspect(&self) -> bool {
        self.hand.iter().flatten().any(|job| job.crashes > 0)
    }

    /// Gives it a job; [`Worker::wake`] follows.
    pub(super) fn give(&mut self, job: Claimed) {
        self.slot.assign((job.id, job.lease));
        self.hand.push_back(Some(job));
    }

    /// Wakes it.
    pub(super) fn wake(&self) {
        self.slot.wake();
    }

    /// Asks it to end when it has done what it has in hand.
    pub(super) fn retire(&mut self) {
        self.is_retired = true;
        self.slot.retire();
    }

    /// Whether it was asked to.
    pub(super) fn is_retired(&self) -> bool {
        self.is_retired
    }

    /// Adds what it has finished since the last call, each with its share of the time.
    pub(super) fn collect(&mut self, done: &mut Vec<(Claimed, u64)>) {
        let (jobs, busy_us) = self.slot.finished();
        let count = usize::try_from(jobs.saturating_sub(self.seen.0)).unwrap_or(usize::MAX).min(self.hand.len());
        if count == 0 {
            return;
        }
        let since_us = busy_us.saturating_sub(self.seen.1);
        self.seen = (jobs, busy_us);
        let finished: Vec<Claimed> = self.hand.drain(..count).flatten().collect();
        let share_us = since_us / u64::try_from(finished.len()).unwrap_or(1).max(1);
        done.extend(finished.into_iter().map(|job| (job, share_us)));
    }

    /// Whether jobs wait behind the one that it runs.
    pub(super) fn has_waiting(&self) -> bool {
        self.in_hand() > 1
    }

    /// Takes back the jobs that wait behind one that has been running for long.
    pub(super) fn take_back(&mut self) -> Vec<Claimed> {
        let started = self.slot.started();
        if started != self.started.0 {
            self.started = (started, Instant::now());
        }
        if self.started.1.elapsed() < STUCK_AFTER {
            return Vec::new();
        }
        let (slot, first) = (self.slot, self.seen.0);
        let numbers = (first..).zip(self.hand.iter_mut());
        numbers
            .filter(|(number, job)| *number >= started && job.is_some() && slot.take_back(*number))
            .filter_map(|(_, job)| job.take())
            .collect()
    }

    /// Whether its process is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.slot.has_ended() || self.child.state() == ChildState::Ended
    }

    /// Ends the process.
    pub(super) fn terminate(&self) {
        background::terminate(self.slot.pid());
    }

    /// Takes what a worker that has ended left; its slot is free afterwards.
    pub(super) fn bury(mut self) -> Left {
        let has_begun = self.slot.started() > self.seen.0;
        let job = if has_begun { self.hand.pop_front().flatten() } else { None };
        let interrupted = job.map(|job| (job, self.slot.was_overdue()));
        self.slot.free();
        Left { interrupted, untouched: self.hand.into_iter().flatten().collect() }
    }
}

/// Ends workers that a manager before this one has left, and frees their slots; `true` when none are left. `at_last`
/// also frees slots whose process was never started.
pub(super) fn stop_leftovers(database: u32, at_last: bool) -> bool {
    let mut all_gone = true;
    for slot in Slot::all().filter(|slot| slot.database() == database) {
        if slot.has_ended() || at_last && slot.pid() == 0 {
            slot.free();
        } else {
            slot.retire();
            background::terminate(slot.pid());
            all_gone = false;
        }
    }
    all_gone
}
