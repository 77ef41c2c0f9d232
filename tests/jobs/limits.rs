//! How many jobs run at once and how fast they begin; that a flood of one function does not drown the others.

use crate::house::House;
use std::time::{Duration, Instant};

const SPANS: &str =
    "CREATE TABLE spans (function text, n int, began timestamptz, ended timestamptz); GRANT ALL ON spans TO PUBLIC";

/// What a job does that takes so many milliseconds.
fn taking(ms: u32) -> String {
    format!(
        "INSERT INTO public.spans VALUES (event #>> '{{function,name}}', n, clock_timestamp()); PERFORM pg_sleep({ms} / 1000.0); UPDATE public.spans s SET ended = clock_timestamp() WHERE s.n = (event #>> '{{input,n}}')::int;"
    )
}

/// Most jobs of a function that ran at the same time.
const MOST: &str = "SELECT max(together) FROM (SELECT count(*) AS together FROM spans a JOIN spans b ON a.began >= b.began AND a.began < b.ended GROUP BY a.ctid) x";

#[test]
fn never_more_at_once_than_the_manifest_says() {
    let mut house = House::new("concurrency");
    house.run(SPANS);
    house.deploy_task("task", "concurrency: 3\n");
    house.job_does(&taking(20));
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 60) i");
    house.wait_until_done(20);
    assert_eq!(house.value(MOST), "3");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "60");
    // Whatever makes them, with keys and without.
    house.run("TRUNCATE spans, effects");
    for n in 100..130 {
        house.run(&format!("SELECT fn_enqueue('task', '{{\"n\": {n}}}', ordering_key => '{}')", n % 10));
    }
    house.wait_until_done(20);
    assert_eq!(house.value(MOST), "3");
}

#[test]
fn long_jobs_use_all_workers_at_once() {
    let mut house = House::new("parallel");
    house.run(SPANS);
    house.job_does(&taking(400));
    let began = Instant::now();
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 8) i");
    house.wait_until_done(10);
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1600), "eight jobs of 400 ms took {took:?}; at once: {}", house.value(MOST));
}

#[test]
fn a_rate_is_kept() {
    let mut house = House::new("rate");
    house.deploy_task("task", "rate_limit: 10/s\n");
    let began = Instant::now();
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 35) i");
    house.wait_until_done(20);
    let took = began.elapsed();
    assert!((Duration::from_millis(2900)..Duration::from_secs(5)).contains(&took), "35 jobs at 10/s took {took:?}");
    // What counts is when they are handed out; a worker that has yet to start is late.
    let most = "SELECT max(n) FROM (SELECT count(*) OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND '500 ms'::interval FOLLOWING) AS n FROM effects) x";
    let most: u32 = house.value(most).parse().expect("a number");
    assert!(most <= 10, "{most} in half a second");
}

#[test]
fn a_limited_function_does_not_hold_up_others() {
    let mut house = House::new("limited_others");
    house.deploy_task("slow", "rate_limit: 1/m\n");
    house.deploy_task("single", "concurrency: 1\n");
    house.job_does("IF event #>> '{function,name}' = 'single' THEN PERFORM pg_sleep(0.3); END IF;");
    house.run("SELECT fn_enqueue('slow', jsonb_build_object('n', i)), fn_enqueue('single', jsonb_build_object('n', i)) FROM generate_series(1, 2000) i");
    let began = Instant::now();
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', 100000 + i)) FROM generate_series(1, 200) i");
    house.wait_for("SELECT count(*) FROM effects WHERE function = 'task'", "200");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    house.run("TRUNCATE alyx._job");
}

/// A server with four workers, and a database whose function `task` has far more jobs than these can do soon.
fn flooded(label: &str) -> House {
    let settings = ["alyx_functions.max_workers=4", "max_worker_processes=30", "alyx_functions.poll_interval=60s"];
    let mut house = House::alone(label, &settings);
    house.deploy_task("small", "");
    house.job_does("IF event #>> '{function,name}' = 'task' THEN PERFORM pg_sleep(0.002); END IF;");
    house.run("SELECT fn_enqueue('task', jsonb_build_object('n', i)) FROM generate_series(1, 20000) i");
    house.wait_for("SELECT count(*) > 500 FROM effects", "t");
    house
}

/// How long a job of `role` waits for its turn.
fn delay(house: &mut House, role: &str) -> Duration {
    let began = Instant::now();
    house.session_as(role).run(r#"SELECT fn_enqueue('small', '{"n": 0}')"#);
    house.wait_for(&format!("SELECT count(*) > 0 FROM effects WHERE function = 'small' AND role = '{role}'"), "t");
    assert_ne!(house.value("SELECT count(*) FROM alyx._job"), "0", "the flood goes on");
    began.elapsed()
}

#[test]
fn a_flood_delays_another_function_by_little() {
    let mut house = flooded("flood");
    let delay = delay(&mut house, "postgres");
    assert!(delay < Duration::from_millis(500), "{delay:?}");
}

#[test]
fn a_flood_leaves_room_for_another_role() {
    let mut house = flooded("flood_role");
    let other = house.role("other");
    house.run(&format!("GRANT EXECUTE ON FUNCTION small(jsonb) TO {other}"));
    let delay = delay(&mut house, &other);
    assert!(delay < Duration::from_millis(1000), "{delay:?}");
}

#[test]
fn a_flood_leaves_room_for_another_database() {
    let mut house = flooded("flood_database");
    let mut neighbour = house.neighbour("flood_neighbour");
    let began = Instant::now();
    neighbour.run(r#"SELECT fn_enqueue('task', '{"n": 1}')"#);
    neighbour.wait_for("SELECT n FROM effects", "1");
    assert_ne!(house.value("SELECT count(*) FROM alyx._job"), "0", "the flood goes on");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn an_idle_server_starts_a_job_at_once() {
    let mut house = House::new("latency");
    house.run(r#"SELECT fn_enqueue('task', '{"n": 0}')"#);
    house.wait_until_done(10);
    house.run("CREATE TABLE asked (n int, at timestamptz)");
    for n in 1..=50 {
        house.run(&format!(
            r#"SELECT fn_enqueue('task', '{{"n": {n}}}'); INSERT INTO asked VALUES ({n}, clock_timestamp())"#
        ));
        house.wait_for(&format!("SELECT count(*) FROM effects WHERE n = {n}"), "1");
    }
    let p90: f64 = house.value("SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM e.at - a.at) * 1000) FROM effects e JOIN asked a USING (n)").parse().expect("ms");
    // The gate is the benchmark's to check; here only that nobody waits for a clock.
    assert!(p90 < 30.0, "{p90} ms");
}
