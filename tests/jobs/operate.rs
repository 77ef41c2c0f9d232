//! What people do with jobs: replay, discard, cancel, pause.

use crate::house::{House, SETTINGS};
use alyx_tests::guest;
use std::time::{Duration, Instant};

/// A house with so many dead jobs, numbered from 1.
fn with_dead(test: &str, count: u32) -> House {
    let mut house = House::new(test);
    house.deploy_task("task", "retry: { attempts: 1 }\n");
    house.job_does("RAISE 'dead';");
    house.run(&format!("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, {count}) i"));
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", &count.to_string());
    house.job_does("");
    house
}

#[test]
fn replay_puts_back_one_or_those_of_a_function() {
    let mut house = with_dead("replay", 4);
    let id = house.value("SELECT id FROM alyx.dead_jobs WHERE input ->> 'n' = '2'");
    assert_eq!(house.value(&format!("SELECT fn_replay('{id}'::text)")), "1");
    assert_eq!(house.rows_when_done("SELECT n, job, attempt FROM effects"), [format!("2|{id}|1")]);
    assert_eq!(house.value(&format!("SELECT fn_replay('{id}'::uuid)")), "0", "it is done");
    assert_eq!(house.value("SELECT fn_replay('task', now() + '1h')"), "0");
    house.run("UPDATE alyx._dead SET died_at = now() - '1 day'::interval WHERE payload::jsonb ->> 'n' = '1'");
    assert_eq!(house.value("SELECT fn_replay('task', now() - '1h'::interval)"), "2");
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["2", "3", "4"]);
    house.run("BEGIN; SELECT fn_replay('task'); ROLLBACK");
    assert_eq!(house.value("SELECT count(*) FROM alyx.dead_jobs"), "1");
    assert_eq!(house.value("SELECT fn_replay('task')"), "1");
    assert_eq!(house.rows_when_done("SELECT count(*) FROM effects"), ["4"]);
    house.refused("SELECT fn_replay('nobody')", "42883");
}

#[test]
fn a_replayed_job_has_its_attempts_again() {
    let mut house = with_dead("replay_attempts", 1);
    house.deploy_task("task", "retry: { attempts: 3, backoff: fixed, base: 20ms }\n");
    house.job_does("RAISE 'again';");
    house.run("SELECT fn_replay('task')");
    house.wait_for("SELECT attempt, last_error, jsonb_array_length(errors) FROM alyx.dead_jobs", "3|again|4");
}

#[test]
fn discard_deletes() {
    let mut house = with_dead("discard", 2);
    let id = house.value("SELECT id FROM alyx.dead_jobs LIMIT 1");
    assert_eq!(house.value(&format!("SELECT fn_discard('{id}')")), "t");
    assert_eq!(house.value(&format!("SELECT fn_discard('{id}')")), "f");
    assert_eq!(house.value("SELECT count(*) FROM alyx.dead_jobs"), "1");
    // Not one that lives.
    let waiting = house.value("SELECT fn_enqueue('task', run_at => now() + '1h')");
    assert_eq!(house.value(&format!("SELECT fn_discard('{waiting}')")), "f");
    assert_eq!(house.value("SELECT count(*) FROM alyx.jobs"), "1");
}

#[test]
fn cancel_ends_jobs_that_wait() {
    let mut house = House::new("cancel_waiting");
    house.run("SELECT fn_pause('task')");
    let ready = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}', dedupe_key => 'k')"#);
    let deferred = house.value(r#"SELECT fn_enqueue('task', '{"n": 2}', run_at => now() + '1h')"#);
    for id in [&ready, &deferred] {
        house.run(&format!("BEGIN; SELECT fn_cancel('{id}'); ROLLBACK"));
        assert_eq!(house.value(&format!("SELECT fn_cancel('{id}')")), "t");
        assert_eq!(house.value(&format!("SELECT fn_cancel('{id}')")), "f");
        assert_eq!(
            house.value(&format!("SELECT function, reason FROM alyx.dead_jobs WHERE id = '{id}'")),
            "task|cancelled"
        );
    }
    house.run("SELECT fn_resume('task')");
    assert_eq!(house.value("SELECT fn_cancel('00000000-0000-0000-0000-000000000000')"), "f");
    assert_eq!(house.value("SELECT count(*) FROM alyx._dedupe"), "0");
    house.wait_until_done(5);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}

#[test]
fn cancel_stops_a_job_that_runs() {
    let mut house = House::new("cancel_running");
    house.deploy("spin", &guest("spin_forever"), "timeout: 50s\n");
    let spinning = house.value("SELECT fn_enqueue('spin')");
    house.job_does("PERFORM pg_sleep(50);");
    house.deploy_task("sleeper", "timeout: 50s\n");
    let sleeping = house.value("SELECT fn_enqueue('sleeper')");
    house.wait_for("SELECT count(*) FROM alyx.jobs WHERE status = 'running'", "2");
    std::thread::sleep(Duration::from_millis(100));
    for id in [spinning, sleeping] {
        let began = Instant::now();
        assert_eq!(house.value(&format!("SELECT fn_cancel('{id}')")), "t");
        house.wait_for(
            &format!("SELECT reason, attempt, sqlstate FROM alyx.dead_jobs WHERE id = '{id}'"),
            "cancelled|1|57014",
        );
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    // The workers that were stopped serve on.
    house.job_does("");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 20) i");
    assert_eq!(house.rows_when_done("SELECT count(*) FROM effects"), ["20"]);
    assert_eq!(house.value("SELECT count(*) FROM alyx.dead_jobs"), "2");
}

#[test]
fn cancel_reaches_jobs_on_their_way_to_a_worker() {
    let mut house = House::new("cancel_claimed");
    house.job_does("PERFORM pg_advisory_xact_lock(1);");
    house.run("SELECT pg_advisory_lock(1)");
    house.deploy_task("one", "concurrency: 1\n");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 60) i; SELECT fn_enqueue('one', jsonb_build_object('n', 100 + i)) FROM generate_series(1, 5) i");
    house.wait_for("SELECT count(*) > 3 FROM alyx.jobs WHERE status = 'running'", "t");
    std::thread::sleep(Duration::from_millis(300));
    // One that runs is reported so when the cancel meets it; a claimed one must go, too.
    assert_eq!(house.value("SELECT count(*) FROM (SELECT fn_cancel(id) AS done FROM alyx.jobs) x WHERE done"), "65");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs WHERE reason = 'cancelled'", "65");
    house.run("SELECT pg_advisory_unlock(1)");
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}

#[test]
fn a_cancel_meets_only_whom_it_is_meant_for() {
    let mut house = House::new("cancel_victims");
    house.job_does("PERFORM pg_sleep(0.005);");
    house.run("CREATE TABLE meant (id uuid); SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 600) i");
    while house.value("SELECT count(*) FROM alyx._job") != "0" {
        house.run("INSERT INTO meant SELECT id FROM (SELECT id FROM alyx.jobs WHERE status = 'running' ORDER BY random() LIMIT 3) j WHERE fn_cancel(id)");
    }
    house.wait_until_done(10);
    // A cancel may come too late; it must not hit the job behind.
    assert_eq!(house.value("SELECT count(*) FROM alyx.dead_jobs WHERE id NOT IN (SELECT id FROM meant)"), "0");
    assert_eq!(house.value("SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM alyx.dead_jobs), (SELECT max(attempt) FROM effects)"), "600|1");
}

#[test]
fn a_paused_function_waits_and_others_do_not() {
    let mut house = House::new("pause");
    house.deploy_task("other", "");
    house.run(
        "SELECT fn_pause('task'); SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 500) i",
    );
    house.run(r#"SELECT fn_enqueue('other', '{"n": 1000}')"#);
    house.wait_for("SELECT n FROM effects", "1000");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "1");
    assert_eq!(house.value(r#"SELECT paused FROM alyx.functions WHERE name = 'task'"#), "t");
    // A direct call goes on.
    house.run(r#"SELECT fn_invoke('task', '{"input": {"n": 1001}}')"#);
    house.run("BEGIN; SELECT fn_resume('task'); ROLLBACK");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "2");
    house.run("SELECT fn_resume('task')");
    assert_eq!(house.rows_when_done("SELECT count(*) FROM effects"), ["502"]);
}

#[test]
fn a_pause_in_the_middle_lets_what_runs_end() {
    let mut house = House::new("pause_middle");
    house.job_does("PERFORM pg_sleep(0.01);");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 1500) i");
    house.wait_for("SELECT count(*) > 10 FROM effects", "t");
    house.run("SELECT fn_pause('task')");
    std::thread::sleep(Duration::from_millis(500));
    let then = house.value("SELECT count(*) FROM effects");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(house.value("SELECT count(*) FROM effects"), then);
    assert_ne!(then, "1500");
    assert_eq!(house.value("SELECT count(*) FROM alyx.jobs WHERE status = 'running'"), "0");
    house.job_does("");
    house.run("SELECT fn_resume('task')");
    house.wait_until_done(20);
    assert_eq!(house.value("SELECT count(*), count(DISTINCT n), max(attempt) FROM effects"), "1500|1500|1");
}

#[test]
fn switched_off_nothing_starts() {
    let mut house = House::alone("enabled", &SETTINGS);
    let switch = |house: &mut House, on: &str| {
        house.run(&format!("ALTER SYSTEM SET alyx_functions.enabled = {on}"));
        house.run("SELECT pg_reload_conf()");
        std::thread::sleep(Duration::from_millis(200));
    };
    switch(&mut house, "off");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}'), fn_enqueue('task', '{"n": 2}', run_at => now() + '100ms'), fn_schedule('task', '@every 1s', input => '{"n": 3}')"#);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
    switch(&mut house, "on");
    house.wait_for("SELECT string_agg(DISTINCT n::text, ' ' ORDER BY n::text) FROM effects", "1 2 3");
}

#[test]
fn operations_are_the_owners() {
    let mut house = House::new("operate_rights");
    let (owner, stranger, caller) = (house.deployer("owner"), house.role("stranger"), house.role("caller"));
    let mut owning = house.session_as(&owner);
    owning.deploy("owned", &guest("task"), "retry: { attempts: 1 }\n");
    owning.run(&format!("GRANT EXECUTE ON FUNCTION owned(jsonb) TO {caller}"));
    house.job_does("RAISE 'dead';");
    house.run("SELECT fn_pause('owned')");
    let (mut calling, mut strange) = (house.session_as(&caller), house.session_as(&stranger));
    let (first, second) = (calling.value("SELECT fn_enqueue('owned')"), calling.value("SELECT fn_enqueue('owned')"));
    for session in [&mut strange, &mut calling] {
        for sql in [
            "SELECT fn_pause('owned')",
            "SELECT fn_resume('owned')",
            "SELECT fn_replay('owned')",
            "SELECT fn_schedule('owned', '* * * * *')",
        ] {
            session.refused(sql, "42501");
        }
        assert_eq!(session.value("SELECT count(*) FROM alyx.jobs"), "0");
    }
    strange.refused(&format!("SELECT fn_cancel('{first}')"), "42501");
    assert_eq!(calling.value(&format!("SELECT fn_cancel('{first}')")), "t", "its own");
    assert_eq!(owning.value("SELECT count(*) FROM alyx.jobs"), "1");
    owning.run("SELECT fn_resume('owned')");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "2");
    for session in [&mut strange, &mut calling] {
        for sql in [format!("SELECT fn_discard('{second}')"), format!("SELECT fn_replay('{second}'::uuid)")] {
            session.refused(&sql, "42501");
        }
        assert_eq!(session.value("SELECT count(*) FROM alyx.dead_jobs"), "0");
        for table in ["_job", "_deferred", "_dead", "_dedupe", "_schedule"] {
            session.refused(&format!("SELECT * FROM alyx.{table}"), "42501");
        }
    }
    assert_eq!(owning.value(&format!("SELECT fn_discard('{second}')")), "t");
    // What strangers may not do they may not reach by the functions underneath.
    for sql in [
        "SELECT alyx._pause('owned', true)",
        "SELECT alyx._installed()",
        "SELECT alyx._job('replay', 'owned', '-infinity')",
        "SELECT alyx._schedule('owned', '* * * * *', 'UTC', '{\"input\": {}}')",
        "SELECT alyx._enqueue('owned', '{}', '{}')",
    ] {
        strange.refused(sql, "42501");
    }
}
