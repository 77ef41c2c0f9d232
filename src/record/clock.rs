//! Time as records need it: moments to measure with, and the wall-clock time of such a moment without asking the system
//! a second time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::pg::ticks;

/// How long the distance between the two clocks is taken to stay the same.
const ANCHOR_LASTS_NS: u64 = 1_000_000_000;

// When the wall clock was last read, on both clocks; 0 for never. One thread uses them.
static ANCHOR_TICKS: AtomicU64 = AtomicU64::new(0);
static ANCHOR_US: AtomicU64 = AtomicU64::new(0);

/// A moment that durations are measured from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(u64);

impl Moment {
    /// Now.
    #[inline]
    pub(super) fn now() -> Self {
        Self(ticks::now())
    }

    /// Nanoseconds from then until now.
    #[inline]
    pub(super) fn elapsed_ns(self) -> u64 {
        ticks::to_ns(ticks::now().saturating_sub(self.0))
    }

    /// Microseconds since 1970, for a moment that has just been.
    #[inline]
    pub(super) fn wall_us(self) -> u64 {
        let (anchor, anchor_us) = (ANCHOR_TICKS.load(Ordering::Relaxed), ANCHOR_US.load(Ordering::Relaxed));
        let since_ns = ticks::to_ns(self.0.wrapping_sub(anchor));
        if anchor_us != 0 && since_ns < ANCHOR_LASTS_NS { anchor_us + since_ns / 1000 } else { self.anchor() }
    }

    #[cold]
    fn anchor(self) -> u64 {
        let wall_us = micros(SystemTime::now());
        ANCHOR_TICKS.store(self.0, Ordering::Relaxed);
        ANCHOR_US.store(wall_us, Ordering::Relaxed);
        wall_us
    }
}

/// Microseconds since 1970.
pub fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
