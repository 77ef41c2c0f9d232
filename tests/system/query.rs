//! db_query and db_batch: values both ways, failure as a value, nothing spliced.

use alyx_tests::{Db, literal};
use serde_json::json;

fn db(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_query();
    db
}

#[test]
fn a_query_answers_with_columns_rows_and_a_count() {
    let mut db = db("query_shape");
    let reply =
        db.json(r#"SELECT query('{"sql": "SELECT 1 AS a, ''x'' AS b, NULL AS c UNION ALL SELECT 2, ''y'', NULL"}')"#);
    assert_eq!(reply["rows"], json!([{"a": 1, "b": "x", "c": null}, {"a": 2, "b": "y", "c": null}]), "{reply:#}");
    assert_eq!(reply["row_count"], 2, "{reply:#}");
    assert!(reply["columns"].to_string().contains("\"b\""), "{reply:#}");
    db.run("CREATE TABLE t (id serial, v text)");
    let reply = db.json(r#"SELECT query('{"sql": "INSERT INTO t (v) VALUES (''a''), (''b'')"}')"#);
    assert_eq!((&reply["row_count"], &reply["rows"]), (&json!(2), &json!([])), "{reply:#}");
    let reply = db.json(r#"SELECT query('{"sql": "UPDATE t SET v = upper(v) RETURNING id, v"}')"#);
    assert_eq!(reply["rows"], json!([{"id": 1, "v": "A"}, {"id": 2, "v": "B"}]), "{reply:#}");
    let reply = db.json(r#"SELECT query('{"sql": "DELETE FROM t WHERE id = $1", "params": [1]}')"#);
    assert_eq!(reply["row_count"], 1, "{reply:#}");
    let reply = db.json(r#"SELECT query('{"sql": "CREATE TABLE made (id int)"}')"#);
    assert_eq!(reply["error"], json!(null), "{reply:#}");
    assert_eq!(db.value("SELECT to_regclass('made')"), "made");
    let reply = db
        .json(r#"SELECT query('{"sql": "WITH gone AS (DELETE FROM t RETURNING id) SELECT count(*) AS n FROM gone"}')"#);
    assert_eq!(reply["rows"][0]["n"], 1, "{reply:#}");
    let reply = db.json(r#"SELECT query('{"sql": "SELECT FROM t"}')"#);
    assert_eq!(reply["row_count"], 0, "{reply:#}");
    let reply = db.json(r#"SELECT query('{"sql": "VALUES (1), (2)"}')"#);
    assert_eq!(reply["row_count"], 2, "{reply:#}");
    let reply = db.json(r#"SELECT query('{"sql": "EXPLAIN SELECT 1"}')"#);
    assert_eq!(reply["row_count"], 1, "{reply:#}");
}

#[test]
fn several_statements_in_one_request_are_refused() {
    let mut db = db("query_several");
    db.run("CREATE TABLE t (id int)");
    let reply = db.json(r#"SELECT query('{"sql": "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"}')"#);
    assert!(reply["error"]["code"].is_string(), "{reply}");
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
    let reply = db.json(r#"SELECT query('{"sql": "SELECT 1;"}')"#);
    assert_eq!(reply["row_count"], 1, "a trailing semicolon is no second statement: {reply}");
}

#[test]
fn a_failed_statement_is_a_value_and_undone_alone() {
    let mut db = Db::new("query_error_value");
    db.deploy_script();
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let replies = db.json(
        r#"SELECT script(E'q{"sql": "INSERT INTO t VALUES (1)"}\nq{"sql": "INSERT INTO t VALUES (2), (1)"}\nq{"sql": "INSERT INTO t VALUES (3)"}\nq{"sql": "SELECT nonsense"}\nq{"sql": "SELECT id FROM t ORDER BY id"}')"#,
    );
    assert_eq!(replies[0]["row_count"], 1, "{replies:#}");
    let error = &replies[1]["error"];
    assert_eq!(
        (&error["code"], &error["constraint"], &error["table"], &error["schema"]),
        (&json!("23505"), &json!("t_pkey"), &json!("t"), &json!("public")),
        "{replies:#}"
    );
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("t_pkey"))
            && error["detail"].as_str().is_some_and(|text| text.contains("(id)=(1)")),
        "{replies:#}"
    );
    assert_eq!(replies[3]["error"]["code"], "42703", "{replies:#}");
    assert_eq!(replies[4]["rows"], json!([{"id": 1}, {"id": 3}]), "{replies:#}");
    assert_eq!(db.rows("SELECT id FROM t ORDER BY id"), ["1", "3"]);
}

#[test]
fn a_handled_error_after_a_write_in_the_same_transaction_keeps_the_transaction_alive() {
    let mut db = Db::new("query_transaction_alive");
    db.deploy_script();
    db.run("CREATE TABLE t (id int PRIMARY KEY); BEGIN; INSERT INTO t VALUES (1)");
    db.run(r#"SELECT script('q{"sql": "INSERT INTO t VALUES (1)"}')"#);
    db.run("INSERT INTO t VALUES (2); COMMIT");
    assert_eq!(db.rows("SELECT id FROM t ORDER BY id"), ["1", "2"]);
}

#[test]
fn a_batch_is_all_or_none() {
    let mut db = db("query_batch");
    db.create_ask("batch", "db_batch");
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let reply = db.value(r#"SELECT batch('{"statements": [{"sql": "INSERT INTO t VALUES ($1)", "params": [1]}, {"sql": "INSERT INTO t VALUES (2) RETURNING id"}]}')"#);
    assert!(!reply.contains("\"error\"") && reply.contains("\"id\": 2"), "{reply}");
    assert_eq!(db.value("SELECT count(*) FROM t"), "2");
    let reply = db.json(r#"SELECT batch('{"statements": [{"sql": "INSERT INTO t VALUES (3)"}, {"sql": "INSERT INTO t VALUES (1)"}, {"sql": "INSERT INTO t VALUES (4)"}]}')"#);
    assert_eq!(reply["error"]["code"], "23505", "{reply}");
    assert_eq!(db.value("SELECT count(*) FROM t"), "2", "the batch's first statement is undone too");
    let reply = db.value(r#"SELECT batch('{"statements": []}')"#);
    assert!(!reply.contains("\"error\""), "{reply}");
}

#[test]
fn what_the_manifest_says_about_the_database_holds() {
    let mut db = Db::new("query_access");
    db.run("CREATE TABLE t (id int); CREATE SEQUENCE s; CREATE FUNCTION sneak() RETURNS int LANGUAGE sql VOLATILE AS $$ INSERT INTO t VALUES (1) RETURNING id $$");
    for access in ["none", "read"] {
        db.deploy(
            &format!("{access}_db"),
            &alyx_tests::guest("ask"),
            &format!("database: {access}\nentrypoint: db_query\n"),
        );
    }
    let reply = db.json(r#"SELECT none_db('{"sql": "SELECT 1"}')"#);
    assert_eq!(reply["error"]["code"], "42501", "{reply}");
    let reply = db.json(r#"SELECT read_db('{"sql": "SELECT count(*) AS n FROM t"}')"#);
    assert_eq!(reply["rows"][0]["n"], 0, "{reply}");
    for sql in [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET id = 1",
        "DELETE FROM t",
        "TRUNCATE t",
        "CREATE TABLE made ()",
        "WITH w AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM w",
        "SELECT sneak()",
        "SELECT nextval('s')",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
        "DO $$ BEGIN INSERT INTO t VALUES (1); END $$",
        "SELECT id FROM t FOR UPDATE",
        "SELECT set_config('transaction_read_only', 'off', true)",
    ] {
        let reply = db.json(&format!("SELECT read_db({})", literal(&json!({"sql": sql}).to_string())));
        let code = reply["error"]["code"].as_str().unwrap_or("none");
        assert!(["42501", "25006", "25001"].contains(&code), "{sql}: {reply}");
    }
    assert_eq!(db.value("SELECT count(*), (SELECT is_called FROM s) FROM t"), "0|f");
    db.run("INSERT INTO t VALUES (1)");
    assert_eq!(
        db.value("SELECT current_setting('transaction_read_only')"),
        "off",
        "the limit is the guest's, not the session's"
    );
}

#[test]
fn a_function_declared_stable_may_not_write() {
    let mut db = Db::new("query_stable");
    db.deploy_guest("ask");
    db.run("CREATE TABLE t (id int); CREATE FUNCTION q(jsonb) RETURNS jsonb LANGUAGE wasm STABLE AS 'ask:db_query'");
    let reply = match db.attempt(r#"SELECT q('{"sql": "INSERT INTO t VALUES (1)"}')"#) {
        Ok(rows) => rows.join(""),
        Err(refusal) => refusal.code,
    };
    assert!(reply.contains("0A000") || reply.contains("25006") || reply.contains("42501"), "{reply}");
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
}

#[test]
fn a_plan_outlives_the_table_it_was_made_for() {
    let mut db = db("query_plans");
    for round in 0..3 {
        db.run(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v{round} text); INSERT INTO t VALUES (1, 'x')"
        ));
        let reply = db.json(r#"SELECT query('{"sql": "SELECT * FROM t"}')"#);
        assert_eq!(reply["rows"], json!([{"id": 1, format!("v{round}"): "x"}]), "{reply}");
        db.run("ALTER TABLE t ALTER id TYPE text");
        let reply = db.json(r#"SELECT query('{"sql": "SELECT * FROM t"}')"#);
        assert_eq!(reply["rows"][0]["id"], "1", "{reply}");
    }
    db.run("CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.which AS SELECT 'a' AS w; CREATE TABLE b.which AS SELECT 'b' AS w");
    for schema in ["a", "b"] {
        db.run(&format!("SET search_path = {schema}, public"));
        assert_eq!(db.json(r#"SELECT query('{"sql": "SELECT w FROM which"}')"#)["rows"][0]["w"], schema);
    }
}

#[test]
fn thousands_of_statements_do_not_grow_the_backend() {
    let mut db = db("query_growth");
    let burst = |db: &mut Db, from: u32| {
        db.run(&format!(
            "SELECT query(jsonb_build_object('sql', 'SELECT ' || i || ' AS n')) FROM generate_series({from}, {}) i",
            from + 2000
        ))
    };
    burst(&mut db, 0);
    let before = db.resident_bytes();
    for round in 1..4 {
        burst(&mut db, round * 10_000);
    }
    let grown = db.resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "6000 different statements grew the backend by {grown} bytes");
}

#[test]
fn triggers_constraints_and_notices_inside_guest_sql_behave() {
    let mut db = db("query_inside");
    db.run("CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'from the trigger'; RETURN NEW; END $$; CREATE TABLE t (id int); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION shout()");
    let reply = db.json(r#"SELECT query('{"sql": "INSERT INTO t VALUES (1) RETURNING id"}')"#);
    assert_eq!(reply["rows"][0]["id"], 1, "{reply}");
}
