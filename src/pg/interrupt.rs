//! Stopping a guest: one Postgres timeout, armed only while a guest may be running, ticks wasmtime's epoch.
//!
//! No thread and no signal handler of ours. The handler runs in Postgres' SIGALRM handler, so it may only touch
//! atomics, `Engine::increment_epoch` (signal-safe by contract), the interrupt flags and its own re-arming. What a tick
//! means is decided later, by [`poll`] in the epoch callback, or by CHECK_FOR_INTERRUPTS inside a host call.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use pgrx::pg_sys;

use super::catch::catch;
use super::{PgError, raw};

/// How often a running guest looks up, in milliseconds: a tenth of what the contract allows.
const TICK_MS: i32 = 10;
/// When it looks up first, if its time limit is so much longer that the limit may begin there. The timer stays armed when
/// the guest has ended, and wakes a session that has nothing to do: a hundred sessions with short calls, each up to a
/// hundred times a second.
const FIRST_TICK_MS: i32 = 50;
/// Time limits from here on are told from the first tick; it is a tenth of them at most.
const LONG_LIMIT_MS: u64 = 500;

// Written by the main program and read by the handler of the same thread: Relaxed is enough, and so are a load and a
// store where two threads would need an exchange, which costs 20 cycles.
static DEPTH: AtomicU32 = AtomicU32::new(0);
static IN_SQL: AtomicU32 = AtomicU32::new(0);
/// Milliseconds the current deadline allows, 0 for none, and when it ends in ms since `START`, 0 for not yet known.
static ALLOWED_MS: AtomicU64 = AtomicU64::new(0);
static DEADLINE_MS: AtomicU64 = AtomicU64::new(0);
static EXPIRED: AtomicBool = AtomicBool::new(false);
static ENDS_WHEN_OVERDUE: AtomicBool = AtomicBool::new(false);
static TICK: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();
static START: OnceLock<Instant> = OnceLock::new();

/// Whether the timer that is armed is the long one.
static IS_LONG: AtomicBool = AtomicBool::new(false);

/// The id that timeout.c gave us, 0 (which is not ours to have) before that.
static TIMEOUT: AtomicU32 = AtomicU32::new(0);

unsafe extern "C-unwind" {
    // pgrx 0.18 does not bind timeout.h.
    fn RegisterTimeout(id: u32, handler: Option<unsafe extern "C-unwind" fn()>) -> u32;
    fn enable_timeout_after(id: u32, delay_ms: i32);
    fn get_timeout_active(id: u32) -> bool;
}

/// RegisterTimeout gives the first free id to anything from USER_TIMEOUT up, whose number differs between versions;
/// this one is in that range in all of them.
const ANY_USER_TIMEOUT: u32 = 20;

/// How long SQL may go on after a passed deadline has cancelled it.
const GRACE_MS: u64 = 5_000;

/// Lets this process end when what it runs outlives its deadline and swallows every cancel.
pub fn end_when_overdue() {
    ENDS_WHEN_OVERDUE.store(true, Ordering::Relaxed);
}

/// Sets what a tick does to the engine, once per backend.
pub fn on_tick(tick: impl Fn() + Send + Sync + 'static) {
    let _ = TICK.set(Box::new(tick));
}

fn now_ms() -> u64 {
    // Instant::now is clock_gettime(CLOCK_MONOTONIC): async-signal-safe. START is set before the handler can run.
    START.get().map_or(0, |start| u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1))
}

unsafe extern "C-unwind" fn handle_tick() {
    if DEPTH.load(Ordering::Relaxed) == 0 {
        return;
    }
    if let Some(tick) = TICK.get() {
        tick();
    }
    let allowed = ALLOWED_MS.load(Ordering::Relaxed);
    if allowed > 0 {
        let now = now_ms();
        let deadline = DEADLINE_MS.load(Ordering::Relaxed);
        if deadline == 0 {
            // The first tick after the start: the clock is read here so that a call of nanoseconds need not.
            DEADLINE_MS.store(now + allowed, Ordering::Relaxed);
        } else if now >= deadline {
            EXPIRED.store(true, Ordering::Relaxed);
            if IN_SQL.load(Ordering::Relaxed) > 0 {
                // SAFETY: what StatementTimeoutHandler does, by way of SIGINT: flags that CHECK_FOR_INTERRUPTS reads.
                // The latch was set by handle_sig_alarm before it called us.
                unsafe {
                    pg_sys::QueryCancelPending = 1;
                    pg_sys::InterruptPending = 1;
                    // SQL can catch a cancel, again and again (WHEN query_canceled). A process of ours then ends, as by
                    // a SIGTERM.
                    let is_overdue = now >= deadline.saturating_add(GRACE_MS);
                    if is_overdue && ENDS_WHEN_OVERDUE.load(Ordering::Relaxed) {
                        pg_sys::ProcDiePending = 1;
                    }
                }
            }
        }
    }
    IS_LONG.store(false, Ordering::Relaxed);
    // SAFETY: timeout.c allows arming from a handler; SIGALRM is blocked until handle_sig_alarm returns.
    unsafe { enable_timeout_after(TIMEOUT.load(Ordering::Relaxed), TICK_MS) };
}

/// One invocation under watch: interrupts and its own deadline reach it until dropped.
pub struct Watch {
    outer_allowed: u64,
    outer_deadline: u64,
    // SQL of the outer guest that this inner one runs inside of: a passed deadline must stop the inner guest by its
    // epoch, not by a cancel.
    outer_in_sql: u32,
}

impl Watch {
    /// Starts watching, with a wall-clock limit in milliseconds (0 for none). An inner watch never outlives its outer.
    #[inline]
    pub fn start(timeout_ms: u64) -> Self {
        let depth = DEPTH.load(Ordering::Relaxed);
        DEPTH.store(depth + 1, Ordering::Relaxed);
        let watch = Self {
            outer_allowed: ALLOWED_MS.load(Ordering::Relaxed),
            outer_deadline: DEADLINE_MS.load(Ordering::Relaxed),
            outer_in_sql: IN_SQL.load(Ordering::Relaxed),
        };
        IN_SQL.store(0, Ordering::Relaxed);
        if depth == 0 {
            EXPIRED.store(false, Ordering::Relaxed);
            DEADLINE_MS.store(0, Ordering::Relaxed);
            ALLOWED_MS.store(timeout_ms, Ordering::Relaxed);
        } else {
            watch.narrow(timeout_ms);
        }
        arm(timeout_ms == 0 || timeout_ms >= LONG_LIMIT_MS);
        watch
    }

    #[cold]
    fn narrow(&self, timeout_ms: u64) {
        let now = now_ms();
        let outer = match (self.outer_allowed, self.outer_deadline) {
            (0, _) => u64::MAX,
            (allowed, 0) => now + allowed,
            (_, deadline) => deadline,
        };
        let own = if timeout_ms == 0 { u64::MAX } else { now.saturating_add(timeout_ms) };
        ALLOWED_MS.store(timeout_ms.max(1), Ordering::Relaxed);
        DEADLINE_MS.store(outer.min(own), Ordering::Relaxed);
    }
}

impl Drop for Watch {
    #[inline]
    fn drop(&mut self) {
        ALLOWED_MS.store(self.outer_allowed, Ordering::Relaxed);
        DEADLINE_MS.store(self.outer_deadline, Ordering::Relaxed);
        IN_SQL.store(self.outer_in_sql, Ordering::Relaxed);
        let depth = DEPTH.load(Ordering::Relaxed).saturating_sub(1);
        DEPTH.store(depth, Ordering::Relaxed);
        let is_inner = depth > 0;
        if EXPIRED.load(Ordering::Relaxed) {
            // The limit that passed may have been the inner one's alone.
            EXPIRED.store(is_inner && self.outer_deadline > 0 && now_ms() >= self.outer_deadline, Ordering::Relaxed);
        }
    }
}

#[inline]
fn arm(may_be_long: bool) {
    let mut id = TIMEOUT.load(Ordering::Relaxed);
    if id == 0 {
        id = register();
    }
    // SAFETY: plain calls of timeout.c outside of a handler; arming costs a system call once per tick, not per call.
    unsafe {
        if !get_timeout_active(id) || (!may_be_long && IS_LONG.load(Ordering::Relaxed)) {
            IS_LONG.store(may_be_long, Ordering::Relaxed);
            enable_timeout_after(id, if may_be_long { FIRST_TICK_MS } else { TICK_MS });
        }
    }
}

#[cold]
fn register() -> u32 {
    let _ = START.set(Instant::now());
    // SAFETY: once per backend, after InitializeTimeouts.
    let id = unsafe { RegisterTimeout(ANY_USER_TIMEOUT, Some(handle_tick)) };
    TIMEOUT.store(id, Ordering::Relaxed);
    id
}

/// Why a guest must stop.
#[derive(Debug)]
pub enum Stop {
    /// Cancel or terminate is pending: [`raise_pending`] speaks when the guest is gone.
    Pending,
    /// The wall-clock limit of this or an outer invocation has passed.
    Expired,
    /// Serving an interrupt raised an error.
    Error(PgError),
}

/// Asked at each tick, with guest frames on the stack: must not raise and must not log.
pub fn poll() -> Option<Stop> {
    // SAFETY: reads of sig_atomic_t flags; ProcessInterrupts runs under `catch` and only when nothing that would end
    // the process is pending.
    unsafe {
        if pg_sys::ProcDiePending != 0 || pg_sys::QueryCancelPending != 0 {
            return Some(Stop::Pending);
        }
        if EXPIRED.load(Ordering::Relaxed) {
            return Some(Stop::Expired);
        }
        if pg_sys::InterruptPending != 0 {
            // A barrier (DROP DATABASE waits for it) or a request to log memory contexts.
            return catch(|| raw::ProcessInterrupts()).err().map(Stop::Error);
        }
    }
    None
}

/// Lets Postgres raise what is pending, as a value. `None` when nothing was.
pub fn raise_pending() -> Option<PgError> {
    // SAFETY: no guest frame is on the stack any more. For a pending die the process ends here.
    unsafe {
        if pg_sys::InterruptPending != 0 {
            return catch(|| raw::ProcessInterrupts()).err();
        }
    }
    None
}

/// Marks a stretch of Postgres work on behalf of a guest, during which a passed deadline cancels like a user would.
pub struct SqlScope(());

impl SqlScope {
    /// Opens the stretch.
    pub fn open() -> Self {
        IN_SQL.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for SqlScope {
    fn drop(&mut self) {
        if IN_SQL.fetch_sub(1, Ordering::Relaxed) == 1 && EXPIRED.load(Ordering::Relaxed) {
            // The cancel was ours. Left pending it would hit whatever runs next.
            // SAFETY: a sig_atomic_t flag.
            unsafe { pg_sys::QueryCancelPending = 0 };
        }
    }
}

/// Whether the wall-clock limit of the running invocation (or of one around it) has passed.
pub fn has_expired() -> bool {
    EXPIRED.load(Ordering::Relaxed)
}
