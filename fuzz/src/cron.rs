//! Texts of schedules, and the instants that they stand for in zones with any clock changes.
//!
//! The input is the text, and after a line break numbers: instants and the zone. What must hold: it ends; what comes
//! next comes later, and is the same whenever it is asked for in between; grids are grids; what is fired at once is in
//! order, in the past and not too much.

use alyx_schedule::{Firing, MAX_CATCH_UP, MAX_COUNTED, Missed, Schedule, Zone, fire};

use crate::bytes::Bytes;

/// Instants of one schedule that are looked at.
const FIRINGS: usize = 8;
/// Around 1970; further away only the arithmetic differs, which single bytes of an input cannot reach usefully.
const FAR_S: i64 = 400 * 366 * 86_400;
/// No clock on earth is further from UTC.
const MAX_OFFSET_S: i32 = 14 * 3_600;

/// A zone with some changes, each at least a day after the one before.
struct Changes(Vec<(i64, i32)>);

impl Changes {
    fn read(bytes: &mut Bytes<'_>, around: i64) -> Self {
        let count = bytes.byte() % 6;
        let mut at = around - 2 * 86_400;
        let changes = (0..count).map(|_| {
            at += 86_400 + i64::from(u16::from_le_bytes(bytes.array())) * 97;
            (at, i32::from(i16::from_le_bytes(bytes.array())) * 4 % (MAX_OFFSET_S + 1))
        });
        Self(changes.collect())
    }
}

impl Zone for Changes {
    fn offset_at(&self, unix_s: i64) -> i32 {
        self.0.iter().rev().find(|(at, _)| *at <= unix_s).map_or(0, |(_, offset)| *offset)
    }

    fn next_transition(&self, after_unix_s: i64) -> Option<i64> {
        self.0.iter().map(|(at, _)| *at).find(|at| *at > after_unix_s)
    }
}

/// Takes the input as a schedule.
pub fn run(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (text, numbers) = data.split_at(end);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let schedule = match Schedule::parse(text) {
        Ok(schedule) => schedule,
        Err(error) => {
            let words = error.to_string();
            assert!(!words.is_empty() && words.len() < 1_000, "{words}");
            return;
        }
    };
    assert_eq!(Schedule::parse(text).as_ref(), Ok(&schedule));
    let mut bytes = Bytes::new(numbers.get(1..).unwrap_or_default());
    let from = bytes.i64();
    // Any instant is answered, if only with never.
    let _ = schedule.next_after(from, bytes.i64(), &alyx_schedule::Utc);
    let from = from % FAR_S;
    let anchor = bytes.i64() % FAR_S;
    let zone = Changes::read(&mut bytes, from);
    follow(&schedule, from, anchor, &zone);
    overdue(&schedule, from, anchor, &zone, &mut bytes);
}

/// Walks along the next instants.
fn follow(schedule: &Schedule, from: i64, anchor: i64, zone: &Changes) {
    let next = |after| schedule.next_after(after, anchor, zone);
    let mut after = from;
    for _ in 0..FIRINGS {
        let Some(instant) = next(after) else {
            assert!(schedule.is_reboot() || !schedule.is_grid(), "a grid has no end");
            return;
        };
        assert!(instant > after, "{instant} is not after {after}");
        for between in [after + (instant - after) / 2, instant - 1] {
            assert_eq!(next(between), Some(instant), "asked at {between} and at {after}");
        }
        if schedule.is_grid() {
            let period = next(instant).map(|later| later - instant);
            assert!(period.is_some_and(|period| period > 0 && (instant - anchor) % period == 0), "{period:?}");
        }
        after = instant;
    }
}

/// Fires what is due, early and late.
fn overdue(schedule: &Schedule, from: i64, anchor: i64, zone: &Changes, bytes: &mut Bytes<'_>) {
    let Some(due) = schedule.next_after(from, anchor, zone) else { return };
    let now = due.saturating_add(i64::from(bytes.u32().cast_signed()));
    let grace_s = i64::from(bytes.u32());
    for missed in [Missed::Once, Missed::Skip, Missed::All] {
        assert_eq!(Missed::from_name(missed.as_str()), Some(missed));
        let Firing { runs, next } = fire(schedule, zone, anchor, due, now, Some(from), missed, grace_s);
        if now < due {
            assert!(runs.is_empty() && next == Some(due), "{runs:?}, next {next:?}");
            continue;
        }
        assert!(next.is_none_or(|next| next > now), "next {next:?} at {now}");
        assert!(runs.len() <= if missed == Missed::All { MAX_CATCH_UP } else { 1 }, "{} runs", runs.len());
        assert!(missed != Missed::All || !runs.is_empty(), "nothing is made up for");
        let mut before = from;
        for run in &runs {
            assert_eq!(run.previous_at, Some(before));
            assert!((due..=now).contains(&run.scheduled_at) && run.scheduled_at > before, "{run:?}");
            assert!(run.missed <= MAX_COUNTED);
            before = run.scheduled_at;
        }
    }
}
