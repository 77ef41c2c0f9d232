//! Which job runs next: the manager's picture of the queue, and the steps from a ready row to a worker's hand.
//!
//! One claimer per database makes limits exact and fair shares simple: functions take turns, each with at most what
//! keeps its workers busy for a tenth of a second. What is claimed waits in a lane per role until a worker has room.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::flow::Flow;
use super::lanes::{Lanes, Reaped};
use crate::catalog::{self, Function};
use crate::pg::backend::{Level, report_failure};
use crate::pg::{PgError, clock, subtransaction};
use crate::queue::{self, Bell, Claimed, OrderedClaim};

/// Jobs that wait in lanes before no more are claimed.
const LANES_FULL: usize = 256;
/// Jobs that are ready, claimed or running in one database.
pub(super) struct Dispatch {
    flows: BTreeMap<i64, Flow>,
    lanes: Lanes,
    next_lease: i64,
    /// The function that had the last turn.
    turn: i64,
    suspects: bool,
    suspects_in_flight: usize,
    /// Whether a look at ordering keys was cut short and found nothing yet.
    goes_on: bool,
    /// When a rate limit lets the next job through.
    limited_until_us: Option<i64>,
}

/// What became of one function in a claim.
#[derive(Default)]
struct Claim {
    function: Option<Rc<Function>>,
    id: i64,
    free: Vec<Claimed>,
    ordered: OrderedClaim,
    asked: u32,
    next_us: Option<i64>,
    is_gone: bool,
}

impl Dispatch {
    pub(super) fn new(database: u32, first_lease: i64) -> Self {
        Self {
            flows: BTreeMap::new(),
            lanes: Lanes::new(database),
            next_lease: first_lease,
            turn: 0,
            suspects: true,
            suspects_in_flight: 0,
            goes_on: false,
            limited_until_us: None,
        }
    }

    /// Takes in what the bell told.
    pub(super) fn heard(&mut self, bell: &Bell) {
        if bell.timed {
            // What rings like this is a function that is resumed, too.
            self.flows.values_mut().filter(|flow| flow.is_parked).for_each(Flow::start_over);
        }
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

    /// Takes in what workers have done and what they have left.
    pub(super) fn reap(&mut self) -> Result<(), PgError> {
        let mut reaped = Reaped::default();
        let result = self.lanes.reap(&mut reaped);
        for (job, busy_us) in reaped.done {
            self.forget(&job);
            self.flows.entry(job.function_id).or_default().measured(busy_us);
        }
        self.suspects |= !reaped.returned.is_empty();
        for job in reaped.returned {
            self.forget(&job);
            self.flows.entry(job.function_id).or_default().news(job.rank);
        }
        result
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
        // What the last look found out is of no use to this one, also when there is nothing to look at.
        (self.limited_until_us, self.goes_on) = (None, false);
        let waiting = self.lanes.waiting();
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
                room = room.saturating_sub(claim.free.len() + claim.ordered.jobs.len());
                claims.push(claim);
            }
            let suspect = if self.may_claim_suspect() { Some(claim_suspect(lease)?) } else { None };
            Ok((claims, suspect))
        })?
        .unwrap_or_default();
        self.limited_until_us = claims.iter().filter_map(|claim| claim.next_us).min();
        let is_cut = |claim: &Claim| claim.ordered.jobs.is_empty() && claim.ordered.next_after.is_some();
        self.goes_on = claims.iter().any(is_cut);
        let gone: Vec<i64> = claims.iter().filter(|claim| claim.is_gone).map(|claim| claim.id).collect();
        for claim in claims {
            self.apply(claim, now_us);
        }
        if let Some(suspect) = suspect {
            self.suspects = suspect.is_some();
            if let Some(job) = suspect {
                self.flows.entry(job.function_id).or_default().in_flight += 1;
                self.line_up(job);
            }
        }
        // By themselves: somebody may hold their rows. The slow poll comes back to what is left.
        gone.into_iter().try_for_each(|id| {
            super::manager::transaction(|| queue::bury_function(id, None))?;
            // Kept, it would be buried again at each bell, which reads whole tables.
            self.flows.remove(&id);
            Ok(())
        })
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
        let mut claim = Claim { id, ..Claim::default() };
        // One row of the catalog that cannot be read must not hold up the others.
        let function = match subtransaction(|| catalog::find_by_id(id)) {
            Ok(Some(function)) => function,
            Ok(None) => {
                claim.is_gone = true;
                return Ok(claim);
            }
            Err(error) => {
                report_failure(Level::Warning, &format!("jobs of function {id} cannot be started"), &error)?;
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
            let limit = i32::try_from(left).unwrap_or(i32::MAX);
            claim.ordered = queue::claim_ordered(id, &flow.after_key, &flow.busy_keys, limit, lease)?;
        }
        for job in claim.free.iter_mut().chain(&mut claim.ordered.jobs) {
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
            return flow.park();
        };
        if function.is_paused {
            return flow.park();
        }
        if claim.asked == 0 {
            return;
        }
        flow.claimed(&function.manifest, claim.free.len() + claim.ordered.jobs.len(), now_us);
        if flow.has_free {
            flow.has_free = claim.free.len() >= usize::try_from(claim.asked).unwrap_or(usize::MAX);
            if let Some(last) = claim.free.last() {
                flow.cursor = queue::Cursor { rank: last.rank, id: last.id };
            }
        }
        let asked_ordered = usize::try_from(claim.asked).unwrap_or(0).saturating_sub(claim.free.len());
        if flow.has_ordered && asked_ordered > 0 {
            flow.busy_keys.extend(claim.ordered.jobs.iter().filter_map(|job| job.ordering_key.clone()));
            flow.looked_at_keys(!claim.ordered.jobs.is_empty(), claim.ordered.next_after);
        }
        for job in claim.free.into_iter().chain(claim.ordered.jobs) {
            self.line_up(job);
        }
    }

    fn line_up(&mut self, job: Claimed) {
        if job.crashes > 0 {
            self.suspects_in_flight += 1;
            self.lanes.add_first(job);
        } else {
            self.lanes.add(job);
        }
    }

    /// Hands out what was claimed.
    pub(super) fn feed(&mut self) -> Result<(), PgError> {
        let flows = &self.flows;
        self.lanes.feed(|function| flows.get(&function).map_or(1, |flow| flow.per_worker(u64::MAX)))
    }

    /// When it has to look again though nobody wakes it, in microseconds since 1970.
    pub(super) fn next_us(&self) -> Option<i64> {
        [self.lanes.next_us(), self.limited_until_us, self.goes_on.then(clock::now_us)].into_iter().flatten().min()
    }

    /// There may be jobs that the server went down with.
    pub(super) fn look_for_suspects(&mut self) {
        self.suspects = true;
    }

    /// Forgets functions that have had nothing to do since the last time.
    pub(super) fn tidy(&mut self) {
        self.flows.retain(|_, flow| !flow.is_quiet());
    }

    /// Asks all workers to end; `true` when they have, and all that was claimed is given back.
    pub(super) fn dismiss(&mut self, by_force: bool) -> Result<bool, PgError> {
        self.lanes.dismiss(by_force)
    }
}

fn claim_suspect(lease: i64) -> Result<Option<Claimed>, PgError> {
    let Some(mut job) = queue::claim_suspect(lease)? else { return Ok(None) };
    if let Some(function) = subtransaction(|| catalog::find_by_id(job.function_id)).unwrap_or_default() {
        job.runs_as = function.role_for(job.role).oid();
    }
    Ok(Some(job))
}
