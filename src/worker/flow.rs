//! What a manager remembers of one function's jobs: how far they are claimed, how many run, how long they take.

use std::collections::{BTreeSet, VecDeque};

use alyx_manifest::Manifest;

use crate::queue::Cursor;

/// Work that a claim should give each worker, in microseconds.
const BATCH_US: f64 = 100_000.0;
/// Most jobs of one function in one claim.
const LARGEST_CLAIM: u32 = 128;
/// A job that takes longer is slow: its function leaves one worker to others.
const SLOW_US: f64 = 1_000_000.0;

/// The jobs of one function.
#[derive(Debug)]
pub(super) struct Flow {
    /// Where the last claim ended.
    pub(super) cursor: Cursor,
    /// Whether there may be jobs behind the cursor.
    pub(super) has_free: bool,
    /// Whether there may be jobs with ordering keys.
    pub(super) has_ordered: bool,
    /// The key that the last claim of ordered jobs ended with.
    pub(super) after_key: String,
    /// Whether this round through the keys has found something, or something has come since it began.
    pub(super) is_worth_another: bool,
    /// Ordering keys of claimed jobs.
    pub(super) busy_keys: BTreeSet<String>,
    /// Whether it is paused, or cannot be read.
    pub(super) is_parked: bool,
    /// Jobs claimed and not done.
    pub(super) in_flight: u32,
    /// Average time of a job, in microseconds; 0 before the first.
    run_us: f64,
    /// When the last jobs were claimed, in microseconds since 1970: as many as the rate limit counts.
    starts: VecDeque<i64>,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            cursor: Cursor::START,
            has_free: true,
            has_ordered: true,
            after_key: String::new(),
            is_worth_another: true,
            is_parked: false,
            busy_keys: BTreeSet::new(),
            in_flight: 0,
            run_us: 0.0,
            starts: VecDeque::new(),
        }
    }
}

impl Flow {
    /// Jobs of this rank and of later ones have come.
    pub(super) fn news(&mut self, rank: i64) {
        self.cursor = self.cursor.min(Cursor::before(rank));
        self.has_free = true;
        self.look_at_keys();
    }

    /// There may be something among the keys, also among those that this round has passed.
    fn look_at_keys(&mut self) {
        self.has_ordered = true;
        self.is_worth_another = true;
    }

    /// A claim has looked at some keys: `next_after` says where to go on, if not at the first.
    pub(super) fn looked_at_keys(&mut self, found: bool, next_after: Option<String>) {
        self.is_worth_another |= found;
        match next_after {
            Some(key) => self.after_key = key,
            None => {
                // A round that began in the middle, or found something, is followed by another.
                self.has_ordered = self.is_worth_another && !self.after_key.is_empty();
                self.is_worth_another = false;
                self.after_key.clear();
            }
        }
    }

    /// Looks at everything again.
    pub(super) fn start_over(&mut self) {
        self.cursor = Cursor::START;
        self.has_free = true;
        self.look_at_keys();
        self.after_key.clear();
        self.is_parked = false;
    }

    /// Waits until somebody says that it can go on.
    pub(super) fn park(&mut self) {
        self.has_free = false;
        self.has_ordered = false;
        self.is_parked = true;
    }

    /// A job took so many microseconds.
    pub(super) fn measured(&mut self, busy_us: u64) {
        #[allow(clippy::cast_precision_loss, reason = "a measurement")]
        let now = busy_us.max(1) as f64;
        self.run_us = if self.run_us == 0.0 { now } else { 0.8 * self.run_us + 0.2 * now };
    }

    /// Jobs of this function that a worker should have in hand, of `at_most`.
    pub(super) fn per_worker(&self, at_most: u64) -> u64 {
        // Nobody waits behind a job of which it is not known how long it takes.
        if self.run_us == 0.0 {
            return at_most.min(1);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let jobs = (BATCH_US / self.run_us.max(1.0)).clamp(1.0, 1e6) as u64;
        jobs.clamp(1, at_most)
    }

    /// How many jobs may be claimed now for `workers` workers, and if the rate limit forbids more: from when it will not.
    pub(super) fn allowance(&mut self, manifest: &Manifest, workers: usize, now_us: i64) -> (u32, Option<i64>) {
        let workers = u64::try_from(workers).unwrap_or(1).max(1);
        let batch = self.per_worker(u64::from(LARGEST_CLAIM)).saturating_mul(workers);
        let mut allowed = u32::try_from(batch).unwrap_or(LARGEST_CLAIM).min(LARGEST_CLAIM);
        if self.run_us == 0.0 || self.run_us > SLOW_US {
            let all_but_one = u32::try_from(workers.saturating_sub(1).max(1)).unwrap_or(1);
            allowed = allowed.min(all_but_one.saturating_sub(self.in_flight));
        }
        if let Some(limit) = manifest.concurrency {
            allowed = allowed.min(limit.saturating_sub(self.in_flight));
        }
        let Some(rate) = manifest.rate_limit else {
            self.starts.clear();
            return (allowed, None);
        };
        let window_us = i64::try_from(rate.per_ms).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        // A clock that was set back must not hold jobs for longer than a window.
        while self.starts.front().is_some_and(|at| *at <= now_us - window_us || *at > now_us) {
            self.starts.pop_front();
        }
        let left = rate.count.saturating_sub(u32::try_from(self.starts.len()).unwrap_or(u32::MAX));
        let next = if left == 0 { self.starts.front().map(|at| at.saturating_add(window_us)) } else { None };
        (allowed.min(left), next)
    }

    /// So many jobs were claimed.
    pub(super) fn claimed(&mut self, manifest: &Manifest, jobs: usize, now_us: i64) {
        self.in_flight = self.in_flight.saturating_add(u32::try_from(jobs).unwrap_or(u32::MAX));
        if manifest.rate_limit.is_some() {
            self.starts.extend(std::iter::repeat_n(now_us, jobs));
        }
    }

    /// A claimed job is done, or was given back.
    pub(super) fn left(&mut self, ordering_key: Option<&str>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(key) = ordering_key {
            self.busy_keys.remove(key);
            self.look_at_keys();
        }
    }

    /// Whether it need not be remembered.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight == 0 && !self.is_parked && !self.has_free && !self.has_ordered && self.starts.is_empty()
    }
}
