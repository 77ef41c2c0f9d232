//! Claimed jobs on their way to a worker and back: a lane per role, the crew that empties the lanes, and what has to be
//! given back because its worker is gone.

use std::collections::{BTreeMap, VecDeque};

use alyx_schedule::{Next, Reason, RetryPolicy, delay_ms};

use super::crew::{Left, STUCK_AFTER, Worker};
use super::manager::transaction;
use crate::pg::backend::{Level, report};
use crate::pg::{PgError, SqlState, clock, session};
use crate::queue::{self, Claimed};

/// How long to wait when the server has no room for one more process.
const NO_ROOM_US: i64 = 1_000_000;
/// How often to look for a slot when other databases have them all.
const SLOT_WAIT_US: i64 = 20_000;
/// How often to say so.
const COMPLAIN_EVERY_US: i64 = 60_000_000;
/// A job whose worker was ended from outside so often is given up.
const MAX_INTERRUPTIONS: i32 = 10;

/// The claimed jobs of one database.
#[derive(Default)]
pub(super) struct Lanes {
    database: u32,
    lanes: BTreeMap<u32, VecDeque<Claimed>>,
    crew: Vec<Worker>,
    /// Jobs that have yet to be given back: not begun by a worker that has ended, and interrupted with one.
    untouched: Vec<Claimed>,
    interrupted: Vec<(Claimed, bool)>,
    no_room_until_us: i64,
    complained_us: i64,
    is_dismissing: bool,
}

/// What has become of claimed jobs.
#[derive(Default)]
pub(super) struct Reaped {
    /// Run by a worker, each with the microseconds it took.
    pub(super) done: Vec<(Claimed, u64)>,
    /// In the queue again.
    pub(super) returned: Vec<Claimed>,
}

impl Lanes {
    pub(super) fn new(database: u32) -> Self {
        Self { database, ..Self::default() }
    }

    /// Jobs that no worker has yet.
    pub(super) fn waiting(&self) -> usize {
        self.lanes.values().map(VecDeque::len).sum()
    }

    /// Adds a job that has been claimed.
    pub(super) fn add(&mut self, job: Claimed) {
        self.lanes.entry(job.runs_as).or_default().push_back(job);
    }

    /// The same of one that must run alone: before those that wait, which may be many. The next of its kind waits for it.
    pub(super) fn add_first(&mut self, job: Claimed) {
        self.lanes.entry(job.runs_as).or_default().push_front(job);
    }

    /// Takes in what workers have done; gives back what those that have ended left, in transactions of its own.
    pub(super) fn reap(&mut self, reaped: &mut Reaped) -> Result<(), PgError> {
        for worker in &mut self.crew {
            worker.collect(&mut reaped.done);
            for job in worker.take_back().into_iter().rev() {
                self.lanes.entry(job.runs_as).or_default().push_front(job);
            }
        }
        let (ended, crew) = std::mem::take(&mut self.crew).into_iter().partition(Worker::has_ended);
        self.crew = crew;
        for mut worker in Vec::into_iter(ended) {
            worker.collect(&mut reaped.done);
            let Left { interrupted, untouched } = worker.bury();
            // Whoever asked us to leave is not the job's fault: as if it had not begun.
            match self.is_dismissing {
                true => self.untouched.extend(interrupted.map(|(job, _)| job)),
                false => self.interrupted.extend(interrupted),
            }
            self.untouched.extend(untouched);
        }
        self.give_back(&mut reaped.returned)
    }

    /// Gives back what is to be given back. What cannot be written now is kept for the next time.
    fn give_back(&mut self, returned: &mut Vec<Claimed>) -> Result<(), PgError> {
        let ids: Vec<_> = self.untouched.iter().map(|job| job.id).collect();
        if !ids.is_empty() {
            if transaction(|| queue::release_leases(&ids))?.is_none() {
                return Ok(());
            }
            returned.append(&mut self.untouched);
        }
        // Each on its own: one that cannot be settled holds up no other, and is tried again.
        let mut problem = Ok(());
        for (job, was_overdue) in std::mem::take(&mut self.interrupted) {
            match transaction(|| settle_interrupted(&job, was_overdue)) {
                Ok(Some(())) => returned.push(job),
                Ok(None) => self.interrupted.push((job, was_overdue)),
                Err(error) => {
                    self.interrupted.push((job, was_overdue));
                    problem = Err(error);
                }
            }
        }
        problem
    }

    /// Hands out what waits; starts workers where none has room. `per_worker` says how many jobs of a function a worker
    /// should have in hand.
    pub(super) fn feed(&mut self, per_worker: impl Fn(i64) -> u64) -> Result<(), PgError> {
        let mut roles: Vec<u32> =
            self.lanes.iter().filter(|(_, lane)| !lane.is_empty()).map(|(role, _)| *role).collect();
        // Who has no worker comes first, to the slot that somebody was asked to leave for it.
        roles.sort_by_cached_key(|role| self.mates(*role));
        self.make_way();
        for role in roles {
            self.feed_role(role, &per_worker);
            let waiting = self.lanes.get(&role).map_or(0, VecDeque::len);
            if waiting > 0 {
                self.enlist(role, waiting)?;
            }
        }
        self.lanes.retain(|_, lane| !lane.is_empty());
        queue::starve(self.database, self.crew.is_empty() && !self.lanes.is_empty());
        Ok(())
    }

    fn mates(&self, role: u32) -> usize {
        self.crew.iter().filter(|worker| worker.role == role && !worker.is_retired()).count()
    }

    /// Gives up a worker for another database that has none, when this one has more than its share.
    fn make_way(&mut self) {
        if !queue::is_another_starving(self.database) || self.crew.iter().any(Worker::is_retired) {
            return;
        }
        let has_too_many = self.crew.len() > queue::fair_share();
        let idlest = self.crew.iter_mut().min_by_key(|worker| worker.in_hand());
        idlest.into_iter().filter(|worker| has_too_many || worker.in_hand() == 0).for_each(Worker::retire);
    }

    fn feed_role(&mut self, role: u32, per_worker: &impl Fn(i64) -> u64) {
        let mates = self.mates(role);
        let Some(lane) = self.lanes.get_mut(&role) else { return };
        let mut given = Vec::new();
        // A suspect that waits for a worker to have nothing in hand, and the one that is given nothing until then.
        let (mut suspect, mut spared) = (None, None);
        while let Some(job) = lane.front() {
            // Few jobs are spread over all workers before one gets a second.
            let share = u64::try_from(lane.len().div_ceil(mates.max(1))).unwrap_or(u64::MAX);
            let batch = per_worker(job.function_id).min(share.max(2));
            let is_suspect = job.crashes > 0;
            let best = self
                .crew
                .iter_mut()
                .enumerate()
                .filter(|(_, worker)| worker.role == role && worker.room(batch) > 0 && !worker.has_suspect())
                .filter(|(_, worker)| !is_suspect || worker.in_hand() == 0)
                .filter(|(number, _)| spared != Some(*number))
                .min_by_key(|(_, worker)| worker.in_hand());
            let Some((number, worker)) = best else {
                if !is_suspect || suspect.is_some() {
                    break;
                }
                let mates = self.crew.iter().enumerate().filter(|(_, worker)| worker.role == role);
                let mates = mates.filter(|(_, worker)| !worker.is_retired() && !worker.has_suspect());
                spared = mates.min_by_key(|(_, worker)| worker.in_hand()).map(|(number, _)| number);
                suspect = lane.pop_front();
                continue;
            };
            worker.give(job.clone());
            lane.pop_front();
            if !given.contains(&number) {
                given.push(number);
            }
        }
        if let Some(job) = suspect {
            lane.push_front(job);
        }
        given.iter().filter_map(|number| self.crew.get(*number)).for_each(Worker::wake);
    }

    /// One more worker for a role; or the room for one, when all is taken by other roles.
    fn enlist(&mut self, role: u32, waiting: usize) -> Result<(), PgError> {
        let now_us = clock::now_us();
        let mates = self.mates(role);
        let has_idle = self.crew.iter().any(|worker| worker.role == role && worker.in_hand() == 0);
        if has_idle
            || mates >= waiting.saturating_add(mates).min(queue::max_workers())
            || now_us < self.no_room_until_us
            || queue::is_another_starving(self.database) && self.crew.len() >= queue::fair_share()
        {
            return Ok(());
        }
        match Worker::start(self.database, role) {
            Ok(worker) => self.crew.push(worker),
            Err(true) if mates == 0 && !self.crew.iter().any(Worker::is_retired) => {
                let others = self.crew.iter_mut().filter(|worker| worker.role != role);
                if let Some(worker) = others.min_by_key(|worker| worker.in_hand()) {
                    worker.retire();
                }
            }
            Err(true) => {}
            Err(false) => {
                self.no_room_until_us = now_us + NO_ROOM_US;
                // Our own idle workers may be what fills the server.
                let idle = self.crew.iter_mut().find(|worker| worker.role != role && worker.in_hand() == 0);
                if let Some(worker) = idle {
                    worker.retire();
                    self.no_room_until_us = now_us + SLOT_WAIT_US;
                    return Ok(());
                }
                if now_us < self.complained_us + COMPLAIN_EVERY_US {
                    return Ok(());
                }
                self.complained_us = now_us;
                report(
                    Level::Warning,
                    "alyx_functions: no worker could be started, all background workers of the server are in use (max_worker_processes)",
                )?;
            }
        }
        Ok(())
    }

    /// When it has to look again though nobody wakes it, in microseconds since 1970.
    pub(super) fn next_us(&self) -> Option<i64> {
        let now_us = clock::now_us();
        let is_waiting = !self.lanes.is_empty();
        let stuck_us = i64::try_from(STUCK_AFTER.as_micros()).unwrap_or(0);
        let stuck = self.crew.iter().any(Worker::has_waiting).then(|| now_us + stuck_us);
        // Nobody rings when another database leaves a slot.
        let slot = (self.crew.is_empty() && is_waiting).then(|| now_us + SLOT_WAIT_US);
        let no_room = (is_waiting && self.no_room_until_us > now_us).then_some(self.no_room_until_us);
        [no_room, stuck, slot].into_iter().flatten().min()
    }

    /// Asks all workers to end; `true` when they have, and all that was claimed is given back.
    pub(super) fn dismiss(&mut self, by_force: bool) -> Result<bool, PgError> {
        self.is_dismissing = true;
        for worker in &mut self.crew {
            worker.retire();
            if by_force {
                worker.terminate();
            }
        }
        self.untouched.extend(std::mem::take(&mut self.lanes).into_values().flatten());
        self.reap(&mut Reaped::default())?;
        Ok(self.crew.is_empty() && self.untouched.is_empty() && self.interrupted.is_empty())
    }
}

/// A job whose worker was ended counts the attempt and comes again; one that its worker had to end with, later.
fn settle_interrupted(job: &Claimed, was_overdue: bool) -> Result<(), PgError> {
    let attempt = u32::try_from(job.attempt).unwrap_or(u32::MAX);
    let (code, message, ms) = match was_overdue {
        true => {
            let ms = delay_ms(&RetryPolicy::default(), attempt, session::random());
            (b"57014", "the job ran over its time limit and did not stop when it was canceled", ms)
        }
        false => (b"57P01", "the worker was ended while it was running the job", 0),
    };
    let next = match job.attempt < MAX_INTERRUPTIONS {
        true => Next::RetryAfter { ms },
        false => Next::Dead { reason: Reason::AttemptsExhausted },
    };
    let error = PgError::new(SqlState::new(code), message);
    let failed = queue::Failed { id: &job.id, lease: job.lease, attempt: job.attempt, error: &error, function: None };
    queue::settle(&failed, next)
}
