//! Time as records need it: nanoseconds to measure with, and the wall-clock time of a measured moment without asking
//! the system a second time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How long the distance between the two clocks is taken to stay the same.
const ANCHOR_LASTS_NS: u64 = 1_000_000_000;

static ORIGIN: OnceLock<Instant> = OnceLock::new();
// When the wall clock was last read, on both clocks; 0 for never. One thread uses them.
static ANCHOR_NS: AtomicU64 = AtomicU64::new(0);
static ANCHOR_US: AtomicU64 = AtomicU64::new(0);

/// Nanoseconds since this process first asked; never goes back.
#[inline]
pub(super) fn now_ns() -> u64 {
    let since = ORIGIN.get_or_init(Instant::now).elapsed();
    since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(since.subsec_nanos()))
}

/// Microseconds since 1970 at a moment that [`now_ns`] has just told.
#[inline]
pub(super) fn wall_us(at_ns: u64) -> u64 {
    let (anchor_ns, anchor_us) = (ANCHOR_NS.load(Ordering::Relaxed), ANCHOR_US.load(Ordering::Relaxed));
    let since_ns = at_ns.wrapping_sub(anchor_ns);
    if anchor_us != 0 && since_ns < ANCHOR_LASTS_NS { anchor_us + since_ns / 1000 } else { anchor(at_ns) }
}

#[cold]
fn anchor(at_ns: u64) -> u64 {
    let wall_us = micros(SystemTime::now());
    ANCHOR_NS.store(at_ns, Ordering::Relaxed);
    ANCHOR_US.store(wall_us, Ordering::Relaxed);
    wall_us
}

/// Microseconds since 1970.
pub fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
