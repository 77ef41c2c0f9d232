//! Locks that a guest takes: on the extension's tables none that stop others, and none that outlive the transaction unless
//! its caller could hold them as well.

use alyx_tests::{Db, Session, guest, literal};
use serde_json::json;

const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype IN ('advisory', 'relation')
    AND (locktype = 'advisory' OR relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'alyx'::regnamespace AND relkind = 'r') AND mode NOT LIKE 'AccessShare%')";

fn ask(session: &mut Session, sql: &str) -> serde_json::Value {
    session.json(&format!("SELECT probe({})", literal(&json!({ "sql": sql }).to_string())))
}

/// Others deploy, change and call within a second.
fn assert_others_go_on(db: &Db, other: &str, what: &str) {
    let mut session = db.session_as(other);
    session.run("SET statement_timeout = '3s'");
    session.deploy("theirs", &guest("echo"), &format!("description: {}\n", literal(what)));
    session
        .run("SELECT fn_set_env('theirs', 'A', 'b'), theirs('1'), fn_invoke('theirs'), count(*) FROM alyx.functions");
    session.run("SELECT fn_drop('theirs')");
}

#[test]
fn the_extensions_tables_cannot_be_locked() {
    let mut db = Db::new("hostile_locks");
    let (mallory, other) = (db.deployer("mallory"), db.deployer("other"));
    let mut session = db.session_as(&mallory);
    session.deploy("probe", &guest("ask"), "entrypoint: db_query\n");
    let mut commands = Vec::new();
    for table in ["_function", "_version", "_module", "_job", "functions", "versions"] {
        for mode in ["ACCESS EXCLUSIVE", "EXCLUSIVE", "SHARE ROW EXCLUSIVE", "ROW EXCLUSIVE"] {
            commands.push(format!("LOCK TABLE alyx.{table} IN {mode} MODE"));
        }
    }
    commands.push("SELECT * FROM alyx.functions FOR UPDATE".into());
    commands.push("SELECT * FROM alyx.functions FOR KEY SHARE".into());
    commands.push("SELECT 1 FROM alyx._function FOR SHARE".into());
    for command in commands {
        for caller in [&mut session, &mut *db] {
            caller.run("BEGIN");
            let reply = ask(caller, &command);
            assert!(["42501", "0A000"].contains(&reply["error"]["code"].as_str().unwrap_or("")), "{command}: {reply}");
            assert_eq!(caller.value(LOCKS), "0", "{command}");
            caller.run("ROLLBACK");
        }
    }
    assert_others_go_on(&db, &other, "after all");
}

#[test]
fn an_open_deploy_holds_up_nobody_elses() {
    let mut db = Db::new("hostile_open_deploy");
    let (mallory, other) = (db.deployer("mallory"), db.deployer("other"));
    let mut session = db.session_as(&mallory);
    session.deploy("mine", &guest("ask"), "entrypoint: db_query\n");
    for open in [
        "SELECT fn_set_env('mine', 'A', 'b')",
        "SELECT fn_drop('mine', true)",
        "LOCK TABLE alyx.functions IN ACCESS SHARE MODE",
        "SELECT fn_invoke('mine', '{\"sql\": \"SELECT pg_advisory_xact_lock_shared(1)\"}')",
    ] {
        session.run(&format!("BEGIN; {open}"));
        assert_others_go_on(&db, &other, open);
        session.run("ROLLBACK");
    }
    session.run("BEGIN");
    session.deploy("new", &guest("trap"), "entrypoint: handler\n");
    session.deploy("mine", &guest("silent"), "");
    assert_others_go_on(&db, &other, "deploys");
    session.run("ROLLBACK");
}

#[test]
fn a_guests_locks_end_with_its_transaction_or_are_its_callers() {
    let mut db = Db::new("hostile_lock_ends");
    db.deploy("probe", &guest("ask"), "entrypoint: db_query\n");
    db.run("CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    let mut other = db.session();
    for sql in ["SELECT pg_advisory_xact_lock(5)", "LOCK TABLE t", "SELECT * FROM t FOR UPDATE"] {
        db.run("BEGIN");
        assert!(ask(&mut db, sql)["error"].is_null(), "{sql}");
        db.run("ROLLBACK");
        assert_eq!(db.value("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND (locktype = 'advisory' OR relation = 't'::regclass)"), "0", "{sql}");
    }
    // A session's lock is Postgres' own affair: the caller has it and can give it back.
    assert!(ask(&mut db, "SELECT pg_advisory_lock(6)")["error"].is_null());
    assert_eq!(other.value("SELECT pg_try_advisory_lock(6)"), "f");
    assert_eq!(db.value("SELECT pg_advisory_unlock(6)"), "t");
    assert_eq!(other.value("SELECT pg_try_advisory_lock(6)"), "t");
}
