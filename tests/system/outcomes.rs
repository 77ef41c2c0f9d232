//! What a trigger function may do to its row. `configured` answers with the outcome in its environment.

use alyx_tests::{Db, guest, literal};

#[test]
fn row_merges_into_new() {
    let mut db = Db::new("outcomes_row");
    db.deploy_outcome(
        "set_slug",
        r#"{"row": {"slug": "hello", "tags": ["a", "b"], "price": 12345678901234567890.000000001}}"#,
    );
    db.run("CREATE TABLE t (id int, slug text, tags text[], price numeric, kept text DEFAULT 'kept')");
    db.run("CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION set_slug()");
    assert_eq!(
        db.value("INSERT INTO t (id, slug) VALUES (1, 'mine') RETURNING *"),
        "1|hello|{a,b}|12345678901234567890.000000001|kept"
    );
    assert_eq!(
        db.value("UPDATE t SET slug = 'again', id = 2 RETURNING *"),
        "2|hello|{a,b}|12345678901234567890.000000001|kept"
    );
    assert_eq!(db.value("SELECT * FROM t"), "2|hello|{a,b}|12345678901234567890.000000001|kept");
}

#[test]
fn a_row_may_set_null() {
    let mut db = Db::new("outcomes_row_null");
    db.deploy_outcome("forget", r#"{"row": {"b": null}}"#);
    db.run(
        "CREATE TABLE t (a int, b text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION forget()",
    );
    assert_eq!(db.value("INSERT INTO t VALUES (1, 'x') RETURNING *"), "1|NULL");
}

#[test]
fn an_unchanged_or_empty_row_keeps_everything_bit_for_bit() {
    let mut db = Db::new("outcomes_row_same");
    db.deploy_outcome("same", r#"{"row": {}}"#);
    db.run("CREATE TABLE t (f float8, n numeric, c char(4), b bytea, big text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION same()");
    assert_eq!(
        db.value(
            "INSERT INTO t VALUES (0.1, 1.000, 'a', '\\x00ff', repeat('x', 100000)) RETURNING f, n, c, b, length(big)"
        ),
        "0.1|1.000|a   |\\x00ff|100000"
    );
}

#[test]
fn skip_drops_the_row() {
    let mut db = Db::new("outcomes_skip");
    db.deploy_outcome("skip", r#"{"skip": true}"#);
    db.run("CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE TRIGGER tr BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION skip()");
    db.run("INSERT INTO t VALUES (2); UPDATE t SET id = 3; DELETE FROM t");
    assert_eq!(db.rows("SELECT id FROM t"), ["1"]);
}

#[test]
fn null_and_silence_keep_the_row() {
    let mut db = Db::new("outcomes_null");
    db.run("CREATE TABLE t (id int, v text)");
    for outcome in ["null", ""] {
        match outcome {
            "" => db.deploy("keep", &guest("silent"), ""),
            json => db.deploy("keep", &guest("configured"), &format!("env: {{OUTCOME: {}}}\n", literal(json))),
        };
        db.run("DROP TRIGGER IF EXISTS tr ON t; CREATE TRIGGER tr BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION keep()");
        assert_eq!(db.value("INSERT INTO t VALUES (1, 'a') RETURNING *"), "1|a", "{outcome:?}");
        assert_eq!(db.value("UPDATE t SET v = 'b' RETURNING *"), "1|b", "{outcome:?}");
        db.run("DELETE FROM t");
        assert_eq!(db.value("SELECT count(*) FROM t"), "0", "{outcome:?}");
    }
}

#[test]
fn outcomes_of_the_wrong_shape_are_protocol_errors() {
    let mut db = Db::new("outcomes_wrong");
    db.run("CREATE TABLE t (id int, v text)");
    for outcome in [
        "5",
        "\"text\"",
        "[]",
        "true",
        "{}",
        r#"{"rwo": {}}"#,
        r#"{"row": 5}"#,
        r#"{"row": []}"#,
        r#"{"row": null}"#,
        r#"{"skip": "yes"}"#,
        r#"{"row": {}, "skip": true}"#,
        r#"{"row": {"nope": 1}}"#,
    ] {
        db.deploy("wrong", &guest("configured"), &format!("env: {{OUTCOME: {}}}\n", literal(outcome)));
        db.run("DROP TRIGGER IF EXISTS tr ON t; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION wrong()");
        db.refused("INSERT INTO t VALUES (1, 'a')", "39P01");
        assert_eq!(db.value("SELECT count(*) FROM t"), "0", "{outcome}");
    }
    db.deploy("wrong", &guest("configured"), "env: {OUTCOME: 'not json'}\n");
    let refusal = db.refusal("INSERT INTO t VALUES (1, 'a')");
    assert!(["38000", "39P01"].contains(&refusal.code.as_str()), "{refusal}");
}

#[test]
fn values_that_do_not_fit_their_column_are_the_columns_errors() {
    let mut db = Db::new("outcomes_values");
    db.run("CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TABLE t (id int, small smallint, label varchar(3) NOT NULL DEFAULT 'x', pos positive, CONSTRAINT in_range CHECK (id < 100))");
    for (row, code) in [
        (r#"{"id": "seven"}"#, "22P02"),
        (r#"{"small": 99999}"#, "22003"),
        (r#"{"label": "toolong"}"#, "22001"),
        (r#"{"label": null}"#, "23502"),
        (r#"{"pos": -1}"#, "23514"),
        (r#"{"id": 100}"#, "23514"),
    ] {
        db.deploy(
            "odd",
            &guest("configured"),
            &format!("env: {{OUTCOME: {}}}\n", literal(&format!(r#"{{"row": {row}}}"#))),
        );
        db.run(
            "DROP TRIGGER IF EXISTS tr ON t; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION odd()",
        );
        let refusal = db.refusal("INSERT INTO t (id) VALUES (1)");
        assert_eq!(refusal.code, code, "{row}: {refusal}");
    }
}

#[test]
fn generated_columns_cannot_be_set_but_are_computed_from_the_new_row() {
    let mut db = Db::new("outcomes_generated");
    db.deploy_outcome("double", r#"{"row": {"n": 21}}"#);
    db.deploy_outcome("cheat", r#"{"row": {"twice": 1}}"#);
    db.run("CREATE TABLE t (n int, twice int GENERATED ALWAYS AS (n * 2) STORED); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION double()");
    assert_eq!(db.value("INSERT INTO t VALUES (1) RETURNING *"), "21|42");
    db.run("DROP TRIGGER tr ON t; CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION cheat()");
    match db.attempt("INSERT INTO t VALUES (5) RETURNING *") {
        Ok(rows) => assert_eq!(rows, ["5|10"], "a stored generated column is always computed"),
        Err(refusal) => assert!(["39P01", "428C9"].contains(&refusal.code.as_str()), "{refusal}"),
    }
}

#[test]
fn a_row_may_move_to_another_partition_only_where_postgres_allows_it() {
    let mut db = Db::new("outcomes_partition");
    db.deploy_outcome("label", r#"{"row": {"v": "set"}}"#);
    db.run(
        "CREATE TABLE p (id int, v text) PARTITION BY RANGE (id);
         CREATE TABLE p_low (v text, id int); ALTER TABLE p ATTACH PARTITION p_low FOR VALUES FROM (0) TO (10);
         CREATE TRIGGER tr BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION label()",
    );
    assert_eq!(
        db.value("INSERT INTO p VALUES (1, 'a') RETURNING *"),
        "1|set",
        "columns are matched by name, not by position"
    );
    db.deploy_outcome("label", r#"{"row": {"id": 99}}"#);
    let refusal = db.refusal("INSERT INTO p VALUES (1, 'a')");
    assert!(["23514", "0A000"].contains(&refusal.code.as_str()), "{refusal}");
}

#[test]
fn instead_of_counts_the_rows_it_took_over() {
    let mut db = Db::new("outcomes_instead");
    db.run("CREATE TABLE base (id int, v text); CREATE VIEW v AS SELECT * FROM base");
    db.deploy(
        "take",
        &guest("configured"),
        "env: {QUERY: '{\"sql\": \"INSERT INTO base VALUES (7, $1)\", \"params\": [\"taken\"]}'}\n",
    );
    db.run("CREATE TRIGGER tr INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION take()");
    assert_eq!(db.rows("INSERT INTO v VALUES (1, 'x') RETURNING *"), ["1|x"]);
    assert_eq!(db.rows("SELECT * FROM base"), ["7|taken"]);
    db.deploy("take", &guest("configured"), &format!("env: {{OUTCOME: {}}}\n", literal(r#"{"skip": true}"#)));
    assert_eq!(db.rows("INSERT INTO v VALUES (1, 'x') RETURNING *"), [""; 0]);
}

#[test]
fn after_and_statement_triggers_ignore_their_outcome() {
    let mut db = Db::new("outcomes_after");
    db.deploy_outcome("talk", r#"{"row": {"id": 99}}"#);
    db.run(
        "CREATE TABLE t (id int); CREATE TRIGGER a AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION talk();
         CREATE TRIGGER s BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION talk()",
    );
    assert_eq!(db.value("INSERT INTO t VALUES (1) RETURNING id"), "1");
}

#[test]
fn before_delete_cannot_change_a_row() {
    let mut db = Db::new("outcomes_delete");
    db.deploy_outcome("odd", r#"{"row": {"id": 99}}"#);
    db.run("CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE TRIGGER tr BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION odd()");
    match db.attempt("DELETE FROM t") {
        Ok(_) => assert_eq!(db.value("SELECT count(*) FROM t"), "0"),
        Err(refusal) => assert_eq!(refusal.code, "39P01", "{refusal}"),
    }
}

#[test]
fn several_triggers_see_each_others_rows() {
    let mut db = Db::new("outcomes_chain");
    db.deploy_recorder();
    db.deploy_outcome("first", r#"{"row": {"v": "first"}}"#);
    db.run(
        "CREATE TABLE t (id int, v text);
         CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION first();
         CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION recorder()",
    );
    db.run("INSERT INTO t VALUES (1, 'x')");
    assert_eq!(db.value("SELECT event #>> '{database,new,v}' FROM events"), "first");
}

#[test]
fn a_trigger_that_fires_itself_is_stopped() {
    let mut db = Db::new("outcomes_recursion");
    db.run("CREATE TABLE t (id int)");
    db.deploy("again", &guest("configured"), "env: {QUERY: '{\"sql\": \"INSERT INTO public.t VALUES (1)\"}'}\n");
    db.run("CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION again()");
    let refusal = db.refusal("INSERT INTO t VALUES (0)");
    assert!(["54000", "54001"].contains(&refusal.code.as_str()), "{refusal}");
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
    assert_eq!(db.value("SELECT 1"), "1");
}

#[test]
fn thousands_of_rows_through_one_trigger() {
    let mut db = Db::new("outcomes_many");
    db.deploy_outcome("mark", r#"{"row": {"v": "marked"}}"#);
    db.run(
        "CREATE TABLE t (id int, v text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark()",
    );
    db.run("INSERT INTO t SELECT i FROM generate_series(1, 20000) i");
    assert_eq!(db.value("SELECT count(*), count(DISTINCT id) FROM t WHERE v = 'marked'"), "20000|20000");
}

#[test]
fn a_trigger_function_called_as_a_function_is_refused() {
    let mut db = Db::new("outcomes_not_called");
    db.deploy_outcome("keep", "null");
    let refusal = db.refusal("SELECT keep()");
    assert!(["0A000", "39P01", "42883"].contains(&refusal.code.as_str()), "{refusal}");
    db.run("CREATE TABLE t (id int)");
    db.refusal("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nobody()");
}
