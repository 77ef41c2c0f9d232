//! Which job runs next: the manager's picture of the queue, and the steps from a ready row to a worker's hand.
//!
//! One claimer per database makes limits exact and fair shares simple: functions take turns, each with at most what
//! keeps its workers busy for a tenth of a second. What is claimed waits in a lane per role until a worker has room.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use super::crew::{Left, STUCK_AFTER, Worker};
use super::flow::Flow;
use crate::catalog::{self, Function};
use crate::pg::backend::{Level, report};
use crate::pg::{PgError, SqlState, clock, subtransaction};
use crate::queue::{self, Bell, Claimed};

/// Jobs that wait in lanes before no more are claimed.
const LANES_FULL: usize = 256;
/// How long to wait when the server has no room for one more process.
const NO_ROOM_US: i64 = 1_000_000;
/// How often to look for a slot when other databases have them all.
const SLOT_WAIT_US: i64 = 20_000;
/// A job whose worker was ended from outside so often is given up.
const MAX_INTERRUPTIONS: i32 = 10;

/// Jobs that are ready, claimed or running in one database.
pub(super) struct Dispatch {
    database: u32,
    flows: BTreeMap<i64, Flow>,
    lanes: BTreeMap<u32, VecDeque<Claimed>>,
    crew: Vec<Worker>,
    /// Jobs that have yet to be given back: not begun by a worker that has ended, and interrupted with one.
    untouched: Vec<Claimed>,
    interrupted: Vec<Claimed>,
    next_lease: i64,
    /// The function that had the last turn.
    turn: i64,
    suspects: bool,
    suspects_in_flight: usize,
    no_room_until_us: i64,
    /// When a rate limit lets the next job through.
    limited_until_us: Option<i64>,
}

/// What became of one function in a claim.
struct Claim {
    function: Option<Rc<Function>>,
    id: i64,
    free: Vec<Claimed>,
    ordered: Vec<Claimed>,
    asked: u32,
    next_us: Option<i64>,
}

impl Dispatch {
    pub(super) fn new(database: u32) -> Self {
        Self {
            database,
            flows: BTreeMap::new(),
            lanes: BTreeMap::new(),
            crew: Vec::new(),
            untouched: Vec::new(),
            interrupted: Vec::new(),
            // Greater than any lease of a manager before this one, whose workers are gone anyway.
            next_lease: clock::now_us(),
            turn: 0,
            suspects: true,
            suspects_in_flight: 0,
            no_room_until_us: 0,
            limited_until_us: None,
        }
    }

    /// Takes in what the bell told.
    pub(super) fn heard(&mut self, bell: &Bell) {
        for (function, rank) in &bell.ready {
            self.flows.entry(*function).or_default().news(*rank);
        }
    }

    /// Looks at the whole queue again. In a transaction.
    pub(super) fn look_around(&mut self) -> Result<(), PgError> {
        for function in queue::discover()? {
            self.flows.entry(function).or_default().start_over();
        }
        self.suspects = true;
        Ok(())
    }

    /// Takes in what workers have done; gives back what those that have ended left, in a transaction of its own.
    pub(super) fn reap(&mut self) -> Result<(), PgError> {
        for worker in &mut self.crew {
            if let Some(finished) = worker.finished() {
                let jobs = u64::try_from(finished.jobs.len()).unwrap_or(1);
                let share = finished.busy_us / jobs.max(1);
                for job in finished.jobs {
                    self.suspects_in_flight -= usize::from(job.crashes > 0).min(self.suspects_in_flight);
                    if let Some(flow) = self.flows.get_mut(&job.function_id) {
                        flow.left(job.ordering_key.as_deref());
                        flow.measured(1, share);
                    }
                }
            }
        }
        for worker in &mut self.crew {
            for job in worker.take_back().into_iter().rev() {
                self.lanes.entry(job.runs_as).or_default().push_front(job);
            }
        }
        let (ended, crew) = std::mem::take(&mut self.crew).into_iter().partition(Worker::has_ended);
        self.crew = crew;
        for mut worker in Vec::into_iter(ended) {
            if let Some(finished) = worker.finished() {
                finished.jobs.iter().for_each(|job| self.forget(job));
            }
            let Left { interrupted, untouched } = worker.bury();
            self.interrupted.extend(interrupted);
            self.untouched.extend(untouched);
        }
        self.give_back()
    }

    /// Gives back what is to be given back. What cannot be written now is kept for the next time.
    fn give_back(&mut self) -> Result<(), PgError> {
        if self.untouched.is_empty() && self.interrupted.is_empty() {
            return Ok(());
        }
        self.suspects = true;
        let ids: Vec<_> = self.untouched.iter().map(|job| job.id).collect();
        if !ids.is_empty() {
            if super::manager::transaction(|| queue::release_leases(&ids))?.is_none() {
                return Ok(());
            }
            std::mem::take(&mut self.untouched).iter().for_each(|job| self.returned(job));
        }
        // Each on its own: one that cannot be settled holds up no other, and is tried again.
        let mut problem = Ok(());
        for job in std::mem::take(&mut self.interrupted) {
            match super::manager::transaction(|| settle_interrupted(&job)) {
                Ok(Some(())) => self.returned(&job),
                Ok(None) => self.interrupted.push(job),
                Err(error) => {
                    self.interrupted.push(job);
                    problem = Err(error);
                }
            }
        }
        problem
    }

    fn returned(&mut self, job: &Claimed) {
        self.forget(job);
        self.flows.entry(job.function_id).or_default().news(job.rank);
    }

    fn forget(&mut self, job: &Claimed) {
        self.suspects_in_flight -= usize::from(job.crashes > 0).min(self.suspects_in_flight);
        if let Some(flow) = self.flows.get_mut(&job.function_id) {
            flow.left(job.ordering_key.as_deref());
        }
    }

    /// Claims what workers will have room for. Committed before any of it is handed out: an attempt that brings the
    /// server down has been counted.
    pub(super) fn claim(&mut self) -> Result<(), PgError> {
        let waiting: usize = self.lanes.values().map(VecDeque::len).sum();
        let due: Vec<i64> = self.due();
        if waiting >= LANES_FULL || due.is_empty() && !self.may_claim_suspect() {
            return Ok(());
        }
        let lease = self.next_lease;
        self.next_lease += 1;
        let now_us = clock::now_us();
        let (claims, suspect) = super::manager::transaction(|| {
            let mut room = LANES_FULL.saturating_sub(waiting);
            let mut claims = Vec::new();
            for id in due {
                if room == 0 {
                    break;
                }
                let claim = self.claim_of(id, room, lease, now_us)?;
                room = room.saturating_sub(claim.free.len() + claim.ordered.len());
                claims.push(claim);
            }
            let suspect = if self.may_claim_suspect() { Some(claim_suspect(lease)?) } else { None };
            Ok((claims, suspect))
        })?
        .unwrap_or_default();
        self.limited_until_us = claims.iter().filter_map(|claim| claim.next_us).min();
        for claim in claims {
            self.apply(claim, now_us);
        }
        if let Some(suspect) = suspect {
            self.suspects = suspect.is_some();
            if let Some(job) = suspect {
                self.flows.entry(job.function_id).or_default().in_flight += 1;
                self.to_lane(job);
            }
        }
        Ok(())
    }

    fn may_claim_suspect(&self) -> bool {
        self.suspects && self.suspects_in_flight == 0
    }

    /// The functions that may have jobs, beginning behind the one that had the last turn.
    fn due(&self) -> Vec<i64> {
        let with_jobs = |(_, flow): &(&i64, &Flow)| flow.has_free || flow.has_ordered;
        let after = self.flows.range(self.turn + 1..).filter(with_jobs);
        let before = self.flows.range(..=self.turn).filter(with_jobs);
        after.chain(before).map(|(id, _)| *id).collect()
    }

    fn claim_of(&mut self, id: i64, room: usize, lease: i64, now_us: i64) -> Result<Claim, PgError> {
        let mut claim = Claim { function: None, id, free: Vec::new(), ordered: Vec::new(), asked: 0, next_us: None };
        // One row of the catalog that cannot be read must not hold up the others.
        let function = match subtransaction(|| catalog::find_by_id(id)) {
            Ok(Some(function)) => function,
            Ok(None) => {
                queue::bury_function(id, None)?;
                return Ok(claim);
            }
            Err(error) => {
                report(Level::Warning, &format!("jobs of function {id} cannot be started: {}", error.message))?;
                return Ok(claim);
            }
        };
        let Some(flow) = self.flows.get_mut(&id) else { return Ok(claim) };
        let (allowed, next_us) = flow.allowance(&function.manifest, queue::max_workers(), now_us);
        claim.asked = allowed.min(u32::try_from(room).unwrap_or(u32::MAX));
        claim.next_us = next_us;
        claim.function = Some(Rc::clone(&function));
        if function.is_paused || claim.asked == 0 {
            return Ok(claim);
        }
        if flow.has_free {
            let limit = i32::try_from(claim.asked).unwrap_or(i32::MAX);
            claim.free = queue::claim(id, flow.cursor, limit, lease)?;
        }
        let left = claim.asked.saturating_sub(u32::try_from(claim.free.len()).unwrap_or(u32::MAX));
        if flow.has_ordered && left > 0 {
            let busy: Vec<&str> = flow.busy_keys.iter().map(String::as_str).collect();
            let limit = i32::try_from(left).unwrap_or(i32::MAX);
            claim.ordered = queue::claim_ordered(id, &flow.after_key, &busy, limit, lease)?;
        }
        for job in claim.free.iter_mut().chain(&mut claim.ordered) {
            job.runs_as = function.role_for(job.role).oid();
        }
        Ok(claim)
    }

    /// Takes a committed claim into the picture.
    fn apply(&mut self, claim: Claim, now_us: i64) {
        self.turn = claim.id;
        let Some(flow) = self.flows.get_mut(&claim.id) else { return };
        let Some(function) = claim.function else {
            // Gone, or unreadable until somebody repairs it: the slow poll asks again.
            flow.has_free = false;
            flow.has_ordered = false;
            return;
        };
        if function.is_paused || claim.asked == 0 {
            return;
        }
        flow.claimed(&function.manifest, claim.free.len() + claim.ordered.len(), now_us);
        if flow.has_free {
            flow.has_free = claim.free.len() >= usize::try_from(claim.asked).unwrap_or(usize::MAX);
            if let Some(last) = claim.free.last() {
                flow.cursor = queue::Cursor { rank: last.rank, id: last.id };
            }
        }
        let asked_ordered = usize::try_from(claim.asked).unwrap_or(0).saturating_sub(claim.free.len());
        if flow.has_ordered && asked_ordered > 0 {
            flow.busy_keys.extend(claim.ordered.iter().filter_map(|job| job.ordering_key.clone()));
            match claim.ordered.iter().filter_map(|job| job.ordering_key.as_ref()).max() {
                Some(last) if claim.ordered.len() >= asked_ordered => flow.after_key.clone_from(last),
                // Round once more from the first key, when one of those that are busy is free.
                _ => {
                    flow.has_ordered = !flow.after_key.is_empty();
                    flow.after_key.clear();
                }
            }
        }
        for job in claim.free.into_iter().chain(claim.ordered) {
            self.to_lane(job);
        }
    }

    fn to_lane(&mut self, job: Claimed) {
        self.suspects_in_flight += usize::from(job.crashes > 0);
        self.lanes.entry(job.runs_as).or_default().push_back(job);
    }

    /// Hands out what waits in lanes; starts workers where none has room.
    pub(super) fn feed(&mut self) -> Result<(), PgError> {
        let mut roles: Vec<u32> =
            self.lanes.iter().filter(|(_, lane)| !lane.is_empty()).map(|(role, _)| *role).collect();
        // Who has no worker comes first, to the slot that somebody was asked to leave for it.
        roles.sort_by_cached_key(|role| self.mates(*role));
        self.make_way();
        for role in roles {
            self.feed_role(role);
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
        let has_too_many = queue::is_another_starving(self.database) && self.crew.len() > queue::fair_share();
        if has_too_many && !self.crew.iter().any(Worker::is_retired) {
            self.crew.iter_mut().min_by_key(|worker| worker.in_hand()).into_iter().for_each(Worker::retire);
        }
    }

    fn feed_role(&mut self, role: u32) {
        let mates = self.mates(role);
        let Some(lane) = self.lanes.get_mut(&role) else { return };
        let mut given = Vec::new();
        while let Some(job) = lane.front() {
            // Few jobs are spread over all workers before one gets a second.
            let share = u64::try_from(lane.len().div_ceil(mates.max(1))).unwrap_or(u64::MAX);
            let batch = self.flows.get(&job.function_id).map_or(1, |flow| flow.per_worker(u64::MAX)).min(share.max(2));
            let is_suspect = job.crashes > 0;
            let best = self
                .crew
                .iter_mut()
                .enumerate()
                .filter(|(_, worker)| worker.role == role && worker.room(batch) > 0 && !worker.has_suspect())
                .filter(|(_, worker)| !is_suspect || worker.in_hand() == 0)
                .min_by_key(|(_, worker)| worker.in_hand());
            let Some((number, worker)) = best else { break };
            worker.give(job.clone());
            lane.pop_front();
            if !given.contains(&number) {
                given.push(number);
            }
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
        let stuck_us = i64::try_from(STUCK_AFTER.as_micros()).unwrap_or(0);
        let stuck = self.crew.iter().any(Worker::has_waiting).then(|| clock::now_us() + stuck_us);
        // Nobody rings when another database leaves a slot.
        let slot = (self.crew.is_empty() && !self.lanes.is_empty()).then(|| clock::now_us() + SLOT_WAIT_US);
        let no_room = (!self.lanes.is_empty() && self.no_room_until_us > 0).then_some(self.no_room_until_us);
        [no_room, self.limited_until_us, stuck, slot].into_iter().flatten().min()
    }

    /// There may be jobs that the server went down with.
    pub(super) fn look_for_suspects(&mut self) {
        self.suspects = true;
    }

    /// Forgets functions that have had nothing to do since the last time.
    pub(super) fn tidy(&mut self) {
        self.flows.retain(|_, flow| !flow.is_quiet());
    }

    /// Asks all workers to end; `true` when they have. What they had in hand is given back.
    pub(super) fn dismiss(&mut self, by_force: bool) -> Result<bool, PgError> {
        for worker in &mut self.crew {
            worker.retire();
            if by_force {
                worker.terminate();
            }
        }
        self.untouched.extend(std::mem::take(&mut self.lanes).into_values().flatten());
        self.reap()?;
        self.give_back()?;
        Ok(self.crew.is_empty() && self.untouched.is_empty() && self.interrupted.is_empty())
    }
}

fn claim_suspect(lease: i64) -> Result<Option<Claimed>, PgError> {
    let Some(mut job) = queue::claim_suspect(lease)? else { return Ok(None) };
    if let Some(function) = subtransaction(|| catalog::find_by_id(job.function_id)).unwrap_or_default() {
        job.runs_as = function.role_for(job.role).oid();
    }
    Ok(Some(job))
}

/// A job whose worker was ended counts the attempt and comes again.
fn settle_interrupted(job: &Claimed) -> Result<(), PgError> {
    let error = PgError::new(SqlState::new(b"57P01"), "the worker was ended while it was running the job");
    let next = match job.attempt < MAX_INTERRUPTIONS {
        true => alyx_schedule::Next::RetryAfter { ms: 0 },
        false => alyx_schedule::Next::Dead { reason: alyx_schedule::Reason::AttemptsExhausted },
    };
    let failed = queue::Failed { id: &job.id, lease: job.lease, attempt: job.attempt, error: &error, function: None };
    queue::settle(&failed, next)
}
