//! What each function has done since the server started: counters that no loss of records touches.
//!
//! A process finds the slot of a function once; then counting takes atomic additions and no lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::Status;
use super::histogram::{BUCKETS, bucket};
use super::layout::{alone, memory};
use crate::pg::shmem::database_id;

/// Words of one slot, a whole number of cache lines.
pub(super) const SLOT_WORDS: usize = 280;
/// One slot.
pub(super) type Slot = [AtomicU64; SLOT_WORDS];

const KEY: usize = 0;
/// When the function was first missed in the catalog, in seconds since 1970.
const MISSED: usize = 1;
const ERRORS: usize = 2;
const TRAPS: usize = 3;
const TIMEOUTS: usize = 4;
const ROWS: usize = 5;
const LOST: usize = 6;
const DURATION: usize = 7;
const LONGEST: usize = 8;
/// The longest since the last snapshot.
const LONGEST_OF_MINUTE: usize = 9;
const MEMORY: usize = 10;
const HISTOGRAM: usize = 16;

/// How long a function must be missing before its slot serves another: by then no call of it can be running.
const MISSING_S: u64 = 3600;

/// A slot that was found, and the key that it had then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    slot: &'static Slot,
    key: u64,
}

impl Found {
    /// The slot, unless it has been given to another function since.
    #[inline]
    pub(super) fn slot(self) -> Option<&'static Slot> {
        (self.slot[KEY].load(Ordering::Relaxed) == self.key).then_some(self.slot)
    }
}

/// The slot of a function of this process's database; the common one, which has no key, when there is none left.
pub(super) fn slot_of(function: i64) -> Option<Found> {
    let memory = memory()?;
    let common = Found { slot: memory.overflow, key: 0 };
    let Some(key) = key_of(database_id(), function) else { return Some(common) };
    let with_key = |key: u64| memory.slots.iter().find(|slot| slot[KEY].load(Ordering::Acquire) == key);
    let found = with_key(key).or_else(|| {
        alone(memory, || with_key(key).or_else(|| with_key(0).inspect(|free| free[KEY].store(key, Ordering::Release))))
    });
    Some(found.map_or(common, |slot| Found { slot, key }))
}

/// Marks functions whose number is negative: an OID, see `language/javascript.rs`.
const IS_OID: u64 = 1 << 31;

/// Database and function in one word; functions are numbered from 1 in each database.
fn key_of(database: u32, function: i64) -> Option<u64> {
    let number = function.unsigned_abs();
    let mark = if function < 0 { IS_OID } else { 0 };
    (number < IS_OID).then_some(u64::from(database) << 32 | mark | number)
}

/// The function of a key.
fn function_of(key: u64) -> i64 {
    let number = i64::try_from(key & (IS_OID - 1)).unwrap_or(0);
    if key & IS_OID == 0 { number } else { -number }
}

/// Counts one invocation.
#[inline]
pub(super) fn count(slot: &Slot, status: Status, duration_ns: u64, rows: u64, memory_bytes: u64) {
    let add = |at: usize, value: u64| {
        if value > 0 {
            slot[at].fetch_add(value, Ordering::Relaxed);
        }
    };
    let raise = |at: usize, value: u64| {
        if slot[at].load(Ordering::Relaxed) < value {
            slot[at].fetch_max(value, Ordering::Relaxed);
        }
    };
    // Calls are not counted apart: each is in one bucket.
    if let Some(counter) = slot.get(HISTOGRAM + bucket(duration_ns)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    add(DURATION, duration_ns);
    add(ROWS, rows);
    raise(LONGEST, duration_ns);
    raise(LONGEST_OF_MINUTE, duration_ns);
    raise(MEMORY, memory_bytes);
    add(ERRORS, u64::from(status != Status::Ok));
    add(TRAPS, u64::from(status == Status::Trap));
    add(TIMEOUTS, u64::from(status == Status::Timeout));
}

/// Counts a record that was lost.
#[cold]
pub(super) fn lose(slot: &Slot) {
    slot[LOST].fetch_add(1, Ordering::Relaxed);
}

/// The counters of a function, as they are stored and added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Invocations that failed in any way.
    pub errors: u64,
    /// Of these, those that trapped.
    pub traps: u64,
    /// Of these, those that ran out of time.
    pub timeouts: u64,
    /// Rows that the guests' statements returned or changed.
    pub rows: u64,
    /// Records that found no room or could not be stored.
    pub lost: u64,
    /// All durations added up.
    pub duration_ns: u64,
    /// The longest.
    pub longest_ns: u64,
    /// Most memory of one invocation.
    pub memory_bytes: u64,
    /// Invocations by duration.
    pub histogram: [u64; BUCKETS],
}

impl Default for Counters {
    fn default() -> Self {
        let zero = 0;
        Self {
            errors: zero,
            traps: zero,
            timeouts: zero,
            rows: zero,
            lost: zero,
            duration_ns: zero,
            longest_ns: zero,
            memory_bytes: zero,
            histogram: [zero; BUCKETS],
        }
    }
}

impl Counters {
    fn read(slot: &Slot) -> Self {
        let get = |at: usize| slot.get(at).map_or(0, |word| word.load(Ordering::Relaxed));
        Self {
            errors: get(ERRORS),
            traps: get(TRAPS),
            timeouts: get(TIMEOUTS),
            rows: get(ROWS),
            lost: get(LOST),
            duration_ns: get(DURATION),
            longest_ns: get(LONGEST),
            memory_bytes: get(MEMORY),
            histogram: std::array::from_fn(|at| get(HISTOGRAM + at)),
        }
    }

    /// How many invocations there were.
    pub fn calls(&self) -> u64 {
        self.histogram.iter().sum()
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let longest_ns = self.longest_ns.max(other.longest_ns);
        let memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.combine(other, u64::saturating_add, longest_ns, memory_bytes)
    }

    /// What has come since `earlier`; the two maxima are not known from the totals and stay as they are.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.combine(earlier, u64::saturating_sub, self.longest_ns, self.memory_bytes)
    }

    fn combine(&self, other: &Self, with: fn(u64, u64) -> u64, longest_ns: u64, memory_bytes: u64) -> Self {
        let pairs = self.histogram.iter().zip(&other.histogram);
        let mut histogram = [0; BUCKETS];
        histogram.iter_mut().zip(pairs).for_each(|(sum, (mine, theirs))| *sum = with(*mine, *theirs));
        Self {
            errors: with(self.errors, other.errors),
            traps: with(self.traps, other.traps),
            timeouts: with(self.timeouts, other.timeouts),
            rows: with(self.rows, other.rows),
            lost: with(self.lost, other.lost),
            duration_ns: with(self.duration_ns, other.duration_ns),
            longest_ns,
            memory_bytes,
            histogram,
        }
    }

    /// The text of a bigint[]: the eight numbers in the order above, then the buckets without the zeros at their end.
    pub fn to_array(&self) -> String {
        let numbers = [
            self.errors,
            self.traps,
            self.timeouts,
            self.rows,
            self.lost,
            self.duration_ns,
            self.longest_ns,
            self.memory_bytes,
        ];
        let used = self.histogram.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let all: Vec<String> = numbers.iter().chain(self.histogram.iter().take(used)).map(u64::to_string).collect();
        format!("{{{}}}", all.join(","))
    }

    /// Reads what [`to_array`](Self::to_array) wrote; what is not there is zero.
    pub fn from_array(text: &str) -> Self {
        let mut numbers = text.trim_matches(['{', '}']).split(',').map(|number| number.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            errors: next(),
            traps: next(),
            timeouts: next(),
            rows: next(),
            lost: next(),
            duration_ns: next(),
            longest_ns: next(),
            memory_bytes: next(),
            histogram: std::array::from_fn(|_| next()),
        }
    }
}

/// What one function of this database has done since the server started.
#[derive(Debug)]
pub struct Live {
    /// Its id.
    pub function: i64,
    /// What it did.
    pub counters: Counters,
}

fn slots_of_this_database() -> impl Iterator<Item = (i64, &'static Slot)> {
    let database = u64::from(database_id());
    memory().map_or(&[][..], |memory| memory.slots).iter().filter_map(move |slot| {
        let key = slot[KEY].load(Ordering::Acquire);
        (key != 0 && key >> 32 == database).then_some((function_of(key), slot))
    })
}

/// All functions of this database that were called since the server started.
pub fn live() -> Vec<Live> {
    slots_of_this_database().map(|(function, slot)| Live { function, counters: Counters::read(slot) }).collect()
}

/// The longest invocation of a function since this was last asked.
pub fn take_longest_ns(function: i64) -> u64 {
    let longest = slots_of_this_database()
        .filter(|(id, _)| *id == function)
        .map(|(_, slot)| slot[LONGEST_OF_MINUTE].swap(0, Ordering::Relaxed));
    longest.max().unwrap_or(0)
}

/// Gives the slots of functions that have been missing for an hour, and of databases that are gone, to others. A
/// function that was deployed and called in a transaction that has not ended is missing too, hence the hour.
pub fn release_slots(now_s: u64, is_live: impl Fn(i64) -> bool, is_database: impl Fn(u32) -> bool) {
    let Some(memory) = memory() else { return };
    let mine = database_id();
    alone(memory, || {
        for slot in memory.slots {
            let key = slot[KEY].load(Ordering::Acquire);
            let Ok(database) = u32::try_from(key >> 32) else { continue };
            let since = slot[MISSED].load(Ordering::Relaxed);
            if key == 0 || database == mine && is_live(function_of(key)) {
                slot[MISSED].store(0, Ordering::Relaxed);
            } else if !is_database(database) || since > 0 && now_s.saturating_sub(since) >= MISSING_S {
                clear(slot);
            } else if database == mine && since == 0 {
                slot[MISSED].store(now_s, Ordering::Relaxed);
            }
        }
    });
}

/// Forgets this database: its functions are numbered anew.
pub fn forget() {
    if let Some(memory) = memory() {
        alone(memory, || slots_of_this_database().for_each(|(_, slot)| clear(slot)));
    }
}

fn clear(slot: &Slot) {
    slot.iter().skip(KEY + 1).for_each(|word| word.store(0, Ordering::Relaxed));
    slot[KEY].store(0, Ordering::Release);
}
