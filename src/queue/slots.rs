//! What a manager and its workers tell each other, in shared memory: one slot per worker process, with a short queue of
//! claimed jobs that only the manager fills and only the worker empties.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::pg::backend;
use crate::pg::background::{self, wake};
use crate::pg::shmem::Region;
use crate::record::InvocationId;
use crate::settings;

static SLOTS: Region = Region::new(c"alyx_functions workers");

/// Jobs that a worker can have in hand.
pub const QUEUE: usize = 64;

const STATE: usize = 0;
const DATABASE: usize = 1;
const ROLE: usize = 2;
const PID: usize = 3;
const LATCH: usize = 4;
const ASSIGNED: usize = 5;
const STARTED: usize = 6;
const FINISHED: usize = 7;
const RETIRED: usize = 8;
const CANCELLED_HIGH: usize = 9;
const CANCELLED_LOW: usize = 10;
const BUSY_US: usize = 11;
const RUNNING_HIGH: usize = 12;
const RUNNING_LOW: usize = 13;
const RUNNING_LEASE: usize = 14;
const OVERDUE: usize = 15;
const FIRST_JOB: usize = 16;
const JOB_WORDS: usize = 3;
const STRIDE: usize = FIRST_JOB + JOB_WORDS * QUEUE;

const FREE: u64 = 0;
const TAKEN: u64 = 1;
const RUNNING: u64 = 2;
const ENDED: u64 = 3;

/// Asks for the shared memory. While preloading.
pub fn define() {
    SLOTS.define(STRIDE * max_workers());
}

/// Processes that run jobs at once, in all databases: what was set, else half of what the server may start, at most 8.
pub fn max_workers() -> usize {
    // Both settings are the postmaster's: they stay as they are while the server runs.
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        settings::max_workers().unwrap_or_else(|| {
            let all = backend::setting("max_worker_processes").and_then(|text| text.parse().ok()).unwrap_or(8_usize);
            (all / 2).clamp(1, 8)
        })
    })
}

/// Stops the worker that runs this job now; `false` when none does.
pub fn stop_running(database: u32, id: &InvocationId) -> bool {
    let slot = Slot::cancel(id).filter(|slot| slot.database() == database);
    slot.inspect(|slot| background::cancel(slot.pid())).is_some()
}

/// One worker's slot.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    number: usize,
    words: &'static [AtomicU64],
}

/// A job in a worker's hands: its id and the lease under which it was claimed.
pub type Assigned = (InvocationId, i64);

static NOTHING: AtomicU64 = AtomicU64::new(0);

impl Slot {
    /// All slots of the server.
    pub fn all() -> impl Iterator<Item = Self> {
        let words = SLOTS.words().unwrap_or_default();
        words.chunks_exact(STRIDE).enumerate().map(|(number, words)| Self { number, words })
    }

    /// The slot of this number.
    pub fn at(number: usize) -> Option<Self> {
        Self::all().nth(number)
    }

    fn word(self, at: usize) -> &'static AtomicU64 {
        self.words.get(at).unwrap_or(&NOTHING)
    }

    fn get(self, at: usize) -> u64 {
        self.word(at).load(Ordering::Acquire)
    }

    fn set(self, at: usize, value: u64) {
        self.word(at).store(value, Ordering::Release);
    }

    /// Its number.
    pub fn number(self) -> usize {
        self.number
    }

    /// Takes a free slot for a worker that is about to be started.
    pub fn take(database: u32, role: u32) -> Option<Self> {
        let slot = Self::all()
            .find(|slot| slot.word(STATE).compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_ok())?;
        for word in [PID, LATCH, ASSIGNED, STARTED, FINISHED, RETIRED, CANCELLED_HIGH, CANCELLED_LOW, BUSY_US, OVERDUE]
        {
            slot.set(word, 0);
        }
        slot.set(ROLE, u64::from(role));
        slot.set(DATABASE, u64::from(database));
        Some(slot)
    }

    /// Gives the slot back. By the manager, when the worker has ended or never began.
    pub fn free(self) {
        self.set(DATABASE, 0);
        self.set(STATE, FREE);
    }

    /// The worker has begun; `false` when its slot is not for it any more.
    pub fn begin(self, pid: u32, latch: u64) -> bool {
        self.set(PID, u64::from(pid));
        self.set(LATCH, latch);
        self.word(STATE).compare_exchange(TAKEN, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The worker ends, in whatever way; `is_overdue`: because its job did not.
    pub fn end(self, is_overdue: bool) {
        self.set(OVERDUE, u64::from(is_overdue));
        self.set(LATCH, 0);
        self.set(STATE, ENDED);
    }

    /// Whether the worker has ended.
    pub fn has_ended(self) -> bool {
        self.get(STATE) == ENDED
    }

    /// Whether it has ended because its job did not stop.
    pub fn was_overdue(self) -> bool {
        self.get(OVERDUE) != 0
    }

    /// The database that it is for, 0 when free.
    pub fn database(self) -> u32 {
        u32::try_from(self.get(DATABASE)).unwrap_or(0)
    }

    /// The role that it is for.
    pub fn role(self) -> u32 {
        u32::try_from(self.get(ROLE)).unwrap_or(0)
    }

    /// The worker's process, 0 before it has begun.
    pub fn pid(self) -> u32 {
        u32::try_from(self.get(PID)).unwrap_or(0)
    }

    fn job_words(self, number: u64) -> [&'static AtomicU64; JOB_WORDS] {
        let at = FIRST_JOB + JOB_WORDS * usize::try_from(number % QUEUE as u64).unwrap_or(0);
        [self.word(at), self.word(at + 1), self.word(at + 2)]
    }

    /// Gives the worker a job; the caller knows that there is room. [`Slot::wake`] follows.
    pub fn assign(self, job: Assigned) {
        let number = self.get(ASSIGNED);
        let id = u128::from_be_bytes(job.0.0);
        let [high, low, lease] = self.job_words(number);
        #[allow(clippy::cast_possible_truncation, reason = "two halves of a whole")]
        {
            high.store((id >> 64) as u64, Ordering::Relaxed);
            low.store(id as u64, Ordering::Relaxed);
        }
        lease.store(job.1.cast_unsigned(), Ordering::Release);
        self.set(ASSIGNED, number + 1);
    }

    /// Wakes the worker.
    pub fn wake(self) {
        wake(self.get(LATCH));
    }

    /// The worker's next job, which counts as started. Those that were taken back are passed over.
    pub fn start_next(self) -> Option<Assigned> {
        loop {
            let number = self.get(STARTED);
            if number >= self.get(ASSIGNED) {
                return None;
            }
            let [high, low, lease] = self.job_words(number);
            // Whoever finds the lease has the job: the manager may be taking it back right now.
            let lease = lease.swap(0, Ordering::AcqRel);
            let (high, low) = (high.load(Ordering::Relaxed), low.load(Ordering::Relaxed));
            self.set(RUNNING_HIGH, high);
            self.set(RUNNING_LOW, low);
            self.set(RUNNING_LEASE, lease);
            self.set(STARTED, number + 1);
            if lease != 0 {
                return Some((id_of(high, low), lease.cast_signed()));
            }
            self.finish(0);
        }
    }

    /// Takes back the job of this number, counted from the worker's first; `false` when it has been started.
    pub fn take_back(self, number: u64) -> bool {
        let [_, _, lease] = self.job_words(number);
        lease.swap(0, Ordering::AcqRel) != 0
    }

    /// The job that was started is done, one way or another, after so many microseconds.
    pub fn finish(self, busy_us: u64) {
        self.word(BUSY_US).fetch_add(busy_us, Ordering::Relaxed);
        self.word(FINISHED).fetch_add(1, Ordering::AcqRel);
    }

    /// Jobs done since it began, and the microseconds they took.
    pub fn finished(self) -> (u64, u64) {
        (self.get(FINISHED), self.get(BUSY_US))
    }

    /// Jobs that it has in hand.
    pub fn in_hand(self) -> u64 {
        self.get(ASSIGNED).saturating_sub(self.get(FINISHED))
    }

    /// Jobs started since it began.
    pub fn started(self) -> u64 {
        self.get(STARTED)
    }

    /// Asks the worker to end when it has nothing in hand.
    pub fn retire(self) {
        self.set(RETIRED, 1);
        self.wake();
    }

    /// Whether it was asked to.
    pub fn is_retired(self) -> bool {
        self.get(RETIRED) != 0
    }

    /// The worker that runs this job now; it is told that the job is cancelled. The signal follows.
    fn cancel(id: &InvocationId) -> Option<Self> {
        Self::all().find(|slot| {
            let runs = slot.get(STARTED) > slot.get(FINISHED)
                && id_of(slot.get(RUNNING_HIGH), slot.get(RUNNING_LOW)) == *id
                && slot.get(RUNNING_LEASE) != 0;
            if runs {
                slot.set(CANCELLED_LOW, slot.get(RUNNING_LOW));
                slot.set(CANCELLED_HIGH, slot.get(RUNNING_HIGH));
            }
            runs
        })
    }

    /// The job that was last cancelled, once: a signal may come when the worker has gone on to another.
    pub fn take_cancelled(self) -> Option<InvocationId> {
        let high = self.word(CANCELLED_HIGH).swap(0, Ordering::AcqRel);
        (high != 0).then(|| id_of(high, self.get(CANCELLED_LOW)))
    }
}

fn id_of(high: u64, low: u64) -> InvocationId {
    InvocationId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}
