//! Each job's effect exactly once, though its processes are ended and the server is stopped the hard way in between.

use crate::house::House;
use alyx_tests::{Cluster, Session, wait_until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const JOBS: u32 = 100_000;

/// Seconds from "the server is ready" in its log to the first effect of a job that was interrupted.
fn resumed_after(cluster: &Cluster, session: &mut Session, log_from: usize) -> f64 {
    let (log, _) = cluster.server().log_since(log_from);
    let ready = log.lines().rfind(|line| line.contains("ready to accept connections")).expect("a line of the log");
    let ready: String = ready.split(" UTC").next().unwrap_or_default().to_owned();
    let sql =
        format!("SELECT extract(epoch FROM min(at) - '{ready}+00') FROM done WHERE attempt > 1 AND at > '{ready}+00'");
    wait_until("an interrupted job has been done", || session.value(&sql) != "NULL");
    session.value(&sql).parse().expect("seconds")
}

#[test]
fn a_hundred_thousand_jobs_through_crashes() {
    let mut house = House::alone(
        "once",
        &[
            "alyx_functions.max_workers=4",
            "max_worker_processes=20",
            "alyx_functions.poll_interval=500ms",
            "alyx_functions.record_buffer=256kB",
            "autovacuum_naptime=1s",
        ],
    );
    let name = house.name().to_owned();
    // A key that cannot be written twice, and counters that would show what a key hides.
    house.run(
        "CREATE TABLE done (n int PRIMARY KEY, attempt int, at timestamptz DEFAULT clock_timestamp());
         CREATE TABLE counters (bucket int PRIMARY KEY, count int NOT NULL DEFAULT 0) WITH (fillfactor = 10);
         INSERT INTO counters SELECT generate_series(0, 255);
         CREATE OR REPLACE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE sql AS $$
             INSERT INTO public.done (n, attempt) VALUES ((event #>> '{input,n}')::int, (event ->> 'attempt')::int);
             UPDATE public.counters SET count = count + 1 WHERE bucket = (event #>> '{input,n}')::int % 256 $$",
    );
    house.run(&format!(
        "SELECT count(fn_enqueue('task', jsonb_build_object('n', i))) FROM generate_series(1, {JOBS}) i"
    ));
    for round in 1..=3 {
        let mut session = house.server().session(&name);
        let some = (round * 7000).to_string();
        wait_for_more(&mut session, &some);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let mut killer = house.server().session(&name);
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = killer.attempt("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'alyx worker' ORDER BY random() LIMIT 1");
                    thread::sleep(Duration::from_millis(100));
                }
            });
            thread::sleep(Duration::from_millis(500));
            stop.store(true, Ordering::Relaxed);
        });
        let log_from = house.server().log_since(0).1;
        house.cluster().stop("immediate");
        house.cluster().begin();
        let mut session = house.server().session(&name);
        let resumed = resumed_after(house.cluster(), &mut session, log_from);
        assert!(resumed < 1.0, "round {round}: interrupted jobs came back {resumed} s after recovery");
        // A job that was there twice when the server ended waits for a minute: not here.
        session.run("UPDATE alyx._deferred SET run_at = now() WHERE crashes > 0");
    }
    let mut session = house.server().session(&name);
    let deadline = Instant::now() + Duration::from_secs(100);
    loop {
        session.run("UPDATE alyx._deferred SET run_at = now() WHERE crashes > 0");
        if session.value("SELECT (SELECT count(*) FROM alyx._job) + (SELECT count(*) FROM alyx._deferred)") == "0" {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{:?}",
            session.rows("SELECT status, count(*), max(last_error) FROM alyx.jobs GROUP BY 1")
        );
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(
        session.rows("SELECT reason, sqlstate, count(*) FROM alyx.dead_jobs GROUP BY 1, 2"),
        [""; 0],
        "none is given up"
    );
    assert_eq!(session.value("SELECT count(*), min(n), max(n) FROM done"), format!("{JOBS}|1|{JOBS}"));
    assert_eq!(session.value("SELECT sum(count) FROM counters"), JOBS.to_string(), "each effect once");
    assert_ne!(session.value("SELECT count(*) FROM done WHERE attempt > 1"), "0", "some were interrupted");
}

fn wait_for_more(session: &mut Session, than: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while session.value(&format!("SELECT count(*) > {than} FROM done")) != "t" {
        assert!(Instant::now() < deadline, "no {than} jobs after 30 s");
        thread::sleep(Duration::from_millis(50));
    }
}
