//! Versions: immutable, numbered, seen by others at their next call, undone with their transaction.

use alyx_tests::{Db, assemble, guest};
use std::thread;

/// A module that answers with the number 100 + `n` (below 1000) and differs from its siblings in nothing else.
fn number(n: u32) -> Vec<u8> {
    let [a, b, c] = [1 + n / 100, n / 10 % 10, n % 10].map(|digit| digit + 48);
    assemble(&format!(
        r#"(module
             (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
             (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
             (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
             (func (export "handler") (result i32) (local $block i64)
               (local.set $block (call $alloc (i64.const 3)))
               (call $store (local.get $block) (i32.const {a}))
               (call $store (i64.add (local.get $block) (i64.const 1)) (i32.const {b}))
               (call $store (i64.add (local.get $block) (i64.const 2)) (i32.const {c}))
               (call $output_set (local.get $block) (i64.const 3))
               (i32.const 0)))"#
    ))
}

/// What the current version answers.
fn answer(db: &mut Db) -> String {
    db.value("SELECT fn_invoke('number')")
}

#[test]
fn rollback_makes_an_older_version_current() {
    let mut db = Db::new("versions_rollback");
    for n in 1..=3 {
        assert_eq!(db.deploy("number", &number(n), "").version, n as i32);
    }
    assert_eq!(answer(&mut db), "103");
    assert_eq!(db.value("SELECT count(*) FROM fn_versions('number')"), "3");
    db.run("SELECT fn_rollback('number')");
    assert_eq!(answer(&mut db), "102");
    db.run("SELECT fn_rollback('number', 1)");
    assert_eq!(answer(&mut db), "101");
    assert_eq!(db.value("SELECT count(*) FROM fn_versions('number')"), "3");
    assert_eq!(db.value("SELECT number('{}')"), "101", "the SQL function follows the rollback");
    db.refused("SELECT fn_rollback('number', 99)", "42883");
    db.refused("SELECT fn_rollback('nobody')", "42883");
    assert_eq!(answer(&mut db), "101");
    assert_eq!(db.deploy("number", &number(4), "").version, 4, "numbers are never used twice");
    assert_eq!(answer(&mut db), "104");
}

#[test]
fn rollback_brings_limits_env_and_sql_functions_back() {
    let mut db = Db::new("versions_rollback_all");
    db.deploy("math", &guest("scalars"), "sql:\n  - create: plus(a int, b int) returns int\n    export: add\n");
    db.deploy(
        "math",
        &guest("scalars"),
        "sql:\n  - create: plus_long(a bigint, b bigint) returns bigint\n    export: add_long\n",
    );
    db.run("DROP FUNCTION plus(int, int); SELECT fn_rollback('math')");
    assert_eq!(db.value("SELECT plus(1, 2)"), "3", "the older version's SQL functions are made again");

    db.deploy_outcome("say", "\"old\"");
    db.deploy_outcome("say", "\"new\"");
    assert_eq!(db.value("SELECT say('{}')"), "\"new\"");
    db.run("SELECT fn_rollback('say')");
    assert_eq!(db.value("SELECT say('{}')"), "\"old\"");
}

#[test]
fn there_is_nothing_before_the_first_version() {
    let mut db = Db::new("versions_first");
    db.deploy("number", &number(1), "");
    db.refused("SELECT fn_rollback('number')", "42883");
    assert_eq!(answer(&mut db), "101");
}

#[test]
fn another_session_sees_the_new_version_at_its_next_call() {
    let mut db = Db::new("versions_sessions");
    db.deploy("number", &number(1), "");
    let mut other = db.session();
    assert_eq!(other.value("SELECT number('{}')"), "101");
    db.deploy("number", &number(2), "");
    assert_eq!(other.value("SELECT number('{}')"), "102");
    db.run("SELECT fn_rollback('number')");
    assert_eq!(other.value("SELECT number('{}')"), "101");
    db.run("SELECT fn_drop('number')");
    other.refused("SELECT number('{}')", "42883");
    other.refused("SELECT fn_invoke('number')", "42883");
}

#[test]
fn a_deploy_is_private_until_commit_and_gone_after_rollback() {
    let mut db = Db::new("versions_transaction");
    let mut other = db.session();
    db.run("BEGIN");
    db.deploy("number", &number(1), "");
    assert_eq!(answer(&mut db), "101", "the deploying transaction sees its own work");
    other.refused("SELECT fn_invoke('number')", "42883");
    db.run("ROLLBACK");
    db.refused("SELECT fn_invoke('number')", "42883");
    db.refused("SELECT number('{}')", "42883");
    for relation in ["alyx.functions", "alyx.versions", "alyx.hooks"] {
        assert_eq!(db.value(&format!("SELECT count(*) FROM {relation}")), "0", "{relation} after a rolled-back deploy");
    }
    assert_eq!(db.value("SELECT count(*) FROM pg_proc WHERE proname = 'number'"), "0");

    db.deploy("number", &number(1), "");
    db.run("BEGIN; SAVEPOINT before");
    db.deploy("number", &number(2), "");
    assert_eq!(answer(&mut db), "102");
    db.run("ROLLBACK TO before");
    assert_eq!(answer(&mut db), "101", "a rolled-back savepoint takes its version along");
    db.run("COMMIT");
    assert_eq!(answer(&mut db), "101");
    assert_eq!(other.value("SELECT fn_invoke('number')"), "101");
}

#[test]
fn concurrent_deploys_of_one_function_queue_up() {
    let mut db = Db::new("versions_concurrent");
    let deployers = 4;
    let each = 5;
    thread::scope(|scope| {
        for deployer in 0..deployers {
            let mut session = db.session();
            scope.spawn(move || {
                for n in 0..each {
                    session.deploy("number", &number(deployer * each + n), "");
                }
            });
        }
    });
    let total = deployers * each;
    assert_eq!(
        db.value("SELECT count(*), count(DISTINCT version), min(version), max(version) FROM alyx.versions"),
        format!("{total}|{total}|1|{total}")
    );
    let current = db.value("SELECT fn_invoke('number')");
    let last = db.session().value("SELECT number('{}')");
    assert_eq!(current, last);
}

#[test]
fn concurrent_deploys_of_different_functions_do_not_meet() {
    let mut db = Db::new("versions_parallel");
    thread::scope(|scope| {
        for deployer in 0..4 {
            let mut session = db.session();
            scope.spawn(move || {
                for n in 0..3 {
                    session.deploy(&format!("number{deployer}"), &number(n), "");
                }
            });
        }
    });
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "4");
    assert_eq!(db.value("SELECT count(*) FROM alyx.versions"), "12");
}

#[test]
fn a_call_in_flight_finishes_on_the_version_it_began_with() {
    let mut db = Db::new("versions_in_flight");
    db.deploy_query();
    let mut holder = db.session();
    holder.run("SELECT pg_advisory_lock(42)");
    thread::scope(|scope| {
        let mut caller = db.session();
        let call = scope.spawn(move || {
            let slow = caller.json(r#"SELECT query('{"sql": "SELECT 1 AS n FROM pg_advisory_lock(42)"}')"#);
            (slow, caller.attempt(r#"SELECT query('{"sql": "SELECT 1 AS n"}')"#))
        });
        alyx_tests::wait_until("the guest waits for the lock", || {
            holder.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "1"
        });
        // The new version has no export db_query any more.
        let mut deployer = db.session();
        let deployed = deployer.try_deploy("ask", &guest("echo"), "");
        holder.run("SELECT pg_advisory_unlock(42)");
        let (slow, next) = call.join().expect("the caller");
        assert_eq!(slow["rows"][0]["n"], 1, "{slow}");
        match deployed {
            Ok(_) => assert_eq!(next.expect_err("the export is gone").code, "42883"),
            Err(refusal) => assert!(next.is_ok(), "deploy was refused ({refusal}), so the old version stays"),
        }
    });
}

#[test]
fn drop_refuses_while_a_trigger_depends() {
    let mut db = Db::new("versions_drop");
    db.deploy_outcome("keep", "null");
    db.run("CREATE TABLE t (id int); CREATE TRIGGER keeper BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION keep()");
    let refusal = db.refused("SELECT fn_drop('keep')", "2BP01");
    assert!(refusal.to_string().contains("keeper"), "the trigger should be named: {refusal}");
    db.run("INSERT INTO t VALUES (1)");
    db.run("SELECT fn_drop('keep', true)");
    assert_eq!(db.value("SELECT count(*) FROM pg_trigger WHERE tgname = 'keeper'"), "0");
    db.run("INSERT INTO t VALUES (2)");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
    assert_eq!(db.value("SELECT count(*) FROM alyx.versions"), "0");
    assert_eq!(db.value("SELECT count(*) FROM pg_proc WHERE proname = 'keep'"), "0");
    db.refused("SELECT fn_drop('keep')", "42883");
    db.deploy_outcome("keep", "null");
}

#[test]
fn what_was_bound_by_hand_does_not_outlive_its_function_silently() {
    let mut db = Db::new("versions_bound");
    db.deploy_guest("echo");
    db.run("CREATE FUNCTION by_hand(text) RETURNS text LANGUAGE wasm AS 'echo'");
    match db.attempt("SELECT fn_drop('echo')") {
        Err(refusal) => assert_eq!(refusal.code, "2BP01", "{refusal}"),
        Ok(_) => {
            db.refused("SELECT by_hand('a')", "42883");
        }
    }
}

#[test]
fn env_set_later_is_seen_at_the_next_call() {
    let mut db = Db::new("versions_env");
    db.deploy_outcome("say", "\"one\"");
    let mut other = db.session();
    assert_eq!(other.value("SELECT say('{}')"), "\"one\"");
    db.run("SELECT fn_set_env('say', 'OUTCOME', '\"two\"')");
    assert_eq!(db.value("SELECT say('{}')"), "\"two\"");
    assert_eq!(other.value("SELECT say('{}')"), "\"two\"");
    db.refused("SELECT fn_set_env('nobody', 'A', 'b')", "42883");
    db.refused("SELECT fn_set_env('say', 'not good', 'b')", "22023");
}
