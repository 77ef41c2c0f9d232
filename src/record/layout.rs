//! The shared memory of records, and where in it what is.
//!
//! ```text
//! header │ statistics slots, the last one for functions that found none │ database 0: control words, ring │ database 1 …
//! ```
//!
//! A server that did not preload the library has none of it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::id::process_bits;
use super::ring::Ring;
use super::statistics::{SLOT_WORDS, Slot};
use crate::pg::shmem::{Region, database_id};
use crate::settings;

static REGION: Region = Region::new(c"alyx_functions records");

/// A cache line: the number of this start of the server, then the word that [`alone`] takes.
const HEADER_WORDS: usize = 8;
/// Control words of a database, one cache line each: OID and consumer, head, tail.
const CONTROL_WORDS: usize = 24;
const CONSUMER: usize = 1;
const HEAD: usize = 8;
const TAIL: usize = 16;

/// Asks for the memory. While preloading only.
pub fn define() {
    REGION.define(
        HEADER_WORDS
            + (settings::max_statistics() + 1) * SLOT_WORDS
            + settings::max_databases() * (CONTROL_WORDS + ring_words()),
    );
}

fn ring_words() -> usize {
    settings::record_buffer_bytes() / size_of::<u64>()
}

/// Whether invocations are recorded and counted.
#[inline]
pub fn is_there() -> bool {
    REGION.words().is_some()
}

/// The parts of the memory.
pub(super) struct Memory {
    boot: &'static AtomicU64,
    owner: &'static AtomicU64,
    /// All statistics slots but the last.
    pub(super) slots: &'static [Slot],
    /// Where functions are counted that found no slot.
    pub(super) overflow: &'static Slot,
    databases: &'static [AtomicU64],
}

/// The memory, as this process sees it.
#[inline]
pub(super) fn memory() -> Option<&'static Memory> {
    static MEMORY: OnceLock<Option<Memory>> = OnceLock::new();
    MEMORY.get_or_init(find).as_ref()
}

fn find() -> Option<Memory> {
    let (header, rest) = REGION.words()?.split_at_checked(HEADER_WORDS)?;
    let (slots, databases) = rest.split_at_checked((settings::max_statistics() + 1) * SLOT_WORDS)?;
    let (overflow, slots) = slots.as_chunks().0.split_last()?;
    Some(Memory { boot: header.first()?, owner: header.get(1)?, slots, overflow, databases })
}

/// Does what two processes must not do at the same time: taking rings and slots, and giving them back. It takes
/// microseconds, calls nothing of Postgres, and so cannot be left half-way but by a crash, which clears the memory.
pub(super) fn alone<T>(memory: &Memory, work: impl FnOnce() -> T) -> T {
    while memory.owner.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
        std::thread::yield_now();
    }
    let done = work();
    memory.owner.store(0, Ordering::Release);
    done
}

/// What tells this start of the server from all others; `None` without the memory.
pub fn boot() -> Option<i64> {
    let word = memory()?.boot;
    // Positive, and never 0: Postgres stores it as bigint.
    let mine = (process_bits() >> 1) | 1;
    let boot = match word.compare_exchange(0, mine, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => mine,
        Err(first) => first,
    };
    i64::try_from(boot).ok()
}

/// The ring of one database.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseRing {
    key: &'static AtomicU64,
    /// Number of the process that reads the ring, 0 for none.
    pub(super) consumer: &'static AtomicU64,
    /// Its entries.
    pub(super) ring: Ring<'static>,
}

fn rings() -> impl Iterator<Item = DatabaseRing> {
    let databases = memory().map_or(&[][..], |memory| memory.databases);
    databases.chunks_exact(CONTROL_WORDS + ring_words()).filter_map(|database| {
        let (control, words) = database.split_at_checked(CONTROL_WORDS)?;
        let ring = Ring { head: control.get(HEAD)?, tail: control.get(TAIL)?, words };
        Some(DatabaseRing { key: control.first()?, consumer: control.get(CONSUMER)?, ring })
    })
}

/// The ring of this process's database, taken when there was none yet; `None` when all are taken.
#[inline]
pub fn ring() -> Option<&'static DatabaseRing> {
    static MINE: OnceLock<Option<DatabaseRing>> = OnceLock::new();
    MINE.get_or_init(take_ring).as_ref()
}

fn take_ring() -> Option<DatabaseRing> {
    let database = u64::from(database_id());
    if database == 0 {
        return None;
    }
    let with_key = |key: u64| rings().find(|ring| ring.key.load(Ordering::Acquire) == key);
    alone(memory()?, || {
        with_key(database).or_else(|| {
            let free = with_key(0)?;
            free.key.store(database, Ordering::Release);
            Some(free)
        })
    })
}

/// Gives the rings of databases that are gone to others.
pub fn release_rings(is_live: impl Fn(u32) -> bool) {
    let Some(memory) = memory() else { return };
    alone(memory, || {
        for found in rings() {
            let key = found.key.load(Ordering::Acquire);
            if key != 0 && u32::try_from(key).is_ok_and(|database| !is_live(database)) {
                // No process is connected to a database that does not exist, so none writes here.
                found.ring.release(found.ring.head.load(Ordering::Acquire));
                found.consumer.store(0, Ordering::Relaxed);
                found.key.store(0, Ordering::Release);
            }
        }
    });
}
