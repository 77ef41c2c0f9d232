//! The examples that run behind the writer's back: jobs and schedules, on a server of their own that preloads the library.

use crate::examples::{example, run_script};
use alyx_tests::{Cluster, Db, Reply, Web, guests_folder, wait_until};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A database of its own in which an example's bind.sql was run.
struct Bound {
    // In this order: the last one to leave stops the server.
    db: Db,
    _cluster: Arc<Cluster>,
}

/// The server that these tests share.
fn cluster() -> Arc<Cluster> {
    static SHARED: Mutex<(usize, Weak<Cluster>)> = Mutex::new((0, Weak::new()));
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.1.upgrade().unwrap_or_else(|| {
        shared.0 += 1;
        let settings = ["max_connections=40", "max_worker_processes=40", "alyx_functions.max_workers=12"];
        let cluster = Arc::new(Cluster::preloaded(&format!("examples{}", shared.0), &settings));
        shared.1 = Arc::downgrade(&cluster);
        cluster
    })
}

impl Bound {
    fn new(name: &str, test: &str) -> Bound {
        let cluster = cluster();
        let db = Db::on(cluster.server().clone(), test);
        run_script(&db, name, "bind.sql");
        Bound { db, _cluster: cluster }
    }

    fn wait_for(&mut self, what: &str, query: &str, expected: &str) {
        wait_until(&format!("{what}: {query} gives {expected}"), || self.db.rows(query).join(";") == expected);
    }

    fn wait_for_the_end_of_all_jobs(&mut self) {
        self.wait_for("all jobs are done", "SELECT count(*) FROM alyx.jobs", "0");
    }
}

impl Deref for Bound {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Bound {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

#[test]
fn notify_writes_one_message_for_each_paid_order_after_the_commit() {
    let mut db = Bound::new("notify", "notify");
    let clerk = db.role("clerk");
    db.run(&format!(
        "GRANT USAGE ON SCHEMA notify TO {clerk}; GRANT INSERT, SELECT, UPDATE ON notify.orders TO {clerk}"
    ));
    db.run(
        "INSERT INTO notify.customers SELECT 'c' || n, 'c' || n || '@example.com', true FROM generate_series(1, 50) n",
    );
    let mut session = db.session_as(&clerk);
    session.run("INSERT INTO notify.orders (customer) SELECT 'c' || n FROM generate_series(1, 50) n");
    session.run("BEGIN; UPDATE notify.orders SET status = 'paid'; ROLLBACK");
    session.run("BEGIN; UPDATE notify.orders SET status = 'paid' WHERE id <= 40");
    assert_eq!(db.value("SELECT count(*) FROM alyx.jobs"), "0", "nothing is seen before the commit");
    session.run("COMMIT");
    db.wait_for_the_end_of_all_jobs();
    assert_eq!(
        db.value("SELECT count(*), count(DISTINCT job), min(attempt), max(attempt), max(order_id) FROM notify.outbox"),
        "40|40|1|1|40"
    );
    assert_eq!(
        db.value("SELECT email, body FROM notify.outbox WHERE order_id = 7"),
        "c7@example.com|Thank you, c7: order 7 is paid."
    );
    session.refused("SELECT * FROM notify.outbox", "42501");
    session.run(
        "UPDATE notify.orders SET status = 'paid' WHERE id = 1; UPDATE notify.orders SET status = 'sent' WHERE id = 2",
    );
    session.run("INSERT INTO notify.orders (customer, status) VALUES ('c1', 'paid'), ('c1', 'open')");
    db.wait_for_the_end_of_all_jobs();
    assert_eq!(db.value("SELECT count(*) FROM notify.outbox"), "41", "paid again is not another message");
}

#[test]
fn notify_comes_again_for_what_cannot_be_done_yet() {
    let mut db = Bound::new("notify", "notify_retry");
    db.run("INSERT INTO notify.customers VALUES ('Bob', 'bob@example.com', false)");
    let paid = Instant::now();
    db.run("INSERT INTO notify.orders (customer, status) VALUES ('Bob', 'paid')");
    db.wait_for(
        "it waits to be tried again",
        "SELECT status, attempt, last_error FROM alyx.jobs",
        "retrying|1|bob@example.com is not confirmed yet",
    );
    db.run("UPDATE notify.customers SET is_confirmed = true");
    db.wait_for_the_end_of_all_jobs();
    let took = paid.elapsed();
    assert!(took >= Duration::from_millis(400), "500 ms were asked for (± 20 %), not {took:?}");
    assert_eq!(db.value("SELECT order_id, attempt FROM notify.outbox"), "1|2");
    // Never confirmed: as often as the manifest allows, and then dead.
    db.run("INSERT INTO notify.customers VALUES ('Zoe', 'zoe@example.com', false)");
    db.run("INSERT INTO notify.orders (customer, status) VALUES ('Zoe', 'paid')");
    db.wait_for(
        "it is given up",
        "SELECT reason, attempt, sqlstate, jsonb_array_length(errors) FROM alyx.dead_jobs",
        "attempts_exhausted|5|NT001|5",
    );
    assert_eq!(db.value("SELECT count(*) FROM notify.outbox"), "1");
}

#[test]
fn notify_gives_up_what_can_never_be_done_until_it_is_replayed() {
    let mut db = Bound::new("notify", "notify_dead");
    db.run("INSERT INTO notify.customers VALUES ('Eve'), ('Max')");
    db.run("INSERT INTO notify.orders (customer, status) VALUES ('Eve', 'paid'), ('Max', 'paid')");
    db.wait_for(
        "both are dead",
        "SELECT reason, attempt, sqlstate, last_error FROM alyx.dead_jobs ORDER BY last_error",
        "non_retryable|1|NT001|Eve has no address;non_retryable|1|NT001|Max has no address",
    );
    assert_eq!(db.value("SELECT fn_discard(id) FROM alyx.dead_jobs WHERE last_error LIKE 'Max%'"), "t");
    db.run("UPDATE notify.customers SET email = name || '@example.com', is_confirmed = true");
    assert_eq!(db.value("SELECT fn_replay('notify')"), "1");
    db.wait_for("it is done", "SELECT order_id, email FROM notify.outbox", "1|Eve@example.com");
    assert_eq!(db.value("SELECT count(*) FROM alyx.dead_jobs"), "0");
}

const ORDERS: &str = "INSERT INTO sales.orders (placed_at, total) VALUES
    ('2026-03-28 22:59:59+00', 1), ('2026-03-28 23:00:00+00', 2), ('2026-03-29 21:59:59+00', 4), ('2026-03-29 22:00:00+00', 8)";

#[test]
fn nightly_report_is_about_the_day_that_it_was_scheduled_for() {
    let mut db = Bound::new("nightly-report", "nightly");
    assert_eq!(
        db.value("SELECT function, cron, timezone, overlap, missed, hook FROM alyx.schedules"),
        "nightly-report|0 2 * * *|Europe/Berlin|skip|once|1"
    );
    assert_eq!(
        db.value("SELECT next_run_at > now(), extract(hour FROM next_run_at AT TIME ZONE 'Europe/Berlin') IN (2, 3) FROM alyx.schedules"),
        "t|t"
    );
    db.run(ORDERS);
    // The day in which the clocks went forward: 23 hours. Again, and there is still one row, with what has come since.
    let run = r#"SELECT fn_invoke('nightly-report', '{"schedule": {"scheduled_at": "2026-03-30T00:00:00Z", "timezone": "Europe/Berlin"}}')"#;
    db.run(run);
    assert_eq!(db.rows("SELECT * FROM sales.report"), ["2026-03-29|2|6.00"]);
    db.run("INSERT INTO sales.orders (placed_at, total) VALUES ('2026-03-29 12:00+00', 16)");
    db.run(run);
    assert_eq!(db.rows("SELECT * FROM sales.report"), ["2026-03-29|3|22.00"]);
}

#[test]
fn nightly_report_that_comes_late_reports_the_right_day() {
    let mut db = Bound::new("nightly-report", "nightly_late");
    // As after a night in which the server was down: the instant has passed, by a few hours at most a day.
    db.run("UPDATE alyx._schedule SET next_run_at = (next_run_at AT TIME ZONE timezone - interval '1 day') AT TIME ZONE timezone");
    let scheduled_at = db.value("SELECT next_run_at FROM alyx.schedules");
    db.run(&format!(
        "INSERT INTO sales.orders (placed_at, total) SELECT '{scheduled_at}'::timestamptz - n * interval '12 hours', 5 FROM generate_series(0, 4) n"
    ));
    // Whatever else is scheduled makes the manager look at the timetable again.
    db.run("SELECT fn_schedule('nightly-report', '0 0 1 1 *')");
    db.wait_for("the night is made up for", "SELECT count(*) FROM sales.report", "1");
    assert_eq!(
        db.value(&format!(
            "SELECT day = ('{scheduled_at}'::timestamptz AT TIME ZONE 'Europe/Berlin')::date - 1, orders, revenue FROM sales.report"
        )),
        "t|2|10.00"
    );
    assert_eq!(
        db.value(&format!(
            "SELECT previous_run_at = '{scheduled_at}', next_run_at > now() FROM alyx.schedules WHERE hook = 1"
        )),
        "t|t"
    );
}

#[test]
fn send_welcome_sends_once_however_often_the_service_fails() {
    let calls = AtomicUsize::new(0);
    let web = Web::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::with("503 Service Unavailable\r\nretry-after: 1", ""),
        _ => Reply::text("sent"),
    });
    let cluster = cluster();
    let mut db = Db::on(cluster.server().clone(), "send_welcome");
    // Before a worker connects: what it may reach is read when it starts.
    let database = db.name().to_owned();
    db.run(&format!("ALTER DATABASE {database} SET alyx_functions.http_allowed_networks = '127.0.0.0/8'"));
    run_script(&db, "send-welcome", "bind.sql");
    let wasm = std::fs::read(guests_folder().join("send-welcome.wasm")).expect("the example");
    let manifest = std::fs::read_to_string(example("send-welcome").join("manifest.yaml")).expect("its manifest");
    db.deploy("send-welcome", &wasm, &manifest.replace("https://api.mail.example", &web.origin()));
    let mut db = Bound { db, _cluster: cluster };
    db.run("INSERT INTO welcome.users (name, email) VALUES ('Ada', 'ada@example.com'), ('Eve', NULL)");
    db.wait_for(
        "Ada is welcomed, Eve cannot be",
        "SELECT name, welcomed_at IS NOT NULL FROM welcome.users WHERE id = 1 UNION ALL \
         SELECT reason, last_error LIKE 'user 2 has no e-mail address%' FROM alyx.dead_jobs",
        "Ada|t;non_retryable|t",
    );
    db.wait_for_the_end_of_all_jobs();
    let asked = web.requests();
    assert_eq!(asked.len(), 2, "the one that failed and the one that did not");
    let keys: Vec<_> = asked.iter().map(|request| request.header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    assert_eq!(asked[1].header("authorization"), Some("Bearer put-your-key-here"));
    assert!(String::from_utf8_lossy(&asked[1].body).contains("Welcome, Ada!"));
}

#[test]
fn stripe_webhook_books_a_payment_once() {
    let db = Bound::new("stripe-webhook", "stripe");
    let shown = run_script(&db, "stripe-webhook", "demo.sql");
    for text in ["\"duplicate\": true", "in_1"] {
        assert!(shown.contains(text), "{text:?} is not in:\n{shown}");
    }
}

#[test]
fn cleanup_sessions_deletes_by_hand_and_by_the_clock() {
    let mut db = Bound::new("cleanup-sessions", "cleanup");
    let shown = run_script(&db, "cleanup-sessions", "demo.sql");
    for text in ["*/15 * * * *", "\"deleted\": 2500", "\"deleted\": 1}"] {
        assert!(shown.contains(text), "{text:?} is not in:\n{shown}");
    }
    assert_eq!(db.rows("SELECT user_name FROM web.sessions"), ["alive"]);
    db.run(
        "INSERT INTO web.sessions (user_name, expires_at)
         VALUES ('gone', now() - interval '2 hours'), ('just gone', now() - interval '5 minutes')",
    );
    db.run("UPDATE alyx._schedule SET next_run_at = date_bin('15 minutes', now(), '2000-01-01')");
    // Whatever else is scheduled makes the manager look at the timetable again.
    db.run("SELECT fn_schedule('cleanup-sessions', '0 0 1 1 *')");
    db.wait_for(
        "the run is made up for, and keeps an hour",
        "SELECT user_name FROM web.sessions ORDER BY user_name",
        "alive;just gone",
    );
}

#[test]
fn demos_of_jobs_and_schedules_run() {
    for (name, label) in [("notify", "demo_notify"), ("nightly-report", "demo_nightly")] {
        let db = Bound::new(name, label);
        let printed = run_script(&db, name, "demo.sql");
        let expected = std::fs::read_to_string(example(name).join("expected.txt")).expect("expected.txt");
        assert_eq!(printed, expected, "{name}/demo.sql");
    }
}
