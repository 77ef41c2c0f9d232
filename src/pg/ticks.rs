//! How long something took, by the processor's own counter where the kernel itself keeps time by it: a look at it costs
//! a third of a look at the clock, and an invocation looks twice.
//!
//! The postmaster measures once how fast it counts, and every process inherits that. Where the kernel does not trust the
//! counter (it is stopped, scaled, or differs between processors), ticks are the nanoseconds of the monotonic clock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nanoseconds of one tick, times 2^32; 0 while ticks are nanoseconds.
static SCALE: AtomicU64 = AtomicU64::new(0);
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// For how long the two clocks are compared: both are read within 100 ns, so that this gives five digits.
const COMPARED_FOR: Duration = Duration::from_millis(5);

/// Now, in ticks from an unknown moment on; to be subtracted, and then given to [`to_ns`].
#[inline]
pub fn now() -> u64 {
    if SCALE.load(Ordering::Relaxed) == 0 { monotonic_ns() } else { counter() }
}

/// A number of ticks in nanoseconds.
#[inline]
pub fn to_ns(ticks: u64) -> u64 {
    match SCALE.load(Ordering::Relaxed) {
        0 => ticks,
        scale => u64::try_from((u128::from(ticks) * u128::from(scale)) >> 32).unwrap_or(u64::MAX),
    }
}

/// Measures how fast the counter counts. While preloading only: processes that are forked later must agree.
pub fn calibrate() {
    if !is_trusted() {
        return;
    }
    let (began_ticks, began_ns) = both();
    std::thread::sleep(COMPARED_FOR);
    let (ended_ticks, ended_ns) = both();
    let (ticks, ns) = (ended_ticks.saturating_sub(began_ticks), ended_ns.saturating_sub(began_ns));
    // A postmaster that was stopped meanwhile has compared nothing.
    if ns < 1_000_000_000 {
        SCALE.store((ns << 32).checked_div(ticks).unwrap_or(0), Ordering::Relaxed);
    }
}

/// Whether the kernel keeps time by the counter, having found that it is steady and the same on all processors.
fn is_trusted() -> bool {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    cfg!(target_arch = "x86_64") && std::fs::read_to_string(source).is_ok_and(|name| name.trim() == "tsc")
}

/// Both clocks at one moment, as near as a few tries come.
fn both() -> (u64, u64) {
    let look = || {
        let before = counter();
        let ns = monotonic_ns();
        let width = counter().saturating_sub(before);
        (width, before + width / 2, ns)
    };
    let (_, ticks, ns) = (0..16).map(|_| look()).min().unwrap_or_else(look);
    (ticks, ns)
}

fn monotonic_ns() -> u64 {
    let since = ORIGIN.get_or_init(Instant::now).elapsed();
    since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(since.subsec_nanos()))
}

#[inline]
fn counter() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction; Linux lets programs use it.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    monotonic_ns()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_as_long_as_the_clock_says() {
        let measure = || {
            let (began, clock) = (now(), Instant::now());
            std::thread::sleep(Duration::from_millis(20));
            (to_ns(now() - began), u64::try_from(clock.elapsed().as_nanos()).unwrap())
        };
        let agree = |(ticks, clock): (u64, u64)| ticks.abs_diff(clock) < clock / 100;
        assert!((0..5).any(|_| agree(measure())), "nanoseconds of the clock");
        calibrate();
        assert!((0..5).any(|_| agree(measure())), "the counter, scale {}", SCALE.load(Ordering::Relaxed));
    }
}
