//! What `fire` fires, keeps and counts, policy by policy.

use crate::support::instant;
use alyx_schedule::{DEFAULT_GRACE_S, Firing, MAX_CATCH_UP, MAX_COUNTED, Missed, Overlap, Run, Schedule, Utc, fire};

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// Fires at `late_s` after `due`, which is midnight of 2026-01-05, a Monday.
fn fire_late(text: &str, late_s: i64, missed: Missed) -> Firing {
    let schedule = Schedule::parse(text).expect(text);
    let due = due();
    fire(&schedule, &Utc, due, due, due + late_s, Some(due - DAY_S), missed, DEFAULT_GRACE_S)
}

fn due() -> i64 {
    instant("2026-01-05 00:00:00")
}

/// The runs as (seconds after `due`, instants missed), and the next instant in seconds after `due`.
fn short(firing: &Firing) -> (Vec<(i64, u32)>, Option<i64>) {
    let runs = firing.runs.iter().map(|run| (run.scheduled_at - due(), run.missed)).collect();
    (runs, firing.next.map(|next| next - due()))
}

#[test]
fn a_run_that_is_on_time_is_fired_whatever_the_policy() {
    for missed in [Missed::Once, Missed::Skip, Missed::All] {
        for late_s in [0, 1, 59] {
            assert_eq!(
                short(&fire_late("@hourly", late_s, missed)),
                (vec![(0, 0)], Some(HOUR_S)),
                "{missed:?} {late_s}"
            );
        }
    }
}

#[test]
fn lateness_is_measured_from_the_latest_instant() {
    // Every ten seconds, 45 s late: four were missed, the fifth is on time.
    assert_eq!(short(&fire_late("@every 10s", 45, Missed::Skip)), (vec![(40, 4)], Some(50)));
    assert_eq!(short(&fire_late("*/10 * * * * *", 45, Missed::Once)), (vec![(40, 4)], Some(50)));
    assert_eq!(
        short(&fire_late("@every 10s", 45, Missed::All)),
        (vec![(0, 0), (10, 0), (20, 0), (30, 0), (40, 0)], Some(50))
    );
}

#[test]
fn once_stands_for_all_that_were_missed() {
    assert_eq!(short(&fire_late("@hourly", 60, Missed::Once)), (vec![(0, 0)], Some(HOUR_S)));
    let late_s = 5 * HOUR_S + 20 * MINUTE_S;
    assert_eq!(short(&fire_late("@hourly", late_s, Missed::Once)), (vec![(5 * HOUR_S, 5)], Some(6 * HOUR_S)));
    assert_eq!(short(&fire_late("@daily", 3 * DAY_S, Missed::Once)), (vec![(3 * DAY_S, 3)], Some(4 * DAY_S)));
}

#[test]
fn once_gives_up_what_is_older_than_the_grace() {
    assert_eq!(short(&fire_late("@weekly", DAY_S, Missed::Once)).0, vec![(0, 0)]);
    assert_eq!(short(&fire_late("@weekly", DAY_S + 1, Missed::Once)), (vec![], Some(6 * DAY_S)));
    let schedule = Schedule::parse("@weekly").expect("a nickname");
    let without_grace = |late_s| fire(&schedule, &Utc, 0, due(), due() + late_s, None, Missed::Once, 0).runs.len();
    assert_eq!((without_grace(59), without_grace(60)), (1, 0), "what is on time needs no grace");
}

#[test]
fn skip_fires_nothing_late() {
    assert_eq!(short(&fire_late("@hourly", 60, Missed::Skip)), (vec![], Some(HOUR_S)));
    assert_eq!(short(&fire_late("@hourly", HOUR_S + 1, Missed::Skip)), (vec![(HOUR_S, 1)], Some(2 * HOUR_S)));
}

#[test]
fn all_fires_each_oldest_first_and_tells_them_what_came_before() {
    let firing = fire_late("@hourly", 2 * HOUR_S + 100, Missed::All);
    let run =
        |hour: i64, previous_at| Run { scheduled_at: due() + hour * HOUR_S, previous_at: Some(previous_at), missed: 0 };
    let expected = vec![run(0, due() - DAY_S), run(1, due()), run(2, due() + HOUR_S)];
    assert_eq!(firing, Firing { runs: expected, next: Some(due() + 3 * HOUR_S) });
}

#[test]
fn all_fires_the_newest_of_too_many_and_counts_the_rest() {
    let firing = fire_late("* * * * *", 249 * MINUTE_S, Missed::All);
    assert_eq!(firing.runs.len(), MAX_CATCH_UP);
    let (runs, next) = short(&firing);
    let expected = (150..250).map(|minute| (minute * MINUTE_S, if minute == 150 { 150 } else { 0 }));
    assert_eq!((runs, next), (expected.collect(), Some(250 * MINUTE_S)));
}

#[test]
fn a_year_of_seconds_is_counted_up_to_a_bound() {
    for missed in [Missed::Once, Missed::All] {
        for text in ["* * * * * *", "@every 1s"] {
            let (runs, next) = short(&fire_late(text, 365 * DAY_S, missed));
            assert_eq!((runs[0].1, runs.last().expect("runs").0), (MAX_COUNTED, 365 * DAY_S), "{text} {missed:?}");
            assert_eq!(next, Some(365 * DAY_S + 1));
        }
    }
}

#[test]
fn a_clock_before_the_due_instant_fires_nothing_and_forgets_nothing() {
    for missed in [Missed::Once, Missed::Skip, Missed::All] {
        assert_eq!(short(&fire_late("* * * * *", -1, missed)), (vec![], Some(0)));
        assert_eq!(short(&fire_late("* * * * *", -40 * DAY_S, missed)), (vec![], Some(0)));
    }
}

#[test]
fn what_was_promised_is_fired_though_the_schedule_has_moved() {
    // Promised for midnight, before its zone's data changed; by now it is a schedule of half past.
    assert_eq!(short(&fire_late("30 * * * *", 5, Missed::Skip)), (vec![(0, 0)], Some(30 * MINUTE_S)));
    assert_eq!(short(&fire_late("30 * * * *", 2 * HOUR_S, Missed::Once)), (vec![(5_400, 2)], Some(9_000)));
}

#[test]
fn a_schedule_without_instants_fires_what_was_promised_and_ends() {
    assert_eq!(short(&fire_late("@reboot", 0, Missed::Once)), (vec![(0, 0)], None));
}

#[test]
fn absurd_clocks_are_survived() {
    let schedule = Schedule::parse("* * * * *").expect("an expression");
    for due in [i64::MIN, -1, 0, i64::MAX] {
        for now in [i64::MIN, -1, 0, i64::MAX] {
            let firing = fire(&schedule, &Utc, i64::MAX, due, now, None, Missed::All, i64::MAX);
            assert!(firing.runs.len() <= MAX_CATCH_UP);
        }
    }
}

#[test]
fn overlap_admits() {
    for (policy, idle, running, waiting) in
        [(Overlap::Skip, true, false, false), (Overlap::Queue, true, true, false), (Overlap::Allow, true, true, true)]
    {
        assert_eq!(
            (policy.admits(0, 0), policy.admits(1, 0), policy.admits(1, 1)),
            (idle, running, waiting),
            "{policy:?}"
        );
        assert!(policy.admits(0, 1) == (policy == Overlap::Allow), "{policy:?}: one that waits has not begun");
    }
}

#[test]
fn names_lead_back_to_policies() {
    for policy in [Missed::Once, Missed::Skip, Missed::All] {
        assert_eq!(Missed::from_name(policy.as_str()), Some(policy));
    }
    for policy in [Overlap::Skip, Overlap::Queue, Overlap::Allow] {
        assert_eq!(Overlap::from_name(policy.as_str()), Some(policy));
    }
    assert_eq!((Missed::from_name("ONCE"), Overlap::from_name("")), (None, None));
}
