//! Which processes there are and what they show of themselves; what happens where there is no room for them.

use crate::house::House;
use alyx_tests::Session;
use std::thread;
use std::time::Duration;

#[test]
fn processes_say_what_they_are() {
    let mut house = House::new("names");
    let app = house.role("app");
    house.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {app}"));
    house.job_does("PERFORM pg_advisory_xact_lock(1);");
    house.run("SELECT pg_advisory_lock(1)");
    let id = house.session_as(&app).value("SELECT fn_enqueue('task')");
    house.wait_for("SELECT backend_type, application_name, state, query FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND datname = current_database() AND state = 'active'", &format!(r#"alyx worker|alyx worker: {app}|active|function "task" job {id} attempt 1"#));
    assert_eq!(house.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'alyx launcher'"), "1");
    // Who waits holds no snapshot and no transaction.
    assert_eq!(house.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('alyx launcher', 'alyx manager') AND datname IS NOT DISTINCT FROM current_database() AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)"), "0");
    house.run("SELECT pg_advisory_unlock(1)");
    house.wait_until_done(10);
    house.wait_for("SELECT state, backend_xmin IS NULL FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND datname = current_database()", "idle|t");
}

#[test]
fn without_room_for_a_worker_jobs_wait_and_the_server_lives() {
    let mut house = House::alone(
        "slots",
        &[
            "max_worker_processes=5",
            "max_parallel_workers=0",
            "alyx_functions.max_workers=8",
            "alyx_functions.poll_interval=60s",
        ],
    );
    house.job_does("PERFORM pg_sleep(0.02);");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 300) i");
    house.wait_until_done(30);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT n), max(attempt) FROM effects"), "300|300|1");
    let (log, _) = house.server().log_since(0);
    assert!(log.matches("max_worker_processes").count() < 30, "it says so, and not all the time");
    // A role that finds no free process gets one all the same.
    let app = house.role("app");
    house.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {app}"));
    house.session_as(&app).run(r#"SELECT fn_enqueue('task', '{"n": 1000}')"#);
    house.wait_for("SELECT role FROM effects WHERE n = 1000", &app);
}

#[test]
fn with_no_room_at_all_jobs_are_made_and_done_later() {
    let mut house = House::alone(
        "no_slots",
        &["max_worker_processes=2", "alyx_functions.max_workers=4", "alyx_functions.poll_interval=1s"],
    );
    // Postgres' own launcher and ours have taken both.
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
    assert_eq!(house.value("SELECT count(*) FROM alyx.jobs"), "1");
    let (log, _) = house.server().log_since(0);
    assert!(log.contains("max_worker_processes"), "the log says why: {log}");
    let mut session = house.session();
    let cpu = |session: &mut Session| -> u64 {
        session
            .rows("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'alyx %'")
            .iter()
            .map(|pid| processor_time(pid))
            .sum()
    };
    let before = cpu(&mut session);
    thread::sleep(Duration::from_secs(1));
    assert!(cpu(&mut session) - before < 20, "nobody spins");
}

/// Hundredths of a second that a process has used.
fn processor_time(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum()
}

#[test]
fn idle_workers_go_and_nothing_spins() {
    let mut house =
        House::alone("idle", &["alyx_functions.worker_idle_timeout=300ms", "alyx_functions.poll_interval=60s"]);
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 50) i");
    house.wait_until_done(10);
    let workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'alyx worker'";
    house.wait_for(workers, "0");
    let mut session = house.session();
    let pids = session.rows("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'alyx %'");
    let before: u64 = pids.iter().map(|pid| processor_time(pid)).sum();
    thread::sleep(Duration::from_secs(1));
    let used = pids.iter().map(|pid| processor_time(pid)).sum::<u64>() - before;
    assert!(used < 5, "idle processes used {used} hundredths of a second in one");
    // And come back, with jobs racing the end of the worker.
    for n in 100..106 {
        house.run(&format!(r#"SELECT fn_enqueue('task', '{{"n": {n}}}')"#));
        house.wait_for(&format!("SELECT count(*) FROM effects WHERE n = {n}"), "1");
        thread::sleep(Duration::from_millis(297));
    }
}

#[test]
fn a_bad_row_stops_nobody_else() {
    let mut house = House::new("bad_row");
    for name in ["broken", "gone", "mad", "lost"] {
        house.deploy_task(name, "");
    }
    house.run("SELECT fn_pause('broken'), fn_pause('gone'), fn_pause('mad'), fn_pause('lost'), fn_pause('task')");
    house.run("SELECT fn_enqueue(f, '{\"n\": 1}') FROM unnest(ARRAY['broken', 'gone', 'mad', 'lost', 'task']) f");
    house.run(
        "BEGIN; SELECT fn_resume(f) FROM unnest(ARRAY['broken', 'gone', 'mad', 'lost', 'task']) f;
         UPDATE alyx._version SET manifest = 'timeout: [' WHERE function = 'broken'; UPDATE alyx._version SET sha256 = decode(repeat('00', 32), 'hex') WHERE function = 'gone';
         UPDATE alyx._job SET payload = 'no json', role = 4000000000 WHERE function_id = (SELECT id FROM alyx._function WHERE name = 'mad');
         DELETE FROM alyx._function WHERE name = 'lost';
         INSERT INTO alyx._schedule (function_id, cron, timezone, input, overlap, missed, role, anchor, next_run_at)
             SELECT id, c, z, '{}', 'skip', 'once', 'postgres', now(), now() FROM alyx._function, (VALUES ('nonsense', 'UTC'), ('* * * * *', 'Nowhere/City')) v(c, z) WHERE name = 'task';
         INSERT INTO alyx._schedule (function_id, cron, timezone, input, overlap, missed, role, anchor, next_run_at) SELECT id, '* * * * *', 'UTC', '{}', 'skip', 'once', 4000000001, now(), now() FROM alyx._function WHERE name = 'task';
         COMMIT",
    );
    let good = house.value("SELECT fn_schedule('task', '@every 1s', input => '{\"n\": 7}')");
    house.wait_for("SELECT count(*) > 0 FROM effects WHERE n = 7", "t");
    house.wait_for("SELECT count(*) FROM effects WHERE n = 1 AND function = 'task'", "1");
    house.wait_for("SELECT count(*) FROM alyx.schedules WHERE last_error IS NOT NULL AND next_run_at IS NULL AND cron || timezone IN ('nonsenseUTC', '* * * * *Nowhere/City')", "2");
    assert_eq!(house.value(&format!("SELECT last_error IS NULL FROM alyx.schedules WHERE id = {good}")), "t");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs WHERE function IS NULL", "1");
    house.wait_for("SELECT reason FROM alyx.dead_jobs WHERE function = 'mad'", "not_allowed");
    // Every other kind of work goes on, quickly.
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', 100 + i)) FROM generate_series(1, 50) i");
    house.wait_for("SELECT count(*) FROM effects WHERE n > 100", "50");
}

#[test]
fn what_goes_wrong_stands_in_the_log_with_its_sqlstate() {
    let mut house = House::alone("log_codes", &["max_worker_processes=20", "log_line_prefix=%e:"]);
    house.deploy_task("doomed", "retry: {attempts: 1}\n");
    house.job_does("RAISE 'no' USING ERRCODE = 'P0042';");
    house.run("SELECT fn_enqueue('doomed')");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "1");
    let (log, _) = house.cluster().server().log_since(0);
    assert!(log.contains("P0042:LOG:  alyx_functions: job "), "{log}");
}
