//! A guest that never returns ends when Postgres says so, within 100 ms, wherever it is; the backend then serves the next query.

use alyx_tests::{Db, Refusal, Session, guest, wait_until};
use std::thread;
use std::time::{Duration, Instant};

const PROMPT: Duration = Duration::from_millis(100);

/// Runs `sql` and gives its error and the time from `begin` to it.
fn timed(session: &mut Session, sql: &str) -> (Refusal, Duration) {
    let begin = Instant::now();
    let refusal = session.refusal(sql);
    (refusal, begin.elapsed())
}

/// The shortest of three: what counts is how the code behaves, not what else this machine was doing.
fn best_of_three(mut attempt: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| attempt()).min().expect("three attempts")
}

/// Every way to spin: text call, scalar call, trigger, initialisation, set.
fn spinners(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy("spin", &guest("spin_forever"), "entrypoint: handler\n");
    db.deploy_guest("spin_at_start");
    db.run(
        "CREATE FUNCTION spin_text(text) RETURNS text LANGUAGE wasm AS 'spin';
         CREATE FUNCTION spin_scalar(int) RETURNS int LANGUAGE wasm AS 'spin:scalar';
         CREATE FUNCTION spin_set(text) RETURNS SETOF int LANGUAGE wasm AS 'spin';
         CREATE TABLE t (id int); CREATE TABLE before (id int);
         CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION spin();
         SELECT 1",
    );
    db
}

const WAYS: [&str; 6] = [
    "SELECT spin_text('x')",
    "SELECT spin_scalar(1)",
    "SELECT * FROM spin_set('x')",
    "INSERT INTO t VALUES (1)",
    "SELECT spin_at_start('{}')",
    "SELECT fn_invoke('spin')",
];

#[test]
fn statement_timeout_ends_a_guest_that_spins() {
    let mut db = spinners("interrupts_statement");
    for way in WAYS {
        let over = best_of_three(|| {
            db.run("SET statement_timeout = '150ms'");
            let (refusal, elapsed) = timed(&mut db, way);
            assert_eq!(refusal.code, "57014", "{way}: {refusal}");
            assert!(refusal.message.contains("statement timeout"), "Postgres' own words: {refusal}");
            db.run("RESET statement_timeout");
            assert_eq!(db.value("SELECT count(*) FROM t"), "0");
            elapsed.saturating_sub(Duration::from_millis(150))
        });
        assert!(over <= PROMPT, "{way} ended {over:?} after statement_timeout");
    }
}

#[test]
fn statement_timeout_still_works_for_plain_sql_after_a_guest_ran() {
    let mut db = spinners("interrupts_after");
    for way in WAYS {
        db.run("SET statement_timeout = '50ms'");
        db.refused(way, "57014");
        let (refusal, elapsed) = timed(&mut db, "SELECT pg_sleep(60)");
        assert_eq!(refusal.code, "57014", "{refusal}");
        assert!(elapsed < Duration::from_secs(1), "after {way}: {elapsed:?}");
        db.run("SET statement_timeout = 0; SELECT pg_sleep(0.1)");
    }
    db.deploy_guest("scalars");
    db.run("CREATE FUNCTION add(int, int) RETURNS int LANGUAGE wasm AS 'scalars:add'; SELECT sum(add(i, 1)) FROM generate_series(1, 1000) i; SET statement_timeout = '50ms'");
    db.refused("SELECT pg_sleep(60)", "57014");
    // And a long statement of many short calls.
    let (refusal, elapsed) = timed(&mut db, "SELECT sum(add(i, 1)) FROM generate_series(1, 1000000000) i");
    assert_eq!(refusal.code, "57014", "{refusal}");
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[test]
fn pg_cancel_backend_ends_a_guest_that_spins() {
    let mut db = spinners("interrupts_cancel");
    let mut other = db.session();
    for way in WAYS {
        let pid = db.pid();
        let late = best_of_three(|| {
            thread::scope(|scope| {
                let guest = scope.spawn(|| {
                    db.run("BEGIN; INSERT INTO before VALUES (1)");
                    let refusal = db.refusal(way);
                    let ended = Instant::now();
                    db.run("ROLLBACK");
                    (refusal, ended)
                });
                wait_until_spinning(&mut other, pid);
                let asked = Instant::now();
                other.run(&format!("SELECT pg_cancel_backend({pid})"));
                let (refusal, ended) = guest.join().expect("the spinning session");
                assert_eq!(refusal.code, "57014", "{way}: {refusal}");
                assert!(refusal.message.contains("user request"), "Postgres' own words: {refusal}");
                ended - asked
            })
        });
        assert!(late <= PROMPT, "{way} ended {late:?} after pg_cancel_backend");
        assert_eq!(db.value("SELECT count(*) FROM before"), "0", "what the transaction wrote is gone");
    }
}

#[test]
fn a_cancel_request_of_the_client_ends_a_guest_that_spins() {
    let mut db = spinners("interrupts_ctrl_c");
    let mut other = db.session();
    let (pid, token) = (db.pid(), db.cancel_token());
    thread::scope(|scope| {
        let guest = scope.spawn(|| db.refusal("SELECT spin_text('x')"));
        wait_until_spinning(&mut other, pid);
        token.cancel_query(postgres::NoTls).expect("the cancel request is sent");
        assert_eq!(guest.join().expect("the spinning session").code, "57014");
    });
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn pg_terminate_backend_ends_a_guest_that_spins() {
    let mut db = spinners("interrupts_terminate");
    for way in WAYS {
        let late = best_of_three(|| {
            let mut victim = db.session();
            let pid = victim.pid();
            thread::scope(|scope| {
                let guest = scope.spawn(move || {
                    let refusal = victim.refusal(way);
                    (refusal, Instant::now())
                });
                wait_until_spinning(&mut db, pid);
                let asked = Instant::now();
                db.run(&format!("SELECT pg_terminate_backend({pid})"));
                let (refusal, ended) = guest.join().expect("the spinning session");
                assert!(["57P01", "closed"].contains(&refusal.code.as_str()), "{way}: {refusal}");
                ended - asked
            })
        });
        assert!(late <= PROMPT, "{way} ended {late:?} after pg_terminate_backend");
    }
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
}

#[test]
fn the_functions_own_timeout_names_the_limit_and_the_setting() {
    let mut db = Db::new("interrupts_own");
    db.deploy("spin", &guest("spin_forever"), "timeout: 150ms\nentrypoint: handler\n");
    db.run("CREATE FUNCTION spin_scalar(int) RETURNS int LANGUAGE wasm AS 'spin:scalar'; CREATE TABLE t (id int); CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION spin()");
    for way in ["SELECT spin('{}')", "SELECT spin_scalar(1)", "INSERT INTO t VALUES (1)"] {
        let over = best_of_three(|| {
            let (refusal, elapsed) = timed(&mut db, way);
            assert_eq!(refusal.code, "57014", "{way}: {refusal}");
            assert!(refusal.says("150") && refusal.says("timeout"), "the limit is named: {refusal}");
            elapsed.saturating_sub(Duration::from_millis(150))
        });
        assert!(over <= PROMPT, "{way} ended {over:?} after its timeout");
        assert_eq!(db.value("SELECT count(*) FROM t"), "0");
    }
    db.deploy("spin", &guest("spin_forever"), "entrypoint: handler\n");
    db.run("SET alyx_functions.max_timeout = '120ms'");
    let refusal = db.refused("SELECT spin('{}')", "57014");
    assert!(refusal.says("alyx_functions.max_timeout"), "the setting is named: {refusal}");
}

#[test]
fn a_guest_that_is_done_in_time_is_not_disturbed_by_its_timer() {
    let mut db = Db::new("interrupts_in_time");
    db.deploy("echo", &guest("echo"), "timeout: 100ms\n");
    db.run("SELECT echo('1'); SELECT pg_sleep(0.3); SELECT echo('2'); SELECT pg_sleep(0.3)");
    assert_eq!(db.value("SELECT count(echo(to_jsonb(i))) FROM generate_series(1, 1000) i, pg_sleep(0.2)"), "1000");
}

#[test]
fn a_host_call_that_waits_for_a_lock_is_interrupted_too() {
    let mut db = Db::new("interrupts_lock");
    db.deploy_query();
    db.deploy("impatient", &guest("ask"), "timeout: 150ms\nentrypoint: db_query\n");
    db.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    let mut holder = db.session();
    holder.run("BEGIN; UPDATE t SET id = 1; SELECT pg_advisory_lock(7)");
    // Not the holder: within a transaction pg_stat_activity stands still.
    let mut observer = db.session();
    for sql in ["UPDATE t SET id = 1", "SELECT pg_advisory_lock(7)", "SELECT pg_sleep(60)"] {
        let request = format!(r#"'{{"sql": "{sql}"}}'"#);
        let over = best_of_three(|| {
            db.run("SET statement_timeout = '150ms'");
            let (refusal, elapsed) = timed(&mut db, &format!("SELECT query({request})"));
            assert_eq!(refusal.code, "57014", "a timeout is no value the guest could swallow: {sql}: {refusal}");
            db.run("RESET statement_timeout");
            elapsed.saturating_sub(Duration::from_millis(150))
        });
        assert!(over <= PROMPT, "{sql} ended {over:?} after statement_timeout");
        let over = best_of_three(|| {
            let (refusal, elapsed) = timed(&mut db, &format!("SELECT impatient({request})"));
            assert_eq!(refusal.code, "57014", "{sql}: {refusal}");
            elapsed.saturating_sub(Duration::from_millis(150))
        });
        assert!(over <= PROMPT, "{sql} ended {over:?} after the function's timeout");
        let pid = db.pid();
        thread::scope(|scope| {
            let guest = scope.spawn(|| (db.refusal(&format!("SELECT query({request})")), Instant::now()));
            wait_until("the guest's statement waits", || {
                observer.value(&format!("SELECT wait_event IS NOT NULL AND query LIKE 'SELECT query%' FROM pg_stat_activity WHERE pid = {pid}")) == "t"
            });
            let asked = Instant::now();
            observer.run(&format!("SELECT pg_cancel_backend({pid})"));
            let (refusal, ended) = guest.join().expect("the waiting session");
            assert_eq!(refusal.code, "57014", "{sql}: {refusal}");
            assert!(ended - asked <= PROMPT * 3, "{sql} ended {:?} after the cancel", ended - asked);
        });
        assert_eq!(db.value("SELECT 1"), "1");
    }
    db.run("SET lock_timeout = '100ms'");
    let reply = db.attempt(r#"SELECT query('{"sql": "UPDATE t SET id = 1"}')"#);
    let said = reply.map_or_else(|refusal| refusal.code, |rows| rows.join(""));
    assert!(said.contains("55P03"), "lock_timeout inside a guest: {said}");
    holder.run("ROLLBACK");
}

#[test]
fn a_guest_that_swallows_every_error_still_ends() {
    let mut db = Db::new("interrupts_swallow");
    // Asks for ever and never looks at the answer.
    let wasm = alyx_tests::assemble(
        r#"(module
             (import "extism:host/env" "input_offset" (func $input (result i64)))
             (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
             (func (export "handler") (result i32)
               (loop $again (drop (call $db_query (call $input))) (br $again)) (i32.const 0)))"#,
    );
    db.deploy("stubborn", &wasm, "memory: 16mb\n");
    for sql in ["SELECT pg_sleep(60)", "SELECT 1", "SELECT nonsense"] {
        db.run("SET statement_timeout = '200ms'");
        let (refusal, elapsed) = timed(&mut db, &format!(r#"SELECT stubborn('{{"sql": "{sql}"}}')"#));
        // It may also run into its memory limit first, as it never frees a reply.
        assert!(["57014", "53200"].contains(&refusal.code.as_str()), "{sql}: {refusal}");
        assert!(elapsed < Duration::from_secs(2), "{sql}: {elapsed:?}");
        db.run("RESET statement_timeout");
    }
}

#[test]
fn deadlocks_between_guests_are_found() {
    let mut db = Db::new("interrupts_deadlock");
    db.deploy_query();
    db.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    let (mut one, mut two) = (db.session(), db.session());
    let lock = |id: u32| format!(r#"SELECT query('{{"sql": "SELECT * FROM t WHERE id = {id} FOR UPDATE"}}')"#);
    one.run(&format!("SET deadlock_timeout = '50ms'; BEGIN; {}", lock(1)));
    two.run(&format!("SET deadlock_timeout = '50ms'; BEGIN; {}", lock(2)));
    let said = thread::scope(|scope| {
        let first = scope.spawn(|| {
            let reply = one.attempt(&lock(2)).map_or_else(|refusal| refusal.code, |rows| rows.join(""));
            let _ = one.attempt("ROLLBACK");
            reply
        });
        let reply = two.attempt(&lock(1)).map_or_else(|refusal| refusal.code, |rows| rows.join(""));
        let _ = two.attempt("ROLLBACK");
        first.join().expect("the first session") + &reply
    });
    assert!(said.contains("40P01"), "{said}");
}

/// A session that computes is active and waits for nothing.
fn wait_until_spinning(observer: &mut Session, pid: u32) {
    let mut streak = 0;
    wait_until("the guest spins", || {
        let spins = observer.value(&format!("SELECT state = 'active' AND wait_event IS NULL AND query ~ '(spin|INTO t)' FROM pg_stat_activity WHERE pid = {pid}")) == "t";
        streak = if spins { streak + 1 } else { 0 };
        streak >= 3
    });
}
