//! What becomes of a job that fails: when it is tried again, and when no more.

use crate::house::House;
use alyx_tests::guest;
use std::time::Instant;

/// Seconds between the errors of the only dead job.
fn gaps(house: &mut House) -> Vec<f64> {
    let rows = house.rows(
        "SELECT extract(epoch FROM at - lag(at) OVER (ORDER BY at)) FROM alyx.dead_jobs, LATERAL (SELECT (e ->> 'at')::timestamptz AS at FROM jsonb_array_elements(errors) e) x ORDER BY at OFFSET 1",
    );
    rows.iter().map(|gap| gap.parse().expect("seconds")).collect()
}

fn dies(house: &mut House) {
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "1");
    house.wait_until_done(5);
}

#[test]
fn attempts_follow_each_other_as_the_manifest_says() {
    let mut house = House::new("backoff");
    house.deploy_task("task", "retry: { attempts: 4, backoff: exponential, base: 100ms, max: 300ms }\n");
    house.job_does("RAISE EXCEPTION 'attempt %', event ->> 'attempt' USING DETAIL = 'the detail', ERRCODE = 'P0123';");
    let id = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}', priority => 7)"#);
    house.wait_for(
        "SELECT status, attempt, last_error FROM alyx.jobs WHERE status = 'retrying' AND attempt = 2",
        "retrying|2|attempt 2",
    );
    dies(&mut house);
    assert_eq!(
        house.rows("SELECT id, function, source, reason, attempt, crashes, sqlstate, last_error, input, jsonb_array_length(errors) FROM alyx.dead_jobs"),
        [format!(r#"{id}|task|queue|attempts_exhausted|4|0|P0123|attempt 4|{{"n": 1}}|4"#)]
    );
    let errors = house.json("SELECT errors FROM alyx.dead_jobs");
    assert_eq!(
        (&errors[0]["attempt"], &errors[0]["message"], &errors[0]["sqlstate"], &errors[0]["detail"]),
        (&1.into(), &"attempt 1".into(), &"P0123".into(), &"the detail".into())
    );
    let gaps = gaps(&mut house);
    for (gap, least) in gaps.iter().zip([0.08, 0.16, 0.24]) {
        assert!((least..least * 1.5 + 0.3).contains(gap), "{gaps:?}");
    }
    assert_eq!(gaps.len(), 3);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}

#[test]
fn ten_errors_are_kept_and_a_fixed_delay_stays() {
    let mut house = House::new("ten_errors");
    house.deploy_task("task", "retry: { attempts: 13, backoff: fixed, base: 20ms }\n");
    house.job_does("RAISE 'no %', event ->> 'attempt';");
    house.run("SELECT fn_enqueue('task')");
    dies(&mut house);
    assert_eq!(house.value("SELECT jsonb_array_length(errors), errors -> 0 ->> 'attempt', errors -> 9 ->> 'attempt', attempt FROM alyx.dead_jobs"), "10|4|13|13");
    let gaps = gaps(&mut house);
    assert!(gaps.iter().all(|gap| *gap < 0.3), "{gaps:?}");
}

#[test]
fn without_a_policy_there_is_another_attempt_after_a_second() {
    let mut house = House::new("default_policy");
    house.job_does("IF (event ->> 'attempt')::int = 1 THEN RAISE 'once'; END IF;");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    assert_eq!(house.rows_when_done("SELECT n, attempt FROM effects"), ["1|2"]);
}

#[test]
fn a_function_says_when_to_come_back() {
    let mut house = House::new("retry_after");
    house.deploy_refusing(
        "busy",
        r#"{"message": "come later", "retry_after_ms": 600}"#,
        "retry: { attempts: 2, backoff: fixed, base: 10ms }",
    );
    house.run("SELECT fn_enqueue('busy')");
    dies(&mut house);
    let gaps = gaps(&mut house);
    assert!(gaps.len() == 1 && (0.6..1.2).contains(&gaps[0]), "{gaps:?}");
}

#[test]
fn a_function_says_that_it_is_of_no_use() {
    let mut house = House::new("non_retryable");
    house.deploy_refusing(
        "hopeless",
        r#"{"sqlstate": "P0456", "message": "never", "detail": "so there", "non_retryable": true}"#,
        "",
    );
    house.run("SELECT fn_enqueue('hopeless')");
    dies(&mut house);
    assert_eq!(
        house.value("SELECT reason, attempt, sqlstate, last_error, errors -> 0 ->> 'detail' FROM alyx.dead_jobs"),
        "non_retryable|1|P0456|never|so there"
    );
}

#[test]
fn conflicts_are_tried_again_at_once_and_not_counted() {
    for (code, test) in [("40001", "conflict"), ("40P01", "deadlock"), ("55P03", "lock")] {
        let mut house = House::new(test);
        house.run("CREATE SEQUENCE tries");
        house.job_does(&format!("IF nextval('public.tries') <= 5 THEN RAISE SQLSTATE '{code}'; END IF;"));
        let began = Instant::now();
        house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
        assert_eq!(house.rows_when_done("SELECT n, attempt FROM effects"), ["1|1"], "{code}");
        assert_eq!(house.value("SELECT last_value FROM tries"), "6");
        assert!(began.elapsed().as_millis() < 900, "{code} took {:?}", began.elapsed());
    }
    // A conflict that never ends is a failure like any other.
    let mut house = House::new("conflicts");
    house.run("CREATE SEQUENCE tries");
    house.deploy_task("task", "retry: { attempts: 2, backoff: fixed, base: 50ms }\n");
    house.job_does("PERFORM nextval('public.tries'); RAISE SQLSTATE '40001';");
    house.run("SELECT fn_enqueue('task')");
    dies(&mut house);
    assert_eq!(house.value("SELECT reason, attempt, sqlstate FROM alyx.dead_jobs"), "attempts_exhausted|2|40001");
    let tries: u32 = house.value("SELECT last_value FROM tries").parse().expect("a number");
    assert!((7..=12).contains(&tries), "{tries} tries");
}

#[test]
fn missing_rights_end_a_job_at_once() {
    let mut house = House::new("rights");
    house.job_does("PERFORM 1 FROM public.secret;");
    let role = house.role("poor");
    house.run(&format!("CREATE TABLE secret (); GRANT EXECUTE ON FUNCTION task(jsonb) TO {role}"));
    house.session_as(&role).run("SELECT fn_enqueue('task')");
    dies(&mut house);
    assert_eq!(house.value("SELECT reason, attempt, sqlstate FROM alyx.dead_jobs"), "not_allowed|1|42501");
}

#[test]
fn rights_are_asked_again_when_the_job_runs() {
    let mut house = House::new("revoked");
    let (revoked, dropped, locked) = (house.role("revoked"), house.role("dropped"), house.role("locked"));
    for role in [&revoked, &dropped, &locked] {
        house.run(&format!("GRANT EXECUTE ON FUNCTION task(jsonb) TO {role}"));
    }
    house.run("SELECT fn_pause('task')");
    for role in [&revoked, &dropped, &locked] {
        house.session_as(role).run("SELECT fn_enqueue('task')");
    }
    house.run(&format!("REVOKE EXECUTE ON FUNCTION task(jsonb) FROM {revoked}, {dropped}; DROP ROLE {dropped}"));
    let name = house.name().to_owned();
    // Each has one reason of its own.
    house.run(&format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {revoked}"));
    house.run("SELECT fn_resume('task'); SELECT fn_enqueue('task', '{\"n\": 1}')");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "3");
    assert_eq!(house.rows("SELECT DISTINCT reason, sqlstate, attempt FROM alyx.dead_jobs"), ["not_allowed|42501|1"]);
    assert_eq!(house.rows_when_done("SELECT role FROM effects"), ["postgres"], "others go on");
}

#[test]
fn a_function_that_is_gone_takes_its_jobs_to_the_dead() {
    let mut house = House::new("dropped_function");
    house.deploy_task("doomed", "");
    house.run(r#"SELECT fn_pause('doomed'); SELECT fn_enqueue('doomed', '{"n": 1}'), fn_enqueue('doomed', '{"n": 2}', run_at => now() + '1h')"#);
    house.run(r#"SELECT fn_enqueue('doomed', '{"n": 3}', dedupe_key => 'k')"#);
    house.run("SELECT fn_drop('doomed')");
    house.wait_for("SELECT count(*) FROM alyx.dead_jobs", "3");
    assert_eq!(house.rows("SELECT DISTINCT function, reason FROM alyx.dead_jobs"), ["doomed|non_retryable"]);
    assert_eq!(house.value("SELECT count(*) FROM alyx._dedupe"), "0");
    // Another of the same name is another one.
    house.deploy_task("doomed", "");
    assert_eq!(house.value("SELECT fn_replay('doomed')"), "0");
    house.run(r#"SELECT fn_enqueue('doomed', '{"n": 4}')"#);
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["4"]);
}

#[test]
fn a_function_dropped_while_its_job_runs() {
    let mut house = House::new("dropped_running");
    house.deploy_task("doomed", "");
    house.job_does("PERFORM pg_advisory_xact_lock(1);");
    house.run(r#"SELECT pg_advisory_lock(1); SELECT fn_enqueue('doomed', '{"n": 1}')"#);
    house.wait_for("SELECT status FROM alyx.jobs", "running");
    let mut dropper = house.session();
    std::thread::scope(|scope| {
        // It may wait for the job, which holds a lock like any caller.
        let drop = scope.spawn(move || dropper.run("SET lock_timeout = '5s'; SELECT fn_drop('doomed')"));
        std::thread::sleep(std::time::Duration::from_millis(200));
        house.run("SELECT pg_advisory_unlock(1)");
        drop.join().expect("dropped");
    });
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM alyx.dead_jobs)"), "1");
}

#[test]
fn a_replaced_function_runs_at_its_new_version() {
    let mut house = House::new("replaced");
    house.run(r#"SELECT fn_pause('task'); SELECT fn_enqueue('task', '{"n": 1}')"#);
    house.deploy_task("task", "description: another\n");
    house.run("SELECT fn_resume('task')");
    assert_eq!(house.rows_when_done("SELECT n, event #>> '{function,version}' FROM effects"), ["1|2"]);
}

#[test]
fn a_job_that_is_too_old_is_given_up() {
    let mut house = House::new("too_old");
    house.deploy_task("task", "retry: { attempts: 5, backoff: fixed, base: 100ms }\n");
    house.job_does("RAISE 'no';");
    house.run("SELECT fn_pause('task'); SELECT fn_enqueue('task'); UPDATE alyx._job SET enqueued_at = now() - '3 days'::interval; SELECT fn_resume('task')");
    dies(&mut house);
    assert_eq!(house.value("SELECT reason, attempt FROM alyx.dead_jobs"), "too_old|1");
}

#[test]
fn a_trap_and_a_timeout_are_failures() {
    let mut house = House::new("traps");
    house.deploy(
        "spin",
        &guest("spin_forever"),
        "timeout: 200ms\nretry: { attempts: 2, backoff: fixed, base: 10ms }\n",
    );
    house.deploy("trap", &guest("trap"), "retry: { attempts: 1 }\n");
    house.run("SELECT fn_enqueue('spin')");
    dies(&mut house);
    let dead = house.value("SELECT reason, attempt, sqlstate, last_error FROM alyx.dead_jobs");
    assert!(dead.starts_with("attempts_exhausted|2|57014|") && dead.contains("timeout"), "{dead}");
    house.job_does("PERFORM pg_sleep(60);");
    house.deploy_task("sleeper", "timeout: 200ms\nretry: { attempts: 1 }\n");
    house.run("SELECT fn_discard(id) FROM alyx.dead_jobs; SELECT fn_enqueue('sleeper')");
    dies(&mut house);
    assert_eq!(house.value("SELECT sqlstate FROM alyx.dead_jobs"), "57014");
    house.run("SELECT fn_discard(id) FROM alyx.dead_jobs; SELECT fn_enqueue('trap')");
    dies(&mut house);
    assert_eq!(house.value("SELECT reason FROM alyx.dead_jobs"), "attempts_exhausted");
    // The workers are as good as before.
    house.job_does("");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["1"]);
}

#[test]
fn an_error_at_commit_is_a_failure_of_the_job() {
    let mut house = House::new("commit_error");
    house.deploy_task("task", "retry: { attempts: 2, backoff: fixed, base: 10ms }\n");
    house.run("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
    house.job_does("INSERT INTO public.child VALUES (1);");
    house.run("SELECT fn_enqueue('task')");
    dies(&mut house);
    assert_eq!(house.value("SELECT reason, attempt, sqlstate FROM alyx.dead_jobs"), "attempts_exhausted|2|23503");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}
