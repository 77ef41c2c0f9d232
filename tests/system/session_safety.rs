//! A guest cannot leave its role, its transaction or the database: every way out is 42501, and the session is what it was.

use alyx_tests::{Db, guest, literal};
use serde_json::json;

const STATE: &str = "SELECT current_user, session_user, current_setting('role'), current_setting('session_authorization'), current_setting('is_superuser'), current_setting('search_path'), current_setting('transaction_isolation')";

fn ask(db: &mut alyx_tests::Session, sql: &str) -> serde_json::Value {
    db.json(&format!("SELECT query({})", literal(&json!({"sql": sql}).to_string())))
}

/// Asks for each statement, as superuser and as an ordinary caller; each must be refused with one of `codes` and change nothing.
fn assert_refused(test: &str, statements: &[&str], codes: &[&str]) {
    let mut db = Db::new(test);
    db.deploy_query();
    let caller = db.role("caller");
    db.run(&format!(
        "CREATE TABLE t (id int); GRANT ALL ON t TO {caller}; GRANT EXECUTE ON FUNCTION query(jsonb) TO {caller};
         CREATE PROCEDURE committing() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
         CREATE PROCEDURE aborting() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$"
    ));
    let mut ordinary = db.session_as(&caller);
    let mut got_through = Vec::new();
    for session in [&mut *db, &mut ordinary] {
        let before = session.value(STATE);
        for statement in statements {
            let statement = statement.replace("$ROLE", &caller);
            session.run("BEGIN; INSERT INTO t VALUES (1)");
            let reply = ask(session, &statement);
            let code = reply["error"]["code"].as_str().unwrap_or("success");
            if !codes.contains(&code) {
                got_through.push(format!("{statement}: {reply}"));
            }
            assert_eq!(session.value(STATE), before, "after {statement}");
            assert_eq!(session.value("SELECT count(*) FROM t"), "1", "the transaction is still open after {statement}");
            session.run("ROLLBACK");
            assert_eq!(
                session.value("SELECT count(*) FROM t"),
                "0",
                "the transaction could be rolled back after {statement}"
            );
            assert_eq!(session.value(STATE), before, "after {statement} and rollback");
        }
    }
    assert!(got_through.is_empty(), "{}", got_through.join("\n"));
}

#[test]
fn roles_cannot_be_changed() {
    assert_refused(
        "safety_roles",
        &[
            "SET ROLE $ROLE",
            "SET LOCAL ROLE $ROLE",
            "SET ROLE none",
            "set /* hidden */ role postgres",
            "RESET ROLE",
            "SET SESSION AUTHORIZATION $ROLE",
            "SET SESSION AUTHORIZATION DEFAULT",
            "SET LOCAL SESSION AUTHORIZATION $ROLE",
            "RESET SESSION AUTHORIZATION",
            "SET role = '$ROLE'",
            "SET session_authorization = '$ROLE'",
            "SELECT set_config('role', '$ROLE', false)",
            "SELECT set_config('role', 'none', true)",
            "SELECT set_config('ROLE', '$ROLE', false)",
            "SELECT set_config('session_authorization', '$ROLE', false)",
        ],
        &["42501"],
    );
}

#[test]
fn roles_cannot_be_changed_from_within_other_languages() {
    assert_refused(
        "safety_roles_hidden",
        &[
            "DO $$ BEGIN SET ROLE $ROLE; END $$",
            "DO $$ BEGIN EXECUTE 'SET ' || 'ROLE $ROLE'; END $$",
            "DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$",
            "DO $$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION $ROLE'; END $$",
            "DO $$ BEGIN PERFORM set_config('role', '$ROLE', false); END $$",
            "WITH x AS (SELECT set_config('role', '$ROLE', false)) SELECT * FROM x",
            "EXPLAIN ANALYZE SELECT set_config('role', '$ROLE', false)",
        ],
        &["42501"],
    );
}

#[test]
fn transactions_cannot_be_controlled() {
    assert_refused(
        "safety_transactions",
        &[
            "COMMIT",
            "END",
            "BEGIN",
            "START TRANSACTION",
            "ROLLBACK",
            "ABORT",
            "COMMIT AND CHAIN",
            "SAVEPOINT s",
            "RELEASE s",
            "ROLLBACK TO s",
            "PREPARE TRANSACTION 'x'",
            "COMMIT PREPARED 'x'",
            "ROLLBACK PREPARED 'x'",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        ],
        &["42501"],
    );
}

#[test]
fn transactions_cannot_be_controlled_from_within_procedures() {
    assert_refused(
        "safety_transactions_hidden",
        &[
            "DO $$ BEGIN COMMIT; END $$",
            "DO $$ BEGIN ROLLBACK; END $$",
            "CALL committing()",
            "CALL aborting()",
            "DO $$ BEGIN CALL committing(); END $$",
        ],
        &["42501", "2D000"],
    );
}

#[test]
fn the_server_stays_out_of_reach() {
    assert_refused(
        "safety_server",
        &[
            "COPY t TO PROGRAM 'id > /tmp/alyx-was-here'",
            "COPY t FROM PROGRAM 'echo 1'",
            "COPY t TO '/tmp/alyx-was-here'",
            "COPY t FROM '/etc/passwd'",
            "COPY (SELECT 1) TO PROGRAM 'id'",
            "copy/**/t to program 'id'",
            "DO $$ BEGIN COPY t TO PROGRAM 'id'; END $$",
            "DO $$ BEGIN EXECUTE 'COPY t FROM ''/etc/passwd'''; END $$",
            "LISTEN channel",
            "UNLISTEN *",
            "LOAD 'auto_explain'",
            "DO $$ BEGIN LOAD 'auto_explain'; END $$",
            "DO $$ BEGIN EXECUTE 'LISTEN channel'; END $$",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "DO $$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'; END $$",
        ],
        &["42501"],
    );
    assert!(!std::path::Path::new("/tmp/alyx-was-here").exists());
}

#[test]
fn the_session_cannot_be_discarded() {
    assert_refused("safety_discard", &["DISCARD ALL"], &["42501", "25001"]);
    assert_refused(
        "safety_reset",
        &["RESET ALL", "DO $$ BEGIN RESET ALL; END $$", "ALTER SYSTEM SET work_mem = '64kB'"],
        &["42501"],
    );
}

#[test]
fn client_side_copy_does_not_talk_to_the_client() {
    assert_refused("safety_copy", &["COPY t TO STDOUT", "COPY t FROM STDIN"], &["42501", "0A000"]);
}

#[test]
fn a_function_with_a_set_clause_cannot_change_the_role_either() {
    let mut db = Db::new("safety_set_clause");
    db.deploy_query();
    let caller = db.role("caller");
    let other = db.role("other");
    db.run(&format!("GRANT {other} TO {caller}; GRANT EXECUTE ON FUNCTION query(jsonb) TO {caller}; GRANT CREATE ON SCHEMA public TO {caller}"));
    let mut session = db.session_as(&caller);
    session.run(&format!("CREATE FUNCTION public.sneak() RETURNS text LANGUAGE sql SET role = '{other}' AS $$ SELECT current_user::text $$"));
    let reply = ask(&mut session, "SELECT public.sneak() AS who");
    assert!(reply["error"]["code"] == "42501", "{reply}");
    assert_eq!(session.value("SELECT current_user"), caller);
}

#[test]
fn settings_a_guest_changes_do_not_outlive_its_transaction_unless_the_caller_could() {
    let mut db = Db::new("safety_settings");
    db.deploy_query();
    let caller = db.role("caller");
    db.run(&format!("GRANT EXECUTE ON FUNCTION query(jsonb) TO {caller}"));
    let mut session = db.session_as(&caller);
    for statement in [
        "SET alyx_functions.superuser_guard = off",
        "SET session_replication_role = replica",
        "SET log_statement = 'none'",
        "SELECT set_config('alyx_functions.superuser_guard', 'off', false)",
    ] {
        let reply = ask(&mut session, statement);
        assert_eq!(reply["error"]["code"], "42501", "{statement}: {reply}");
    }
    // What the caller could set too goes back as soon as the guest has ended, at whatever depth it was set.
    let settings = "SELECT current_setting('work_mem'), current_setting('search_path'), current_setting('my.own', true), current_setting('transaction_read_only')";
    session.run("SET work_mem = '5MB'; SET search_path = public; SET my.own = 'mine'");
    for statement in [
        "SET work_mem = '6MB'",
        "SET LOCAL search_path = pg_temp",
        "SET search_path = pg_temp",
        "SELECT set_config('my.own', 'forged', false), set_config('my.own', 'forged', true)",
        "DO $$ BEGIN SET work_mem = '6MB'; PERFORM set_config('search_path', 'pg_temp', false); END $$",
        "SELECT set_config('transaction_read_only', 'on', true)",
    ] {
        for transaction in ["", "BEGIN"] {
            session.run(transaction);
            let before = session.value(settings);
            let reply = ask(&mut session, statement);
            assert!(reply["error"].is_null(), "{statement}: {reply}");
            assert_eq!(session.value(settings), before, "after {statement}");
            session.run(if transaction.is_empty() { "" } else { "COMMIT" });
            assert_eq!(session.value(settings), before, "after {statement} and the end of the transaction");
        }
    }
}

#[test]
fn jwt_claims_cannot_be_forged_for_the_rest_of_the_transaction_unnoticed() {
    let mut db = Db::new("safety_claims");
    db.deploy_query();
    // A guest may do what its caller may; a setting of the caller's own stays the caller's business.
    db.run("BEGIN; SET LOCAL request.jwt.claims = '{\"sub\": \"me\"}'");
    let reply = ask(&mut db, "SELECT current_setting('request.jwt.claims') AS c");
    assert_eq!(reply["rows"][0]["c"], "{\"sub\": \"me\"}", "{reply}");
    db.run("ROLLBACK");
}

#[test]
fn triggers_are_held_to_the_same_rules() {
    let mut db = Db::new("safety_trigger");
    let caller = db.role("caller");
    db.run(&format!("CREATE TABLE t (id int); GRANT ALL ON t TO {caller}"));
    for statement in
        ["SET ROLE postgres", "RESET ROLE", "SET SESSION AUTHORIZATION postgres", "COMMIT", "COPY t TO PROGRAM 'id'"]
    {
        let request = literal(&json!({"sql": statement}).to_string());
        db.deploy("escape", &guest("configured"), &format!("env:\n  QUERY: {request}\n"));
        db.run("DROP TRIGGER IF EXISTS tr ON t; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION escape()");
        let mut session = db.session_as(&caller);
        session.refused("INSERT INTO t VALUES (1)", "42501");
        assert_eq!(session.value("SELECT current_user, session_user"), format!("{caller}|{caller}"), "{statement}");
    }
}

#[test]
fn identity_is_restored_after_every_kind_of_end() {
    let mut db = Db::new("safety_ends");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    session.deploy("script", &guest("script"), "run_as: owner\n");
    session.run("CREATE FUNCTION script(lines text) RETURNS jsonb LANGUAGE wasm AS 'script'");
    session.run("GRANT EXECUTE ON FUNCTION script(text) TO PUBLIC");
    let caller = db.role("caller");
    // Not only the superuser: what runs last is the extension's own SQL, as a superuser.
    let mut ordinary = db.session_as(&caller);
    for lines in [
        r#"q{"sql": "SELECT 1"}"#,
        r#"q{"sql": "SELECT nonsense"}"#,
        "x",
        "t",
        r#"r{"sqlstate": "P0001", "message": "m"}"#,
    ] {
        let _ = db.attempt(&format!("SELECT script({})", literal(lines)));
        assert_eq!(db.value("SELECT current_user, session_user"), "postgres|postgres", "after {lines}");
        ordinary.run("BEGIN");
        let _ = ordinary.attempt(&format!("SELECT script({})", literal(lines)));
        let _ = ordinary.attempt("ROLLBACK TO nothing");
        ordinary.run("ROLLBACK");
        let _ = ordinary.attempt(&format!("SELECT script({})", literal(lines)));
        assert_eq!(ordinary.value("SELECT current_user, session_user"), format!("{caller}|{caller}"), "after {lines}");
    }
    db.run("SET statement_timeout = '100ms'");
    db.refused("SELECT script('s')", "57014");
    db.run("RESET statement_timeout");
    assert_eq!(db.value("SELECT current_user, session_user"), "postgres|postgres", "after a timeout");
}
