//! Processes that end in the middle: by a cancel, by a terminate, each kind of them. Nothing is lost and nothing is done twice.

use crate::house::{House, SETTINGS};
use alyx_tests::{Session, wait_until};
use std::time::{Duration, Instant};

/// The pids of our processes of a kind in the session's database; of all databases for the launcher.
fn pids(session: &mut Session, kind: &str) -> Vec<String> {
    session.rows(&format!("SELECT pid FROM pg_stat_activity WHERE backend_type = 'alyx {kind}' AND (datname = current_database() OR '{kind}' = 'launcher') ORDER BY pid"))
}

#[test]
fn a_worker_that_is_ended_has_its_job_done_by_another() {
    let mut house = House::new("terminate_worker");
    house.job_does("IF event ->> 'attempt' = '1' AND n = 1 THEN PERFORM pg_sleep(30); END IF;");
    house.deploy_task("task", "timeout: 60s\nretry: { attempts: 3, backoff: fixed, base: 60s }\n");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.wait_for(
        "SELECT state FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND datname = current_database()",
        "active",
    );
    house.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND datname = current_database() AND query LIKE 'function \"task\" job % attempt 1'", "1");
    let began = Instant::now();
    house.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND datname = current_database()");
    assert_eq!(house.rows_when_done("SELECT n, attempt FROM effects"), ["1|2"]);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_cancel_from_outside_is_a_failed_attempt() {
    let mut house = House::new("cancel_backend");
    house.job_does("IF event ->> 'attempt' = '1' THEN PERFORM pg_sleep(30); END IF;");
    house.deploy_task("task", "timeout: 60s\nretry: { attempts: 3, backoff: fixed, base: 100ms }\n");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.wait_for(
        "SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND datname = current_database()",
        "PgSleep",
    );
    house.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'alyx worker' AND datname = current_database()");
    assert_eq!(house.rows_when_done("SELECT n, attempt FROM effects"), ["1|2"]);
    // One that comes when the worker idles hits nothing.
    house.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'alyx %' AND datname = current_database()");
    house.job_does("");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 2}')"#);
    assert_eq!(house.rows_when_done("SELECT n, attempt FROM effects ORDER BY n"), ["1|2", "2|1"]);
}

#[test]
fn a_manager_that_is_ended_is_replaced() {
    let mut house = House::new("terminate_manager");
    house.job_does("PERFORM pg_sleep(0.01);");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 1000) i");
    house.wait_for("SELECT count(*) > 20 FROM effects", "t");
    let mut observer = house.session();
    let before = pids(&mut observer, "manager");
    assert_eq!(before.len(), 1);
    house.run(&format!("SELECT pg_terminate_backend({})", before[0]));
    wait_until("another manager works", || pids(&mut observer, "manager").first().is_some_and(|pid| *pid != before[0]));
    house.job_does("");
    house.wait_until_done(20);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT n) FROM effects"), "1000|1000");
    assert_eq!(house.value("SELECT count(*) FROM alyx.dead_jobs"), "0");
}

#[test]
fn a_manager_killed_the_hard_way_takes_the_server_through_recovery() {
    let mut house = House::alone("kill_manager", &SETTINGS);
    house.run(
        "SELECT fn_pause('task'); SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 100) i",
    );
    let mut observer = house.session();
    let manager = pids(&mut observer, "manager").remove(0);
    let killed = std::process::Command::new("kill").args(["-KILL", &manager]).status().expect("kill runs");
    assert!(killed.success());
    std::thread::sleep(Duration::from_millis(300));
    wait_until("the server is back", || {
        house
            .server()
            .client_program("psql", house.name())
            .args(["-X", "-c", "SELECT 1"])
            .output()
            .is_ok_and(|output| output.status.success())
    });
    let mut session = house.session();
    session.run("SELECT fn_resume('task')");
    wait_until("all jobs are done", || session.value("SELECT count(*) FROM alyx._job") == "0");
    assert_eq!(session.value("SELECT count(*), count(DISTINCT n) FROM effects"), "100|100");
}

#[test]
fn a_launcher_that_is_ended_comes_back() {
    let mut house = House::alone("launcher", &SETTINGS);
    let mut observer = house.session();
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.wait_until_done(10);
    let (launcher, manager) = (pids(&mut observer, "launcher"), pids(&mut observer, "manager"));
    assert_eq!((launcher.len(), manager.len()), (1, 1));
    house.run(&format!("SELECT pg_terminate_backend({})", launcher[0]));
    wait_until("another launcher works", || {
        pids(&mut observer, "launcher").first().is_some_and(|pid| *pid != launcher[0])
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(pids(&mut observer, "manager"), manager, "the manager stays, and is the only one");
    // The new launcher serves: a database that is new, and a manager that ends.
    let mut second = house.neighbour("launcher_second");
    second.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    assert_eq!(second.rows_when_done("SELECT n FROM effects"), ["1"]);
    house.run(&format!("SELECT pg_terminate_backend({})", manager[0]));
    house.run(r#"SELECT fn_enqueue('task', '{"n": 2}')"#);
    house.wait_for("SELECT count(*) FROM effects", "2");
}
