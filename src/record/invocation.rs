//! One invocation under observation, from the moment it begins until it is counted and recorded.
//!
//! The records of all invocations that are running wait in a list of this process, so that they are written also when
//! Postgres ends the process in the middle of one.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use alyx_manifest::LogPolicy;

use super::clock::Moment;
use super::entry::{self, Facts, Kind, Label, Line, Status, Trigger};
use super::id::{InvocationId, process_bits};
use super::layout::{is_there, ring};
use super::statistics::{self, Found};
use crate::pg::single::Single;
use crate::pg::{PgError, Role, SqlState, shmem};

/// What led to one invocation, and what it is known as.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// What led to it.
    pub trigger: Trigger,
    /// The id that its event carries; a new one when `None`.
    pub id: Option<InvocationId>,
    /// Which try of a job it is, from 1.
    pub attempt: u16,
}

impl Occasion {
    /// A call by SQL.
    pub const SQL: Self = Self { trigger: Trigger::Sql, id: None, attempt: 1 };
}

/// What one invocation used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Most memory it held.
    pub memory_bytes: u64,
    /// Host functions that it called.
    pub host_calls: u32,
    /// Rows that its statements returned or changed.
    pub rows: u64,
}

/// What the records of a function's export have in common, and where it is counted.
#[derive(Debug)]
pub struct Recorder {
    function: i64,
    version: i32,
    policy: LogPolicy,
    label: Label,
    slot: Cell<Option<Found>>,
}

impl Recorder {
    /// The recorder of one export of one version of a function.
    pub fn new(function: i64, version: i32, name: &str, export: &str, policy: LogPolicy) -> Rc<Self> {
        Rc::new(Self { function, version, policy, label: Label::new(name, export), slot: Cell::new(None) })
    }

    #[inline]
    fn slot(&self) -> Option<&'static statistics::Slot> {
        self.slot.get().and_then(Found::slot).or_else(|| self.find_slot())
    }

    #[cold]
    fn find_slot(&self) -> Option<&'static statistics::Slot> {
        let found = statistics::slot_of(self.function);
        self.slot.set(found);
        found.and_then(Found::slot)
    }

    /// Whether the manifest wants a record of an invocation that ended so.
    #[inline]
    fn wants(&self, status: Status) -> bool {
        match self.policy {
            LogPolicy::All => true,
            LogPolicy::Errors => status != Status::Ok,
            LogPolicy::Sample(share) => status != Status::Ok || is_drawn(share),
            LogPolicy::Off => false,
        }
    }
}

/// True for this share of all calls.
fn is_drawn(share: f64) -> bool {
    static STATE: AtomicU64 = AtomicU64::new(0);
    // xorshift64*; its state is never 0 once it was seeded.
    let mut state = STATE.load(Ordering::Relaxed);
    if state == 0 {
        state = process_bits() | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    STATE.store(state, Ordering::Relaxed);
    let drawn = u32::try_from(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).unwrap_or(0);
    f64::from(drawn) < share * f64::from(u32::MAX)
}

/// An invocation that has begun.
struct Begun {
    recorder: Rc<Recorder>,
    began: Moment,
    began_us: u64,
    id: InvocationId,
    caller: Role,
    trigger: Trigger,
    attempt: u16,
    /// How long the guest ran, once it has ended.
    duration_ns: Option<u64>,
    used: Used,
    /// What went in and came out, then what the guest logged.
    lines: Vec<Line>,
}

impl Begun {
    #[inline]
    fn record(&self, status: Status, sqlstate: Option<SqlState>, error: &str) {
        let duration_ns = self.duration_ns.unwrap_or_else(|| self.began.elapsed_ns());
        let Some(slot) = self.recorder.slot() else { return };
        statistics::count(slot, status, duration_ns, self.used.rows, self.used.memory_bytes);
        if !self.recorder.wants(status) {
            return;
        }
        let facts = Facts {
            id: self.id,
            function: self.recorder.function,
            version: self.recorder.version,
            role: self.caller.oid(),
            trigger: self.trigger,
            attempt: self.attempt,
            status,
            sqlstate,
            duration_ns,
            memory_bytes: self.used.memory_bytes,
            host_calls: self.used.host_calls,
            rows: self.used.rows,
            started_us: self.began_us,
            pid: shmem::process_id(),
        };
        let is_written =
            ring().is_some_and(|mine| entry::write(&mine.ring, &facts, &self.recorder.label, error, &self.lines));
        if !is_written {
            statistics::lose(slot);
        }
    }
}

/// The invocations that are running, the innermost last.
static RUNNING: Single<Vec<Begun>> = Single::new(Vec::new());

/// Runs with the innermost invocation of this process.
#[inline]
fn innermost<T>(work: impl FnOnce(&mut Begun) -> T) -> Option<T> {
    RUNNING.with(|running| running.last_mut().map(work)).flatten()
}

/// Records the innermost invocation, which has ended; false when there is none.
#[inline]
fn end_innermost(status: Status, sqlstate: Option<SqlState>, error: &str) -> bool {
    let Some(begun) = RUNNING.with(Vec::pop).flatten() else { return false };
    begun.record(status, sqlstate, error);
    true
}

/// An invocation under observation; nothing at all in a server without our shared memory. Dropped without an end it
/// counts as failed.
#[must_use]
pub struct Invocation(bool);

impl Invocation {
    /// Begins.
    #[inline]
    pub fn begin(recorder: &Rc<Recorder>, caller: Role, occasion: Occasion) -> Self {
        if !is_there() {
            return Self(false);
        }
        static WATCHES_EXIT: AtomicBool = AtomicBool::new(false);
        if !WATCHES_EXIT.load(Ordering::Relaxed) {
            WATCHES_EXIT.store(true, Ordering::Relaxed);
            shmem::at_process_exit(record_all);
        }
        let began = Moment::now();
        let began_us = began.wall_us();
        let id = occasion.id.unwrap_or_else(|| InvocationId::at(began_us));
        let is_begun = RUNNING.with(|running| {
            running.push(Begun {
                recorder: Rc::clone(recorder),
                began,
                began_us,
                id,
                caller,
                trigger: occasion.trigger,
                attempt: occasion.attempt,
                duration_ns: None,
                used: Used::default(),
                lines: Vec::new(),
            });
        });
        Self(is_begun.is_some())
    }

    /// The guest has returned, having used this much.
    #[inline]
    pub fn guest_ended(&mut self, used: Used) {
        if self.0 {
            innermost(|begun| {
                begun.duration_ns = Some(begun.began.elapsed_ns());
                begun.used = used;
            });
        }
    }

    /// What the guest has logged.
    pub fn logged(&mut self, lines: impl Iterator<Item = Line>) {
        if self.0 {
            innermost(|begun| begun.lines.extend(lines));
        }
    }

    /// Whether anything would come of what is said here.
    #[inline]
    pub fn is_observed(&self) -> bool {
        self.0
    }

    /// Ends well.
    #[inline]
    pub fn succeeded(mut self) {
        self.end(Status::Ok, None, "");
    }

    /// Ends with an error.
    #[cold]
    pub fn failed(mut self, status: Status, error: &PgError) {
        self.end(status, Some(error.sqlstate), &error.message);
    }

    #[inline]
    fn end(&mut self, status: Status, sqlstate: Option<SqlState>, error: &str) {
        if std::mem::take(&mut self.0) {
            end_innermost(status, sqlstate, error);
        }
    }
}

impl Drop for Invocation {
    #[inline]
    fn drop(&mut self) {
        if self.0 {
            self.end(Status::Error, Some(SqlState::new(b"XX000")), "internal error");
        }
    }
}

/// Keeps what went into the innermost invocation, or came out of it, with its record; nothing that should not be seen.
pub fn keep_payload(kind: Kind, text: String) {
    innermost(|begun| {
        // Before what was logged: where not all finds room, the payloads do.
        let at = begun.lines.iter().take_while(|line| matches!(line.kind, Kind::Input | Kind::Output)).count();
        begun.lines.insert(at, Line { kind, at_us: Moment::now().wall_us(), text });
    });
}

/// The id of the innermost invocation that is observed.
pub fn current_id() -> Option<InvocationId> {
    innermost(|begun| begun.id)
}

/// Called when the process ends: what is still running will not end by itself.
fn record_all() {
    while end_innermost(Status::Canceled, Some(SqlState::new(b"57P01")), "the session ended while the function ran") {}
}
