//! Schedules: what fires when, what it hands on, what it does when it is late or the run before has not ended.

use crate::house::{House, SETTINGS};
use alyx_tests::{guest, wait_until};
use std::thread;
use std::time::{Duration, Instant};

fn schedule(house: &mut House, cron: &str, more: &str) -> String {
    house.value(&format!("SELECT fn_schedule('task', '{cron}'{more})"))
}

/// The instants that runs were for, in whole seconds, and how late they began at most.
const LATEST: &str =
    "SELECT max(extract(epoch FROM at - (event #>> '{schedule,scheduled_at}')::timestamptz)) FROM effects";

#[test]
fn each_second_by_period_and_by_cron() {
    let mut house = House::new("each_second");
    let period = schedule(&mut house, "@every 1s", r#", input => '{"n": 1}'"#);
    let cron = schedule(&mut house, "* * * * * *", r#", input => '{"n": 2}'"#);
    house.wait_for("SELECT min(count) >= 4 AND count(*) = 2 FROM (SELECT n, count(*) FROM effects GROUP BY n) x", "t");
    for id in [period, cron] {
        assert_eq!(house.value(&format!("SELECT fn_unschedule({id})")), "t");
        assert_eq!(house.value(&format!("SELECT fn_unschedule({id})")), "f");
    }
    house.wait_until_done(5);
    // One run for each instant, none left out, each for the instant behind the one before.
    assert_eq!(
        house.rows("SELECT n, count(*) = count(DISTINCT event #>> '{schedule,scheduled_at}'), count(*) = 1 + extract(epoch FROM max((event #>> '{schedule,scheduled_at}')::timestamptz) - min((event #>> '{schedule,scheduled_at}')::timestamptz)) FROM effects GROUP BY n ORDER BY n"),
        ["1|t|t", "2|t|t"]
    );
    let latest: f64 = house.value(LATEST).parse().expect("seconds");
    assert!((0.0..0.3).contains(&latest), "{latest} s late");
    let count = house.value("SELECT count(*) FROM effects");
    thread::sleep(Duration::from_millis(1300));
    assert_eq!(house.value("SELECT count(*) FROM effects"), count, "ended");
}

#[test]
fn the_event_tells_of_the_schedule() {
    let mut house = House::new("schedule_event");
    let id = schedule(&mut house, "@every 1s", r#", 'Europe/Berlin', '{"n": 5, "deep": [1, {"a": null}]}'"#);
    house.wait_for("SELECT count(*) >= 2 FROM effects", "t");
    let events: Vec<serde_json::Value> =
        (0..2).map(|at| house.json(&format!("SELECT event FROM effects ORDER BY id OFFSET {at} LIMIT 1"))).collect();
    assert_eq!(events[0]["trigger"], "schedule");
    assert_eq!(events[0]["input"], serde_json::json!({"n": 5, "deep": [1, {"a": null}]}));
    assert_eq!(events[0]["schedule"]["timezone"], "Europe/Berlin");
    assert_eq!(events[0]["schedule"]["missed"], 0);
    assert_eq!(events[0]["schedule"]["previous_at"], serde_json::Value::Null);
    assert_eq!(events[1]["schedule"]["previous_at"], events[0]["schedule"]["scheduled_at"]);
    assert!(events[0].get("database").is_none(), "{}", events[0]);
    let view = house.value(&format!("SELECT function, cron, timezone, overlap, missed, input, role, hook, skipped, last_error, previous_run_at IS NOT NULL, next_run_at > now() - '2s'::interval FROM alyx.schedules WHERE id = {id}"));
    assert_eq!(
        view,
        r#"task|@every 1s|Europe/Berlin|skip|once|{"n": 5, "deep": [1, {"a": null}]}|postgres|NULL|0|NULL|t|t"#
    );
}

#[test]
fn the_manifests_schedules_are_kept_over_a_deploy() {
    let mut house = House::new("manifest_schedule");
    let manifest = |hooks: &str| format!("description: any\nhooks:\n{hooks}");
    let (daily, hourly) = (
        "  - { type: schedule, cron: \"0 2 * * *\", timezone: Europe/Berlin, input: {a: 1} }\n",
        "  - { type: schedule, cron: \"@hourly\", overlap: queue, missed: all }\n",
    );
    house.deploy("report", &guest("task"), &manifest(&format!("{daily}{hourly}")));
    let rows = "SELECT cron, timezone, overlap, missed, input, hook, next_run_at FROM alyx.schedules ORDER BY hook";
    let first = house.rows(rows);
    assert_eq!(first.len(), 2);
    assert!(
        first[0].starts_with(r#"0 2 * * *|Europe/Berlin|skip|once|{"a": 1}|1|"#)
            && first[1].starts_with("@hourly|UTC|queue|all|{}|2|"),
        "{first:?}"
    );
    let daily_id = house.value("SELECT id FROM alyx.schedules WHERE hook = 1");
    let fixed = schedule(&mut house, "@daily", "");
    // The same hook at another place is the same schedule, with its history.
    house.run(&format!("UPDATE alyx._schedule SET previous_run_at = '2020-01-01', skipped = 7 WHERE id = {daily_id}"));
    house.deploy("report", &guest("task"), &manifest(&format!("{}{daily}", hourly.replace("queue", "allow"))));
    assert_eq!(
        house
            .rows("SELECT cron, overlap, hook, skipped, id FROM alyx.schedules WHERE hook IS NOT NULL ORDER BY hook")
            .len(),
        2
    );
    assert_eq!(
        house.value(&format!("SELECT cron, hook, skipped FROM alyx.schedules WHERE id = {daily_id}")),
        "0 2 * * *|2|7"
    );
    house.run("SELECT fn_rollback('report')");
    assert_eq!(house.value(&format!("SELECT hook, skipped FROM alyx.schedules WHERE id = {daily_id}")), "1|7");
    house.deploy("report", &guest("task"), "");
    assert_eq!(house.rows("SELECT id FROM alyx.schedules"), [fixed]);
    // Gone with the function.
    house.deploy("report", &guest("task"), &manifest(daily));
    house.run("SELECT fn_drop('report')");
    assert_eq!(house.value("SELECT count(*) FROM alyx._schedule"), "1");
}

#[test]
fn a_manifests_schedule_runs_as_the_owner() {
    let mut house = House::new("manifest_owner");
    let owner = house.deployer("owner");
    house.session_as(&owner).deploy(
        "tick",
        &guest("task"),
        "hooks:\n  - { type: schedule, cron: \"@every 1s\", input: {n: 3} }\n",
    );
    house.wait_for("SELECT DISTINCT role, n FROM effects", &format!("{owner}|3"));
}

#[test]
fn runs_that_take_longer_than_the_period() {
    let mut house = House::new("overlap");
    house.run("CREATE TABLE spans (id serial, policy text, began timestamptz, ended timestamptz)");
    house.run(
        "CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $$ DECLARE began timestamptz := clock_timestamp(); BEGIN
             PERFORM pg_sleep(2.3); INSERT INTO spans (policy, began, ended) VALUES (event #>> '{input,policy}', began, clock_timestamp()); END $$",
    );
    for policy in ["skip", "queue", "allow"] {
        schedule(&mut house, "@every 1s", &format!(r#", overlap => '{policy}', input => '{{"policy": "{policy}"}}'"#));
    }
    thread::sleep(Duration::from_millis(6100));
    let skipped = house.rows("SELECT overlap, skipped FROM alyx.schedules");
    house.run("SELECT fn_unschedule(id) FROM alyx.schedules");
    house.wait_until_done(12);
    let mut outcome = |policy: &str| {
        let most = house.value(&format!("SELECT max(n) FROM (SELECT count(*) AS n FROM spans a JOIN spans b ON a.began >= b.began AND a.began < b.ended AND a.policy = '{policy}' AND b.policy = '{policy}' GROUP BY a.id) x"));
        let runs = house.value(&format!("SELECT count(*) FROM spans WHERE policy = '{policy}'"));
        let skipped = skipped.iter().find_map(|row| row.strip_prefix(&format!("{policy}|"))).expect("a schedule");
        let number = |text: &str| text.parse::<u32>().expect("a number");
        (number(&most), number(&runs), number(skipped))
    };
    let (most, runs, skipped) = outcome("skip");
    assert!(
        most == 1 && (2..=3).contains(&runs) && skipped >= 3,
        "skip: {most} at once, {runs} runs, {skipped} skipped"
    );
    let (most, runs, skipped) = outcome("queue");
    assert!(
        most == 1 && (3..=4).contains(&runs) && skipped >= 1,
        "queue: {most} at once, {runs} runs, {skipped} skipped"
    );
    let (most, runs, skipped) = outcome("allow");
    assert!(most >= 2 && runs >= 5 && skipped == 0, "allow: {most} at once, {runs} runs, {skipped} skipped");
}

#[test]
fn what_was_missed_while_the_server_was_down() {
    let mut house = House::alone("missed", &SETTINGS);
    let ids: Vec<String> = ["once", "skip", "all"]
        .iter()
        .map(|missed| {
            schedule(
                &mut house,
                "@every 1h",
                &format!(r#", missed => '{missed}', input => '{{"n": {}}}'"#, missed.len()),
            )
        })
        .collect();
    let reboot = schedule(&mut house, "@reboot", r#", input => '{"n": 9}'"#);
    let (server, name) = (house.server().clone(), house.name().to_owned());
    thread::sleep(Duration::from_millis(300));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0", "not before the next start");
    // Three and a half hours late: the grid stays where it was anchored.
    house.run(&format!("UPDATE alyx._schedule SET next_run_at = next_run_at - '4h'::interval - '30min'::interval, anchor = anchor - '4h'::interval - '30min'::interval WHERE id IN ({})", ids.join(", ")));
    house.cluster().stop("fast");
    house.cluster().begin();
    let mut session = server.session(&name);
    wait_until("what was missed is made up for", || {
        session.value("SELECT count(*) FROM effects WHERE n = 3") == "4"
            && session.value("SELECT count(*) FROM effects WHERE n = 9") == "1"
    });
    thread::sleep(Duration::from_millis(300));
    let count = |session: &mut alyx_tests::Session, n: usize| {
        session.rows(&format!("SELECT event #>> '{{schedule,missed}}' FROM effects WHERE n = {n} ORDER BY id"))
    };
    // In between none of the lengths are alike by accident: once is 4, skip is 4, all is 3.
    assert_eq!(session.value("SELECT count(*) FROM effects WHERE n = 4"), "1", "once: one run for all; skip: none");
    assert_eq!(count(&mut session, 4), ["3"], "it tells how many it stands for");
    assert_eq!(session.value("SELECT count(DISTINCT event #>> '{schedule,scheduled_at}'), bool_and(later) FROM (SELECT event, (event #>> '{schedule,scheduled_at}')::timestamptz > lag((event #>> '{schedule,scheduled_at}')::timestamptz, 1, '-infinity') OVER (ORDER BY id) AS later FROM effects WHERE n = 3) x"), "4|t", "all: oldest first");
    assert_eq!(session.value(&format!("SELECT count(*) FROM alyx.schedules WHERE next_run_at > now() AND next_run_at < now() + '1h'::interval AND id IN ({})", ids.join(", "))), "3");
    // The next start, once more.
    house.cluster().stop("fast");
    house.cluster().begin();
    let mut session = server.session(&name);
    wait_until("@reboot has run again", || session.value("SELECT count(*) FROM effects WHERE n = 9") == "2");
    assert_eq!(session.value("SELECT count(*) FROM effects"), "7", "nothing is made up for twice; {reboot}");
    assert_ne!(reboot, "");
}

#[test]
fn two_managers_never_fire_the_same_instant() {
    let mut house = House::new("two_managers");
    schedule(&mut house, "@every 1s", r#", overlap => 'allow', missed => 'all', input => '{"n": 1}'"#);
    house.wait_for("SELECT count(*) > 0 FROM effects", "t");
    // One manager after the other, each ended in the middle of something.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        house.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'alyx manager' AND datname = current_database()");
        thread::sleep(Duration::from_millis(130));
    }
    let count = house.value("SELECT count(*) FROM effects");
    house.wait_for(&format!("SELECT count(*) > {count} + 1 FROM effects"), "t");
    assert_eq!(house.value("SELECT count(*) - count(DISTINCT event #>> '{schedule,scheduled_at}') FROM effects"), "0");
}

#[test]
fn a_row_that_somebody_holds_delays_only_itself() {
    let mut house = House::new("held_schedule");
    let held = schedule(&mut house, "@every 1s", r#", input => '{"n": 1}'"#);
    schedule(&mut house, "@every 1s", r#", input => '{"n": 2}'"#);
    let mut holder = house.session();
    holder.run(&format!("BEGIN; SELECT FROM alyx._schedule WHERE id = {held} FOR UPDATE"));
    house.run("TRUNCATE effects");
    house.wait_for("SELECT count(*) > 2 FROM effects WHERE n = 2", "t");
    assert_eq!(house.value("SELECT count(*) <= 1 FROM effects WHERE n = 1"), "t");
    holder.run("COMMIT");
    house.wait_for("SELECT count(*) > 2 FROM effects WHERE n = 1", "t");
}

#[test]
fn a_schedule_is_as_transactional_as_a_row() {
    let mut house = House::new("schedule_rollback");
    house.run("BEGIN; SELECT fn_schedule('task', '@every 1s'); ROLLBACK");
    thread::sleep(Duration::from_millis(1200));
    assert_eq!(house.value("SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM alyx.schedules)"), "0");
    let id = schedule(&mut house, "@every 1s", r#", input => '{"n": 1}'"#);
    house.run(&format!("BEGIN; SELECT fn_unschedule({id}); ROLLBACK"));
    house.wait_for("SELECT count(*) > 0 FROM effects", "t");
}

#[test]
fn a_paused_functions_schedule_comes_back_without_a_pile() {
    let mut house = House::new("schedule_paused");
    house.run("SELECT fn_pause('task')");
    let id = schedule(&mut house, "@every 1s", "");
    thread::sleep(Duration::from_millis(3300));
    assert_eq!(house.value("SELECT count(*) <= 1 FROM alyx.jobs"), "t", "those that wait do not pile up");
    house.run("SELECT fn_resume('task')");
    house.wait_for("SELECT count(*) >= 2 FROM effects", "t");
    house.run(&format!("SELECT fn_unschedule({id})"));
}

#[test]
fn a_failed_run_is_not_tried_again_unless_the_manifest_says_so() {
    let mut house = House::new("schedule_retry");
    house.job_does("RAISE 'no';");
    let id = schedule(&mut house, "@every 1s", "");
    house.wait_for("SELECT count(*) >= 2 FROM alyx.dead_jobs", "t");
    house.run(&format!("SELECT fn_unschedule({id})"));
    assert_eq!(
        house.value("SELECT DISTINCT source, attempt, reason FROM alyx.dead_jobs"),
        "schedule|1|attempts_exhausted"
    );
}

#[test]
fn a_thousand_schedules_of_one_second() {
    let mut house = House::alone(
        "thousand",
        &["alyx_functions.max_workers=3", "max_worker_processes=20", "alyx_functions.poll_interval=60s"],
    );
    house.run("CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE sql AS ''");
    house.run("SELECT count(fn_schedule('task', '@daily', input => jsonb_build_object('n', i))) FROM generate_series(1, 5000) i; SELECT count(fn_schedule('task', '@every 10m', input => jsonb_build_object('n', i))) FROM generate_series(1, 1000) i");
    house.run("CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE sql AS $$ INSERT INTO public.effects (event) VALUES (event) $$");
    // All at once.
    house.run("UPDATE alyx._schedule SET next_run_at = date_trunc('second', now()), anchor = date_trunc('second', now()) WHERE cron = '@every 10m'");
    house.run("SELECT fn_schedule('task', '@every 1s', input => '{\"n\": 0}')");
    let began = Instant::now();
    house.wait_for("SELECT count(DISTINCT n) FROM effects WHERE n > 0", "1000");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(house.value("SELECT count(*) FROM effects WHERE n > 0"), "1000");
}
