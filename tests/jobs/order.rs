//! Which job comes first, and which are one: run_at, priority, ageing, ordering keys, dedupe keys.

use crate::house::House;
use std::thread;
use std::time::{Duration, Instant};

/// One job at a time, so that the order of starting is the order of the rows.
fn one_at_a_time(test: &str) -> House {
    let mut house = House::new(test);
    house.deploy_task("single", "concurrency: 1\n");
    house.run("SELECT fn_pause('single')");
    house
}

const ORDER: &str = "SELECT string_agg(n::text, ' ' ORDER BY id) FROM effects";

#[test]
fn a_job_waits_for_its_time() {
    let mut house = House::new("run_at");
    let id = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}', run_at => clock_timestamp() + '700ms')"#);
    let later = house.value(r#"SELECT fn_enqueue('task', '{"n": 2}', run_at => now() + '1 day')"#);
    assert_eq!(
        house.rows("SELECT id, status FROM alyx.jobs ORDER BY run_at"),
        [format!("{id}|scheduled"), format!("{later}|scheduled")]
    );
    house.wait_for("SELECT n FROM effects", "1");
    let late = house.value(&format!(
        "SELECT extract(epoch FROM at - (SELECT run_at FROM alyx.jobs WHERE id = '{later}') + '1 day') FROM effects"
    ));
    let late: f64 = late.parse().expect("seconds");
    assert!((0.6..1.2).contains(&late), "{late} s after it was made");
    assert_eq!(house.rows("SELECT id, status FROM alyx.jobs"), [format!("{later}|scheduled")]);
    house.run("TRUNCATE effects");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 3}', run_at => '2000-01-01')"#);
    house.wait_for("SELECT n FROM effects", "3");
}

#[test]
fn times_that_are_no_times_are_refused() {
    let mut house = House::new("run_at_odd");
    for time in ["infinity", "-infinity"] {
        let refusal = house.refusal(&format!("SELECT fn_enqueue('task', run_at => '{time}')"));
        assert!(["22023", "22008", "22003"].contains(&refusal.code.as_str()), "{time}: {refusal}");
    }
    // As far away as a timestamp goes.
    house.run("SELECT fn_enqueue('task', run_at => '200000-12-31')");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}', run_at => '4713-01-01 BC')"#);
    house.run(r#"SELECT fn_enqueue('task', '{"n": 2}', priority => 2147483647), fn_enqueue('task', '{"n": 3}', priority => -2147483648)"#);
    house.wait_for("SELECT string_agg(n::text, ' ' ORDER BY n) FROM effects", "1 2 3");
    assert_eq!(house.value("SELECT extract(year FROM run_at) FROM alyx.jobs"), "200000");
}

#[test]
fn higher_priority_goes_first_and_equals_go_in_turn() {
    let mut house = one_at_a_time("priority");
    for (n, priority) in [(1, 0), (2, 0), (3, 5), (4, -5), (5, 5), (6, 0)] {
        house.run(&format!(r#"SELECT fn_enqueue('single', '{{"n": {n}}}', priority => {priority})"#));
    }
    house.run("SELECT fn_resume('single')");
    assert_eq!(house.rows_when_done(ORDER), ["3 5 1 2 6 4"]);
}

#[test]
fn a_minute_of_waiting_is_worth_a_point() {
    let mut house = one_at_a_time("ageing");
    for (n, priority, waited) in [(1, 0, "0s"), (2, -3, "170s"), (3, -3, "190s"), (4, 4, "0s")] {
        house.run(&format!(r#"SELECT fn_enqueue('single', '{{"n": {n}}}', priority => {priority}, run_at => now() - '{waited}'::interval)"#));
    }
    house.run("SELECT fn_resume('single')");
    assert_eq!(house.rows_when_done(ORDER), ["4 3 1 2"]);
}

#[test]
fn rows_of_one_statement_keep_their_order() {
    let mut house = one_at_a_time("row_order");
    house.run("SELECT fn_enqueue('single', jsonb_build_object('n', i)) FROM generate_series(1, 300) i");
    house.run("SELECT fn_resume('single')");
    house.wait_until_done(20);
    assert_eq!(
        house.value("SELECT count(*) FROM (SELECT n < lag(n) OVER (ORDER BY id) AS wrong FROM effects) x WHERE wrong"),
        "0"
    );
}

#[test]
fn one_key_at_a_time_and_in_order() {
    let mut house = House::new("ordering");
    house.job_does("INSERT INTO spans (k, n, began) VALUES (event #>> '{input,k}', n, clock_timestamp()); PERFORM pg_sleep(0.02); UPDATE spans SET ended = clock_timestamp() WHERE spans.n = (event #>> '{input,n}')::int;");
    house.run("CREATE TABLE spans (k text, n int, began timestamptz, ended timestamptz)");
    house.run(
        "SELECT fn_enqueue('task', jsonb_build_object('n', i, 'k', chr(97 + i % 4)), ordering_key => chr(97 + i % 4)) FROM generate_series(1, 60) i",
    );
    let began = Instant::now();
    house.wait_until_done(20);
    assert_eq!(house.value("SELECT count(*) FROM spans"), "60");
    let overlapping = "SELECT count(*) FROM spans a JOIN spans b ON a.k = b.k AND a.n < b.n AND b.began < a.ended";
    assert_eq!(house.value(overlapping), "0", "jobs of a key overlap or are out of order");
    let beside =
        "SELECT count(*) > 0 FROM spans a JOIN spans b ON a.k <> b.k AND a.began < b.ended AND b.began < a.ended";
    assert_eq!(house.value(beside), "t", "keys run beside each other");
    // 15 jobs of 20 ms in each of 4 keys.
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_retry_holds_back_its_key_only() {
    let mut house = House::new("ordering_retry");
    house.deploy_task("task", "retry: { attempts: 3, backoff: fixed, base: 400ms }\n");
    house.job_does("IF n = 1 AND (event ->> 'attempt')::int < 3 THEN RAISE 'not yet'; END IF;");
    house.run(
        "SELECT fn_enqueue('task', jsonb_build_object('n', i), ordering_key => CASE WHEN i < 5 THEN 'a' ELSE 'b' END) FROM generate_series(1, 8) i",
    );
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT string_agg(n::text, ' ' ORDER BY id) FROM effects WHERE n < 5"), "1 2 3 4");
    assert_eq!(house.value("SELECT string_agg(n::text, ' ' ORDER BY id) FROM effects WHERE n > 4"), "5 6 7 8");
    assert_eq!(
        house.value("SELECT max(id) FILTER (WHERE n > 4) < min(id) FILTER (WHERE n < 5) FROM effects"),
        "t",
        "key b waited for key a"
    );
    assert_eq!(house.value("SELECT attempt FROM effects WHERE n = 1"), "3");
}

#[test]
fn the_keys_of_two_functions_are_two() {
    let mut house = House::new("two_functions");
    house.deploy_task("other", "");
    house.job_does("IF n = 1 THEN PERFORM pg_advisory_xact_lock(1); END IF;");
    house.run("BEGIN; SELECT pg_advisory_lock(1); COMMIT");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 1}', ordering_key => 'k', dedupe_key => 'd'), fn_enqueue('other', '{"n": 2}', ordering_key => 'k', dedupe_key => 'd')"#);
    house.wait_for("SELECT n FROM effects", "2");
    house.run("SELECT pg_advisory_unlock(1)");
    assert_eq!(house.rows_when_done(ORDER), ["2 1"]);
}

#[test]
fn a_dedupe_key_makes_one_job_until_it_is_done() {
    let mut house = House::new("dedupe");
    house.run("SELECT fn_pause('task')");
    let first = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}', dedupe_key => 'k')"#);
    for n in 2..4 {
        assert_eq!(house.value(&format!(r#"SELECT fn_enqueue('task', '{{"n": {n}}}', dedupe_key => 'k')"#)), first);
    }
    // In one statement, too.
    assert_eq!(
        house.value(
            "SELECT count(DISTINCT fn_enqueue('task', '{\"n\": 9}', dedupe_key => 'm')) FROM generate_series(1, 3)"
        ),
        "1"
    );
    house.run("SELECT fn_resume('task')");
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["1", "9"]);
    let second = house.value(r#"SELECT fn_enqueue('task', '{"n": 4}', dedupe_key => 'k')"#);
    assert_ne!(first, second);
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["1", "4", "9"]);
    // A deferred job holds its key, a rolled-back one does not.
    house.run(r#"BEGIN; SELECT fn_enqueue('task', '{"n": 5}', dedupe_key => 'k'); ROLLBACK"#);
    let later = house.value(r#"SELECT fn_enqueue('task', '{"n": 6}', run_at => now() + '1h', dedupe_key => 'k')"#);
    assert_eq!(house.value(r#"SELECT fn_enqueue('task', '{"n": 7}', dedupe_key => 'k')"#), later);
    house.run(&format!("SELECT fn_cancel('{later}')"));
    assert_ne!(house.value(r#"SELECT fn_enqueue('task', '{"n": 8}', dedupe_key => 'k')"#), later);
    assert_eq!(house.rows_when_done("SELECT n FROM effects ORDER BY n"), ["1", "4", "8", "9"]);
    assert_eq!(house.value("SELECT count(*) FROM alyx._dedupe"), "0");
}

#[test]
fn many_sessions_with_one_dedupe_key_make_one_job() {
    let mut house = House::new("dedupe_race");
    house.run("SELECT fn_pause('task')");
    let sessions: Vec<_> = (0..10).map(|_| house.session()).collect();
    let ids: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = sessions
            .into_iter()
            .map(|mut session| {
                scope.spawn(move || session.value(r#"SELECT fn_enqueue('task', '{"n": 1}', dedupe_key => 'k')"#))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("an id")).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(house.value("SELECT count(*) FROM alyx.jobs"), "1");
    // While jobs come and go.
    house.run("SELECT fn_resume('task')");
    let sessions: Vec<_> = (0..4).map(|_| house.session()).collect();
    thread::scope(|scope| {
        for mut session in sessions {
            scope.spawn(move || {
                for _ in 0..50 {
                    session.run(r#"SELECT fn_enqueue('task', '{"n": 2}', dedupe_key => 'k')"#);
                }
            });
        }
    });
    house.wait_until_done(10);
    assert_eq!(house.value("SELECT count(*) FROM alyx._dedupe"), "0");
}

#[test]
fn the_key_of_a_running_job_is_taken() {
    let mut house = House::new("dedupe_running");
    house.job_does("PERFORM pg_advisory_xact_lock(1);");
    house.run("SELECT pg_advisory_lock(1)");
    let running = house.value(r#"SELECT fn_enqueue('task', '{"n": 1}', dedupe_key => 'k')"#);
    house.wait_for("SELECT status FROM alyx.jobs", "running");
    // The answer may have to wait for the job, since its transaction has taken the key away already; then it is a new job.
    let mut second = house.session();
    let id = thread::scope(|scope| {
        let asked = scope.spawn(move || second.value(r#"SELECT fn_enqueue('task', '{"n": 2}', dedupe_key => 'k')"#));
        thread::sleep(Duration::from_millis(300));
        let waited = !asked.is_finished();
        house.run("SELECT pg_advisory_unlock(1)");
        let id = asked.join().expect("an id");
        assert!(!waited, "fn_enqueue waits for a job that runs");
        id
    });
    assert_eq!(id, running);
    assert_eq!(house.rows_when_done("SELECT n FROM effects"), ["1"]);
}
