//! Databases that get and lose the extension, that are dropped, renamed, copied and updated while jobs run in them: nobody
//! who does that has to know of our processes.

use crate::house::{House, SETTINGS};
use alyx_tests::{Session, wait_until};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const MANAGERS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'alyx manager' AND datname = current_database()";

/// Has workers of `house` busy with jobs of ten milliseconds, more than will be done while the test lasts.
fn busy(house: &mut House) {
    house.job_does("PERFORM pg_sleep(0.01);");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 8000) i");
    house.wait_for("SELECT count(*) > 5 FROM effects", "t");
}

fn admin(house: &House) -> Session {
    house.server().session("postgres")
}

#[test]
fn the_extension_brings_its_manager_and_takes_it_along() {
    let mut house = House::new("extension");
    house.wait_for(MANAGERS, "1");
    house.run("DROP EXTENSION alyx_functions CASCADE");
    house.wait_for(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'alyx %' AND datname = current_database()",
        "0",
    );
    house.run("BEGIN; CREATE EXTENSION alyx_functions; ROLLBACK");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(house.value(MANAGERS), "0");
    for _ in 0..3 {
        house.run("CREATE EXTENSION alyx_functions");
        house.deploy_task("task", "");
        house.run(r#"TRUNCATE effects; SELECT fn_enqueue('task', '{"n": 1}')"#);
        house.wait_for("SELECT n FROM effects", "1");
        house.run("DROP EXTENSION alyx_functions CASCADE");
    }
}

#[test]
fn a_busy_extension_is_dropped_at_once() {
    let mut house = House::new("drop_extension");
    busy(&mut house);
    let began = Instant::now();
    house.run("SET lock_timeout = '9s'; BEGIN; DROP EXTENSION alyx_functions CASCADE; ROLLBACK");
    assert!(began.elapsed() < Duration::from_secs(5), "dropping took {:?}", began.elapsed());
    let done = house.value("SELECT count(*) FROM effects");
    house.wait_for(&format!("SELECT count(*) > {done} FROM effects"), "t");
    let began = Instant::now();
    house.run("DROP EXTENSION alyx_functions CASCADE");
    assert!(began.elapsed() < Duration::from_secs(5), "dropping took {:?}", began.elapsed());
    house.wait_for(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'alyx %' AND datname = current_database()",
        "0",
    );
    assert_eq!(house.value("SELECT count(*) = count(DISTINCT n) FROM effects"), "t");
}

#[test]
fn a_busy_database_is_dropped_renamed_and_copied() {
    let mut house = House::alone("databases", &SETTINGS);
    let mut other = house.neighbour("databases_other");
    busy(&mut other);
    let name = other.name().to_owned();
    let mut admin = admin(&house);
    admin.run("CREATE DATABASE away");
    // The session of the test must not be in the way: only our own processes are.
    other.leave();
    let timed = |admin: &mut Session, sql: &str| {
        let began = Instant::now();
        admin.run(sql);
        assert!(began.elapsed() < Duration::from_secs(6), "{sql} took {:?}", began.elapsed());
    };
    let working = |name: &str| {
        let mut session = house.server().session(name);
        let done = session.value("SELECT count(*) FROM effects");
        wait_until("its jobs go on", || session.value(&format!("SELECT count(*) > {done} FROM effects")) == "t");
        assert_eq!(session.value("SELECT count(*) = count(DISTINCT n) FROM effects"), "t");
    };
    timed(&mut admin, &format!("CREATE DATABASE copied TEMPLATE {name}"));
    working(&name);
    timed(&mut admin, &format!("ALTER DATABASE {name} RENAME TO renamed"));
    working("renamed");
    // A command that fails lets them come back.
    admin.refused("ALTER DATABASE renamed RENAME TO postgres", "42P04");
    working("renamed");
    admin.refused("BEGIN; DROP DATABASE renamed; COMMIT", "25001");
    let _ = admin.attempt("ROLLBACK");
    working("renamed");
    timed(&mut admin, "DROP DATABASE renamed");
    // The copy has jobs of its own, from what was ready when it was made, once it is told that they are to run there.
    house.server().session("copied").run("SELECT fn_adopt_copy()");
    working("copied");
    timed(&mut admin, "DROP DATABASE copied WITH (FORCE)");
    timed(&mut admin, "DROP DATABASE away");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["1"]);
}

/// A step of the extension to version 9.9.9, for as long as it lives.
struct UpdateStep(PathBuf);

impl UpdateStep {
    fn new(house: &mut House, sql: &str) -> UpdateStep {
        let share = house.value("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'");
        let version = house.value("SELECT extversion FROM pg_extension WHERE extname = 'alyx_functions'");
        let path = Path::new(&share).join(format!("extension/alyx_functions--{version}--9.9.9.sql"));
        std::fs::write(&path, sql).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        UpdateStep(path)
    }
}

impl Drop for UpdateStep {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn an_update_of_the_extension_while_workers_are_busy() {
    let mut house = House::alone("update", &SETTINGS);
    busy(&mut house);
    let _step = UpdateStep::new(
        &mut house,
        "ALTER TABLE alyx._function ADD added int; ALTER TABLE alyx._version ADD added int; ALTER TABLE alyx._job ADD added int; ALTER TABLE alyx._schedule ADD added int; SELECT pg_sleep(0.5); SELECT alyx._installed();",
    );
    for end in ["ROLLBACK", "COMMIT"] {
        let began = Instant::now();
        house.run(&format!("BEGIN; ALTER EXTENSION alyx_functions UPDATE TO '9.9.9'; {end}"));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let done = house.value("SELECT count(*) FROM effects");
        house.wait_for(&format!("SELECT count(*) > {done} FROM effects"), "t");
    }
    assert_eq!(house.value("SELECT extversion FROM pg_extension WHERE extname = 'alyx_functions'"), "9.9.9");
    house.job_does("");
    house.wait_until_done(60);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT n) FROM effects"), "8000|8000");
    assert_eq!(house.value("SELECT count(*) FROM alyx.dead_jobs"), "0");
}

#[test]
fn databases_that_are_gone_make_room_for_others() {
    let mut house = House::alone(
        "turnover",
        &["alyx_functions.max_databases=3", "max_worker_processes=20", "alyx_functions.poll_interval=60s"],
    );
    for round in 0..6 {
        let mut other = house.neighbour(&format!("turnover{round}"));
        other.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
        other.wait_for("SELECT n FROM effects", "1");
    }
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["1"]);
}

#[test]
fn several_databases_do_not_see_each_other() {
    let mut houses: Vec<House> = (0..4).map(|n| House::new(&format!("several{n}"))).collect();
    for house in &mut houses {
        house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 200) i");
    }
    for house in &mut houses {
        house.wait_until_done(20);
        assert_eq!(house.value("SELECT count(*), count(DISTINCT n) FROM effects"), "200|200");
    }
}
