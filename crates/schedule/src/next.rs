//! From local times to instants: where a cron expression meets a zone whose clocks are put forward and back.

use crate::calendar::DAY_S;
use crate::cron::Cron;
use crate::zone::Zone;

/// How far ahead is looked. A rule of the calendar that holds at all holds once in 40 years (29 February on a given
/// weekday, over a year like 2100); a zone can move a day by one.
const HORIZON_S: i64 = 41 * 366 * DAY_S;

/// No clock was ever put back by more, so what a clock shows for a second time it showed first within this span.
const LOOK_BACK_S: i64 = 2 * DAY_S;

/// Stretches of one offset that are looked at. Zones have at most a few transitions in a year; a [`Zone`] that reports
/// more is broken, and must not hold up the scheduler.
const MAX_STRETCHES: usize = 1_000;

/// The first instant after `after` at which `cron` fires in `zone`.
///
/// A rhythm fires whenever a clock on the wall shows a time that it names. A fixed time fires once for each day: when the
/// clock shows it first, or, if the clock leaps over it, at the first instant after the leap.
///
/// Time is walked in stretches of one offset. For fixed times `shown` is the local time up to which clocks have shown (or
/// leapt over) everything: a stretch that begins later than that has a gap before it, whose times fall due at its first
/// instant; one that begins earlier repeats what was shown, which is passed over.
pub(crate) fn next_after(cron: &Cron, after: i64, zone: &dyn Zone) -> Option<i64> {
    let fixed = cron.is_fixed_time();
    let first = after + 1;
    let limit = first + HORIZON_S;
    let mut start = if fixed { first - LOOK_BACK_S } else { first };
    let mut shown = start + i64::from(zone.offset_at(start));
    for _ in 0..MAX_STRETCHES {
        let offset = i64::from(zone.offset_at(start));
        let end = zone.next_transition(start).unwrap_or(limit).clamp(start + 1, limit);
        if end > first {
            let from = match (fixed, start >= first) {
                (true, true) => shown,
                (true, false) => shown.max(first + offset),
                (false, _) => start + offset,
            };
            if let Some(local) = cron.first_in(from, end + offset) {
                return Some((local - offset).max(start));
            }
        }
        if end >= limit {
            return None;
        }
        shown = shown.max(end + offset);
        start = end;
    }
    None
}
