//! Expressions: which are refused when a schedule is made, and when the others fire.

use crate::house::House;
use alyx_tests::guest;

#[test]
fn schedules_are_refused_when_they_are_made() {
    let mut house = House::new("schedule_refused");
    for (cron, hint) in [
        ("", true),
        ("* * * *", true),
        ("* * * * * * *", true),
        ("60 * * * *", false),
        ("* 24 * * *", false),
        ("* * 32 * *", false),
        ("* * * 13 *", false),
        ("* * * * 8", false),
        ("0 0 30 2 *", true),
        ("0 0 31 4,6,9,11 *", true),
        ("*/61 * * * *", false),
        ("*/0 * * * *", false),
        ("5-1 * * * *", false),
        ("a * * * *", false),
        ("@never", true),
        ("@every", false),
        ("@every 0s", false),
        ("@every 500ms", false),
        ("@every -1s", false),
        ("30 seconds", true),
        ("1,,2 * * * *", false),
        ("* * * * MOON", false),
        ("\u{202e}* * * * *", false),
    ] {
        for sql in [format!("SELECT fn_schedule('task', '{cron}')"), format!("SELECT fn_cron_next('{cron}')")] {
            let refusal = house.refused(&sql, "22023");
            assert!(!hint || !refusal.hint.is_empty(), "{cron}: {refusal}");
        }
        let refusal = house.deploy_refused(
            "hooked",
            &guest("task"),
            &format!("hooks:\n  - {{ type: schedule, cron: \"{cron}\" }}\n"),
            "22023",
        );
        assert!(refusal.message.len() < 500, "{refusal}");
    }
    for zone in [
        "",
        "Nowhere/City",
        "GMT+24",
        "CET-1CEST",
        "<+05>-5",
        "../../etc/passwd",
        "EST5EDT4,M3.2.0,M11.1.0",
        "+02:00",
        "2",
    ] {
        house.refused(&format!("SELECT fn_schedule('task', '@daily', '{zone}')"), "22023");
        house.refused(&format!("SELECT fn_cron_next('@daily', '{zone}')"), "22023");
    }
    for more in ["overlap => 'cancel'", "overlap => ''", "missed => 'sometimes'"] {
        let refusal = house.refused(&format!("SELECT fn_schedule('task', '@daily', {more})"), "22023");
        assert!(!refusal.hint.is_empty(), "{refusal}");
    }
    house.refused("SELECT fn_schedule('nobody', '@daily')", "42883");
    house.refused("SELECT fn_cron_next('@daily', count => 1000000)", "22023");
    assert_eq!(house.value("SELECT count(*) FROM alyx.schedules"), "0");
}

#[test]
fn the_preview_agrees_with_postgres_time_zones() {
    let mut house = House::new("preview");
    let mut next = |cron: &str, zone: &str, after: &str, count: u32| {
        house.rows(&format!("SELECT to_char(t AT TIME ZONE '{zone}', 'YYYY-MM-DD HH24:MI:SS') || ' ' || to_char(t AT TIME ZONE 'UTC', 'DD HH24:MI') FROM fn_cron_next('{cron}', '{zone}', '{after}', {count}) t"))
    };
    // The clock goes forward at 02:00 to 03:00: a fixed time in the gap runs once, behind it.
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00Z", 3),
        ["2026-03-28 02:30:00 28 01:30", "2026-03-29 03:00:00 29 01:00", "2026-03-30 02:30:00 30 00:30"]
    );
    // Back at 03:00 to 02:00: a fixed time that comes twice runs once, the first time.
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00Z", 2),
        ["2026-10-25 02:30:00 25 00:30", "2026-10-26 02:30:00 26 01:30"]
    );
    // A rhythm goes through both hours.
    assert_eq!(next("*/30 * * * *", "Europe/Berlin", "2026-10-24 23:59Z", 6).len(), 6);
    assert_eq!(
        next("*/30 * * * *", "Europe/Berlin", "2026-10-25 00:10Z", 4),
        [
            "2026-10-25 02:30:00 25 00:30",
            "2026-10-25 02:00:00 25 01:00",
            "2026-10-25 02:30:00 25 01:30",
            "2026-10-25 03:00:00 25 02:00"
        ]
    );
    // Half an hour of summer time.
    assert_eq!(
        next("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00Z", 2),
        ["2026-10-04 02:30:00 03 15:30", "2026-10-05 02:15:00 04 15:15"]
    );
    // A midnight that there is not.
    assert_eq!(next("0 0 * * *", "America/Asuncion", "2023-09-30 12:00Z", 2).len(), 2);
    // Years without the day.
    assert_eq!(
        next("0 0 29 2 *", "UTC", "2027-01-01Z", 2),
        ["2028-02-29 00:00:00 29 00:00", "2032-02-29 00:00:00 29 00:00"]
    );
    // Day of the month or day of the week, last day, names.
    assert_eq!(
        next("0 12 13 * FRI", "UTC", "2026-02-01Z", 3),
        ["2026-02-06 12:00:00 06 12:00", "2026-02-13 12:00:00 13 12:00", "2026-02-20 12:00:00 20 12:00"]
    );
    assert_eq!(
        next("0 0 L * *", "UTC", "2026-02-01Z", 2),
        ["2026-02-28 00:00:00 28 00:00", "2026-03-31 00:00:00 31 00:00"]
    );
    assert_eq!(
        next("*/20 0 0 1 JAN *", "UTC", "2026-12-31Z", 3),
        ["2027-01-01 00:00:00 01 00:00", "2027-01-01 00:00:20 01 00:00", "2027-01-01 00:00:40 01 00:00"]
    );
    assert_eq!(next("0 0 1 1 7", "UTC", "2026-12-30Z", 1), ["2027-01-01 00:00:00 01 00:00"]);
    assert_eq!(next("@weekly", "UTC", "2026-01-01Z", 1), ["2026-01-04 00:00:00 04 00:00"]);
    let before_the_epoch = next("@daily", "UTC", "1950-01-01 12:00Z", 1);
    assert_eq!(before_the_epoch, ["1950-01-02 00:00:00 02 00:00"]);
    assert_eq!(house.value("SELECT count(*) = 300 AND bool_and(extract(hour FROM t AT TIME ZONE 'America/New_York') = 9) FROM fn_cron_next('0 9 * * *', 'America/New_York', now(), 300) t"), "t");
}
