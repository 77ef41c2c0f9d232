//! Guests that never end, each in another place: all end within 100 ms of Postgres' word, by Postgres' own error. Spinning in
//! wasm itself, in `_initialize` and in waiting SQL is `system/interrupts`.

use alyx_tests::{Db, Session, assemble, guest};
use std::time::{Duration, Instant};

const PROMPT: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_millis(150);

/// A module that does `work` for ever.
fn endless(work: &str) -> Vec<u8> {
    assemble(&format!(
        r#"(module
            (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
            (import "extism:host/env" "free" (func $free (param i64)))
            (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
            (import "extism:host/env" "log_error" (func $log_error (param i64)))
            (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
            (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
            (import "extism:host/env" "reset" (func $reset))
            (import "extism:host/env" "input_offset" (func $input (result i64)))
            (import "extism:host/user" "log" (func $log (param i64) (result i64)))
            (import "extism:host/user" "env" (func $env (param i64) (result i64)))
            (import "extism:host/user" "db_query" (func $db_query (param i64) (result i64)))
            (import "extism:host/user" "db_batch" (func $db_batch (param i64) (result i64)))
            (import "extism:host/user" "fn_invoke" (func $fn_invoke (param i64) (result i64)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1024)
            (table $t 900000 funcref)
            (func $tail (return_call $tail))
            (func (export "handler") (result i32) (local $b i64) (loop $for_ever {work} (br $for_ever)) (i32.const 0)))"#
    ))
}

/// How long after its statement_timeout the call ended; the best of three, since this machine has other work.
fn lateness(session: &mut Session, call: &str, what: &str) -> Duration {
    let once = |session: &mut Session| {
        let began = Instant::now();
        let refusal = session.refusal(call);
        assert_eq!(refusal.code, "57014", "{what}: {refusal}");
        assert!(refusal.message.contains("statement timeout"), "{what}: {refusal}");
        began.elapsed().saturating_sub(TIMEOUT)
    };
    (0..3).map(|_| once(session)).min().unwrap_or_default()
}

#[test]
fn loops_of_host_calls_end() {
    let mut db = Db::new("hostile_host_loops");
    db.deploy("trap", &guest("trap"), "entrypoint: handler\n");
    db.run("SET statement_timeout = '150ms'");
    let answer = "(call $free (call $FUNCTION (call $input)))";
    for (what, work, input) in [
        ("log", answer.replace("FUNCTION", "log"), r#"{"level": "error", "message": "again"}"#),
        ("Extism's log", "(call $log_error (call $alloc (i64.const 0)))".into(), "1"),
        ("env", answer.replace("FUNCTION", "env"), r#"{"key": "A"}"#),
        ("a query", answer.replace("FUNCTION", "db_query"), r#"{"sql": "SELECT 1"}"#),
        ("a query that fails", answer.replace("FUNCTION", "db_query"), r#"{"sql": "SELECT 1/0"}"#),
        ("a query that is no SQL", answer.replace("FUNCTION", "db_query"), r#"{"sql": "(("}"#),
        ("a request that is no request", answer.replace("FUNCTION", "db_query"), r#"{"no": "sql"}"#),
        (
            "a batch",
            answer.replace("FUNCTION", "db_batch"),
            r#"{"statements": [{"sql": "SELECT 1"}, {"sql": "SELECT 1/0"}]}"#,
        ),
        ("calls of a guest that traps", answer.replace("FUNCTION", "fn_invoke"), r#"{"name": "trap"}"#),
        ("calls of nobody", answer.replace("FUNCTION", "fn_invoke"), r#"{"name": "nobody"}"#),
        (
            "calls of itself",
            answer.replace("FUNCTION", "fn_invoke"),
            r#"{"name": "endless", "input": {"name": "endless", "input": {"name": "nobody"}}}"#,
        ),
        ("alloc and free", "(call $free (call $alloc (i64.const 1000)))".into(), "1"),
        (
            "a variable",
            "(local.set $b (call $alloc (i64.const 100000))) (call $var_set (i64.const 0) (local.get $b))".into(),
            "1",
        ),
        ("output", "(call $output_set (call $input) (i64.const 1))".into(), "1"),
        ("reset", "(call $reset)".into(), "1"),
        ("random bytes", "(drop (call $random (i32.const 0) (i32.const 60000000)))".into(), "1"),
        ("sleep", "(drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))".into(), "1"),
    ] {
        db.run("SET statement_timeout = 0");
        db.deploy("endless", &endless(&work), "timeout: 20s\nlog: all\n");
        db.run("SET statement_timeout = '150ms'");
        let call = format!("SELECT endless('{input}')");
        let late = lateness(&mut db, &call, what);
        assert!(late <= PROMPT, "{what} ended {late:?} after statement_timeout");
    }
}

#[test]
fn loops_of_long_instructions_end() {
    let mut db = Db::new("hostile_bulk_loops");
    for (what, work) in [
        ("memory.fill", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 33554432))"),
        ("memory.copy", "(memory.copy (i32.const 1) (i32.const 0) (i32.const 33554431))"),
        ("table.fill", "(table.fill $t (i32.const 0) (ref.null func) (i32.const 900000))"),
        ("table.copy", "(table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 899999))"),
        ("tail calls", "(call $tail)"),
    ] {
        db.run("SET statement_timeout = 0");
        db.deploy("endless", &endless(work), "timeout: 20s\n");
        db.run("SET statement_timeout = '150ms'");
        let late = lateness(&mut db, "SELECT endless('1')", what);
        assert!(late <= PROMPT, "{what} ended {late:?} after statement_timeout");
    }
}

#[test]
fn a_start_function_that_never_ends_ends() {
    let mut db = Db::new("hostile_start_loop");
    let wasm = assemble(
        r#"(module (func $start (loop $for_ever (br $for_ever))) (start $start) (func (export "handler") (result i32) (i32.const 0)))"#,
    );
    db.deploy("endless", &wasm, "timeout: 20s\n");
    db.run(
        "CREATE TABLE t (i int); CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION endless();
         SET statement_timeout = '150ms'",
    );
    for call in ["SELECT endless('1')", "INSERT INTO t VALUES (1)", "SELECT fn_invoke('endless')"] {
        let late = lateness(&mut db, call, call);
        assert!(late <= PROMPT, "{call} ended {late:?} after statement_timeout");
    }
}

#[test]
fn sql_that_never_ends_ends() {
    let mut db = Db::new("hostile_sql_loops");
    db.deploy_query();
    db.run(
        "CREATE FUNCTION spin() RETURNS int LANGUAGE plpgsql AS $$ BEGIN LOOP END LOOP; END $$;
         CREATE FUNCTION swallow() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
             LOOP BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$;
         SET statement_timeout = '150ms'",
    );
    for sql in [
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
        "SELECT count(*) FROM generate_series(1, 1000000000000) i",
        "SELECT spin()",
        "SELECT swallow()",
        "DO $$ BEGIN LOOP END LOOP; END $$",
    ] {
        let call = format!("SELECT query('{{\"sql\": \"{sql}\"}}')");
        let late = lateness(&mut db, &call, sql);
        assert!(late <= PROMPT, "{sql} ended {late:?} after statement_timeout");
    }
}

#[test]
fn sql_that_swallows_every_cancel_ends_with_its_backend() {
    let mut db = Db::new("hostile_deaf");
    db.deploy_query();
    db.run(
        "CREATE FUNCTION deaf() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
             LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$",
    );
    let mut victim = db.session();
    let pid = victim.pid();
    std::thread::scope(|scope| {
        let deaf = scope.spawn(move || victim.refusal(r#"SELECT query('{"sql": "SELECT deaf()"}')"#));
        alyx_tests::wait_until("it sleeps", || {
            db.value(&format!("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = {pid}")) == "t"
        });
        db.run(&format!("SELECT pg_cancel_backend({pid}), pg_sleep(0.1), pg_terminate_backend({pid}, 2000)"));
        let refusal = deaf.join().expect("the deaf session");
        assert!(["57P01", "closed"].contains(&refusal.code.as_str()), "{refusal}");
    });
    assert_eq!(db.value(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}")), "0");
}
