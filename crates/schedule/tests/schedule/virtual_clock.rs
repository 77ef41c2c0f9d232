//! A scheduler with a clock of its own, which is stepped, stopped and given other tz data: it loses nothing, repeats
//! nothing and does not spin.

use std::cell::Cell;

use crate::support::{Place, instant};
use alyx_schedule::{DEFAULT_GRACE_S, MAX_COUNTED, Missed, ON_TIME_S, Run, Schedule, Zone, fire};

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// The scheduler looks at the clock at least this often.
const POLL_S: i64 = 60;

const EXPRESSIONS: [&str; 9] = [
    "@every 30s",
    "@every 7m",
    "* * * * *",
    "*/20 * * * * *",
    "*/15 1-3 * * *",
    "0,30 1,2 * * *",
    "@daily",
    "30 2 * * *",
    "0 12 L * +FRI",
];

struct Scheduler<'a> {
    schedule: Schedule,
    zone: &'a dyn Zone,
    missed: Missed,
    anchor: i64,
    due: Option<i64>,
    runs: Vec<Run>,
    wakes: usize,
    /// The greatest lateness of a run.
    latest_s: i64,
}

impl<'a> Scheduler<'a> {
    fn new(text: &str, zone: &'a dyn Zone, missed: Missed, now: i64) -> Self {
        let schedule = Schedule::parse(text).expect(text);
        let due = schedule.next_after(now, now, zone);
        Self { schedule, zone, missed, anchor: now, due, runs: Vec::new(), wakes: 0, latest_s: 0 }
    }

    /// Fires what is due at `now`, and says how long to sleep.
    fn wake(&mut self, now: i64) -> i64 {
        self.wakes += 1;
        let Some(due) = self.due else { return POLL_S };
        let previous_at = self.runs.last().map(|run| run.scheduled_at);
        let firing =
            fire(&self.schedule, self.zone, self.anchor, due, now, previous_at, self.missed, 4 * DEFAULT_GRACE_S);
        self.latest_s = firing.runs.iter().map(|run| now - run.scheduled_at).fold(self.latest_s, i64::max);
        self.runs.extend(firing.runs);
        self.due = firing.next;
        assert!(self.due.is_none_or(|next| next > now), "the next instant lies ahead");
        self.due.map_or(POLL_S, |next| (next - now).min(POLL_S))
    }

    /// Lets `span_s` of real time pass from `start` by the clock, and returns the clock's time at the end.
    fn live(&mut self, start: i64, span_s: i64) -> i64 {
        let mut now = start;
        while now < start + span_s {
            now += self.wake(now);
        }
        now
    }

    /// The instants of the schedule from its beginning up to the last run.
    fn instants(&self) -> Vec<i64> {
        let step = |at: &i64| self.schedule.next_after(*at, self.anchor, self.zone);
        let last = self.runs.last().map_or(i64::MIN, |run| run.scheduled_at);
        std::iter::successors(step(&self.anchor), step).take_while(|at| *at <= last).collect()
    }

    /// What holds whatever the clock did.
    fn check(&self, what: &str) {
        let scheduled: Vec<i64> = self.runs.iter().map(|run| run.scheduled_at).collect();
        assert!(scheduled.is_sorted_by(|one, next| one < next), "{what}: repeats or goes back");
        let previous = std::iter::once(None).chain(scheduled.iter().copied().map(Some));
        assert!(self.runs.iter().map(|run| run.previous_at).eq(previous.take(scheduled.len())), "{what}: previous");
        let instants = self.instants();
        assert!(scheduled.iter().all(|at| instants.binary_search(at).is_ok()), "{what}: runs that nobody scheduled");
        let counted: u32 = self.runs.iter().map(|run| 1 + run.missed).sum();
        match self.missed {
            Missed::Skip => assert!(self.latest_s < ON_TIME_S, "{what}: late by {} s", self.latest_s),
            // Beyond the bound instants are missed, and known to be, but no longer counted.
            Missed::Once | Missed::All if self.runs.iter().any(|run| run.missed == MAX_COUNTED) => {}
            Missed::Once | Missed::All => {
                assert_eq!(usize::try_from(counted).expect("few"), instants.len(), "{what}: loses instants");
            }
        }
    }
}

/// Runs every expression under every policy around one event, which makes of the clock's time another.
fn around(event: impl Fn(&mut Scheduler<'_>, i64) -> i64, check: impl Fn(&Scheduler<'_>, &str)) {
    for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
        let place = Place::new(zone);
        // Before the clocks of Berlin go forward, before they go back, and in between.
        for start in ["2026-03-28 23:10:00", "2026-10-24 21:40:00", "2026-06-11 11:59:30"] {
            for text in EXPRESSIONS {
                for missed in [Missed::Once, Missed::Skip, Missed::All] {
                    let what = format!("{text} in {zone} from {start}, {missed:?}");
                    let mut scheduler = Scheduler::new(text, &place, missed, instant(start));
                    let now = scheduler.live(instant(start), 3 * HOUR_S);
                    let now = event(&mut scheduler, now);
                    scheduler.live(now, 2 * DAY_S);
                    scheduler.check(&what);
                    let allowed = scheduler.instants().len() + usize::try_from(3 * DAY_S / POLL_S).expect("small") + 10;
                    assert!(scheduler.wakes <= allowed, "{what}: {} wakes", scheduler.wakes);
                    check(&scheduler, &what);
                }
            }
        }
    }
}

/// Every instant had its own run.
fn complete(scheduler: &Scheduler<'_>, what: &str) {
    let scheduled: Vec<i64> = scheduler.runs.iter().map(|run| run.scheduled_at).collect();
    assert_eq!(scheduled, scheduler.instants(), "{what}");
}

#[test]
fn nothing_happens() {
    around(|_, now| now, complete);
}

#[test]
fn the_clock_is_set_back() {
    // Nothing is fired a second time, and nothing is missing when the clock has caught up.
    for step_s in [1, 59, HOUR_S, DAY_S] {
        around(|_, now| now - step_s, complete);
    }
}

#[test]
fn the_clock_is_set_forward() {
    around(
        |_, now| now + HOUR_S,
        |scheduler, what| {
            if scheduler.missed == Missed::All && !what.starts_with("*/20") && !what.starts_with("@every 30s") {
                complete(scheduler, what);
            }
        },
    );
}

#[test]
fn the_machine_sleeps_for_three_days() {
    around(
        |_, now| now + 3 * DAY_S,
        |scheduler, what| {
            let caught_up = scheduler.runs.iter().filter(|run| run.missed > 0).count();
            assert!(caught_up <= 1, "{what}: one run tells of what was missed");
        },
    );
}

#[test]
fn the_clock_is_set_back_and_forth_for_an_hour() {
    // A clock that two time services fight over.
    let event = |scheduler: &mut Scheduler<'_>, mut now: i64| {
        for _ in 0..30 {
            now = scheduler.live(now, 60) + 90;
            now = scheduler.live(now, 60) - 90;
        }
        now
    };
    around(event, |_, _| {});
}

/// A zone whose data is replaced.
struct Updated<'a> {
    old: &'a Place,
    new: &'a dyn Zone,
    is_new: Cell<bool>,
}

impl Zone for Updated<'_> {
    fn offset_at(&self, unix_s: i64) -> i32 {
        if self.is_new.get() { self.new.offset_at(unix_s) } else { self.old.offset_at(unix_s) }
    }

    fn next_transition(&self, after_unix_s: i64) -> Option<i64> {
        if self.is_new.get() { self.new.next_transition(after_unix_s) } else { self.old.next_transition(after_unix_s) }
    }
}

/// A zone that keeps its offset from an instant on: a government has given up changing the clocks.
struct GivenUp<'a> {
    old: &'a Place,
    at: i64,
}

impl Zone for GivenUp<'_> {
    fn offset_at(&self, unix_s: i64) -> i32 {
        self.old.offset_at(unix_s.min(self.at))
    }

    fn next_transition(&self, after_unix_s: i64) -> Option<i64> {
        self.old.next_transition(after_unix_s).filter(|next| *next <= self.at)
    }
}

#[test]
fn tz_data_is_replaced_while_the_server_is_down() {
    let old = Place::new("Europe/Berlin");
    let (start, given_up) = (instant("2026-10-20 00:00:00"), instant("2026-10-24 00:00:00"));
    let new = GivenUp { old: &old, at: given_up };
    // In good time, between the instant promised under the old data and the one under the new, and days too late.
    for replaced in ["2026-10-24 12:00:00", "2026-10-25 00:45:00", "2026-10-27 09:00:00"] {
        for text in EXPRESSIONS {
            for missed in [Missed::Once, Missed::Skip, Missed::All] {
                let zone = Updated { old: &old, new: &new, is_new: Cell::new(false) };
                let mut scheduler = Scheduler::new(text, &zone, missed, start);
                let now = scheduler.live(start, instant(replaced) - start);
                let before = scheduler.runs.len();
                zone.is_new.set(true);
                // What a start of the server does with every stored instant.
                scheduler.due = scheduler.schedule.next_after(now, scheduler.anchor, &zone);
                scheduler.live(now, 3 * DAY_S);
                let what = format!("{text} with data of {replaced}, {missed:?}");
                let scheduled: Vec<i64> = scheduler.runs.iter().map(|run| run.scheduled_at).collect();
                assert!(scheduled.is_sorted_by(|one, next| one < next), "{what}: repeats or goes back");
                let expected: Vec<i64> = scheduler.instants().into_iter().filter(|at| *at > now).collect();
                assert_eq!(scheduled[before..], expected, "{what}");
            }
        }
    }
}

#[test]
fn periods_do_not_drift_in_a_day_of_late_wakes() {
    let place = Place::new("UTC");
    let start = instant("2026-01-01 00:00:07");
    let schedule = Schedule::parse("@every 10s").expect("a period");
    let mut due = start + 10;
    let mut runs = 0;
    while due < start + DAY_S {
        // Each wake is late, by up to nine seconds.
        let firing = fire(&schedule, &place, start, due, due + runs % 10, None, Missed::Skip, DEFAULT_GRACE_S);
        assert_eq!((firing.runs.len(), firing.next), (1, Some(due + 10)));
        due += 10;
        runs += 1;
    }
    assert_eq!(runs, DAY_S / 10 - 1);
}
