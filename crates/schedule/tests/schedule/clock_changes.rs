//! What happens when clocks are put forward and back, case by case, as one would tell it. `oracle` proves the rule at
//! large; this says what it means.

use crate::support::{Place, instant, shown};
use alyx_schedule::{Schedule, Utc, Zone};

/// Instants (UTC) from `after` on and before `end`.
fn runs(text: &str, zone: &str, after: &str, end: &str) -> String {
    let place = Place::new(zone);
    let schedule = Schedule::parse(text).expect(text);
    let step = |at: &i64| schedule.next_after(*at, 0, &place);
    let runs: Vec<String> = std::iter::successors(step(&(instant(after) - 1)), step)
        .take_while(|at| *at < instant(end))
        .map(|at| shown(at, &Utc)[5..16].to_owned())
        .collect();
    runs.join("|")
}

#[test]
fn a_time_that_no_clock_shows_comes_at_once_after_the_gap() {
    // New York leaps from 02:00 to 03:00 on 8 March 2026, at 07:00 UTC.
    let new_york = |text| runs(text, "America/New_York", "2026-03-08 05:00:00", "2026-03-09 05:00:00");
    assert_eq!(new_york("30 2 * * *"), "03-08 07:00");
    assert_eq!(new_york("0,30 2 * * *"), "03-08 07:00", "one run for several times in the gap");
    assert_eq!(new_york("30 2,3 * * *"), "03-08 07:00|03-08 07:30");
    assert_eq!(new_york("0 2,3 * * *"), "03-08 07:00", "one run for the gap and the time that follows it");
    assert_eq!(new_york("0 3 * * *"), "03-08 07:00");
    assert_eq!(new_york("0 2 8 3 *"), "03-08 07:00");
}

#[test]
fn a_time_that_clocks_show_twice_comes_once() {
    // New York goes back from 02:00 to 01:00 on 1 November 2026, at 06:00 UTC.
    let new_york = |text| runs(text, "America/New_York", "2026-11-01 04:00:00", "2026-11-02 05:00:00");
    assert_eq!(new_york("30 1 * * *"), "11-01 05:30");
    assert_eq!(new_york("0,30 1 * * *"), "11-01 05:00|11-01 05:30");
    assert_eq!(new_york("0 2 * * *"), "11-01 07:00");
}

#[test]
fn rhythms_follow_the_clock() {
    let new_york = |text, after, end| runs(text, "America/New_York", after, end);
    let spring = |text| new_york(text, "2026-03-08 06:30:00", "2026-03-08 08:00:00");
    let autumn = |text| new_york(text, "2026-11-01 05:00:00", "2026-11-01 07:00:00");
    assert_eq!(spring("*/30 * * * *"), "03-08 06:30|03-08 07:00|03-08 07:30");
    assert_eq!(spring("*/30 2 * * *"), "", "two o'clock does not come");
    assert_eq!(autumn("*/30 * * * *"), "11-01 05:00|11-01 05:30|11-01 06:00|11-01 06:30");
    assert_eq!(autumn("*/30 1 * * *"), "11-01 05:00|11-01 05:30|11-01 06:00|11-01 06:30", "one o'clock comes twice");
    assert_eq!(autumn("15 * * * *"), "11-01 05:15|11-01 06:15");
}

#[test]
fn asked_in_the_second_pass_it_goes_on_from_there() {
    let place = Place::new("America/New_York");
    let next = |text: &str, at: &str| {
        let next = Schedule::parse(text).expect(text).next_after(instant(at), 0, &place);
        shown(next.expect("an instant"), &Utc)
    };
    // 01:05 for the second time.
    assert_eq!(next("*/30 * * * *", "2026-11-01 06:05:00"), "2026-11-01 06:30:00");
    assert_eq!(next("30 1 * * *", "2026-11-01 06:05:00"), "2026-11-02 06:30:00");
    assert_eq!(next("0,30 1 * * *", "2026-11-01 05:59:59"), "2026-11-02 06:00:00");
}

#[test]
fn shifts_of_other_sizes_and_places() {
    // Half an hour: 02:00 → 02:30 at 15:30 UTC on 3 October 2026, 02:00 → 01:30 at 15:00 UTC on 4 April 2026.
    let lord_howe = |text, after, end| runs(text, "Australia/Lord_Howe", after, end);
    assert_eq!(lord_howe("15 2 * * *", "2026-10-03 12:00:00", "2026-10-04 12:00:00"), "10-03 15:30");
    assert_eq!(lord_howe("45 1 * * *", "2026-04-04 12:00:00", "2026-04-05 12:00:00"), "04-04 14:45");
    assert_eq!(lord_howe("45 * * * *", "2026-04-04 14:00:00", "2026-04-04 16:00:00"), "04-04 14:45|04-04 15:15");
    // Midnight does not come: Cairo leaps from 00:00 to 01:00 at 22:00 UTC on 23 April 2026.
    let cairo = |text| runs(text, "Africa/Cairo", "2026-04-23 12:00:00", "2026-04-24 12:00:00");
    assert_eq!(cairo("@daily"), "04-23 22:00");
    assert_eq!(cairo("0 0 24 4 *"), "04-23 22:00");
    assert_eq!(cairo("0 0 * * FRI"), "04-23 22:00");
    // A day does not come: Apia leapt over 30 December 2011, at 10:00 UTC.
    let apia = |text| runs(text, "Pacific/Apia", "2011-12-30 00:00:00", "2011-12-31 09:00:00");
    assert_eq!(apia("0 12 30 12 *"), "12-30 10:00");
    assert_eq!(apia("0 12 * * *"), "12-30 10:00|12-30 22:00");
    assert_eq!(apia("0 */6 * * *"), "12-30 04:00|12-30 10:00|12-30 16:00|12-30 22:00|12-31 04:00");
}

#[test]
fn periods_know_no_clock_changes() {
    let berlin = |text| runs(text, "Europe/Berlin", "2026-03-28 22:00:00", "2026-03-29 04:00:00");
    assert_eq!(berlin("@every 2h"), "03-28 22:00|03-29 00:00|03-29 02:00");
}

#[test]
fn a_day_is_found_over_forty_years_of_clock_changes() {
    let rare = |text| runs(text, "America/New_York", "2073-01-01 00:00:00", "2113-01-01 00:00:00");
    assert_eq!(rare("30 2 29 2 +MON"), "02-29 07:30");
}

#[test]
fn a_zone_that_reports_nonsense_does_not_hold_up_the_scheduler() {
    struct Nonsense(i64);
    impl Zone for Nonsense {
        fn offset_at(&self, unix_s: i64) -> i32 {
            if unix_s % 2 == 0 { i32::MAX } else { i32::MIN }
        }
        fn next_transition(&self, after_unix_s: i64) -> Option<i64> {
            Some(after_unix_s.saturating_add(self.0))
        }
    }
    for text in ["* * * * *", "0 0 * * *", "0 0 29 2 +MON"] {
        for ahead_s in [i64::MIN, -5, 0, 1, 7, i64::MAX] {
            let next = Schedule::parse(text).expect(text).next_after(1_000, 0, &Nonsense(ahead_s));
            assert!(next.is_none_or(|next| next > 1_000), "{text} {ahead_s}");
        }
    }
}
