//! The server stops: quickly and whole, whatever runs. And a job that takes it down with it is put aside.

use crate::house::{House, SETTINGS};
use alyx_tests::{Cluster, Session, guest, wait_until};
use std::time::{Duration, Instant};

fn stop(cluster: &Cluster, mode: &str) -> Duration {
    let began = Instant::now();
    cluster.stop(mode);
    began.elapsed()
}

/// Workers that spin in a guest, that sleep in SQL, that wait for a lock, and hundreds of jobs behind them.
fn load(house: &mut House) -> Session {
    house.deploy("spin", &guest("spin_forever"), "timeout: 60s\n");
    house.deploy_task("sleeper", "timeout: 60s\n");
    house.deploy_task("locker", "timeout: 60s\n");
    house.job_does("CASE event #>> '{function,name}' WHEN 'sleeper' THEN PERFORM pg_sleep(60); WHEN 'locker' THEN PERFORM pg_advisory_xact_lock(1); ELSE PERFORM pg_sleep(0.005); END CASE;");
    house.run("SELECT fn_enqueue(f) FROM unnest(ARRAY['spin', 'spin', 'sleeper', 'locker']) f; SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 3000) i; SELECT fn_schedule('task', '@every 1s', input => '{\"n\": 0}')");
    let mut holder = house.session();
    holder.run("SELECT pg_advisory_lock(1)");
    house.wait_for("SELECT count(*) FROM alyx.jobs WHERE function <> 'task' AND status = 'running'", "4");
    house.wait_for("SELECT count(*) > 10 FROM effects", "t");
    holder
}

#[test]
fn a_fast_shutdown_under_load_is_fast() {
    let mut house = House::alone("fast", &SETTINGS);
    let name = house.name().to_owned();
    let holder = load(&mut house);
    let took = stop(house.cluster(), "fast");
    drop(holder);
    assert!(took < Duration::from_secs(3), "{took:?}");
    house.cluster().begin();
    let mut session = house.server().session(&name);
    // No attempt is held against the jobs: it was not them.
    wait_until("jobs go on", || session.value("SELECT count(*) > 200 FROM effects") == "t");
    assert_eq!(session.value("SELECT count(*) FROM effects e WHERE n > 0 AND EXISTS (SELECT FROM effects f WHERE f.n = e.n AND f.id <> e.id)"), "0");
    assert_eq!(session.value("SELECT max(crashes) FROM alyx.jobs"), "0", "a shutdown is no crash");
    let (log, _) = house.server().log_since(0);
    for word in ["PANIC:", "TRAP:", "panicked", "was terminated by signal"] {
        assert!(!log.contains(word), "the log speaks of {word}:\n{log}");
    }
}

#[test]
fn a_smart_shutdown_waits_for_sessions_and_not_for_workers() {
    let mut house = House::alone("smart", &SETTINGS);
    let holder = load(&mut house);
    house.leave();
    drop(holder);
    let took = stop(house.cluster(), "smart");
    assert!(took < Duration::from_secs(3), "{took:?}");
    house.cluster().begin();
}

#[test]
fn a_job_that_takes_the_server_down_is_put_aside() {
    let mut house = House::alone(
        "quarantine",
        &[
            "alyx_functions.max_workers=3",
            "max_worker_processes=20",
            "alyx_functions.poll_interval=300ms",
            "restart_after_crash=on",
        ],
    );
    let name = house.name().to_owned();
    house.deploy_task("deadly", "timeout: 60s\n");
    house.job_does(
        "IF event #>> '{function,name}' = 'deadly' THEN PERFORM pg_sleep(60); ELSE PERFORM pg_sleep(0.002); END IF;",
    );
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 1500) i");
    house.run("SELECT fn_enqueue('deadly', priority => 10)");
    let running = r#"SELECT pid FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND query LIKE 'function "deadly" job%'"#;
    for crash in 1..=3 {
        let mut session = house.server().session(&name);
        if crash == 3 {
            assert_eq!(
                session.value(
                    "SELECT status, crashes, run_at > now() + '50s'::interval FROM alyx.jobs WHERE function = 'deadly'"
                ),
                "retrying|2|t",
                "the second time it waits"
            );
            session.run("UPDATE alyx._deferred SET run_at = now() WHERE crashes > 0");
        }
        wait_until("the deadly job runs", || session.rows(running).len() == 1);
        let pid = session.value(running);
        assert!(std::process::Command::new("kill").args(["-SEGV", &pid]).status().is_ok_and(|status| status.success()));
        wait_until("the server has noticed", || session.attempt("SELECT 1").is_err());
        let mut psql = || {
            house
                .server()
                .client_program("psql", &name)
                .args(["-X", "-q", "-c", "SELECT 1"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        wait_until("the server is back", &mut psql);
        let mut session = house.server().session(&name);
        wait_until("the crash is counted", || {
            session.value("SELECT (SELECT count(*) FROM alyx._job WHERE function_id = (SELECT id FROM alyx._function WHERE name = 'deadly') AND crashes >= 1) + (SELECT count(*) FROM alyx._deferred) + (SELECT count(*) FROM alyx._dead)") != "0"
        });
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut session = house.server().session(&name);
    wait_until("it is dead", || session.value("SELECT count(*) FROM alyx.dead_jobs") == "1");
    assert_eq!(
        session.value("SELECT function, reason, crashes, sqlstate FROM alyx.dead_jobs"),
        "deadly|crashed|3|57P02"
    );
    // The others, some of which were there at each crash, are done, once each.
    wait_until("the others are done", || {
        session.run("UPDATE alyx._deferred SET run_at = now() WHERE crashes > 0");
        session.value("SELECT (SELECT count(*) FROM alyx._job) + (SELECT count(*) FROM alyx._deferred)") == "0"
    });
    assert_eq!(session.value("SELECT count(*), count(DISTINCT n) FROM effects"), "1500|1500");
}

#[test]
fn what_was_claimed_when_the_server_went_down_does_not_wait_behind_what_came_after() {
    let mut house = House::alone("suspects", &["max_worker_processes=20", "alyx_functions.max_workers=2"]);
    house.job_does("PERFORM pg_sleep(0.01);");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 600) i");
    house.wait_for("SELECT count(*) > 20 FROM effects", "t");
    house.cluster().stop("immediate");
    house.cluster().begin();
    let mut db = house.session();
    // A backlog that takes the two workers half a minute.
    db.run("SELECT fn_enqueue('task', jsonb_build_object('n', 1000 + i)) FROM generate_series(1, 6000) i");
    wait_until("they are known", || db.value("SELECT count(*) > 50 FROM alyx._job WHERE crashes > 0") == "t");
    let deadline = Instant::now() + Duration::from_secs(25);
    while db.value("SELECT count(*) FROM alyx._job WHERE crashes > 0") != "0" {
        assert!(Instant::now() < deadline, "{} wait", db.value("SELECT count(*) FROM alyx._job WHERE crashes > 0"));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(db.value("SELECT count(*) > 100 FROM alyx._job"), "t", "the others are not done yet");
    assert_eq!(db.value("SELECT count(*) - count(DISTINCT n) FROM effects"), "0", "none twice");
    db.run("DELETE FROM alyx._job");
}
