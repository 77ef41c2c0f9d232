//! The dialect, row by row: what an expression means, and what is refused in which words.

use crate::support::{instant, shown};
use alyx_schedule::{Schedule, Utc};

/// The first `count` instants after `after`, in UTC.
fn runs(text: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let step = |at: &i64| schedule.next_after(*at, 0, &Utc);
    std::iter::successors(step(&instant(after)), step).take(count).map(|at| shown(at, &Utc)).collect()
}

#[test]
fn expressions_mean_what_the_table_says() {
    // 2026-01-01 is a Thursday.
    for (text, after, expected) in [
        ("* * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01:00|2026-01-01 00:02:00"),
        ("5-5 * * * *", "2026-01-01 00:00:00", "2026-01-01 00:05:00|2026-01-01 01:05:00"),
        ("*/15 * * * *", "2026-01-01 00:31:00", "2026-01-01 00:45:00|2026-01-01 01:00:00"),
        ("5,7-9 8 * * *", "2026-01-01 08:07:30", "2026-01-01 08:08:00|2026-01-01 08:09:00|2026-01-02 08:05:00"),
        ("0 8-18/5 * * *", "2026-01-01 09:00:00", "2026-01-01 13:00:00|2026-01-01 18:00:00|2026-01-02 08:00:00"),
        ("10,20 0 0 * * *", "2026-01-01 00:00:10", "2026-01-01 00:00:20|2026-01-02 00:00:10"),
        ("*/20 59 23 31 12 *", "2026-12-31 23:59:20", "2026-12-31 23:59:40|2027-12-31 23:59:00"),
        ("0 0 1 feb,APR *", "2026-01-01 00:00:00", "2026-02-01 00:00:00|2026-04-01 00:00:00|2027-02-01 00:00:00"),
        ("0 0 * * Mon-wed", "2026-01-01 00:00:00", "2026-01-05 00:00:00|2026-01-06 00:00:00|2026-01-07 00:00:00"),
        ("0 0 * * 0", "2026-01-01 00:00:00", "2026-01-04 00:00:00|2026-01-11 00:00:00"),
        ("0 0 * * 7", "2026-01-01 00:00:00", "2026-01-04 00:00:00|2026-01-11 00:00:00"),
        (
            "0 0 * * 5-7",
            "2026-01-01 00:00:00",
            "2026-01-02 00:00:00|2026-01-03 00:00:00|2026-01-04 00:00:00|2026-01-09 00:00:00",
        ),
        ("0 0 * * */2", "2026-01-01 00:00:00", "2026-01-03 00:00:00|2026-01-04 00:00:00|2026-01-06 00:00:00"),
        // The last day of the month.
        ("0 0 L * *", "2026-01-01 00:00:00", "2026-01-31 00:00:00|2026-02-28 00:00:00"),
        ("0 0 $ 2 *", "2027-01-01 00:00:00", "2027-02-28 00:00:00|2028-02-29 00:00:00"),
        ("0 0 1,l * *", "2026-01-01 00:00:00", "2026-01-31 00:00:00|2026-02-01 00:00:00|2026-02-28 00:00:00"),
        // Working days: 2026-02-15 is a Sunday, 2026-08-15 and 2026-08-01 Saturdays, 2026-05-31 a Sunday.
        ("0 0 15W 2,8 *", "2026-01-01 00:00:00", "2026-02-16 00:00:00|2026-08-14 00:00:00"),
        ("0 0 1W 8 *", "2026-01-01 00:00:00", "2026-08-03 00:00:00"),
        ("0 0 31w 4,5 *", "2026-01-01 00:00:00", "2026-05-29 00:00:00"),
        ("0 0 LW 5,6 *", "2026-01-01 00:00:00", "2026-05-29 00:00:00|2026-06-30 00:00:00"),
        // The last and the n-th weekday.
        ("0 0 * * 5L", "2026-01-01 00:00:00", "2026-01-30 00:00:00|2026-02-27 00:00:00"),
        ("0 0 * * FRIl", "2026-01-01 00:00:00", "2026-01-30 00:00:00|2026-02-27 00:00:00"),
        ("0 0 * MAY 7L", "2026-01-01 00:00:00", "2026-05-31 00:00:00|2027-05-30 00:00:00"),
        ("0 0 * * 5#2", "2026-01-01 00:00:00", "2026-01-09 00:00:00|2026-02-13 00:00:00"),
        ("0 0 * * 7#5", "2026-01-01 00:00:00", "2026-03-29 00:00:00|2026-05-31 00:00:00"),
        ("0 0 * * MON#1,4L", "2026-01-01 00:00:00", "2026-01-05 00:00:00|2026-01-29 00:00:00|2026-02-02 00:00:00"),
        // Two restricted day fields are alternatives …
        ("0 0 13 * FRI", "2026-01-08 00:00:00", "2026-01-09 00:00:00|2026-01-13 00:00:00|2026-01-16 00:00:00"),
        ("0 0 1-31 * FRI", "2026-01-01 00:00:00", "2026-01-02 00:00:00|2026-01-03 00:00:00"),
        ("0 0 L * 5L", "2026-01-01 00:00:00", "2026-01-30 00:00:00|2026-01-31 00:00:00|2026-02-27 00:00:00"),
        // … unless one begins with a star, or + asks for both.
        ("0 0 */2 * FRI", "2026-01-01 00:00:00", "2026-01-09 00:00:00|2026-01-23 00:00:00"),
        ("0 0 13 * */5", "2026-01-01 00:00:00", "2026-02-13 00:00:00|2026-03-13 00:00:00|2026-09-13 00:00:00"),
        ("0 0 13 * +FRI", "2026-01-01 00:00:00", "2026-02-13 00:00:00|2026-03-13 00:00:00|2026-11-13 00:00:00"),
        ("0 0 1-7 * +MON", "2026-01-01 00:00:00", "2026-01-05 00:00:00|2026-02-02 00:00:00"),
        ("0 0 * * +1", "2026-01-01 00:00:00", "2026-01-05 00:00:00|2026-01-12 00:00:00"),
        // Far ahead, over the year 2100, which has no leap day.
        ("0 0 29 2 +MON", "2026-01-01 00:00:00", "2044-02-29 00:00:00|2072-02-29 00:00:00|2112-02-29 00:00:00"),
        // Nicknames.
        ("@yearly", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
        ("@ANNUALLY", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
        ("@monthly", "2026-01-01 00:00:00", "2026-02-01 00:00:00"),
        ("@weekly", "2026-01-01 00:00:00", "2026-01-04 00:00:00"),
        ("@daily", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),
        ("@midnight", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),
        ("@hourly", "2026-01-01 00:00:00", "2026-01-01 01:00:00|2026-01-01 02:00:00"),
        ("@every 90s", "2026-01-01 00:00:00", "2026-01-01 00:01:30|2026-01-01 00:03:00"),
        ("@every  1h30m ", "2026-01-01 00:00:00", "2026-01-01 01:30:00"),
        ("@every 1d", "2026-01-01 00:00:00", "2026-01-02 00:00:00"),
        ("@reboot", "2026-01-01 00:00:00", ""),
        ("  0\t0  1 1 *  ", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
    ] {
        let count = expected.split('|').count();
        assert_eq!(runs(text, after, count).join("|"), expected, "{text} after {after}");
    }
}

#[test]
fn what_is_refused_says_field_value_and_what_is_allowed() {
    let long = "1,".repeat(80) + "1 * * * *";
    let longer = " ".repeat(300);
    for (text, message, hint) in [
        ("", "cron expression has 0 fields, not 5 or 6", "For a schedule that never fires, make none."),
        (
            "* * * *",
            "cron expression has 4 fields, not 5 or 6",
            "The fields are minute, hour, day of month, month and weekday, with seconds before them if there are six.",
        ),
        ("0 0 0 1 1 * 2027", "cron expression has 7 fields, not 5 or 6", "There is no field for the year."),
        ("30 seconds", "cron expression has 2 fields, not 5 or 6", "Write a period as @every 30s."),
        ("60 * * * *", "invalid minute \"60\" in cron expression: allowed are 0 to 59", ""),
        ("0 24 * * *", "invalid hour \"24\" in cron expression: allowed are 0 to 23", ""),
        ("0 0 0 * *", "invalid day of month \"0\" in cron expression: allowed are 1 to 31", ""),
        ("0 0 1 13 *", "invalid month \"13\" in cron expression: allowed are 1 to 12 and JAN to DEC", ""),
        ("0 0 1 january *", "invalid month \"january\" in cron expression: allowed are 1 to 12 and JAN to DEC", ""),
        ("0 0 * * 8", "invalid weekday \"8\" in cron expression: allowed are 0 to 7 and SUN to SAT", ""),
        ("60 0 0 * * *", "invalid second \"60\" in cron expression: allowed are 0 to 59", ""),
        ("-5 * * * *", "invalid minute \"-5\" in cron expression: allowed are 0 to 59", ""),
        ("1- * * * *", "invalid minute \"1-\" in cron expression: allowed are 0 to 59", ""),
        (
            "99999999999999999999 * * * *",
            "invalid minute \"99999999999999999999\" in cron expression: allowed are 0 to 59",
            "",
        ),
        (
            "0 0 * * FRI-MON",
            "invalid weekday \"FRI-MON\" in cron expression: the range runs backwards",
            "Write two ranges: 5-7,0-1.",
        ),
        (
            "0 22-4 * * *",
            "invalid hour \"22-4\" in cron expression: the range runs backwards",
            "Write two ranges: 22-23,0-4.",
        ),
        ("*/61 * * * *", "invalid minute \"*/61\" in cron expression: the step must be between 1 and 60", ""),
        ("*/0 * * * *", "invalid minute \"*/0\" in cron expression: the step must be between 1 and 60", ""),
        ("1-5/6 * * * *", "invalid minute \"1-5/6\" in cron expression: the step must be between 1 and 5", ""),
        ("*/ * * * *", "invalid minute \"*/\" in cron expression: the step must be between 1 and 60", ""),
        ("*/2/3 * * * *", "invalid minute \"*/2/3\" in cron expression: the step must be between 1 and 60", ""),
        ("5/15 * * * *", "invalid minute \"5/15\" in cron expression: a step needs a range or *", "Write 5-59/15."),
        ("1,,2 * * * *", "invalid minute \"1,,2\" in cron expression: a list has no empty items", ""),
        (", * * * *", "invalid minute \",\" in cron expression: a list has no empty items", ""),
        (
            "0 0 ? * MON",
            "invalid day of month \"?\" in cron expression: allowed are 1 to 31",
            "Write * where any value will do.",
        ),
        (
            "0 0 32W * *",
            "invalid day of month \"32W\" in cron expression: W follows one day, such as 15W, or L",
            "It means the nearest working day.",
        ),
        (
            "0 0 1-5W * *",
            "invalid day of month \"1-5W\" in cron expression: W follows one day, such as 15W, or L",
            "It means the nearest working day.",
        ),
        ("0 0 L-3 * *", "invalid day of month \"L-3\" in cron expression: allowed are 1 to 31", ""),
        (
            "0 0 * * L",
            "invalid weekday \"L\" in cron expression: L follows one weekday, such as 5L for the last Friday; allowed are 0 to 7 and SUN to SAT",
            "",
        ),
        ("0 0 * * 5#6", "invalid weekday \"5#6\" in cron expression: after # stands a number from 1 to 5", ""),
        ("0 0 * * 5#0", "invalid weekday \"5#0\" in cron expression: after # stands a number from 1 to 5", ""),
        (
            "0 0 * * #2",
            "invalid weekday \"#2\" in cron expression: # follows one weekday, such as 5#2 for the second Friday; allowed are 0 to 7 and SUN to SAT",
            "",
        ),
        ("0 0 * * +", "invalid weekday \"\" in cron expression: a list has no empty items", ""),
        ("0 0 30 2 *", "cron expression \"0 0 30 2 *\" never fires", "No month that it names has such a day."),
        (
            "0 0 31 APR,JUN *",
            "cron expression \"0 0 31 APR,JUN *\" never fires",
            "No month that it names has such a day.",
        ),
        ("0 0 1 * +MON#2", "cron expression \"0 0 1 * +MON#2\" never fires", "No month that it names has such a day."),
        (
            "@every",
            "invalid period \"\" after @every: a period lasts between 1 second and 3650 days",
            "Write it as 30s, 5m, 1h30m or 1d.",
        ),
        (
            "@every 0s",
            "invalid period \"0s\" after @every: a period lasts between 1 second and 3650 days",
            "Write it as 30s, 5m, 1h30m or 1d.",
        ),
        (
            "@every 99999d",
            "invalid period \"99999d\" after @every: a period lasts between 1 second and 3650 days",
            "Write it as 30s, 5m, 1h30m or 1d.",
        ),
        (
            "@every 30",
            "invalid period \"30\" after @every: units are d, h, m and s, each at most once and in this order",
            "Write it as 30s, 5m, 1h30m or 1d.",
        ),
        (
            "@every 5m1h",
            "invalid period \"5m1h\" after @every: units are d, h, m and s, each at most once and in this order",
            "Write it as 30s, 5m, 1h30m or 1d.",
        ),
        (
            "@every ünd",
            "invalid period \"ünd\" after @every: a number with a unit is expected",
            "Write it as 30s, 5m, 1h30m or 1d.",
        ),
        (
            "@every 3ü",
            "invalid period \"3ü\" after @every: units are d, h, m and s, each at most once and in this order",
            "Write it as 30s, 5m, 1h30m or 1d.",
        ),
        (
            "@noon",
            "unknown schedule \"@noon\"",
            "Nicknames are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot and @every.",
        ),
        (long.as_str(), "minute of cron expression is a list of more than 60 items", "Write it with ranges and steps."),
        (longer.as_str(), "schedule is longer than 256 bytes", ""),
    ] {
        let error = Schedule::parse(text).expect_err(text);
        assert_eq!((error.message.as_str(), error.hint.as_deref().unwrap_or("")), (message, hint), "{text}");
    }
}

#[test]
fn every_expression_of_a_hint_is_accepted() {
    for text in ["5-59/15 * * * *", "0 22-23,0-4 * * *", "0 0 * * 5-7,0-1", "@every 30s", "@every 1h30m"] {
        assert!(Schedule::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn a_period_lies_on_the_grid_of_its_anchor_on_both_sides() {
    let schedule = Schedule::parse("@every 10s").expect("a period");
    for (after, next) in [(1_000, 1_003), (1_002, 1_003), (1_003, 1_013), (2_000, 2_003), (-4, 3), (-7, 3), (-8, -7)] {
        assert_eq!(schedule.next_after(after, 1_003, &Utc), Some(next), "after {after}");
    }
}

#[test]
fn only_reboot_is_reboot() {
    assert!(Schedule::parse("@Reboot").expect("a nickname").is_reboot());
    assert!(!Schedule::parse("@every 1s").expect("a period").is_reboot());
}

#[test]
fn no_instant_and_no_text_overflows() {
    for text in ["* * * * * *", "0 0 29 2 *", "@every 3650d", "@every 1s"] {
        let schedule = Schedule::parse(text).expect(text);
        for at in [i64::MIN, -10_000_000_000_000, -1, 0, 10_000_000_000_000, i64::MAX] {
            for anchor in [i64::MIN, 0, i64::MAX] {
                assert!(schedule.next_after(at, anchor, &Utc).is_none_or(|next| next > at), "{text} {at} {anchor}");
            }
        }
    }
}
