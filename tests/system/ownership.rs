//! Owners that change, leave, or pull the rug from under their own running function.

use alyx_tests::{Db, guest, literal};
use serde_json::json;

fn ask(sql: &str) -> String {
    format!("SELECT query({})", literal(&json!({ "sql": sql }).to_string()))
}

#[test]
fn an_owner_that_leaves_does_not_break_the_catalog() {
    let mut db = Db::new("ownership_dropped");
    let owner = db.deployer("owner");
    db.session_as(&owner).deploy("library", &guest("scalars"), "");
    db.deploy_guest("echo");
    // Either the role cannot go while it owns a function, or what it leaves behind can be seen and dropped.
    if db.attempt(&format!("DROP ROLE {owner}")).is_err() {
        db.run(&format!("DROP OWNED BY {owner}"));
        db.run(&format!("REVOKE ALL ON SCHEMA public FROM {owner}"));
        let _ = db.attempt(&format!("DROP ROLE {owner}"));
    }
    db.run("SELECT * FROM alyx.functions; SELECT * FROM alyx.versions");
    let _ = db.attempt("SELECT fn_drop('library')");
    assert_eq!(db.value("SELECT echo('1')"), "1");
    let dump = db.server().client_program("pg_dump", db.name()).output().expect("pg_dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
}

#[test]
fn a_function_can_be_given_to_another_role() {
    let mut db = Db::new("ownership_given");
    let (old, new) = (db.deployer("old"), db.deployer("new"));
    db.session_as(&old).deploy("echo", &guest("echo"), "");
    db.run(&format!("REASSIGN OWNED BY {old} TO {new}"));
    // The SQL functions belong to another role than the function now: they run for neither, or for the new owner.
    match db.session_as(&new).attempt("SELECT echo('1')") {
        Ok(rows) => assert_eq!(rows, ["1"]),
        Err(refusal) => assert_eq!(refusal.code, "42501", "{refusal}"),
    }
    let again = db.try_deploy("echo", &guest("echo"), "timeout: 3s\n");
    assert!(again.is_ok(), "a superuser can deploy it again: {again:?}");
}

#[test]
fn a_function_may_drop_or_replace_itself_while_it_runs() {
    let mut db = Db::new("ownership_self");
    for sql in [
        "DROP FUNCTION query(jsonb)",
        "CREATE OR REPLACE FUNCTION query(request jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT $1'",
        "SELECT fn_drop('ask', true)",
        "SELECT fn_rollback('ask', 1)",
        "SELECT fn_set_env('ask', 'A', 'b')",
        "DROP EXTENSION alyx_functions CASCADE",
    ] {
        db.run("DROP EXTENSION IF EXISTS alyx_functions CASCADE; CREATE EXTENSION alyx_functions; DROP FUNCTION IF EXISTS query(jsonb)");
        db.deploy_query();
        db.deploy("ask", &guest("ask"), "timeout: 9s\n");
        db.run("SELECT query('{\"sql\": \"SELECT 1\"}')");
        match db.attempt(&ask(sql)) {
            Ok(rows) => assert_eq!(rows.len(), 1, "{sql}: {rows:?}"),
            Err(refusal) => assert!(refusal.code != "XX000" && refusal.code != "closed", "{sql}: {refusal}"),
        }
        assert_eq!(db.value("SELECT 1"), "1", "after {sql}");
        let _ = db.attempt("SELECT query('{\"sql\": \"SELECT 2\"}')");
        assert_eq!(db.value("SELECT 1"), "1", "after {sql} and a call");
    }
}

#[test]
fn a_table_dropped_by_its_own_trigger() {
    let mut db = Db::new("ownership_table");
    for sql in ["DROP TABLE public.t", "ALTER TABLE public.t DROP COLUMN v", "TRUNCATE public.t"] {
        db.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v text)");
        db.deploy(
            "saw",
            &guest("configured"),
            &format!("env:\n  QUERY: {}\n", literal(&json!({"sql": sql}).to_string())),
        );
        db.run("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION saw()");
        let refusal = db.refusal("INSERT INTO t VALUES (1, 'x')");
        assert_eq!(refusal.code, "55006", "as for any trigger: {sql}: {refusal}");
    }
}

#[test]
fn a_guest_that_cancels_or_terminates_its_own_backend() {
    let mut db = Db::new("ownership_cancel");
    db.deploy_query();
    db.refused(&ask("SELECT pg_cancel_backend(pg_backend_pid())"), "57014");
    assert_eq!(db.value("SELECT 1"), "1");
    let refusal = db.session().refusal(&ask("SELECT pg_terminate_backend(pg_backend_pid())"));
    assert!(["57P01", "closed"].contains(&refusal.code.as_str()), "{refusal}");
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn statements_that_cannot_run_in_a_function_are_errors() {
    let mut db = Db::new("ownership_utility");
    db.deploy_query();
    db.run("CREATE TABLE t (id int)");
    for sql in [
        "VACUUM t",
        "CREATE INDEX CONCURRENTLY i ON t (id)",
        "CREATE DATABASE nope",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "REINDEX DATABASE",
        "CLUSTER",
    ] {
        let reply = db.json(&ask(sql));
        let code = reply["error"]["code"].as_str().unwrap_or("success");
        assert!(["25001", "42501", "0A000", "42601"].contains(&code), "{sql}: {reply}");
    }
}
