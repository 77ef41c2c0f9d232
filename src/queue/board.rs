//! What processes tell each other about databases, in shared memory: who manages one, that a job was committed there,
//! that its processes must go because somebody wants to drop it.
//!
//! Everything is a word of its own; what must happen together is ordered by the bell, which is rung last and answered
//! first. A wake-up that is lost costs one poll interval.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::pg::background::wake;
use crate::pg::shmem::Region;
use crate::pg::utility::{self, Tenants};
use crate::settings;

use super::slots::Slot;

static BOARD: Region = Region::new(c"alyx_functions databases");

/// Databases that wait for the launcher's look.
const POKES: usize = 32;
/// Functions with news, per database.
const NEWS: usize = 128;

const LAUNCHER: usize = 0;
const POKED_TOO_MANY: usize = 1;
const FIRST_POKE: usize = 2;
const HEADER: usize = FIRST_POKE + POKES;

const DATABASE: usize = 0;
const MANAGER_PID: usize = 1;
const MANAGER_LATCH: usize = 2;
const BELL: usize = 3;
const HOLDERS: usize = 4;
const WAS_MANAGED: usize = 5;
const STARVING: usize = 6;
const FAREWELL: usize = 7;
const RESTORER: usize = 8;
const FIRST_NEWS: usize = 9;
const STRIDE: usize = FIRST_NEWS + 2 * NEWS;

/// Jobs are ready, of functions named in the news.
const READY: u64 = 1;
/// Jobs or schedules have got a time at which they are due.
const TIMED: u64 = 2;
/// There was more news than room.
const EVERYTHING: u64 = 4;

/// Asks for the shared memory. While preloading.
pub fn define() {
    BOARD.define(HEADER + STRIDE * settings::max_databases());
    utility::set_tenants(Tenants { leave: hold, have_left, come_back: release, look: || poke(ANY) });
}

/// A poke that is about no database in particular.
const ANY: u32 = u32::MAX;

fn header(word: usize) -> Option<&'static AtomicU64> {
    BOARD.words()?.get(word)
}

/// Says whose latch [`poke`] sets; 0 for nobody's.
pub fn launcher(latch: u64) {
    if let Some(word) = header(LAUNCHER) {
        word.store(latch, Ordering::Release);
    }
}

/// Asks the launcher to see whether a database needs a manager.
pub fn poke(database: u32) {
    let Some(words) = BOARD.words() else { return };
    let free = words.iter().skip(FIRST_POKE).take(POKES).any(|word| {
        let before = word.compare_exchange(0, u64::from(database), Ordering::AcqRel, Ordering::Acquire);
        before.is_ok() || before == Err(u64::from(database))
    });
    if let (false, Some(word)) = (free, words.get(POKED_TOO_MANY)) {
        word.store(1, Ordering::Release);
    }
    wake(header(LAUNCHER).map_or(0, |word| word.load(Ordering::Acquire)));
}

/// The databases that were poked; `None` for all of them.
pub fn take_pokes() -> Option<Vec<u32>> {
    let words = BOARD.words()?;
    let pokes = words.iter().skip(FIRST_POKE).take(POKES).map(|word| word.swap(0, Ordering::AcqRel));
    let pokes: Vec<u32> = pokes.filter(|poke| *poke != 0).filter_map(|poke| u32::try_from(poke).ok()).collect();
    (words.get(POKED_TOO_MANY)?.swap(0, Ordering::AcqRel) == 0).then_some(pokes)
}

/// Keeps our processes out of a database until [`release`]; returns whether it has any.
fn hold(database: u32) -> bool {
    let Some(board) = Database::find(database) else { return false };
    board.word(HOLDERS).fetch_add(1, Ordering::AcqRel);
    board.nudge();
    Slot::all().filter(|slot| slot.database() == database).for_each(Slot::wake);
    true
}

fn have_left(database: u32) -> bool {
    let is_unmanaged = Database::find(database).is_none_or(|board| board.manager_pid() == 0);
    is_unmanaged && !Slot::all().any(|slot| slot.database() == database && !slot.has_ended())
}

/// Lets our processes come back.
fn release(database: u32) {
    if let Some(board) = Database::find(database) {
        board.word(HOLDERS).fetch_sub(1, Ordering::AcqRel);
    }
    poke(database);
}

/// Says whether a database has jobs, no worker, and no slot for one.
pub fn starve(database: u32, starving: bool) {
    if let Some(board) = Database::find(database) {
        board.word(STARVING).store(u64::from(starving), Ordering::Release);
    }
}

/// Whether another database than this one is starving.
pub fn is_another_starving(database: u32) -> bool {
    let is_starving = |board: &Database| board.word(STARVING).load(Ordering::Acquire) != 0 && board.manager_pid() != 0;
    Database::all().filter(is_starving).any(|board| board.word(DATABASE).load(Ordering::Acquire) != u64::from(database))
}

/// Workers that each database may keep when there are not enough for all.
pub fn fair_share() -> usize {
    let databases = Database::all().filter(|board| board.manager_pid() != 0).count();
    (super::slots::max_workers() / databases.max(1)).max(1)
}

/// Forgets databases that are not among these.
pub fn forget_others(databases: &[u32]) {
    for board in Database::all() {
        let database = u32::try_from(board.word(DATABASE).load(Ordering::Acquire)).unwrap_or(0);
        if database != 0 && !databases.contains(&database) && board.manager_pid() == 0 {
            board.word(HOLDERS).store(0, Ordering::Release);
            board.forget();
        }
    }
}

/// News for a manager.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bell {
    /// Functions that got ready jobs, each with the least rank among them.
    pub ready: Vec<(i64, i64)>,
    /// Whether there may be jobs of other functions too.
    pub everything: bool,
    /// Whether a job or a schedule got a time.
    pub timed: bool,
}

/// The words of one database.
#[derive(Clone, Copy, Debug)]
pub struct Database(&'static [AtomicU64]);

static NOTHING: AtomicU64 = AtomicU64::new(0);

impl Database {
    fn all() -> impl Iterator<Item = Self> {
        BOARD.words().unwrap_or_default().get(HEADER..).unwrap_or_default().chunks_exact(STRIDE).map(Self)
    }

    fn word(self, at: usize) -> &'static AtomicU64 {
        self.0.get(at).unwrap_or(&NOTHING)
    }

    /// The words of a database that has some.
    pub fn find(database: u32) -> Option<Self> {
        Self::all().find(|found| found.word(DATABASE).load(Ordering::Acquire) == u64::from(database))
    }

    /// The words of a database; `None` when all are taken (max_databases) or the library was not preloaded.
    pub fn claim(database: u32) -> Option<Self> {
        Self::find(database).or_else(|| {
            Self::all().find(|free| {
                let taken =
                    free.word(DATABASE).compare_exchange(0, u64::from(database), Ordering::AcqRel, Ordering::Acquire);
                taken.is_ok() || taken == Err(u64::from(database))
            })
        })
    }

    /// Gives the words back: the extension is not in that database any more.
    pub fn forget(self) {
        for news in self.0.iter().skip(FIRST_NEWS) {
            news.store(0, Ordering::Relaxed);
        }
        self.word(WAS_MANAGED).store(0, Ordering::Relaxed);
        self.word(RESTORER).store(0, Ordering::Relaxed);
        if self.word(HOLDERS).load(Ordering::Acquire) == 0 {
            self.word(DATABASE).store(0, Ordering::Release);
        }
    }

    /// Becomes the manager, unless there is one.
    pub fn manage(self, pid: u32, latch: u64) -> bool {
        let is_free = self.word(MANAGER_PID).compare_exchange(0, u64::from(pid), Ordering::AcqRel, Ordering::Acquire);
        if is_free.is_ok() {
            self.word(MANAGER_LATCH).store(latch, Ordering::Release);
        }
        is_free.is_ok()
    }

    /// Stops being the manager.
    pub fn leave(self, pid: u32) {
        if self.word(MANAGER_PID).load(Ordering::Acquire) == u64::from(pid) {
            self.word(MANAGER_LATCH).store(0, Ordering::Release);
            self.word(MANAGER_PID).store(0, Ordering::Release);
        }
    }

    /// Says that the manager ends in good order.
    pub fn say_farewell(self) {
        self.word(FAREWELL).store(1, Ordering::Release);
    }

    /// Whether it has.
    pub fn has_said_farewell(self) -> bool {
        self.word(FAREWELL).load(Ordering::Acquire) != 0
    }

    /// Whether the last manager has said so; not again until the next does.
    pub fn take_farewell(self) -> bool {
        self.word(FAREWELL).swap(0, Ordering::AcqRel) != 0
    }

    /// The process that manages it, 0 for none.
    pub fn manager_pid(self) -> u32 {
        u32::try_from(self.word(MANAGER_PID).load(Ordering::Acquire)).unwrap_or(0)
    }

    /// Whether it had a manager since the server started: if not, a job that is marked as running was interrupted by a
    /// crash. Says yes from now on.
    pub fn was_managed(self) -> bool {
        self.word(WAS_MANAGED).swap(1, Ordering::AcqRel) != 0
    }

    /// Says which session has created the extension as a dump does: its jobs come before what they need.
    pub fn restored_by(self, pid: u32) {
        self.word(RESTORER).store(u64::from(pid), Ordering::Release);
    }

    /// Process of that session, which may have ended since; 0 for none.
    pub fn restorer(self) -> u32 {
        u32::try_from(self.word(RESTORER).load(Ordering::Acquire)).unwrap_or(0)
    }

    /// Whether our processes must leave it.
    pub fn is_held(self) -> bool {
        self.word(HOLDERS).load(Ordering::Acquire) != 0
    }

    /// Tells the manager of jobs that have just become visible.
    pub fn ring(self, ready: impl Iterator<Item = (i64, i64)>, timed: bool) {
        let mut bell = if timed { TIMED } else { 0 };
        for (function, rank) in ready {
            bell |= if self.post(function, rank) { READY } else { READY | EVERYTHING };
        }
        self.word(BELL).fetch_or(bell, Ordering::AcqRel);
        wake(self.word(MANAGER_LATCH).load(Ordering::Acquire));
    }

    /// Wakes the manager with no news: a worker has room, or is gone.
    pub fn nudge(self) {
        wake(self.word(MANAGER_LATCH).load(Ordering::Acquire));
    }

    /// The news is a pair of words: function, and the complement of the least rank, so that 0 says none and the least
    /// rank is the greatest word. A function keeps its pair.
    fn post(self, function: i64, rank: i64) -> bool {
        let function = function.cast_unsigned();
        let start = usize::try_from(function % NEWS as u64).unwrap_or(0);
        for step in 0..NEWS {
            let at = FIRST_NEWS + 2 * ((start + step) % NEWS);
            let taken = self.word(at).compare_exchange(0, function, Ordering::AcqRel, Ordering::Acquire);
            if taken.is_ok() || taken == Err(function) {
                self.word(at + 1).fetch_max(complement(rank), Ordering::AcqRel);
                return true;
            }
        }
        false
    }

    /// Takes the news.
    pub fn answer(self) -> Bell {
        let bell = self.word(BELL).swap(0, Ordering::AcqRel);
        let mut news = Bell { ready: Vec::new(), everything: bell & EVERYTHING != 0, timed: bell & TIMED != 0 };
        if bell & READY != 0 {
            for pair in self.0.get(FIRST_NEWS..).unwrap_or_default().chunks_exact(2) {
                let [function, rank] = pair else { continue };
                let rank = rank.swap(0, Ordering::AcqRel);
                if rank != 0 {
                    news.ready.push((function.load(Ordering::Acquire).cast_signed(), uncomplement(rank)));
                }
            }
        }
        news
    }
}

/// Order turned round, on words: never 0 for a rank that a job can have.
fn complement(rank: i64) -> u64 {
    u64::MAX - (rank.cast_unsigned() ^ (1 << 63))
}

fn uncomplement(word: u64) -> i64 {
    ((u64::MAX - word) ^ (1 << 63)).cast_signed()
}
